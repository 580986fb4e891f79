"""A taught model in one ONNX file: exact, asked without PyTorch, refused where it is damaged."""

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import skelact
from class_folders import in_class_folders
from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError
from skelact.recognition import export as export_module
from skelact.recognition import onnx_file
from skelact.recognition.onnx_file import OnnxRecogniser
from skelact.recognition.recogniser import Recogniser

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.slow

ACTIONS = {"A007": "throwing", "A010": "clapping", "A026": "hopping"}
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from skelact.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def taught(tmp_path_factory, store_path) -> Path:
    """Return a folder with a model that has seen people from their own side, and recordings to ask about."""
    folder = tmp_path_factory.mktemp("export")
    in_class_folders(folder / "gestures", 24, ACTIONS, seed=1)
    in_class_folders(folder / "asked", 6, ACTIONS, seed=2)
    few = {"size": "tiny", "epochs": 1, "training": {"workers": 0, "tensorboard": False}, "quiet": True}
    run = skelact.pretrain(store_path, out=folder / "run", method="mamp", clips={"view": "upright"}, **few)
    skelact.teach(folder / "gestures", out=folder / "model", from_=run)
    return folder


@pytest.fixture(scope="module")
def exported(taught):
    return skelact.export(
        taught / "model", taught / "model.onnx", quantize="int8", recordings=taught / "asked"
    )


@pytest.fixture(scope="module")
def exact(taught):
    return skelact.export(taught / "model", taught / "exact.onnx")


FOLLOW = """
import sys
sys.modules["torch"] = None
import numpy as np, skelact
stream = skelact.load(sys.argv[1]).stream(every=5)
positions = np.load(sys.argv[2])
events = [event for frame in positions for event in stream.frame({"anna": frame}, fps=30)] + stream.finish()
for event in events:
    print(event.event, event.label, f"{event.start:.2f}")
"""


def asked(model: Path, taught: Path, *words: str) -> list[dict]:
    """Return what the command says of the recordings in a process where importing torch raises."""
    command = [sys.executable, "-c", WITHOUT_TORCH, "predict", model, taught / "asked", "--json", *words]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=os.environ, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def apart_from_probabilities(table: dict) -> dict:
    """Return what is to be the same to the last digit: all but probabilities."""
    answers = [table, *table["people"]]
    return {
        "file": table["file"],
        "answers": [
            (each["unfamiliar"], each["prime_joints"], [guess["label"] for guess in each["top"]])
            for each in answers
        ],
    }


def test_without_torch_the_file_says_what_the_package_says(taught, exact):
    assert exact.largest_difference < 1e-4
    assert exact.agreement == 1
    found = asked(exact.path, taught, "--top", "3")
    package = skelact.load(taught / "model")
    with_torch = skelact.predict(taught / "model", [taught / "asked"], top=3, json=True)
    expected = [json.loads(line) for line in str(with_torch).splitlines()]
    assert len(found) == 6
    assert package.classes == exact.model.classes
    shares = [
        np.array([[guess["probability"] for guess in one["top"]] for one in each])
        for each in (found, expected)
    ]
    np.testing.assert_allclose(*shares, atol=1e-4)
    for one, other in zip(found, expected, strict=True):
        assert apart_from_probabilities(one) == apart_from_probabilities(other)


def test_arrays_are_answered_and_an_encoder_cannot_be_taken_out(taught, exact):
    model, package = skelact.load(exact.path), skelact.load(taught / "model")
    positions = np.random.default_rng(0).normal(size=(2, 30, 25, 3)).astype(np.float32)
    positions[0, 3:9, 20] = np.nan
    one, other = model.predict(positions), package.predict(positions)
    assert one.label == other.label
    assert one.probability == pytest.approx(other.probability, abs=1e-4)
    assert len(one.people) == 2
    with pytest.raises(ConfigurationError, match="an ONNX file, which predicts and does nothing else"):
        model.embed(positions)
    with pytest.raises(DataError, match=r"expected .* with the joints of ntu-25"):
        model.predict(positions[..., :20, :])


def test_of_recordings_with_another_axis_up_than_the_encoders_theirs_counts(taught, tmp_path):
    store = skelact.prepare("auto", taught / "gestures", tmp_path / "y", workers=1)
    turn = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)
    sequences = [store.sequence(index) for index in range(len(store))]
    lying = [replace(each, positions=each.positions @ turn) for each in sequences]
    labels = [store.class_names[label] for label in store.labels]
    skelact.write_store(lying, tmp_path / "z", labels=labels, up="z", unit="m")
    model = skelact.teach(tmp_path / "z", out=tmp_path / "model", from_=taught / "run").model
    ((_, expected),) = skelact.predict(model, [f"{tmp_path / 'z'}:0"]).found
    assert model.predict(lying[0]).probability == pytest.approx(expected.probability, abs=1e-4)
    path = skelact.export(model, tmp_path / "model.onnx").path
    exported = skelact.load(path).recogniser
    assert exported.exported.up == "z"
    chances, _ = exported.run(onnx_file.seen_frames(lying[0])[None])
    assert chances.max() == pytest.approx(expected.probability, abs=1e-4)


def test_a_stream_is_followed_without_torch(taught, exact, tmp_path):
    store = skelact.prepare("auto", taught / "asked", tmp_path / "store", workers=1)
    positions = np.concatenate([store.sequence(index).positions[0] for index in range(3)])
    np.save(tmp_path / "positions.npy", positions)
    command = [sys.executable, "-c", FOLLOW, exact.path, tmp_path / "positions.npy"]
    found = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
    stream = skelact.load(taught / "model").stream(every=5)
    events = [event for frame in positions for event in stream.frame({"anna": frame}, fps=30)]
    events += stream.finish()
    assert found.splitlines() == [f"{each.event} {each.label} {each.start:.2f}" for each in events]
    assert events
    frames = tmp_path / "frames.jsonl"
    lines = ({"fps": 30, "bodies": [{"id": "anna", "positions": frame.tolist()}]} for frame in positions)
    frames.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [sys.executable, "-c", WITHOUT_TORCH, "predict", exact.path, frames, "--follow"]
    command += ["--stream.every", "5"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == [each.event for each in events]


def test_the_runtime_tells_nobody_and_leaves_nothing_at_home(taught, exact, tmp_path):
    """ONNX Runtime would write a number of the machine there, for its makers."""
    command = [sys.executable, "-m", "skelact.cli.main", "predict", exact.path, taught / "asked", "--json"]
    without = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    home = without | {"HOME": str(tmp_path)}
    subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, env=home)
    assert not list(tmp_path.rglob("*onnx*"))


def test_eight_bits_are_told_and_have_a_price(exported, exact):
    assert exported.largest_difference < 1e-4
    assert 0 <= exported.agreement <= 1
    said = str(exported).splitlines()
    assert "6 recordings of" in said[1]
    assert said[2].startswith("int8        the same, with float32: same class in ")
    assert exported.size < exact.size
    assert OnnxRecogniser.open(exported.path).exported.quantized == "int8"


def test_where_nothing_may_be_written_nothing_is(taught, exact, capsys, monkeypatch):
    before = sorted(taught.iterdir())
    model = str(taught / "model")
    for words, message in (
        ([model, str(taught / "model.txt")], "ends in .onnx"),
        ([model, str(exact.path)], "exists already"),
        ([str(exact.path), str(taught / "b.onnx")], "is an exported model"),
        ([str(taught / "run"), str(taught / "b.onnx")], "knows no classes"),
        ([model, str(taught / "b.onnx"), "--quantize", "int4"], "int8"),
    ):
        assert main(["export", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert sorted(taught.iterdir()) == before


def test_a_terminal_shows_that_it_is_at_work(taught, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(export_module, "to_onnx", mock.Mock(side_effect=DataError("enough")))
    with pytest.raises(DataError, match="enough"):
        skelact.export(taught / "model", taught / "none.onnx")
    assert re.search(r"exporting.*0/2.*steps.*writing the graph", sys.stderr.getvalue())


def test_what_is_not_exact_is_not_written(taught, exact, monkeypatch, capsys):
    data = exact.path.read_bytes()
    real = Recogniser.ask

    def other(self, store, title=""):
        chances, distances = real(self, store, title)
        return chances[:, ::-1].copy(), distances

    monkeypatch.setattr(export_module, "to_onnx", lambda network: None)
    monkeypatch.setattr(export_module, "_sealed", lambda proto, about: data)
    monkeypatch.setattr(Recogniser, "ask", other)
    assert main(["export", str(taught / "model"), str(taught / "b.onnx")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "b.onnx: not written, for its probabilities differ from PyTorch's by up to" in line
    assert not (taught / "b.onnx").exists()


def test_a_damaged_file_is_told_in_one_line(taught, exact, tmp_path, capsys):
    data = exact.path.read_bytes()
    place = data.rfind(onnx_file.CHECKSUM.encode())
    bad = tmp_path / "bad.onnx"
    damaged = {
        "cut": data[: len(data) // 2],
        "flipped": data[:1000] + bytes([data[1000] ^ 1]) + data[1001:],
        "empty": b"",
        "foreign": b"not a model",
        "checksum": data[: place + 30] + bytes([data[place + 30] ^ 1]) + data[place + 31 :],
        "appended": data + b"\0",
    }
    for content in damaged.values():
        bad.write_bytes(content)
        assert main(["predict", str(bad), str(taught / "asked")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"skelact: {bad}: ")
        assert "export the model again" in line
    unsealed = (
        data[: place + len(onnx_file.CHECKSUM) + 2] + b"0" * 64 + data[place + len(onnx_file.CHECKSUM) + 66 :]
    )
    bad.write_bytes(onnx_file.seal(unsealed.replace(b'"skelact-onnx-1"', b'"skelact-onnx-9"')))
    with pytest.raises(DataError, match="format 'skelact-onnx-9'"):
        skelact.load(bad)
    with pytest.raises(DataError, match=r"missing\.onnx"):
        skelact.load(tmp_path / "missing.onnx")

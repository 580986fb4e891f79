"""What `skelact view` shows of a model: what it hides, its prime joints, its classes over time."""

import base64
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest

import skelact
from skelact.cli.main import main
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.models.pretrained import load_pretrained
from skelact.models.shipped import find_model
from skelact.recognition.recogniser import read_recogniser
from skelact.reports.explanation import step_of_frames
from skelact.skeleton.sequence import stretch
from skelact.store.store import Store


def data_of(view):
    [text] = re.findall(r'id="data">(.*?)</script>', view.page, re.S)
    return json.loads(text)


def layer_of(data, key):
    """Return (M, T', V) numbers of a layer with NaN where there are none, and (T,) its time steps."""
    layer = next(each for each in data["layers"] if each["key"] == key)
    numbers = np.frombuffer(base64.b64decode(layer["data"]), "<u2").astype(float)
    numbers[numbers == 65535] = np.nan
    values = numbers.reshape(layer["bodies"], layer["steps"], -1) / 65534 * layer["largest"]
    return values, np.frombuffer(base64.b64decode(layer["step_of"]), "<i4")


@pytest.fixture(scope="module")
def finetuned(tiny_run, store_path):
    out = tiny_run.parent / "classes"
    side = ["--data", str(store_path), "--protocol", "xsub", "--epochs", "1", "--hidden-width", "16"]
    words = ["evaluate", "finetune", "--run", str(tiny_run), *side, "--training.tensorboard", "false"]
    assert main([*words, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("STORE:" + "9" * 400, "no sequence '9999"),
        ("STORE:" + "9" * 5000, "no sequence '9999"),
        ("STORE:", "no recording after the colon"),
        ("x" * 400, "cannot be the path of a file"),
        ("META:3", "only recordings of a store are chosen"),
    ],
)
def test_a_source_that_cannot_be_is_told_in_one_line(store_path, tmp_path, capsys, source, told):
    source = source.replace("STORE", str(store_path)).replace("META", str(store_path / "meta.json"))
    assert main(["view", source, "--out", str(tmp_path / "page.html")]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_without_a_file_the_page_is_at_an_address_until_it_is_told_to_end(store_path, told):
    words = [sys.executable, "-m", "skelact.cli.main", "view", f"{store_path}:3", "--no-browser"]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs, and what they start, ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        line = process.stdout.readline()
        address = re.match(r"http://127\.0\.0\.1:\d+/[\w-]+/", line)[0]
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.read().decode() == skelact.view(f"{store_path}:3").page
    finally:
        process.send_signal(told)
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")


def test_a_masked_run_shows_how_often_it_hides_each_joint(tiny_run, store_path):
    data = data_of(skelact.view(f"{store_path}:3", model=tiny_run))
    hidden, steps = layer_of(data, "hidden")
    signal, _ = layer_of(data, "signal")
    objective = skelact.load(tiny_run).card["config"]["objective"]
    seen = ~np.isnan(hidden).all((1, 2))
    assert seen.any()
    np.testing.assert_allclose(hidden[seen].mean((1, 2)), objective["mask_ratio"], atol=0.02)
    for body in np.flatnonzero(seen):
        together = np.corrcoef(hidden[body].ravel(), signal[body].ravel())[0, 1]
        assert together > 0.3, "stjd-mp hides what changes most"
    assert set(steps.tolist()) == {-1, *range(hidden.shape[1])}


def test_a_run_is_viewed_with_its_own_data_and_model(tiny_run, store_path):
    of_run = skelact.view(f"{tiny_run}:3")
    assert of_run.page == skelact.view(f"{store_path}:3", model=str(tiny_run)).page
    assert dict(data_of(of_run)["facts"])["model"].endswith("stjd-mp")


def test_a_contrastive_run_marks_its_own_prime_joints(store_path, tmp_path, capsys):
    out, side = tmp_path / "contrastive", ["--data", str(store_path), "--protocol", "xsub", "--size", "tiny"]
    words = ["pretrain", *side, "--method", "stjd-cl-positions", "--epochs", "1", "--out", str(out)]
    assert main([*words, "--training.tensorboard", "false"]) == 0
    data = data_of(skelact.view(f"{store_path}:3", model=out))
    mask, steps = layer_of(data, "prime")
    bits = np.unpackbits(np.frombuffer(base64.b64decode(data["prime"]), np.uint8), bitorder="little")
    prime = bits[: mask.shape[0] * len(steps) * mask.shape[2]].reshape(mask.shape[0], len(steps), -1)
    one = Store.open(store_path).sequence(3)
    shown = np.nan_to_num(mask)[:, steps] > 0.5
    assert prime.any()
    assert (prime[one.present] == (shown & (steps >= 0)[:, None])[one.present]).all()
    assert "those of the run" in data["layers"][0]["about"]


def test_a_model_with_classes_says_what_it_makes_of_each_stretch(finetuned, store_path):
    store = Store.open(store_path)
    data = data_of(skelact.view(f"{store_path}:3", model=finetuned))
    decision = data["decision"]
    shares = np.array(decision["shares"])
    assert decision["classes"] == store.class_names
    assert len(decision["middles"]) == len(shares) > 5
    np.testing.assert_allclose(shares.sum(1), 1, atol=0.01)
    assert np.diff(decision["middles"]).min() > 0
    assert len(decision["shown"]) == 5
    pretrained = load_pretrained(finetuned)
    recogniser = read_recogniser(finetuned, pretrained)
    chances = recogniser.recognise(ClipSource(store, pretrained.clips), np.array([3])).chances[0].numpy()
    best = int(chances.argmax())
    assert f"Of the whole recording: {store.class_names[best]} {chances[best]:.0%}" in decision["about"]


def test_a_stretch_is_decided_as_the_same_frames_by_themselves(finetuned, store_path):
    """The curve at a moment is what the model says of the frames around it."""
    store = Store.open(store_path)
    decision = data_of(skelact.view(f"{store_path}:3", model=finetuned))["decision"]
    length = int(re.search(r"of (\d+) frames", decision["about"])[1])
    middle, shares = decision["middles"][0], np.array(decision["shares"][0])
    start = int(middle - (length - 1) / 2)
    part = skelact.view(stretch(store.sequence(3), slice(start, start + length)), model=finetuned)
    best = decision["classes"][int(shares.argmax())]
    said = re.search(rf"{re.escape(best)} (\d+)%", data_of(part)["decision"]["about"])
    assert abs(int(said[1]) - 100 * shares.max()) <= 0.5 + 1e-3


def test_the_time_steps_of_frames_are_those_of_the_test_clip(store_path, tiny_run):
    source = ClipSource(Store.open(store_path), load_pretrained(tiny_run).clips)
    num_frames = int(source.store.array("num_frames")[0])
    steps = step_of_frames(source, 5, num_frames)
    kept = np.flatnonzero(steps >= 0)
    assert (np.diff(steps[kept]) >= 0).all()
    assert np.ptp(np.bincount(steps[kept])) <= 1, "equal parts"
    dropped = int(num_frames * (1 - source.settings.test_crop_share) / 2)
    assert (kept[0], kept[-1]) == (dropped, num_frames - 1 - dropped)


def test_what_a_model_cannot_see_is_told_in_one_line(tiny_run, store_path, tmp_path):
    with pytest.raises(ConfigurationError, match="kinect-20") as told:
        skelact.view(np.random.default_rng(0).normal(size=(20, 20, 3)), model=tiny_run)
    assert "\n" not in str(told.value)
    assert "recordings in memory" not in str(told.value)
    with pytest.raises(DataError, match="nowhere"):
        skelact.view(store_path, model=tmp_path / "nowhere")
    nothing = skelact.view(np.full((9, 25, 3), np.nan), topology="ntu-25", model=tiny_run)
    assert any("the model is not asked" in note for note in data_of(nothing)["notes"])


def test_a_run_without_its_data_says_how_to_name_a_recording(tiny_run, tmp_path):
    moved = tmp_path / "run"
    moved.mkdir()
    for name in ("card.json", "weights.safetensors"):
        (moved / name).write_bytes((tiny_run / name).read_bytes())
    card = json.loads((moved / "card.json").read_text())
    card["config"]["data"] = ["stores/elsewhere"]
    (moved / "card.json").write_text(json.dumps(card))
    with pytest.raises(DataError, match=r"stores/elsewhere, not there; .*skelact view STORE:0 --model"):
        skelact.view(moved)
    shutil.copytree(find_model("universal-small"), tmp_path / "own")
    with pytest.raises(
        DataError, match=r"comes with the package, without recordings; .* FILE --model"
    ) as told:
        skelact.view(tmp_path / "own")
    assert "msr-action3d" not in str(told.value)

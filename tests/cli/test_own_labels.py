"""Recordings without labels, with some, and with classes of very unequal size: from files to accuracies."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from skelact.cli.main import main
from skelact.store.store import Store

Capture = pytest.CaptureFixture[str]


def record(folder: Path, name: str, kind: int, seed: int) -> None:
    """Write a recording of a 2-D stick figure; kind 0 moves its right hand, kind 1 its left."""
    generator = np.random.default_rng(seed)
    rest = np.array([[0, 1], [0, 1.5], [0.5, 1.2], [-0.5, 1.2]])
    frames = np.repeat(rest[None], 24, 0) + generator.normal(0, 0.02, (24, 4, 2))
    frames[:, 2 + kind, 1] += np.sin(np.arange(24) / 3 + generator.uniform(0, 3))
    topology = {
        "name": "stick",
        "joints": ["hips", "head", "hand_right", "hand_left"],
        "parents": {"head": "hips", "hand_right": "hips", "hand_left": "hips"},
        "pairs": [["hand_left", "hand_right"]],
    }
    table = {"topology": topology, "fps": 12, "unit": "m", "bodies": [{"positions": frames.tolist()}]}
    (folder / f"{name}.json").write_text(json.dumps(table))


def make_store(folder: Path, rows: Mapping[str, tuple[int, str, str]] | int) -> Path:
    """Prepare recordings: so many without anything, or by name their kind, their label and their side."""
    raw = folder / "raw"
    raw.mkdir()
    if isinstance(rows, int):
        for number in range(rows):
            record(raw, f"r{number}", number % 2, number)
    else:
        for number, (name, (kind, _, _)) in enumerate(rows.items()):
            record(raw, name, kind, number)
        lines = [f'{name},"{label}",{side}' for name, (_, label, side) in rows.items()]
        (raw / "manifest.csv").write_text("\n".join(["file,label,split", *lines]) + "\n", encoding="utf-8")
    assert main(["data", "prepare", "pose-json", str(raw), str(folder / "store"), "--workers", "1"]) == 0
    return folder / "store"


def pretrain(store: Path, out: Path, *more: str) -> int:
    options = [
        "--size",
        "tiny",
        "--epochs",
        "1",
        "--clips.rotation",
        "0",
        "--training.tensorboard",
        "false",
        *more,
    ]
    return main(["pretrain", "--data", str(store), "--out", str(out), *options])


def result_of(run: Path, evaluation: str) -> dict[str, object]:
    found = (run / "evaluations").glob(f"{evaluation}-pose-json-*.json")
    path = max(found, key=lambda each: each.stat().st_mtime_ns)  # the one that was written last
    return dict(json.loads(path.read_text()))


def test_without_a_protocol_every_sequence_is_learned_from(tmp_path: Path, capsys: Capture) -> None:
    store = make_store(tmp_path, 8)
    assert pretrain(store, tmp_path / "run", "--monitor-knn-every", "0") == 0
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert (card["config"]["protocol"], card["num_training_sequences"]) == (["all"], 8)
    capsys.readouterr()
    arguments = ["--run", str(tmp_path / "run"), "--data", str(store), "--protocol", "all"]
    assert main(["evaluate", "knn", *arguments]) == 2
    told = capsys.readouterr().err
    assert "'all' has no test side" in told
    assert told.count("\n") == 1


def test_a_protocol_with_an_empty_test_side_can_still_be_learned_from(
    tmp_path: Path, capsys: Capture
) -> None:
    store = make_store(tmp_path, {f"r{n}": (n % 2, f"k{n % 2}", "train") for n in range(4)})
    assert pretrain(store, tmp_path / "run", "--protocol", "given") == 0
    capsys.readouterr()
    arguments = ["--run", str(tmp_path / "run"), "--data", str(store), "--protocol", "given"]
    assert main(["evaluate", "knn", *arguments]) == 2
    assert "no test sequence under given" in capsys.readouterr().err


def test_sequences_without_a_label_are_left_out_and_counted(tmp_path: Path, capsys: Capture) -> None:
    names = {0: 'kick, left ""foot""', 1: "wave é"}
    rows = {
        f"rec {n:02} é": (n % 2, names[n % 2] if n % 3 else "", "train" if n < 20 else "test")
        for n in range(30)
    }
    store = make_store(tmp_path, rows)
    assert Store.open(store).class_names == ['kick, left "foot"', "wave é"]
    run = tmp_path / "run"
    assert pretrain(store, run, "--protocol", "given") == 0
    arguments = ["--run", str(run), "--data", str(store), "--protocol", "given"]
    capsys.readouterr()
    for evaluation, more in (
        ("knn", ["--k", "[1]"]),
        ("retrieval", []),
        ("linear-fast", []),
        ("ridge", []),
        ("linear", ["--epochs", "1"]),
        ("finetune", ["--epochs", "1", "--out", str(tmp_path / "tuned")]),
    ):
        assert main(["evaluate", evaluation, *arguments, *more]) == 0
        streams = capsys.readouterr()
        assert "7 of 20 training and 3 of 10 test sequences have no label and are left out" in streams.err
        assert "13 training, 7 test sequences" in streams.out
        content = result_of(tmp_path / "tuned" if evaluation == "finetune" else run, evaluation)
        assert (content["num_train"], content["num_test"]) == (13, 7)
        assert content["num_unlabelled"] == [7, 3]
    few = ["--count", "4", "--epochs", "1", "--out", str(tmp_path / "few")]
    assert main(["evaluate", "semi", *arguments, *few]) == 0
    assert result_of(tmp_path / "few", "semi")["num_train"] == 4


def test_a_side_without_any_label_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    rows = {f"r{n}": (n % 2, f"k{n % 2}" if n < 6 else "", "train" if n < 6 else "test") for n in range(9)}
    store, run = make_store(tmp_path, rows), tmp_path / "run"
    assert pretrain(store, run, "--protocol", "given") == 0
    capsys.readouterr()
    assert main(["evaluate", "knn", "--run", str(run), "--data", str(store), "--protocol", "given"]) == 2
    told = capsys.readouterr().err
    assert "no test sequence has a label" in told
    assert told.count("\n") == 1


def test_an_encoder_that_saw_the_test_side_is_told(tmp_path: Path, capsys: Capture) -> None:
    rows = {f"r{n}": (n % 2, f"k{n % 2}", "train" if n < 6 else "test") for n in range(9)}
    store, run = make_store(tmp_path, rows), tmp_path / "run"
    assert pretrain(store, run) == 0
    arguments = ["--run", str(run), "--data", str(store), "--protocol", "given"]
    capsys.readouterr()
    assert main(["evaluate", "knn", *arguments, "--k", "[1]"]) == 0
    assert "pre-trained with every sequence of pose-json, also those that test it" in capsys.readouterr().err
    assert main(["evaluate", "knn", *arguments, "--k", "[1]", "--untrained"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["evaluate", "knn", *arguments, "--untrained"]) == 0
    assert "6 training sequences have no 10 and 20 nearest; such k are left out" in capsys.readouterr().err
    assert result_of(run, "knn")["config"]["k"] == [1]  # type: ignore[index]
    assert main(["evaluate", "knn", *arguments, "--k", "[7]"]) == 2
    assert "there are only 6 training sequences; choose fewer (--k)" in capsys.readouterr().err


@pytest.mark.parametrize("balance", ["sampling", "loss"])
def test_classes_of_unequal_size_can_count_alike(tmp_path: Path, capsys: Capture, balance: str) -> None:
    rows = {
        f"r{n:02}": (int(n % 10 == 0), "rare" if n % 10 == 0 else "usual", "train" if n < 40 else "test")
        for n in range(60)
    }
    store, run = make_store(tmp_path, rows), tmp_path / "run"
    assert pretrain(store, run, "--protocol", "given") == 0
    arguments = ["--run", str(run), "--data", str(store), "--protocol", "given"]
    training = ["--epochs", "2", "--training.batch_size", "10", "--training.lr", "0.05"]
    shares = {}
    for way in ("none", balance):
        assert main(["evaluate", "linear", *arguments, *training, "--balance", way]) == 0
        content = result_of(run, "linear")
        assert content["config"]["balance"] == way  # type: ignore[index]
        shares[way] = (content["metrics"]["per_class"][0], content["identity"])  # type: ignore[index]
    assert shares[balance][0] > shares["none"][0]  # of the rare class
    assert shares[balance][1] != shares["none"][1]
    more = ["--epochs", "1", "--balance", balance, "--out", str(tmp_path / "tuned")]
    assert main(["evaluate", "finetune", *arguments, *more]) == 0
    assert result_of(tmp_path / "tuned", "finetune")["config"]["balance"] == balance  # type: ignore[index]
    capsys.readouterr()
    assert main(["evaluate", "linear", *arguments, "--balance", "some"]) == 2
    assert "balance" in capsys.readouterr().err


@pytest.mark.slow
def test_joints_and_bodies_may_stand_side_by_side(tmp_path: Path, capsys: Capture) -> None:
    rows = {f"r{n}": (n % 2, f"k{n % 2}", "train" if n < 8 else "test") for n in range(12)}
    store, run = make_store(tmp_path, rows), tmp_path / "run"
    assert pretrain(store, run, "--protocol", "given") == 0
    arguments = ["--run", str(run), "--data", str(store), "--protocol", "given"]
    capsys.readouterr()
    for evaluation, more in (
        ("linear", ["--epochs", "1"]),
        ("linear-fast", []),
        ("knn", ["--k", "[1]"]),
        ("retrieval", []),
    ):
        identities = set()
        for pooling in ("mean", "joints", "moments", "bodies", "joints-and-bodies"):
            assert main(["evaluate", evaluation, *arguments, *more, "--pooling", pooling]) == 0
            content = result_of(run, evaluation)
            assert content["config"].get("pooling", "mean") == pooling  # type: ignore[attr-defined]
            identities.add(content["identity"])
        assert len(identities) == 5
        assert main(["evaluate", evaluation, *arguments, *more]) == 0
        assert result_of(run, evaluation)["identity"] in identities
    assert main(["evaluate", "knn", *arguments, "--pooling", "max"]) == 2

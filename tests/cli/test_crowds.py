"""Recordings of more people than a clip holds: who is kept, and who says so."""

import json
from pathlib import Path

import numpy as np
import pytest

from skelact.cli.main import main
from skelact.store.store import Store


@pytest.fixture
def crowds(tmp_path: Path) -> Path:
    """Five people of whom only the fourth moves; the first is seen in the end alone."""
    random = np.random.default_rng(0)
    for number in range(4):
        bodies = []
        for person in range(5):
            positions = np.repeat(random.uniform(0, 100, (1, 17, 2)) + 200 * person, 40, 0)
            if person == 3:
                positions[:, 9] += 20 * np.sin(np.arange(40))[:, None]
            frames = positions.round(2).tolist()
            bodies.append({"positions": [None] * 35 + frames[35:] if person == 0 else frames})
        content = {"topology": "coco-17", "unit": "pixel", "label": "ab"[number % 2], "bodies": bodies}
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / f"r{number}.json").write_text(json.dumps(content))
    return tmp_path / "raw"


def prepared(raw: Path, *options: str) -> Store:
    store = raw.parent / f"store{len(options)}"
    assert main(["data", "prepare", "pose-json", str(raw), str(store), *options]) == 0
    return Store.open(store)


def test_who_moves_comes_first_and_a_line_says_so(crowds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = prepared(crowds)
    printed = capsys.readouterr().out
    assert "4 of 4 sequences show more than 2 people, up to 5; clips hold the first 2" in printed
    assert "those who move most" in printed
    for index in range(4):
        sequence = store.sequence(index)
        assert np.ptp(sequence.positions[0, :, 9], 0).min() > 30
        assert np.ptp(sequence.positions[1], 0).max() < 1e-3
        assert sequence.present.sum(1).tolist() == [40, 40, 40, 40, 5]


def test_the_order_of_the_files_is_an_option(crowds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = prepared(crowds, "--body-order", "given")
    assert "(pre-training has --clips.max_bodies): in the order of the files" in capsys.readouterr().out
    assert store.sequence(0).present.sum(1).tolist() == [5, 40, 40, 40, 40]
    assert np.ptp(store.sequence(0).positions[3, :, 9], 0).min() > 30
    assert store.meta["options"]["body_order"] == "given"
    assert main(["data", "prepare", "pose-json", str(crowds), "x", "--body-order", "giben"]) == 2
    assert "--body-order is giben (did you mean 'given'?)" in capsys.readouterr().err


def test_pretraining_says_how_many_have_people_left_out(
    crowds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = prepared(crowds)
    run = ["pretrain", "--data", str(store.path), "--method", "mae", "--size", "tiny", "--epochs", "1"]
    run += ["--clips.rotation", "0", "--training.tensorboard", "false"]
    assert main([*run, "--out", str(crowds.parent / "run")]) == 0
    told = "4 of 4 training sequences show more people than clips.max_bodies = 2; those beyond are left out"
    assert told in capsys.readouterr().err
    assert main([*run, "--out", str(crowds.parent / "other"), "--clips.max_bodies", "5"]) == 0
    assert "left out" not in capsys.readouterr().err


def test_the_case_of_five_people(shared_cases_dir: Path, tmp_path: Path) -> None:
    """Only the fourth person of each recording moves."""
    store = tmp_path / "store"
    assert main(["data", "prepare", "pose-json", str(shared_cases_dir / "c31_five"), str(store)]) == 0
    for index in range(8):
        moving = np.ptp(Store.open(store).sequence(index).positions[:, :35], 1).max((1, 2)) > 1
        assert moving[0]
        assert not moving[1:4].any()

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from skelact.cli.main import main
from skelact.skeleton.tables import KINECT_20
from skelact.store.convert import convert_store
from skelact.store.store import Store

Capture = pytest.CaptureFixture[str]
QUICK = ["--layer.l2", "[0.001]", "--layer.frames_per_recording", "64", "--windows.stride", "64"]


def arguments(run: Path, store: Path, *more: str) -> list[str]:
    return [
        "evaluate",
        "detection",
        "--run",
        str(run),
        "--data",
        str(store),
        "--protocol",
        "xsub",
        *QUICK,
        *more,
    ]


@pytest.mark.slow
def test_the_result_says_all_that_was_found(tiny_run: Path, untrimmed_store: Store, capsys: Capture) -> None:
    assert main(arguments(tiny_run, untrimmed_store.path, "--seed", "2")) == 0
    printed = capsys.readouterr().out
    path = tiny_run / "evaluations" / "detection-pku1-xsub-trained-seed2.json"
    result = json.loads(path.read_text())
    metrics = result["metrics"]
    assert str(path) in printed
    assert (
        f"  0.5      {100 * metrics['map_a']['0.5']:5.1f} %  {100 * metrics['map_v']['0.5']:5.1f} %"
        in printed
    )
    assert len(metrics["map_a"]) == len(metrics["per_class"]) == 9
    assert len(metrics["per_class"]["0.5"]) == 51
    assert result["data_hash"] == untrimmed_store.content_hash
    assert result["config"]["windows"] == {"length": 64, "stride": 64, "centred": True}
    assert result["config"]["layer"]["l2"] == [0.001]
    with path.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == metrics["num_detections"] > 0
    assert list(rows[0]) == ["recording", "action", "start", "end", "confidence"]
    capsys.readouterr()
    assert main(["results", str(path)]) == 0
    title, head, row = capsys.readouterr().out.splitlines()
    assert title == "pku1 xsub, detection"
    assert head.split() == ["method", "seeds", "mAP_a", "0.5", "%", "mAP_v", "0.5", "%"]
    map_a, map_v = (f"{100 * metrics[name]['0.5']:.1f}" for name in ("map_a", "map_v"))
    assert row.split() == ["stjd-mp", "1", map_a, map_v]
    assert main(["figures", "confusion", str(path), "--out", str(path.with_suffix(".png"))]) == 2
    assert "no 'confusion'" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tiny_run: Path, untrimmed_store: Store, tmp_path: Path) -> None:
    assert main(arguments(tiny_run, untrimmed_store.path, "--accelerator", "cpu")) == 0
    path = tiny_run / "evaluations" / "detection-pku1-xsub-trained-seed0"
    alone = path.with_suffix(".csv").read_text()
    more = arguments(tiny_run, untrimmed_store.path, "--accelerator", "cpu", "--devices", "2")
    command = [sys.executable, "-m", "skelact.cli.main", *more]
    path.with_suffix(".csv").unlink()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("mAP_a") == 1  # one process speaks for both
    together = path.with_suffix(".csv").read_text()
    for one, other in zip(alone.splitlines()[1:], together.splitlines()[1:], strict=True):
        assert one.split(",")[:4] == other.split(",")[:4]
        assert float(other.split(",")[4]) == pytest.approx(float(one.split(",")[4]), abs=1e-4)


def test_mistakes_are_one_line(
    tiny_run: Path, store_path: Path, untrimmed_store: Store, tmp_path: Path, capsys: Capture
) -> None:
    other = convert_store(untrimmed_store, tmp_path / "kinect", KINECT_20).store
    for store, more, expected in (
        (store_path, (), "'skelact data prepare pku1 RAW STORE --untrimmed'"),
        (other.path, (), "data convert"),
        (untrimmed_store.path, ("--windows.stride", "65"), "frames between two windows"),
        (untrimmed_store.path, ("--segments.smoothing", "4"), "expected an odd number"),
    ):
        assert main(arguments(tiny_run, store, *more)) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1

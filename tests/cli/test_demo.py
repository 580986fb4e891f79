"""The demo in small: everything it promises is there, and a stopped one goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest

from skelact.api.demo import demo
from skelact.cli.main import main
from skelact.results.files import read_result

SMALL = ["--quick", "--sequences", "62", "--epochs", "2", "--linear-epochs", "2"]


@pytest.mark.slow
def test_demo_leaves_runs_with_figures_and_goes_on_after_a_stop(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), *SMALL]) == 0
    printed = capsys.readouterr().out
    assert "gain" in printed
    assert "quick look" in printed
    for seed in range(2):
        run = out / f"run-seed{seed}"
        for figure in ("loss", "confusion", "strip", "density"):
            assert (run / "figures" / f"{figure}.png").stat().st_size > 5_000
        results = [read_result(path) for path in (run / "evaluations").glob("*.json")]
        assert [content["data_set"] for content in results] == ["synthetic"] * 4
    weights = (run / "weights.safetensors").read_bytes()

    (run / "card.json").unlink()  # as if it had been stopped before it was finished
    done = demo(out, quick=True, sequences=62, epochs=2, linear_epochs=2)
    assert set(done.scores) == {"untrained", "STJD-MP"}
    assert (run / "weights.safetensors").read_bytes() == weights
    assert str(done).splitlines()[:-1] == printed.splitlines()[:-1]

    assert main(["demo", "--out", str(out), *SMALL, "--epochs", "3"]) == 2
    assert "--epochs 2" in capsys.readouterr().err

    (run / "weights.safetensors").write_bytes(b"damaged")  # one process fails: its message ends the demo
    assert main(["demo", "--out", str(out), *SMALL]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("skelact: seed 1: ")
    assert "weights.safetensors: unreadable" in last


def has_an_epoch(run):
    metrics = run / "metrics.jsonl"
    return metrics.exists() and metrics.stat().st_size > 0


def is_there(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_one_signal_stops_all_seeds_with_a_checkpoint(tmp_path):
    out, log = tmp_path / "demo", tmp_path / "log"
    words = ["demo", "--out", str(out), *SMALL, "--epochs", "2000"]
    command = [sys.executable, "-m", "skelact.cli.main", *words]
    runs = [out / f"run-seed{seed}" for seed in range(2)]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        while process.poll() is None and not all(map(has_an_epoch, runs)):
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: all processes of the terminal
        assert process.wait() == 130
    assert log.read_text().splitlines()[-1] == (
        "skelact: the demo was stopped; run the same command to go on"
    )
    assert "Traceback" not in log.read_text()
    assert not any((run / "card.json").exists() for run in runs)
    assert all(list((run / "checkpoints").glob("step-*.safetensors")) for run in runs)
    while is_there(process.pid):  # the last to go watches over what processes share
        time.sleep(0.05)


def test_demo_does_not_touch_a_folder_of_something_else(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["demo", "--out", str(tmp_path), *SMALL]) == 2
    assert "holds no demo" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("content", ["[]", '{"quick": true}'])
def test_a_demo_that_does_not_tell_what_it_is_made_with_is_refused(content, tmp_path, capsys):
    (tmp_path / "demo.json").write_text(content)
    assert main(["demo", "--out", str(tmp_path), *SMALL]) == 2
    assert "demo.json: does not tell what the demo is made with" in capsys.readouterr().err

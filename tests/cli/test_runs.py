"""skelact runs: what became of the runs in a folder."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import skelact
from skelact.cli.main import main
from skelact.locks import LOCK

HOLD = """
import sys
from pathlib import Path
from skelact.errors import DataError
from skelact.locks import FolderLock

lock = FolderLock(Path(sys.argv[1]), DataError)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tiny_run, tmp_path):
    """Return a folder with a finished run, and one that was stopped in its second epoch."""
    alone = shutil.ignore_patterns("evaluations")  # those of other tests
    shutil.copytree(tiny_run, tmp_path / "runs" / "a", ignore=alone)
    stopped = tmp_path / "runs" / "more" / "b"
    shutil.copytree(tiny_run, stopped, ignore=alone)
    for name in ("card.json", "weights.safetensors"):
        (stopped / name).unlink()
    lines = (stopped / "metrics.jsonl").read_text().splitlines(keepends=True)
    (stopped / "metrics.jsonl").write_text("".join(lines[:2]))
    return tmp_path / "runs"


def test_finished_and_stopped_runs_are_told_apart(folder, store_path, capsys):
    evaluation = ["--run", str(folder / "a"), "--data", str(store_path), "--protocol", "xsub", "--k", "[1]"]
    assert main(["evaluate", "knn", *evaluation]) == 0
    assert main(["evaluate", "knn", *evaluation, "--untrained"]) == 0
    capsys.readouterr()
    assert main(["runs", str(folder), "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["run"], first["state"], first["epochs_done"]) == ("a", "finished", 3)
    assert [result["trained"] for result in first["results"]] == [True, False]
    assert (second["run"], second["state"], second["epochs_done"]) == ("more/b", "stopped", 2)
    lines = [json.loads(line) for line in (folder / "more" / "b" / "metrics.jsonl").read_text().splitlines()]
    assert second["seconds_left"] == lines[-1]["seconds"]
    assert first["seconds_left"] is None
    assert main(["runs", str(folder)]) == 0
    head, a, b = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "state", "method", "epochs", "clips/s", "left"]
    found = next(result["mean"] for result in first["results"] if result["trained"])
    assert a.endswith(f"{found:.1f}")
    assert "3/3" in a
    assert "2/3" in b


def test_results_of_one_name_are_told_apart(folder, store_path, tmp_path, capsys):
    names = skelact.Store.open(store_path).names
    (tmp_path / "bad.csv").write_text("name\n" + "\n".join(names[:2]) + "\n")
    evaluation = ["--run", str(folder / "a"), "--data", str(store_path), "--protocol", "xsub"]
    knn = ["evaluate", "knn", *evaluation, "--k", "[1]"]
    assert main(knn) == 0
    assert main([*knn, "--without", str(tmp_path / "bad.csv")]) == 0
    assert main([*knn, "--pooling", "joints"]) == 0
    capsys.readouterr()
    assert main(["runs", str(folder)]) == 0
    row = capsys.readouterr().out.splitlines()[1]
    marks = [re.search(r"knn k=1 ntu60 xsub (.*?) ?\d+\.\d$", told)[1] for told in row.split("; ")]
    assert re.fullmatch(r"without2-[0-9a-f]{8}", marks[2])
    assert marks[:2] == ["joints", ""] or marks[:2] == ["", "joints"]
    assert main(["runs", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[0])["results"]
    assert [" ".join(result["marks"]) for result in told] == marks


def test_a_run_that_another_process_holds_is_running(folder):
    place = folder / "more" / "b"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        found = {run.run: run for run in skelact.runs(folder).runs}
        process.stdin.close()
    assert (found["a"].state, found["more/b"].state) == ("finished", "running")
    assert str(process.pid) in found["more/b"].remark
    assert {run.state for run in skelact.runs(folder).runs} == {"finished", "stopped"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("config.yaml", "training: [", "config.yaml"),
        ("config.yaml", "method: mae\n", "training.epochs is missing"),
        ("card.json", "{", "card.json"),
        ("weights.safetensors", None, "weights.safetensors is missing"),
        ("evaluations/x.json", "[]", "x.json"),
        ("metrics.jsonl", "", "metrics.jsonl does not tell of the last epoch"),
        ("metrics.jsonl", "\0\1\n", "metrics.jsonl does not tell of the last epoch"),
    ],
)
def test_damage_is_told_and_other_runs_are_listed(folder, capsys, name, content, told):
    path = folder / "a" / name
    path.parent.mkdir(exist_ok=True)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    assert main(["runs", str(folder)]) == 2
    _, a, b = capsys.readouterr().out.splitlines()
    assert a.split()[:2] == ["a", "damaged"]
    assert told in a
    assert "stopped" in b


def test_where_there_is_nothing_a_line_says_so(tmp_path, capsys):
    assert main(["runs", str(tmp_path)]) == 0
    assert "no runs" in capsys.readouterr().out
    (tmp_path / "file").touch()
    for name, told in (("none", "none: no such folder"), ("file", "file: is a file")):
        assert main(["runs", str(tmp_path / name)]) == 2
        assert told in capsys.readouterr().err


def test_a_folder_that_cannot_be_listed_is_told(folder, capsys, monkeypatch):
    closed, scandir = [folder / "more"], os.scandir

    def refuse(path):
        if Path(path) in closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert main(["runs", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert err.startswith(f"note: {folder / 'more'}: cannot be read (Permission denied), so its runs are not")
    closed[0] = folder
    assert main(["runs", str(folder)]) == 2
    assert capsys.readouterr().err.startswith(f"skelact: {folder}: cannot be read (Permission denied)")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_a_lock_or_of_results_is_not_waited_for(folder, capsys):
    os.mkfifo(folder / "a" / LOCK)
    (folder / "more" / "b" / "evaluations").write_text("a file")
    assert main(["runs", str(folder)]) == 2
    _, a, b = capsys.readouterr().out.splitlines()
    assert a.split()[:2] == ["a", "finished"]
    assert "evaluations: cannot be read (Not a directory)" in b

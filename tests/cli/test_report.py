"""`skelact report`: one run or several on a page, whatever they lack."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from skelact.api.reporting import gather
from skelact.api.watching import Watched
from skelact.cli.main import main
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.yaml_files import read_yaml


@pytest.fixture(scope="module")
def evaluated(tiny_run, store_path, tmp_path_factory):
    """A copy of the tiny run with results of two evaluations."""
    run = tmp_path_factory.mktemp("report") / "run"
    shutil.copytree(tiny_run, run, ignore=shutil.ignore_patterns("evaluations"))
    common = ["--run", str(run), "--data", str(store_path), "--protocol", "xsub"]
    assert main(["evaluate", "linear-fast", *common, "--l2", "[0.01]"]) == 0
    assert main(["evaluate", "knn", *common, "--k", "[1]"]) == 0
    return run


def page_data(path):
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.S)[1])


def test_a_page_holds_what_the_run_found_and_the_recordings_that_it_shows(
    evaluated, store_path, tmp_path, capsys
):
    out = tmp_path / "report.html"
    assert main(["report", str(evaluated), "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert "connect-src" not in out.read_text()
    data, store = page_data(out), Store.open(store_path)
    test = split(store, "xsub").test
    assert [each["title"] for each in data["tables"]] == ["ntu60 xsub, linear-fast", "ntu60 xsub, knn k=1"]
    assert data["runs"][0]["state"] == "finished"
    assert data["runs"][0]["curves"]["epochs"] == [1, 2, 3]
    assert sorted(data["maps"]["sequences"]) == sorted(test.tolist())
    assert set(data["held"]) == {str(place) for place in test.tolist()}
    (tested,) = data["tests"].values()
    assert [store.names[place] for place in tested["places"]] == tested["names"]
    assert [store.labels[place] for place in tested["places"]] == tested["labels"]
    counts = {name: (train, tests) for name, train, tests in data["account"]["classes"]}
    assert sum(sum(each) for each in counts.values()) == len(store)
    assert data["prime"]["pose"]["frames"] == 1
    assert data["notes"] == []
    assert f"skelact report {evaluated}" in data["command"]


def test_runs_are_compared_and_one_named_twice_counts_once(
    evaluated, store_path, pretrain_arguments, tmp_path
):
    other = tmp_path / "other"
    words = pretrain_arguments(store_path, other, "--method", "mamp")
    assert main(words) == 0
    common = ["--run", str(other), "--data", str(store_path), "--protocol", "xsub"]
    assert main(["evaluate", "knn", *common, "--k", "[1]"]) == 0
    made = gather([evaluated, other, evaluated], None, None)
    data = made.data()
    assert len(data["runs"]) == len(data["maps"]["runs"]) == 2
    knn = next(table for table in data["tables"] if "knn" in table["title"])
    (comparison,) = knn["comparisons"]
    assert comparison["p"] is not None
    labels = [data["methods"][number]["label"] for number in (comparison["first"], comparison["second"])]
    assert sorted(labels) == ["mamp", "stjd-mp"]
    assert len(data["differences"]) == 1


def test_what_a_run_lacks_is_said_and_the_rest_is_shown(evaluated, store_path, tmp_path, capsys):
    bare = tmp_path / "stopped"
    shutil.copytree(evaluated, bare, ignore=shutil.ignore_patterns("evaluations", "card.json"))
    config = (bare / "config.yaml").read_text().replace(str(store_path), "nowhere/store")
    (bare / "config.yaml").write_text(config)
    assert main(["report", str(bare), "--out", str(tmp_path / "stopped.html")]) == 0
    data = page_data(tmp_path / "stopped.html")
    assert data["maps"] is data["prime"] is data["account"] is None
    assert data["runs"][0]["curves"]["values"]["loss"]
    told = "\n".join(data["notes"])
    assert f"{bare} is stopped: there is no model yet" in told
    assert "nowhere/store" in told
    assert "--data STORE names one" in told
    words = ["report", str(bare), "--data", str(store_path), "--out", str(tmp_path / "with.html")]
    assert main(words) == 0
    data = page_data(tmp_path / "with.html")
    assert data["maps"] is None
    assert data["prime"]["sets"][0]["classes"]
    capsys.readouterr()


def test_a_card_that_says_odd_things_of_its_packages_is_shown(evaluated, tmp_path, capsys):
    run = tmp_path / "odd"
    shutil.copytree(evaluated, run)
    card = json.loads((run / "card.json").read_text())
    (run / "card.json").write_text(json.dumps(card | {"packages": [1]}))
    assert main(["report", str(run), "--out", str(tmp_path / "page.html")]) == 0


def test_results_that_are_damaged_or_of_another_run_are_told(evaluated, store_path, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(evaluated, run)
    card = json.loads((run / "card.json").read_text())
    assert page_notes(run, tmp_path) == []
    card["config"]["training"]["seed"] = 77
    (run / "card.json").write_text(json.dumps(card))
    told = page_notes(run, tmp_path)
    assert len(told) == 2
    assert all("is of a model with training.seed" in note and "and not 77" in note for note in told)
    (run / "card.json").write_text("{")
    for path in (run / "evaluations").glob("*.json"):
        path.write_text("{")
    told = page_notes(run, tmp_path)
    assert not any("has no results" in note or "No run says" in note for note in told)
    assert sum("not JSON" in note for note in told) == 4


def test_words_of_strangers_do_nothing(evaluated, tmp_path):
    run, odd = tmp_path / "a\nb\u202e", "</script><script>alert(1)</script>\x15\x1b[31m\n"
    shutil.copytree(evaluated, run)
    config = read_yaml(run / "config.yaml") | {"data": [odd], odd: odd}
    (run / "config.yaml").write_text(json.dumps(config))
    card = json.loads((run / "card.json").read_text())
    (run / "card.json").write_text(json.dumps(card | {"code": odd, "packages": {odd: odd}}))
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[0]) | {odd: 1.0}
    (run / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    path = next((run / "evaluations").glob("knn*.json"))
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"data_set": odd.replace("/", ""), "device": odd}))
    out = tmp_path / "page.html"
    assert main(["report", str(run), "--out", str(out)]) == 0
    assert out.read_text().count("<script") == 2
    data = page_data(out)
    assert "\\x15" in "".join(data["runs"][0]["commands"])
    assert [text for text in texts_of(data) if not text.isprintable()] == []


def texts_of(data):
    """Yield all texts of a page's data but pages within it, keys included."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield key
            yield from texts_of(value if key != "player" else None)
    elif isinstance(data, list):
        for value in data:
            yield from texts_of(value)
    elif isinstance(data, str):
        yield data


def page_notes(run, folder):
    assert main(["report", str(run), "--out", str(folder / "page.html")]) == 0
    return page_data(folder / "page.html")["notes"]


def test_a_folder_that_may_not_be_entered_is_refused(evaluated, tmp_path, monkeypatch, capsys):
    stat = os.stat

    def refuse(path, *arguments, **options):
        if str(path).startswith(f"{evaluated}{os.sep}"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    for command in (["report", str(evaluated)], ["view", str(evaluated)]):
        assert main([*command, "--out", str(tmp_path / "page.html")]) == 2
        error = capsys.readouterr().err
        assert "Permission denied" in error
        assert error.count("\n") == 1


def test_what_cannot_be_is_refused_in_one_line(evaluated, store_path, tmp_path, capsys):
    out = ["--out", str(tmp_path / "page.html")]
    for words, told in (
        ([str(tmp_path / "none"), *out], "no such folder"),
        ([str(store_path), *out], "holds no run"),
        ([str(evaluated / "card.json"), *out], "card.json: is a file; give a folder"),
        (["universal-small", *out], "universal-small: comes with the package and was not evaluated here yet"),
        ([str(evaluated), "--out", str(tmp_path / "page.pdf")], "pages are written as .html"),
        ([str(evaluated), *out, "--port", "5"], "--port has no effect with --out"),
        ([str(evaluated), *out, "--protocol", "xsuv"], "xsub"),
        ([str(evaluated), *out, "--data", str(evaluated)], "not a store"),
    ):
        assert main(["report", *words]) == 2, words
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


@pytest.mark.slow
def test_a_run_is_watched_stopped_and_goes_on(store_path, pretrain_arguments, tmp_path):
    run = tmp_path / "run"
    words = pretrain_arguments(store_path, run, "--epochs", "5000", "--density", "learned")
    process = subprocess.Popen([sys.executable, "-m", "skelact.cli.main", *words], stderr=subprocess.DEVNULL)
    try:
        log, end = run / "metrics.jsonl", time.monotonic() + 500
        while not (log.exists() and log.stat().st_size):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        watched = Watched(run)
        assert watched.token in watched.page()
        state = json.loads(watched.answer("state"))
        assert state["state"] == "running"
        assert state["cannot_stop"] == ""
        assert state["seconds_left"] > 0
        assert state["curves"]["values"]["loss"]
        assert state["masks"]["epoch"] == state["epochs_done"] + 1
        shares = [share for row in state["masks"]["shares"] for share in row]
        assert len(state["masks"]["shares"][0]) == 25
        kept = watched.masks.config.objective.num_kept(len(shares), 1.0)
        assert sum(shares) / len(shares) == pytest.approx(1 - kept / len(shares), abs=0.001)
        assert watched.answer("stop") is None, "nothing is done for who only asks"
        assert watched.act("state") is None
        assert f"Process {process.pid} was asked to stop" in json.loads(watched.act("stop"))["told"]
        assert process.wait(600) == 3
    finally:
        process.kill()
        process.communicate()
    state = json.loads(watched.answer("state"))
    assert state["state"] == "stopped"
    assert state["command"].endswith("--resume")
    assert "no process is at work" in json.loads(watched.act("stop"))["told"]


def test_a_run_that_ended_and_one_that_never_began_are_told(evaluated, tmp_path, capsys):
    state = Watched(evaluated).state()
    assert state["state"] == "finished"
    assert state["command"] == f"skelact report {evaluated}"
    assert state["masks"] is None
    for words, told in (
        ([str(tmp_path / "none")], "no such folder"),
        ([str(evaluated), str(evaluated.parent)], "holds no run"),
        ([str(evaluated), "--out", str(tmp_path / "page.html")], "--out has no effect with --live"),
        ([str(evaluated), "--protocol", "xsub"], "--protocol has no effect with --live"),
    ):
        assert main(["report", "--live", *words]) == 2
        assert told in capsys.readouterr().err

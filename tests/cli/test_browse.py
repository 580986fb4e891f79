"""`skelact browse`, and what the list that it saves does to a preparation, a run and an evaluation."""

import json
import re
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from skelact.api.browsing import browse
from skelact.api.recordings import recording_of_store
from skelact.cli.main import main
from skelact.formats.exclusions import read_exclusions
from skelact.pretraining.identity import card_identity
from skelact.reports.browser import answer, browser_page
from skelact.reports.serving import PageServer
from skelact.store.left_out import LeftOut
from skelact.store.protocols import split
from skelact.store.store import Store


@pytest.fixture
def listed(store_path, tmp_path):
    """A list of one training and one test recording."""
    store = Store.open(store_path)
    sides = split(store, "xsub")
    names = [store.names[sides.train[0]], store.names[sides.test[0]]]
    path = tmp_path / "without.csv"
    path.write_text("name,class,odd\n" + "".join(f"{name},,\n" for name in names))
    return path, names


def test_a_preparation_leaves_listed_recordings_out(raw_folder, store_path, listed, tmp_path, capsys):
    path, names = listed
    words = ["data", "prepare", "ntu60", str(raw_folder), str(tmp_path / "cleaned"), "--workers", "1"]
    assert main([*words, "--without", str(path)]) == 0
    made, before = Store.open(tmp_path / "cleaned"), Store.open(store_path)
    assert made.names == [name for name in before.names if name not in names]
    reasons = {each.detail: each.reason for each in read_exclusions(made.path)}
    assert all(reasons[name] == "named in the list of --without" for name in names)
    path.write_text("name\nnobody\n")
    assert main([*words[:4], str(tmp_path / "again"), *words[5:], "--without", str(path)]) == 2
    assert "no recording is called 'nobody'" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_a_run_without_recordings_is_another_run(
    store_path, tiny_run, pretrain_arguments, listed, tmp_path, capsys, monkeypatch
):
    path, _ = listed
    read, times = LeftOut.read, []
    monkeypatch.setattr(LeftOut, "read", lambda path: times.append(path) or read(path))
    assert main(pretrain_arguments(store_path, tmp_path / "run", "--without", str(path))) == 0
    assert times == [str(path)]
    said = capsys.readouterr().err
    card, before = (json.loads((run / "card.json").read_text()) for run in (tmp_path / "run", tiny_run))
    num = before["num_training_sequences"]
    assert f"note: 1 of {num} training sequences are left out by {path}" in said
    assert card["num_training_sequences"] == before["num_training_sequences"] - 1
    assert card["left_out"]["num_sequences"] == 2
    assert "left_out" not in before
    assert card["identity"] == card_identity({key: card[key] for key in card if key != "identity"})
    assert card["identity"] != before["identity"]
    path.write_text("name\nnobody\n")
    assert main(pretrain_arguments(store_path, tmp_path / "other", "--without", str(path))) == 2
    assert not (tmp_path / "other").exists()


def test_an_evaluation_without_recordings_says_so(store_path, tiny_run, listed, capsys):
    path, _ = listed
    words = ["evaluate", "knn", "--run", str(tiny_run), "--data", str(store_path), "--protocol", "xsub"]
    assert main(words) == 0
    whole = capsys.readouterr().out
    assert main([*words, "--without", str(path)]) == 0
    cleaned = capsys.readouterr().out
    assert f"left out by {path}: 1 training, 1 test sequences" in cleaned
    files = [re.search(r"\S+\.json", text)[0] for text in (whole, cleaned)]
    first, second = (json.loads(Path(file).read_text()) for file in files)
    assert second["num_test"] == first["num_test"] - 1
    assert second["identity"] != first["identity"]
    assert main(["evaluate", "one-shot", *words[2:6], "--without", str(path)]) == 2


def test_the_page_is_one_file_and_a_large_store_is_served(store_path, tmp_path, monkeypatch, capsys):
    assert main(["browse", str(store_path), "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "connect-src" not in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    store = Store.open(store_path)
    assert data["names"] == store.names
    assert len(data["held"]) == len(store) == len(data["odd"])
    monkeypatch.setattr("skelact.reports.browser.MOST_PLACES", 1000)
    assert main(["browse", str(store_path), "--out", str(tmp_path / "other.html")]) == 2
    assert "which holds 1,000; leave --out out" in capsys.readouterr().err
    assert main(["browse", str(store_path), "--out", str(tmp_path / "page.txt")]) == 2
    for command in ("browse", "view"):
        for option in (["--port", "5"], ["--no-browser"]):
            assert main([command, str(store_path), "--out", str(tmp_path / "no.html"), *option]) == 2
            assert f"{option[0]} has no effect with --out" in capsys.readouterr().err


def test_recordings_are_asked_for_one_by_one(store_path):
    store = Store.open(store_path)
    recordings = partial(recording_of_store, store)
    page = browser_page(store, recordings, whole=False)
    assert "connect-src 'self'" in page
    with PageServer(page, answer=partial(answer, store, recordings)) as server:
        Thread(target=server.serve_forever, daemon=True).start()

        def get(path):
            with urllib.request.urlopen(server.address + path, timeout=30) as reply:
                return json.loads(reply.read())

        assert get("full/3")["title"] == get("small/3")["title"] == store.names[3]
        assert get("full/3")["layers"]
        assert get("small/3")["layers"] == []
        for wrong in (f"full/{len(store)}", "full/-1", "full/", "other/1", "full/1/2", "../full/1"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(wrong)
        server.shutdown()


def test_browse_is_a_function(store_path, tmp_path):
    assert str(browse(store_path, out=tmp_path / "page.html")).endswith("page.html")

"""Words that would steer a terminal, break a table or a figure: shown, escaped, everywhere."""

from __future__ import annotations

import json
import re
import warnings
import xml.dom.minidom
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from skelact.cli.main import main
from skelact.errors import printable, printable_lines
from skelact.store.store import Store
from written_results import write_predictions

ODD = [
    "$\\frac{1}{$",
    "\x1b[31mred\x1b[0m\nnew",
    "<script>alert(1)</script>&amp;",
    "\u202egnp.elpmis",
    "\x1b]0;x\x07",
    "a\rb\tc\x00",
    "\u2028line\u200bnothing",
    "|a|b|`c`",
]
LONG = "x" * 900


def test_several_lines_keep_their_ends_and_tabs():
    assert printable_lines("a\n\tb\n") == "a\n\tb\n"
    assert printable_lines("a\x1b\n\tb\u202e\n\x07") == "a\\x1b\n\tb\\u202e\n\\x07"
    assert printable_lines("é\nü") == "é\nü"


def recordings(folder: Path, words: list[str]) -> Path:
    folder.mkdir()
    for number, word in enumerate(words):
        body = {
            "positions": [[[0.1 * (joint + frame), number, 1.0] for joint in range(25)] for frame in range(8)]
        }
        content = {"topology": "ntu-25", "fps": 30, "label": word, "subject": word, "bodies": [body]}
        (folder / f"r{number}.json").write_text(json.dumps(content))
    return folder


def shown_by(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 0
    out, err = capfd.readouterr()
    for text in (out, err):
        assert text.replace("\n", "").isprintable(), ascii(text)
    return out


def test_labels_and_subjects_are_shown_escaped(tmp_path, capfd):
    raw = recordings(tmp_path / "raw", [*ODD, LONG])
    store = tmp_path / "store"
    shown_by(capfd, "data", "prepare", "pose-json", raw, store)
    text = shown_by(capfd, "data", "info", store, "--figure", tmp_path / "store.svg")
    assert "\\x1b[31mred\\x1b[0m\\nnew" in text
    assert "\\u202egnp.elpmis" in text
    assert "sound" in shown_by(capfd, "data", "verify", store)
    assert all(name.isprintable() for name in Store.open(store).class_names)
    xml.dom.minidom.parse(str(tmp_path / "store.svg"))
    for format, suffix in (("npz", "npz"), ("pyskl", "pkl")):
        out = tmp_path / f"out.{suffix}"
        main(["data", "export", str(store), str(out), "--format", format, "--protocol", "xsub"])
        assert capfd.readouterr().err.replace("\n", "").isprintable()


@pytest.mark.parametrize("number", range(len(ODD)))
def test_a_recording_is_played_with_its_words_escaped(tmp_path, capfd, number):
    file = recordings(tmp_path / "raw", ODD) / f"r{number}.json"
    shown_by(capfd, "view", file, "--out", tmp_path / "view.html")
    page = (tmp_path / "view.html").read_text()
    assert page.count("<script") == 2
    facts = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])["facts"]
    assert all(value.isprintable() for _, value in facts)
    assert any(value == printable(ODD[number].strip()) for _, value in facts)


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_classes_of_results_are_drawn_as_they_are_written(tmp_path, capfd, suffix):
    names = [*ODD[:3], LONG]
    labels, told = [0, 1, 2, 3] * 3, [0, 1, 2, 3, 1, 2, 3, 0, 0, 1, 2, 3]
    first, second = (
        write_predictions(tmp_path, labels, told[::step], method=method, class_names=names)
        for step, method in ((1, "mae"), (-1, "mamp"))
    )
    for files in ([first], [first, second]):
        for format in ("text", "markdown", "csv"):
            shown_by(capfd, "results", *files, "--format", format)
    for figure, files in (("confusion", [first]), ("classes", [first]), ("differences", [first, second])):
        out = tmp_path / f"{figure}.{suffix}"
        shown_by(capfd, "figures", figure, *files, "--out", out)
        assert out.stat().st_size > 1000
        if suffix == "svg":
            xml.dom.minidom.parse(str(out))


@pytest.mark.parametrize("word", ODD)
def test_a_method_and_what_it_was_tested_on_stay_in_their_cells(tmp_path, capfd, word):
    word = word.replace("/", "").replace("\0", "")
    odd = {"data_set": word, "protocol": word, "evaluation": word, "method": word}
    file = write_predictions(tmp_path, [0, 1, 2], [0, 1, 1], **odd)
    usual = write_predictions(tmp_path, [0, 1, 2], [0, 1, 1])
    for format in ("text", "markdown", "csv"):
        lines, kept = (
            shown_by(capfd, "results", each, "--format", format).splitlines() for each in (file, usual)
        )
        assert len(lines) == len(kept)
        if format == "markdown":
            assert [line.replace("\\|", "").count("|") for line in lines[1:]] == [0, 6, 6, 6]


def test_no_name_of_a_method_is_a_formula(tmp_path, capfd):
    file = write_predictions(tmp_path, [0, 1, 2], [0, 1, 1], method="=1+1", data_set="@SUM(A1)")
    row = shown_by(capfd, "results", file, "--format", "csv").splitlines()[1]
    assert row.startswith("'@SUM(A1),xsub,linear,'=1+1,")


@pytest.mark.parametrize("width", [(), pytest.param(("--width", "one"), marks=pytest.mark.slow)])
def test_long_names_leave_room_for_what_is_drawn(tmp_path, capfd, width):
    names = [f"{LONG}{number}" for number in range(4)]
    file = write_predictions(tmp_path, [0, 1, 2], [0, 1, 1], class_names=names)
    for figure in ("confusion", "classes"):
        out = tmp_path / f"{figure}.png"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shown_by(capfd, "figures", figure, file, "--out", out, *width)
        colours = np.unique(imread(out).round(1).reshape(-1, 4), axis=0, return_counts=True)[1]
        white = colours.max() / colours.sum()
        assert white < 0.9


def test_a_figure_that_cannot_be_written_leaves_nothing(tmp_path, capfd, monkeypatch):
    file = write_predictions(tmp_path, [0, 1, 2], [0, 1, 1])
    before = sorted(tmp_path.iterdir())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    out = tmp_path / "classes.png"
    assert main(["figures", "classes", str(file), "--out", str(out)]) == 2
    err = capfd.readouterr().err
    assert err == f"skelact: {out}: cannot be written (No space left on device); choose another place\n"
    assert sorted(tmp_path.iterdir()) == before

"""Which recording `skelact view` takes, and what it refuses."""

import json
import re

import numpy as np
import pytest

import skelact
from skelact.api.recordings import split_source
from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError


def data_of(view):
    [text] = re.findall(r'id="data">(.*?)</script>', view.page, re.S)
    return json.loads(text)


def test_a_stores_recording_is_named_by_number_or_name(small_store):
    by_number, by_name = skelact.view(f"{small_store.path}:3"), skelact.view(f"{small_store.path}:sequence3")
    assert by_number.page == by_name.page
    data = data_of(by_number)
    assert data["title"] == "sequence3"
    facts = dict(data["facts"])
    assert facts["class"] == "d"
    assert facts["camera"] == "2"
    assert (data["bodies"], data["frames"]) == small_store.sequence(3).positions.shape[:2]
    assert data_of(skelact.view(small_store))["title"] == "sequence0"
    assert data_of(skelact.view(small_store.sequence(3)))["positions"] == data["positions"]


def test_a_name_may_hold_a_colon_and_a_path_as_well(tmp_path):
    place = tmp_path / "a:b"
    place.mkdir()
    assert split_source(place) == (place, None)
    assert split_source(f"{place}:7") == (place, "7")
    assert split_source(f"{place}:take:2") == (place, "take:2")
    assert split_source("C:nowhere")[1] is None


def test_positions_become_a_page_and_what_is_not_finite_was_not_seen():
    positions = np.random.default_rng(0).normal(size=(12, 20, 3))
    positions[4, 2] = np.inf
    view = skelact.view(positions, fps=25)
    data = data_of(view)
    assert data["fps"] == 25
    assert skelact.view(positions, fps=25, topology="kinect-20").page == view.page, "found by its 20 joints"
    assert view._repr_html_().startswith("<iframe srcdoc=")
    nothing = skelact.view(np.full((5, 20, 3), np.nan))
    assert data_of(nothing)["empty"] is True


@pytest.mark.parametrize(
    ("positions", "options", "words"),
    [
        (np.zeros((5, 25, 3)), {}, "say which with topology='ntu-25' or 'openpose-25'"),
        (np.zeros((5, 7, 3)), {}, "say which with topology=a .yaml file"),
        (np.zeros((5, 7, 3)), {"topology": "ntu-25"}, "7 joints, and the topology ntu-25 has 25"),
        (np.zeros((5, 7)), {}, "expected .frames, joints, 2 or 3 coordinates"),
        ([["a"]], {}, "no array of numbers"),
        (np.zeros((5, 20, 3)), {"scale": 2.0}, "--scale says how a file is read"),
        (np.zeros((5, 20, 3)), {"frames": "7"}, "expected START:END"),
        (np.zeros((5, 20, 3)), {"fps": -1.0}, "--fps is -1, expected a number above 0"),
        (np.zeros((5, 20, 3)), {"frames": "9:12"}, "has the frames 0 to 4"),
    ],
)
def test_what_cannot_be_viewed_is_told_in_one_line(positions, options, words):
    with pytest.raises((DataError, ConfigurationError), match=words) as told:
        skelact.view(positions, **options)
    assert "\n" not in str(told.value)


def test_a_stretch_is_viewed(small_store):
    whole, part = (skelact.view(f"{small_store.path}:4", **more) for more in ({}, {"frames": "10:30"}))
    assert (data_of(whole)["frames"], data_of(part)["frames"]) == (64, 20)


def test_the_command_writes_the_page(small_store, tmp_path, capsys):
    out = tmp_path / "view.html"
    assert main(["view", f"{small_store.path}:2", "--out", str(out)]) == 0
    assert out.read_text() == skelact.view(f"{small_store.path}:2").page
    assert str(out) in capsys.readouterr().out


@pytest.mark.parametrize("command", ["view", "browse"])
def test_a_page_takes_the_place_of_pages_alone(command, small_store, tmp_path, capsys):
    out, place = tmp_path / "notes.html", f"{small_store.path}{':2' if command == 'view' else ''}"
    out.write_text("<!doctype html><p>precious")
    assert main([command, place, "--out", str(out)]) == 2
    assert "notes.html: exists already and is no page of skelact" in capsys.readouterr().err
    assert out.read_text() == "<!doctype html><p>precious"
    out.unlink()
    for _ in range(2):
        assert main([command, place, "--out", str(out)]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["STORE:99"], "no sequence '99'"),
        (["STORE:\u0663"], "no sequence '\u0663'"),
        (["STORE", "--out", "page.png"], "pages are written as .html"),
        (["STORE", "--out", "nowhere/page.html"], "no folder nowhere"),
        (["nowhere"], "nowhere"),
        ([""], "'': cannot be the path of a file"),
        (["a\0b"], "'a\\x00b': cannot be the path of a file"),
        (["STORE", "--fps", "30"], "--fps says how a file is read, and this is a store"),
    ],
)
def test_the_command_refuses_in_one_line(words, said, small_store, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [word.replace("STORE", str(small_store.path)) for word in words]
    assert main(["view", *words, *([] if "--out" in words else ["--out", "v.html"])]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_raw_file_is_viewed_as_it_is_checked(raw_ntu, tmp_path):
    view = skelact.view(raw_ntu)
    told = skelact.check(raw_ntu)
    data = data_of(view)
    assert data["title"] == told.sequence.name
    assert data["frames"] == told.sequence.num_frames
    assert dict(data["facts"])["file"] == told.file
    assert dict(data["facts"])["unit"] == "m"


@pytest.fixture
def raw_ntu(ntu_text, tmp_path):
    random = np.random.default_rng(0)
    pose = random.normal(size=(25, 3))
    frames = [[(7, pose + 0.01 * number)] for number in range(20)]
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_bytes(ntu_text(frames))
    return path

"""Files that are there complete or not at all, and JSON in and out."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import tempfile
import threading
from pathlib import Path
from typing import TypedDict

import pytest

from skelact.errors import DataError
from skelact.files import (
    beside,
    check_new,
    check_place,
    new_file,
    read_json,
    replacing,
    sha256,
    write_file,
    write_json,
    writing,
)
from skelact.limits import VARIABLE


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("as_given", [str, lambda path: path], ids=["str", "Path"])
def test_texts_and_bytes_are_written_whole(tmp_path, as_given):
    path = tmp_path / "new" / "file.txt"
    write_file(as_given(path), "héllo\n")
    assert path.read_bytes() == "héllo\n".encode()
    write_file(as_given(path), b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [each.name for each in path.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("what_fails", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [full_disk, killed])
@pytest.mark.parametrize("before", [None, "old"])
def test_what_fails_on_the_way_leaves_the_old_file_or_none(
    tmp_path, monkeypatch, what_fails, failure, before
):
    path = tmp_path / "card.json"
    if before is not None:
        path.write_text(before)
    monkeypatch.setattr(os, what_fails, failure)
    expected = DataError if failure is full_disk else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write_json(path, {"a": 1})
    if failure is full_disk:
        assert str(caught.value) == (
            f"{path}: cannot be written (No space left on device); make room, or choose another place"
        )
    assert [each.name for each in tmp_path.iterdir()] == ([] if before is None else ["card.json"])
    assert before is None or path.read_text() == before


def test_half_a_file_never_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "tables.md"
    path.write_text("old")

    def write_half() -> None:
        with new_file(path) as file:
            file.write(b"half")
            file.flush()
            assert path.read_text() == "old"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["tables.md"]


def test_a_kill_leaves_a_temporary_file_that_the_next_write_replaces(tmp_path):
    path = tmp_path / "card.json"
    (tmp_path / ".card.json.partial").write_text("much more than what is written next, cut sho")
    (tmp_path / "card.json.partial").write_text("somebody's own")
    write_file(path, "new")
    assert path.read_text() == "new"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["card.json", "card.json.partial"]
    assert (tmp_path / "card.json.partial").read_text() == "somebody's own"


def test_who_writes_a_file_at_the_same_time_does_so_afterwards(tmp_path):
    other = threading.Thread(target=write_file, args=(tmp_path / "file", "second"))
    with replacing(tmp_path / "file") as partial:
        other.start()
        other.join(0.2)
        partial.write_text("first")
    other.join()
    assert (tmp_path / "file").read_text() == "second"


def test_the_bytes_are_on_the_disk_before_the_file_has_its_name(tmp_path, monkeypatch):
    path, events = tmp_path / "file", []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (events.append("fsync"), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("replace"), replace(a, b)))
    with replacing(path, "x") as partial:
        partial.write_bytes(b"abc")
    assert events == ["fsync", "replace"]
    assert path.read_bytes() == b"abc"


def test_a_file_that_is_there_is_replaced_only_when_told(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(DataError, match=r"file: exists already; .*--overwrite"), new_file(path, False):
        pass
    assert path.read_text() == "old"
    with pytest.raises(DataError, match="exists already"), new_file(tmp_path, True):
        pass


def test_errors_name_the_file_the_reason_and_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError) as caught:
        write_file(tmp_path / "file" / "below", "x", "choose another --out")
    assert str(caught.value) == f"{tmp_path / 'file'}: cannot be written (File exists); choose another --out"
    expected = r"^there: cannot be written \(No space left.*\); make room"
    with pytest.raises(DataError, match=expected), writing("there"):
        full_disk()


def test_json_goes_out_and_comes_back(tmp_path):
    path = tmp_path / "card.json"
    content = {"a": [1, 2.5, None, True], "b": {"c": "d"}, "e": math.inf, "f": [-math.inf], "g": "inf"}
    write_json(str(path), content)
    assert read_json(str(path)) == content
    text = path.read_text()
    assert text.endswith("}\n")
    assert json.loads(text, parse_constant=pytest.fail)["e"] == ".inf"
    write_json(path, [math.nan])
    assert math.isnan(read_json(path)[0])


def test_files_of_older_versions_hold_bare_infinities(tmp_path):
    (tmp_path / "card.json").write_text('{"tau": Infinity}')
    assert read_json(tmp_path / "card.json") == {"tau": math.inf}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1,\n"b" 2}', r"line 2, column 5: not JSON \(Expecting ':' delimiter\); train again"),
        (b'{"a": 1', r"line 1, column 8: not JSON \(.*\); train again"),
        (b'{"a": "\xff"}', r"not JSON \(.*invalid start byte\); train again"),
        (b"[" * 200_000, r"not JSON that can be read \(.*inside each other.*\); train again"),
    ],
)
def test_damaged_json_is_told_with_its_place(tmp_path, data, message):
    path = tmp_path / "card.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"card\.json: {message}"):
        read_json(path, "train again")


def test_json_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"none\.json: cannot be read \(No such file.*\); check the path"):
        read_json(tmp_path / "none.json")


def test_the_digest_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    expected = hashlib.sha256(b"abc").hexdigest()
    assert sha256(tmp_path / "file") == sha256(str(tmp_path / "file")) == expected


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name, what in (("pipe", "a pipe"), ("link", "a device"), ("folder", "a folder")):
        with pytest.raises(DataError, match=f"{name}: {what}, expected a file; check"):
            read_json(tmp_path / name)


def test_a_file_larger_than_its_limit_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(3 << 40)  # sparse: takes no space
    with pytest.raises(DataError, match=r"3,072 GB, and the most of .* is 64 MB; --limit metadata=3072GB"):
        read_json(path)
    path.write_text("[1]")
    monkeypatch.setenv(VARIABLE, "metadata=2")
    with pytest.raises(DataError, match="--limit metadata=3 "):
        read_json(path)


@pytest.mark.parametrize("levels", [65, 5_000, 200_000])
def test_deep_json_is_one_line(tmp_path, levels):
    path = tmp_path / "deep.json"
    path.write_text("[" * levels + "]" * levels)
    with pytest.raises(DataError, match="inside each other"):
        read_json(path)
    path.write_text("[" * 64 + "]" * 64)
    read_json(path)


class Entry(TypedDict):
    shape: list[int]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": {"shape": [1, "x"]}}', r"a.json: \[\.\.\.\]\.shape\[1\]: expected int, got str; check"),
        ('{"a": {}}', r"object missing required field shape"),
        ('{"a": 3}', "expected object, got int"),
        ("[]", "expected object, got array"),
        ('{"a": {"shape": [1' + "0" * 400 + "]}}", "more than 64 bits"),
        ('{"a": {"shape": [1' + "0" * 5000 + "]}}", "more than 64 bits"),
    ],
)
def test_what_does_not_fit_a_schema_is_named_with_its_place(tmp_path, content, expected):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(DataError, match=expected) as caught:
        read_json(path, schema=dict[str, Entry])
    assert "\n" not in str(caught.value)


def test_what_fits_a_schema_is_returned(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": {"shape": [1, 2], "more": 3}}')
    assert read_json(path, schema=dict[str, Entry])["a"]["shape"] == [1, 2]


def test_what_stands_beside_a_path_has_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert beside("a/b.json", ".partial") == Path("a/b.json.partial")
    assert beside(".", ".partial") == tmp_path.with_name(tmp_path.name + ".partial")
    with pytest.raises(DataError, match="/: has no name"):
        beside("/", ".partial")


def test_what_cannot_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    check_new(tmp_path / "file")
    check_place(tmp_path / "new" / "folder")
    for path, options, said in (
        (tmp_path, {}, "exists already; choose another name$"),
        (tmp_path / "file", {"overwrite": False}, r"exists already; .* \(--overwrite\)"),
        (tmp_path / "file" / "inside", {}, r"cannot be written \(Not a directory\); choose another place"),
        (
            tmp_path / "new" / "it",
            {"makes_folders": False},
            r"\(no folder .*new\); make it, or choose another",
        ),
    ):
        with pytest.raises(DataError, match=said):
            check_new(path, **options)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    with pytest.raises(
        DataError, match=r"new: cannot be written \(Read-only file system\); choose another place"
    ):
        check_place(tmp_path / "new")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]

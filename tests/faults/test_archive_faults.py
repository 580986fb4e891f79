"""Archives whose lists of members are damaged, and names that no message should repeat as they are."""

import io
import zipfile
from pathlib import Path

import pytest

from skelact.errors import DataError
from skelact.formats.archives import raw_files
from skelact.formats.exclusions import UnusableRecordingError


def zip_file(path: Path, old: bytes = b"", new: bytes = b"") -> Path:
    """Write an archive with one member, and replace ``old`` in its bytes by ``new``, which is as long."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("n\u00e4me.txt", b"content")  # not ASCII, so it is marked as UTF-8
    data = target.getvalue()
    assert old in data
    path.write_bytes(data.replace(old, new) if old else data)
    return path


def test_a_name_that_is_not_the_utf8_it_is_marked_as(tmp_path: Path) -> None:
    path = zip_file(tmp_path / "raw.zip", "n\u00e4me.txt".encode(), b"n\xff\xffme.txt")
    with pytest.raises(DataError, match=r"neither a folder nor a readable .zip"), raw_files(path):
        pass


def test_a_member_without_a_name(tmp_path: Path) -> None:
    path = zip_file(tmp_path / "raw.zip", "n\u00e4me.txt".encode(), b"\x00\xc3\xa4me.txt")
    with pytest.raises(DataError, match=r"neither a folder nor a readable .zip"), raw_files(path):
        pass


def test_an_archive_changed_after_it_was_listed(tmp_path: Path) -> None:
    path = zip_file(tmp_path / "raw.zip")
    with raw_files(path) as files:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other.txt", b"content")
        with pytest.raises(UnusableRecordingError, match=r"n\u00e4me.txt: cannot be read"):
            files[0].read()


def test_line_ends_in_names_are_spelt_out(tmp_path: Path) -> None:
    (tmp_path / "two\nlines.txt").symlink_to(tmp_path / "nowhere")
    with raw_files(tmp_path) as files:
        assert files[0].name == "two\\nlines.txt"
        with pytest.raises(UnusableRecordingError) as caught:
            files[0].read()
    assert str(caught.value).isprintable()


def test_long_reasons_are_cut(tmp_path: Path) -> None:
    name = "n" * 3000
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        archive.writestr(name, b"content")
    data = (tmp_path / "raw.zip").read_bytes()
    (tmp_path / "raw.zip").write_bytes(data.replace(b"n" * 3000, b"m" * 3000, 1))  # the local header's copy
    with raw_files(tmp_path / "raw.zip") as files, pytest.raises(UnusableRecordingError) as caught:
        files[0].read()
    assert len(caught.value.detail) < 300

"""Zip archives whose members are damaged: every one is told, none takes memory for what it only announces."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skelact.formats.archives import raw_files
from skelact.formats.exclusions import UnusableRecordingError

CONTENT = b" ".join(f"{number:.7g}".encode() for number in np.random.default_rng(0).normal(size=3000))
NAME = "a.skeleton"

Damage = Callable[[bytearray, int, int], None]
"""Changes an archive's bytes, given where the packed bytes begin and where the list's entry does."""


def packed(path: Path, method: int = zipfile.ZIP_DEFLATED) -> tuple[bytearray, int, int]:
    """Write an archive with one member; returns its bytes and the places for a damage."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(NAME, CONTENT)
        entry = archive.start_dir
    return bytearray(path.read_bytes()), 30 + len(NAME), entry


def cut_middle(data: bytearray, start: int, entry: int) -> None:
    data[start + 500 : start + 1000] = bytes(500)


def no_deflate(data: bytearray, start: int, entry: int) -> None:
    data[start] |= 0b110  # a kind of block that there is not


def wrong_check_sum(data: bytearray, start: int, entry: int) -> None:
    data[entry + 16] ^= 1


def listed_size(change: Callable[[int], int]) -> Damage:
    def damage(data: bytearray, start: int, entry: int) -> None:
        struct.pack_into("<I", data, entry + 24, change(len(CONTENT)))

    return damage


def listed_packed_size(change: Callable[[int], int]) -> Damage:
    def damage(data: bytearray, start: int, entry: int) -> None:
        (size,) = struct.unpack_from("<I", data, entry + 20)
        struct.pack_into("<I", data, entry + 20, change(size))

    return damage


def other_header(data: bytearray, start: int, entry: int) -> None:
    data[3] ^= 1


def other_name(data: bytearray, start: int, entry: int) -> None:
    data[30] = ord("b")


def says_encrypted(data: bytearray, start: int, entry: int) -> None:
    data[entry + 8] |= 1
    data[6] |= 1


def unknown_method(data: bytearray, start: int, entry: int) -> None:
    data[entry + 10] = 97


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut_middle, "Error -3|Bad CRC-32|bytes"),
        (no_deflate, "invalid block type"),
        (wrong_check_sum, "Bad CRC-32"),
        (listed_size(lambda size: size + 1), "bytes of the .* listed"),
        (listed_size(lambda size: size - 1), "Bad CRC-32"),
        (listed_size(lambda size: 0), "Bad CRC-32"),
        (listed_size(lambda size: 100_000_000), "bytes of the 100000000 listed"),
        (other_header, "Bad magic number"),
        (other_name, "File name .* differ"),
        (says_encrypted, "encrypted, password required"),
        (unknown_method, "compression method"),
    ],
)
def test_damage_is_told(tmp_path: Path, damage: Damage, told: str) -> None:
    path = tmp_path / "raw.zip"
    data, start, entry = packed(path)
    damage(data, start, entry)
    path.write_bytes(data)
    with (
        raw_files(path) as files,
        pytest.raises(UnusableRecordingError, match=f"{NAME}: cannot be read.*({told}).*copy it again"),
    ):
        files[0].read()


def test_more_than_a_recording_has_is_not_even_begun(tmp_path: Path) -> None:
    path = tmp_path / "raw.zip"
    data, start, entry = packed(path)
    listed_size(lambda size: (1 << 32) - 2)(data, start, entry)
    path.write_bytes(data)
    told = rf"{NAME}: has 3 GB, and the most .* is 256 MB; --limit recording=4GB takes it all the same"
    with raw_files(path) as files, pytest.raises(UnusableRecordingError, match=told):
        files[0].read()


@pytest.mark.parametrize("change", [lambda size: size - 1, lambda size: 1 << 31])
def test_a_wrong_packed_size_changes_no_content(tmp_path: Path, change: Callable[[int], int]) -> None:
    """What is inflated is told complete by its own end, its length and its check sum."""
    path = tmp_path / "raw.zip"
    data, start, entry = packed(path)
    listed_packed_size(change)(data, start, entry)
    path.write_bytes(data)
    with raw_files(path) as files:
        assert files[0].read() == CONTENT


def test_a_stored_member_of_another_size(tmp_path: Path) -> None:
    path = tmp_path / "raw.zip"
    data, _, entry = packed(path, zipfile.ZIP_STORED)
    struct.pack_into("<I", data, entry + 20, len(CONTENT) - 1)
    path.write_bytes(data)
    with (
        raw_files(path) as files,
        pytest.raises(UnusableRecordingError, match="Bad CRC-32"),
    ):
        files[0].read()


def test_any_changed_byte_of_the_packed_ones_is_told(tmp_path: Path) -> None:
    path = tmp_path / "raw.zip"
    data, start, entry = packed(path)
    random = np.random.default_rng(1)
    for place in random.integers(start, entry, 100).tolist():
        changed = bytearray(data)
        changed[place] ^= int(random.integers(1, 256))
        path.write_bytes(changed)
        with raw_files(path) as files:
            try:
                content = files[0].read()
            except UnusableRecordingError:
                continue
        assert content == CONTENT  # bits behind the end of the last block mean nothing


def test_a_cut_archive_that_was_listed_whole(tmp_path: Path) -> None:
    path = tmp_path / "raw.zip"
    data, start, _ = packed(path)
    with raw_files(path) as files:
        path.write_bytes(data[: start + 100])
        with pytest.raises(UnusableRecordingError, match="not a zip file"):
            files[0].read()

"""Files of tensors: what is read is what was written, or it is refused."""

import json
import re
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from faults.mutations import IN_PLACE, flips, in_place_of
from skelact.errors import DataError
from skelact.models.tensor_file import difference, read_tensors, write_tensors

TENSORS = {
    "a": torch.arange(6.0).view(2, 3),
    "b": torch.tensor(3),
    "none": torch.zeros(0, 4),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "seen": torch.tensor([True, False]),
}
ABOUT = {"step": 3, "sums": {"loss": 0.1, "steps": 0}}


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "new" / "weights.safetensors"
    write_tensors(path, TENSORS, ABOUT)
    found = read_tensors(path, "again")
    assert found.about == ABOUT
    assert found.size == 6 + 1 + 0 + 3 + 2
    assert all(torch.equal(found.tensors[name], value) for name, value in TENSORS.items())
    assert load_file(path).keys() == TENSORS.keys(), "other programs read it, too"


def test_equal_content_is_equal_bytes(tmp_path):
    for name, order in (("one", list(TENSORS)), ("other", list(TENSORS)[::-1])):
        write_tensors(tmp_path / name, {key: TENSORS[key] for key in order}, ABOUT)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("about", [None, {"progress": '{"step": 4}'}])
def test_files_without_a_digest_are_read(tmp_path, about):
    save_file(TENSORS, tmp_path / "old", about)
    assert read_tensors(tmp_path / "old", "again").about == ({} if about is None else {"step": 4})


def test_every_flipped_bit_is_seen(tmp_path):
    path = tmp_path / "weights"
    write_tensors(path, TENSORS, ABOUT)
    data = path.read_bytes()
    for what, changed in flips(data, 600, seed=0):
        path.write_bytes(changed)
        if changed == data:
            continue
        with pytest.raises(DataError, match=r"(?s)weights: .*; again$"):
            pytest.fail(f"{what}: {read_tensors(path, 'again')}")


@pytest.mark.parametrize("what", [name for name in IN_PLACE if name != "a link to /dev/full"])
def test_only_files_are_read(tmp_path, what):
    in_place_of(tmp_path / "weights", what)
    with pytest.raises(DataError, match="weights: "):
        read_tensors(tmp_path / "weights", "again")


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        json.dumps({"a": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 2**62]}}).encode(),
        b'{"__metadata__": {"skelact": "[1]"}}',
        b'{"__metadata__": {"skelact": "{"}}',
        b'{"__metadata__": {"unknown": "{}"}}',
        b'{"__metadata__": 3}',
        b"[]",
    ],
)
def test_a_header_that_is_none_is_refused(tmp_path, header):
    (tmp_path / "weights").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(DataError, match="weights: "):
        read_tensors(tmp_path / "weights", "again")


def test_a_header_larger_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SKELACT_LIMITS", "metadata=1KB")
    (tmp_path / "weights").write_bytes(struct.pack("<Q", 2000) + b" " * 2000)
    with pytest.raises(DataError, match="--limit metadata="):
        read_tensors(tmp_path / "weights", "again")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, None),
        ({"a": None}, "'a' is missing"),
        ({"a": torch.zeros(3, 2)}, r"'a' has shape \(3, 2\), expected \(2, 3\)"),
        ({"a": torch.zeros(2, 3, dtype=torch.float64)}, "'a' holds torch.float64, expected torch.float32"),
        ({"\x1bmore": torch.zeros(1)}, r"'\\x1bmore' is not among its parameters"),
    ],
)
def test_the_first_difference_is_named(changed, words):
    found = {name: value for name, value in (TENSORS | changed).items() if value is not None}
    problem = difference(found, TENSORS)
    assert problem is None if words is None else re.fullmatch(words, problem)


def test_others_may_read_what_they_may_read_of_any_new_file(tmp_path):
    (tmp_path / "any").touch()
    write_tensors(tmp_path / "weights.safetensors", TENSORS)
    assert (tmp_path / "weights.safetensors").stat().st_mode == (tmp_path / "any").stat().st_mode

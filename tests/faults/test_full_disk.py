"""A disk that is full after some bytes of a file: one line, and no half of what was asked for."""

from __future__ import annotations

import os
import resource
from functools import partial

import pytest

from attack.command_lines import LINES
from attack.in_child import in_child
from attack.parts import in_folder, make_world

READING = ("data info", "data verify", "results", "predict", "runs", "completion")
LONG = ("figures tsne", "reproduce")
WRITING = [line for line in LINES if not line.startswith((*READING, *LONG))]
GOES_ON = (
    "pretrain",
    "evaluate finetune",
    "evaluate semi",
    "evaluate supervised",
    "evaluate transfer",
    "demo",
)
"""Commands whose run folder stays, to go on with."""
SMALL = (
    *("evaluate linear-fast", "evaluate ridge", "evaluate knn", "evaluate retrieval", "evaluate one-shot"),
    *("figures loss", "figures density", "figures prime-joints", "figures confusion", "figures classes"),
    *("figures differences", "export"),
)
"""Commands tried with 2,000 bytes alone: their files fit into 60,000, or are written as those of others."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("full"), export=False)


def limited(size, place, words):
    """Run a command in a process that can write no file larger than ``size``."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return in_folder(place, words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "size"),
    [
        *((line, 2_000) for line in WRITING),
        *((line, 60_000) for line in WRITING if not line.startswith(SMALL)),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_no_half(world, line, size):
    place = world.whole_place()
    before = set(place.rglob("*"))
    words = [word.replace("@", f"{place}/") for word in line.split()]
    ended = in_child(partial(limited, size, place, words), world.folder)
    assert not ended.fault
    assert ended.status in ((2,) if size == 2_000 else (0, 2))
    new = [path for path in set(place.rglob("*")) - before if path.is_file()]
    assert not [path for path in new if path.name.endswith(".partial")]
    if ended.status == 2:
        assert "cannot be written" in ended.text
        assert "File too large" in ended.text
        if not line.startswith(GOES_ON):
            assert not [os.fspath(path) for path in new]

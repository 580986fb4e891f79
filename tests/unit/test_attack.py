"""The attack notices what it looks for, and makes its cases again."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from random import Random

import pytest

from attack.command_lines import LINES, REFUSED, mutated_line, numeric_settings, setting_line
from attack.in_child import in_child, in_children
from skelact.cli.main import COMMANDS, find_command


def say(text: str, status: int) -> int:
    sys.stderr.write(text)
    return status


def die() -> None:
    faulthandler.disable()  # whose words belong to nobody's test
    os.kill(os.getpid(), signal.SIGSEGV)


def fill() -> None:
    assert len(bytearray(4 << 30))


def divide() -> None:
    assert 1 // 0


@pytest.mark.parametrize(
    ("work", "fault"),
    [
        (lambda: None, ""),
        (lambda: say("skelact: no such store\n", 2), ""),
        (lambda: say("", 2), "status 2 without a word"),
        (lambda: say("Traceback (most recent call last):\nKeyError: 1\n", 0), "traceback: KeyError: 1"),
        (lambda: say("skelact: \x1b[31m\n", 2), "raw characters"),
        (lambda: 77, "status 77"),
        (divide, "traceback: ZeroDivisionError"),
        (die, "killed by SIGSEGV"),
        (fill, "traceback: MemoryError"),
        (lambda: time.sleep(30), "no end"),
    ],
)
def test_every_kind_of_fault_is_noticed(tmp_path, work, fault):
    ended = in_child(work, tmp_path, 2.0 if fault == "no end" else 60.0)
    assert ended.fault.startswith(fault)
    assert bool(ended.fault) == bool(fault)


def test_what_hangs_is_told_from_what_works(tmp_path):
    def compute() -> None:
        while True:
            pass

    hangs, works = in_children([lambda: time.sleep(30), compute], tmp_path, 1.0)
    assert hangs.is_endless
    assert works.is_endless
    assert hangs.cpu_seconds < works.cpu_seconds


def test_works_go_on_side_by_side(tmp_path):
    first = tmp_path / "first"

    def wait() -> int:
        while not first.exists():
            time.sleep(0.01)
        return 0

    ends = in_children([wait, first.touch], tmp_path, 60.0)
    assert [ended.status for ended in ends] == [0, 0]


def test_cases_are_made_again_from_their_seed():
    for make in (mutated_line, setting_line):
        lines = [make(Random(seed)) for seed in range(50)]
        assert lines == [make(Random(seed)) for seed in range(50)]
        assert len(set(map(tuple, lines))) > 30


def test_every_command_has_a_line_and_its_numbers_are_found():
    attacked = {find_command(line.split())[0].name for line in LINES + REFUSED}
    assert attacked == {command.name for command in COMMANDS}
    pretrain = dict(numeric_settings("pretrain"))
    assert {"epochs", "training.lr", "model.width", "clips.num_frames", "clip-grad"} <= set(pretrain)
    assert not {"data", "compile", "training.optimiser", "precision"} & set(pretrain)

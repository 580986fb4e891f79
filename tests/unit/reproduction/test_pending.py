"""What is left of a suite: results that are there are used, wherever they come from."""

import json
from pathlib import Path

import pytest

from cell_results import cell, result_of
from skelact.reproduction.commands import Workspace
from skelact.reproduction.pending import Results, pending_commands

SUM = "ntu60-xsub/stjd-cl-3s/linear/seed0"


@pytest.fixture
def place(tmp_path):
    return Workspace(tmp_path / "stores", tmp_path)


def write(path: Path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_a_sum_is_made_of_the_results_that_are_there_without_any_run_folder(place):
    found = cell(SUM, "paper")
    scores = {"scores": {"file": "any.npz", "sha256": "s"}}
    files = [
        write(place.out / "results" / f"{number}.json", result_of(each, **scores))
        for number, each in enumerate(found.members)
    ]
    results = Results([place.out / "results"])
    [task] = pending_commands([found], place, results)
    words = task.arguments(place, results)
    assert words[: 3 + len(files)] == ["evaluate", "ensemble", "--runs", *map(str, files)]
    # without scores nothing can be added up: that one is evaluated again
    write(files[1], result_of(found.members[1]))
    tasks = pending_commands([found], place, Results([place.out / "results"]))
    bone = found.members[1]
    assert [each.title for each in tasks] == [f"pretrain {bone.pretraining.name}", bone.name, found.name]

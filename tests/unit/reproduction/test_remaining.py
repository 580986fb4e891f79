"""What is left of a suite: results that are there are used, wherever they come from."""

import json
from pathlib import Path

import pytest

from cell_results import card_of, cell, result_of
from skelact.errors import DataError
from skelact.models.pretrained import CARD
from skelact.reproduction.commands import Place
from skelact.reproduction.matching import Results
from skelact.reproduction.remaining import left_to_do, pretraining_state

SUM = "ntu60-xsub/stjd-cl-3s/linear/seed0"


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "stores", tmp_path)


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
    [task] = left_to_do([found], place, results)
    words = task.words(place, results)
    assert words[: 3 + len(files)] == ["evaluate", "ensemble", "--runs", *map(str, files)]
    # without scores nothing can be added up: that one is evaluated again
    write(files[1], result_of(found.members[1]))
    tasks = left_to_do([found], place, Results([place.out / "results"]))
    bone = found.members[1]
    assert [each.title for each in tasks] == [f"pretrain {bone.pretraining.name}", bone.name, found.name]


def test_a_run_on_another_store_is_not_taken_for_done(place):
    pretraining = cell("msr-action3d-xsub/mamp-sequence/linear/seed1").pretraining
    assert pretraining_state(pretraining, place, {}) == "absent"
    write(place.run(pretraining) / CARD, card_of(pretraining))
    assert pretraining_state(pretraining, place, {"msr-action3d": "hash of msr-action3d"}) == "done"
    with pytest.raises(DataError, match=r"learned from another store of msr-action3d.*move it away"):
        pretraining_state(pretraining, place, {"msr-action3d": "newer"})

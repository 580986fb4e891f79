"""Contents of result files as the commands of a suite's cells write them, for tests."""

import copy
from dataclasses import asdict
from functools import cache

from skelact.reproduction.cells import cells_of_suite, choose
from skelact.reproduction.suite_files import read_suite
from skelact.results.ensemble import DESCRIBES
from skelact.results.files import FORMAT


@cache
def cells(suite):
    """Return the cells of a shipped suite, which takes a second to compose; nothing changes a cell."""
    return tuple(cells_of_suite(read_suite(suite)))


def cell(name, suite="small"):
    [found] = choose(cells(suite), [name])
    return found


def result_of(found, **changes):
    """Return a result file's content as the cell's commands write it."""
    subset = None
    if found.evaluation.share:
        subset = {"num_sequences": 4, "share": 4 / 400, "seed": found.seed, "hash": "h"}
    return {
        "format": FORMAT,
        "evaluation": found.evaluation.command,
        "data_set": found.on.data_set,
        "data_hash": "hash of " + found.on.data_set,
        "protocol": found.on.protocol,
        "trained": found.trained,
        "model": card_of(found.pretraining),
        "config": {"seed": found.seed, **copy.deepcopy(dict(found.expected))},
        "metrics": {"top1": 0.5, "k=1": {"top1": 0.25}},
        **({"subset": subset} if subset else {}),
        **changes,
    }


def card_of(pretraining):
    """Return what a finished run says of itself."""
    start = pretraining.start
    return {
        "method": "any",
        "config": asdict(pretraining.config("somewhere", "a run" if start else None)),
        "data_set": pretraining.data.data_set,
        "data_hash": "hash of " + pretraining.data.data_set,
        **({"init_weights": {"sha256": "s", "of": card_of(start)}} if start else {}),
    }


def with_value(content, path, value):
    changed = copy.deepcopy(content)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def sum_of(found):
    """Return the content of the result of a sum of scores as its command writes it."""
    parts = [
        {
            "file": "f",
            "scores_sha256": "s",
            "result": {key: content[key] for key in DESCRIBES if key in content},
        }
        for content in map(result_of, found.members)
    ]
    config = {"seed": found.seed, "weights": [1.0] * len(parts), "members": parts}
    evaluation = f"ensemble-{found.evaluation.command}"
    return result_of(found, evaluation=evaluation, config=config, model={"method": "a+b"})

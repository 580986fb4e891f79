"""The results of several folds as one: means, spread, and what their test sequences say together."""

import json
from pathlib import Path

import numpy as np
import pytest

import skelact
from skelact.errors import DataError
from skelact.pretraining.identity import IDENTITY, SEEDS
from skelact.results.ensemble import combine, ensemble_result, find_member
from skelact.results.files import read_result, read_scores
from skelact.results.folds import join_folds
from skelact.results.rendering import render
from skelact.results.tables import compare, group, read_entries
from written_results import write_predictions

MORE = {"seconds": 2.0, "device": "cpu", SEEDS: [0, None, 0]}


def fold(folder: Path, number: int, labels: list[int], predicted: list[int], **changed: object) -> Path:
    names = [f"{number}-{place}" for place in range(len(labels))]
    own = {"protocol": f"fold{number}", IDENTITY: f"of fold {number}", **MORE, **changed}
    return write_predictions(folder / f"fold{number}", labels, predicted, names=names, **own)


def test_means_spread_and_the_whole(tmp_path: Path) -> None:
    paths = [
        fold(tmp_path, 1, [0, 0, 1, 1], [0, 0, 1, 0]),  # 3 of 4
        fold(tmp_path, 2, [2, 2], [2, 0]),  # 1 of 2
    ]
    path, content = join_folds("folds", paths, tmp_path / "all")
    metrics = content["metrics"]
    assert metrics["top1"] == pytest.approx((0.75 + 0.5) / 2), "the mean over folds, not over sequences"
    assert metrics["spread"]["top1"] == pytest.approx(np.std([0.75, 0.5], ddof=1))
    assert metrics["mean_class_accuracy"] == pytest.approx((0.75 + 0.5) / 2)
    assert metrics["num_sequences"] == content["num_test"] == 6
    assert np.array(metrics["confusion"]).tolist() == [[2, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0] * 4]
    assert metrics["per_class"] == [1.0, 0.5, 0.5, None]
    assert [each["protocol"] for each in content["folds"]] == ["fold1", "fold2"]
    assert [each["metrics"]["top1"] for each in content["folds"]] == [0.75, 0.5]
    assert "confusion" not in content["folds"][0]["metrics"]
    assert (content["seconds"], content[SEEDS]) == (4.0, [0, None, 0])
    written = read_result(path)
    assert path.name == "linear-data-folds-trained-seed0.json"
    scores = read_scores(path, written)
    assert scores.names == ("1-0", "1-1", "1-2", "1-3", "2-0", "2-1")
    assert scores.labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_tables_show_mean_and_spread_and_group_seeds(tmp_path: Path) -> None:
    paths = []
    for seed, right in ((0, 1), (1, 0)):
        folds = [
            fold(tmp_path / str(seed), 1, [0, 1], [0, right], seed=seed, **{SEEDS: [seed, None, seed]}),
            fold(tmp_path / str(seed), 2, [0, 1], [0, 0], seed=seed, **{SEEDS: [seed, None, seed]}),
        ]
        paths.append(join_folds("folds", folds, tmp_path / f"all{seed}")[0])
    [method] = group(read_entries(paths))
    assert method.table == ("data", "folds", "linear")
    assert method.means["top1"].mean == pytest.approx((75 + 50) / 2)
    assert method.means["spread"].mean == pytest.approx(100 * np.std([1, 0.5], ddof=1) / 2)
    assert "top-1 of the folds ±" in render([method], compare([method]), "text")
    assert render([method], [], "csv").splitlines()[0].endswith(",p,spread")


def test_two_of_them_make_an_ensemble(tmp_path: Path) -> None:
    paths = []
    for name, predicted in (("a", [0, 1, 1]), ("b", [0, 1, 0])):
        folds = [
            fold(tmp_path / name, 1, [0, 1, 1], predicted),  # the sum: 3 of 3
            fold(tmp_path / name, 2, [1], [0]),  # 0 of 1
        ]
        paths.append(join_folds("folds", folds, tmp_path / name / "all")[0])
    members = [find_member(path, "linear") for path in paths]
    content = ensemble_result(members, [2.0, 1.0], combine(members, [2.0, 1.0]), 0.0)
    assert (content["protocol"], content["num_train"], content["num_test"]) == ("folds", 200, 4)
    assert content["metrics"]["top1"] == 0.5, "the mean over folds, as of the members"
    assert content["metrics"]["spread"]["top1"] == pytest.approx(np.std([1, 0], ddof=1))
    assert content["metrics"]["num_sequences"] == 4
    assert [each["metrics"]["top1"] for each in content["folds"]] == [1, 0]
    printed = skelact.evaluate("ensemble", paths, out=tmp_path / "sum", weights=[2, 1])
    assert "top-1  50.0 ± 70.7 %" in printed.text
    damaged = json.loads(paths[1].read_text())
    damaged["folds"][0]["num_test"] = 4
    paths[1].write_text(json.dumps(damaged))
    with pytest.raises(DataError, match="its folds have 5 test sequences, but there are scores of 4"):
        combine([members[0], find_member(paths[1])])


def test_several_seeds_in_one(tmp_path: Path) -> None:
    paths = [fold(tmp_path, 1, [0], [0]), fold(tmp_path, 2, [0], [0], **{SEEDS: [1, None, 1]})]
    assert join_folds("folds", paths, tmp_path / "all")[1][SEEDS] == [0, None, 0, 1, None, 1]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"config": {"seed": 1}}, "another config than in"),
        ({"data_hash": "x"}, "another data_hash than in"),
        ({"with_scores": False}, "was written without class scores"),
    ],
)
def test_folds_that_do_not_belong_together(tmp_path: Path, changed: dict[str, object], expected: str) -> None:
    paths = [fold(tmp_path, 1, [0], [0]), fold(tmp_path, 2, [0], [0], **changed)]
    with pytest.raises(DataError, match=expected):
        join_folds("folds", paths, tmp_path / "all")


def test_files_of_one_fold_read_as_before(tmp_path: Path) -> None:
    path = fold(tmp_path, 1, [0, 1], [0, 0])
    [entry] = read_entries([path])
    assert "spread" not in entry.measures
    assert "folds" not in json.loads(path.read_text())

"""Result files, the scores beside them, ensembles and tables of them."""

import csv
import io
import json

import numpy as np
import pytest
import torch

from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.metrics import evaluate_scores
from skelact.results.ensemble import combine, ensemble_result, find_member
from skelact.results.files import (
    FORMAT,
    describe_device,
    read_result,
    read_scores,
    read_with_scores,
    result_marks,
    write_result,
)
from skelact.results.statistics import mean_interval
from skelact.results.tables import compare, group, read_entries
from written_results import write_predictions

NAMES = [f"sequence{number}" for number in range(20)]
LABELS = torch.arange(20) % 3


def scores(seed, strength=1.0):
    noise = torch.randn(20, 4, generator=torch.Generator().manual_seed(seed))
    return noise + strength * torch.nn.functional.one_hot(LABELS, 4)


def write(folder, seed=0, *, method="mae", names=NAMES, table=None, with_scores=True, **changes):
    metrics = evaluate_scores(scores(seed) if table is None else table, LABELS, 4)
    content = {
        "format": FORMAT,
        "evaluation": "linear",
        "data_set": "data",
        "data_hash": "abc",
        "protocol": "xsub",
        "num_train": 5,
        "num_test": 20,
        "trained": True,
        "model": {"method": method, "config": {"training": {"seed": seed}, "clips": {"stream": "joint"}}},
        "config": {"seed": seed, "training": {"lr": 0.1}},
        "metrics": metrics.to_dict(),
    }
    return write_result(folder, {**content, **changes}, names, {"": metrics} if with_scores else None)


def test_scores_come_back_and_a_missing_class_keeps_its_place(tmp_path):
    path = write(tmp_path)
    content = read_result(path)
    found = read_scores(path, content)
    assert found.names == tuple(NAMES)
    assert np.array_equal(found.scores[""], scores(0).numpy())
    assert np.array_equal(found.labels, LABELS.numpy())
    assert np.shape(content["metrics"]["confusion"]) == (4, 4)
    assert content["metrics"]["per_class"][3] is None


def test_scores_of_another_result_are_refused(tmp_path):
    path = write(tmp_path)
    other = write(tmp_path / "other", 1)
    other.with_suffix(".npz").replace(path.with_suffix(".npz"))
    with pytest.raises(DataError, match="not the scores of"):
        read_scores(path, read_result(path))
    path.with_suffix(".npz").unlink()
    with pytest.raises(DataError, match="copy both files"):
        read_scores(path, read_result(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no", "not JSON"),
        ("[1]", "format None"),
        (json.dumps({"format": FORMAT}), "required field evaluation"),
    ],
)
def test_files_that_are_no_results_are_refused(tmp_path, text, message):
    path = tmp_path / "file.json"
    with pytest.raises(DataError, match="cannot be read"):
        read_result(path)
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_result(path)


def test_an_ensemble_adds_scores(tmp_path):
    members = [find_member(write(tmp_path / str(seed), seed).parents[1], "linear") for seed in range(3)]
    total = scores(0) + 2 * scores(1) + scores(2)
    metrics = combine(members, [1, 2, 1])
    assert metrics.top1 == evaluate_scores(total, LABELS, 4).top1
    np.testing.assert_allclose(metrics.scores, total.numpy(), atol=1e-5)
    content = ensemble_result(members, [1, 2, 1], metrics, 0.1)
    path = write_result(tmp_path / "out", content, NAMES, {"": metrics})
    assert read_result(path)["config"]["members"][1]["seed"] == 1
    with pytest.raises(ConfigurationError, match="two or more"):
        combine(members[:1])
    with pytest.raises(ConfigurationError, match="for each of the 3"):
        combine(members, [1, 2])
    for weight in (0, float("inf"), float("nan"), 1e35):
        with pytest.raises(ConfigurationError, match="expected one above 0, up to 1e"):
            combine(members, [1, 2, weight])


def test_sums_of_other_members_or_seeds_stand_side_by_side(tmp_path):
    found = {}
    for number, method in enumerate(("mae", "mamp", "stjd-mp")):
        for seed in range(2):
            path = write(tmp_path / f"{method}{seed}", number, method=method, config={"seed": seed})
            found[method, seed] = find_member(path, "linear")
    sums = [
        (("mae", 0), ("mamp", 0)),
        (("mae", 0), ("stjd-mp", 0)),
        (("mae", 0), ("mamp", 1)),
        (("mae", 0), ("mamp", 0)),  # once more
    ]
    paths = []
    for names in sums:
        members = [found[name] for name in names]
        metrics = combine(members)
        content = ensemble_result(members, [1, 1], metrics, 0.1)
        paths.append(write_result(tmp_path / "out", content, NAMES, {"": metrics}))
    assert len(set(paths)) == 3
    assert paths[3] == paths[0]
    for names, path in zip(sums, paths, strict=True):
        assert [each["seed"] for each in read_result(path)["config"]["members"]] == [
            seed for _, seed in names
        ]


def test_seeds_are_paired_in_the_order_of_numbers(tmp_path):
    files = [write(tmp_path / str(seed), seed) for seed in (10, 2, 1)]
    (method,) = group(read_entries(files))
    assert [entry.seeds[-1] for entry in method.entries] == [1, 2, 10]


def test_a_damaged_spread_is_named(tmp_path):
    path = write(tmp_path)
    content = json.loads(path.read_text())
    content["metrics"]["spread"] = 0.1
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"metrics: .*spread.*evaluate again"):
        read_entries([path])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_hash": "other"}, "data_hash is other, but abc"),
        ({"protocol": "xview"}, "protocol is xview"),
        ({"evaluation": "finetune"}, "evaluation is finetune"),
        ({"num_train": 6}, "num_train is 6, but 5"),
        ({"subset": {"num_sequences": 5, "share": 0.1, "seed": 1, "hash": "b"}}, "learned from other labels"),
        ({"names": NAMES[::-1]}, "other test sequences"),
    ],
)
def test_results_that_do_not_belong_together_are_refused(tmp_path, changes, message):
    first = find_member(write(tmp_path / "a"), "linear")
    second = find_member(write(tmp_path / "b", 1, **changes))
    with pytest.raises((ConfigurationError, DataError), match=message):
        combine([first, second])


def test_a_result_counts_once(tmp_path):
    one, same = (find_member(write(tmp_path / name)) for name in "ab")
    with pytest.raises(ConfigurationError, match=r"b/.*: the same result as .*a/.*; give each once"):
        combine([one, same])
    with pytest.raises(ConfigurationError, match="the same result"):
        combine([one, one])


def test_a_file_is_of_the_evaluation_that_is_asked_for(tmp_path):
    path = write(tmp_path, evaluation="ridge")
    assert find_member(path).path == find_member(path, "ridge").path == path
    with pytest.raises(ConfigurationError, match="a result of ridge, but --evaluation is finetune"):
        find_member(path, "finetune")


def test_a_folder_must_have_one_result(tmp_path):
    with pytest.raises(DataError, match="no result of 'skelact evaluate linear'"):
        find_member(tmp_path, "linear")
    write(tmp_path, 0)
    write(tmp_path, 1)
    with pytest.raises(ConfigurationError, match="2 results"):
        find_member(tmp_path, "linear")


def test_seeds_are_grouped_and_settings_told_apart(tmp_path):
    files = [write(tmp_path / f"mae{seed}", seed) for seed in range(3)]
    files += [write(tmp_path / f"mamp{seed}", seed, method="mamp") for seed in range(2)]
    other = {"seed": 0, "training": {"lr": 0.2}}
    files.append(write(tmp_path / "lr", 7, method="mamp", config=other))
    methods = group(read_entries(files))
    assert [(method.label, len(method.entries)) for method in methods] == [
        ("mae", 3),
        ("mamp (lr=0.1)", 2),
        ("mamp (lr=0.2)", 1),
    ]
    expected = np.mean([100 * evaluate_scores(scores(seed), LABELS, 4).top1 for seed in range(3)])
    assert methods[0].means["top1"].mean == pytest.approx(expected)
    assert methods[0].means["top1"].half_width is not None
    pairs = compare(methods)
    assert len(pairs) == 3
    assert pairs[0].num_pairs == 2
    assert pairs[0].p == 1.0  # the same scores, seed by seed


def test_seeds_of_an_evaluation_are_no_further_encoders(tmp_path):
    """Nine results of two encoders are two draws: each encoder's results count as their mean."""

    files = [
        write(
            tmp_path / f"{run}-{seed}",
            config={"seed": seed},
            model={"method": "mae", "config": {"training": {"seed": run}}},
            table=scores(3 * run + seed),
        )
        for run in range(2)
        for seed in range(3)
    ]
    (method,) = group(read_entries(files))
    results = np.array([entry.main for entry in method.entries])
    of_runs = [results[[entry.seeds[2] == run for entry in method.entries]].mean() for run in range(2)]
    assert method.means["top1"] == mean_interval(of_runs)
    assert method.num_seeds == 2
    (alone,) = group(read_entries(files[:3]))
    assert alone.num_seeds == 3


def test_a_difference_over_sequences_is_found(tmp_path):
    good = write(tmp_path / "good", table=scores(0, 50.0))
    bad = write(tmp_path / "bad", table=scores(1, -50.0), method="mamp")
    (pair,) = compare(group(read_entries([good, bad])))
    assert pair.difference.mean == 100.0
    assert pair.p == pytest.approx(2 * 0.5**20)


def test_results_without_scores_are_tabulated_but_not_tested(tmp_path):
    first, second = write(tmp_path / "a"), write(tmp_path / "b", method="mamp")
    content = json.loads(first.read_text())
    del content["scores"]
    first.write_text(json.dumps(content))
    (pair,) = compare(group(read_entries([first, second])))
    assert pair.p is None
    content["data_hash"] = "older"
    first.write_text(json.dumps(content))
    methods = group(read_entries([first, second]))
    assert compare(methods) == []
    assert [method.label.rpartition(" (")[2] for method in methods] == ["data older)", "data abc)"]


def precisions(map_a, map_v):
    return {"map_a": {"0.1": 0.9, "0.5": map_a}, "map_v": {"0.1": 0.8, "0.5": map_v}}


def test_detections_are_compared_by_their_precision_at_half_an_overlap(tmp_path, capsys):
    files = []
    for method, gain in (("mae", 0.0), ("mamp", 0.2)):
        for seed in range(2):
            metrics = precisions(0.3 + 0.1 * seed + gain, 0.5)
            changes = {"evaluation": "detection", "metrics": metrics}
            files.append(write(tmp_path / method, seed, method=method, with_scores=False, **changes))
    files.append(write(tmp_path / "linear"))
    entries = read_entries(files)
    assert entries[1].measures == pytest.approx({"map_a": 0.4, "map_v": 0.5})
    methods = group(entries)
    assert [method.means["map_a"].mean for method in methods[:2]] == pytest.approx([35, 55])
    assert list(methods[2].means) == ["top1", "mean_class", "top5"]
    (pair,) = compare(methods)  # the linear evaluation is another table
    assert (pair.difference.mean, pair.p) == (pytest.approx(-20), None)
    assert main(["results", "--format", "csv", *map(str, files)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["top1"] != "", row["map_a"], row["map_v"]) for row in rows] == [
        (False, "35", "50"),
        (False, "55", "50"),
        (True, "", ""),
        (False, "-20", ""),
    ]
    content = json.loads(files[0].read_text())
    content["metrics"]["map_a"] = {"0.1": 0.9}
    files[0].write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"metrics: .*no accuracies; the file is damaged"):
        read_entries(files)


def test_the_same_result_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match="a result counts once"):
        read_entries([write(tmp_path / "a"), write(tmp_path / "b")])


def test_methods_on_other_sequences_are_not_paired(tmp_path):
    files = [write(tmp_path / "a"), write(tmp_path / "b", method="mamp", names=NAMES[::-1])]
    with pytest.raises(DataError, match="other test sequences"):
        compare(group(read_entries(files)))


def test_the_device_has_a_name():
    assert "threads" in describe_device(torch.device("cpu"))
    assert describe_device(torch.device("meta")) == "meta"


def test_the_mean_of_the_classes_stands_beside_the_top_1(tmp_path, capsys):
    labels = torch.tensor([0] * 20 + [1])
    metrics = evaluate_scores(torch.nn.functional.one_hot(torch.zeros(21).long(), 2).float(), labels, 2)
    path = write(tmp_path, metrics=metrics.to_dict(), with_scores=False)
    content = json.loads(path.read_text())
    for missing in ((), ("mean_class_accuracy",)):
        numbers = {key: value for key, value in content["metrics"].items() if key not in missing}
        path.write_text(json.dumps({**content, "metrics": numbers}))
        assert main(["results", str(path)]) == 0
        head, row = (line.split() for line in capsys.readouterr().out.splitlines()[1:3])
        assert head[2:6] == ["top-1", "%", "mean", "class"]
        assert row == ["mae", "1", "95.2", "50.0", "100.0"]


def test_results_of_other_data_or_with_other_settings_stand_side_by_side(tmp_path):
    first = write_predictions(tmp_path, [0, 1], [0, 1])
    assert write_predictions(tmp_path, [0, 1], [1, 1]) == first  # the same again takes its place
    other = write_predictions(tmp_path, [0, 1], [0, 0], data_hash="def012345678")
    assert other.name == f"{first.stem}-data-def01234.json"
    assert write_predictions(tmp_path, [0, 1], [0, 1], data_hash="def012345678") == other
    pooled = write_predictions(tmp_path, [0, 1], [0, 1], config={"pooling": "joints", "balance": "loss"})
    assert "-trained-joints-balance-loss-seed0" in pooled.name
    assert [read_result(path)["metrics"]["top1"] for path in (first, other, pooled)] == [0.5, 1.0, 1.0]
    longer = {"training": {"epochs": 7}}
    tuned = write_predictions(tmp_path, [0, 1], [0, 1], config=longer)
    assert tuned.stem.startswith(f"{first.stem}-settings-")
    assert write_predictions(tmp_path, [0, 1], [1, 1], config=longer) == tuned
    both = write_predictions(tmp_path, [0, 1], [0, 1], config=longer, data_hash="def012345678")
    assert both.stem.startswith(f"{other.stem}-settings-")
    assert read_result(first)["metrics"]["top1"] == 0.5
    assert result_marks(read_result(both), both) == ("data-def01234", tuned.stem.rpartition("seed0-")[2])
    assert result_marks(read_result(first), first) == ()
    assert read_with_scores(other)[1] is not None
    first.write_text("{")  # one that cannot be read is replaced
    assert write_predictions(tmp_path, [0, 1], [0, 1]) == first

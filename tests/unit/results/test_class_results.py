"""Numbers by class from result files, and paired tests by class, against counts and tests written out."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from skelact.errors import ConfigurationError, DataError
from skelact.formats.msr_action3d import CLASS_NAMES as MSR_ACTION3D
from skelact.results.classes import class_differences, holm, read_class_results
from written_results import CLASSES, write_predictions

LABELS = [0] * 10 + [1] * 12 + [2] * 4


def predictions(right: list[int]) -> list[int]:
    """The first ``right`` of each class are right, the others taken for the next class."""
    told = []
    for label, num in enumerate(right):
        total = LABELS.count(label)
        told += [label] * num + [(label + 1) % 3] * (total - num)
    return told


def edit(path, **changes):
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return path


def test_seeds_stand_side_by_side(tmp_path):
    files = [
        write_predictions(tmp_path, LABELS, predictions(right), seed=seed)
        for seed, right in enumerate([[10, 6, 1], [5, 6, 0]])
    ]
    (result,) = read_class_results(files)
    assert result.class_names == tuple(CLASSES)
    assert result.num_sequences.tolist() == [10, 12, 4, 0]
    assert result.occurring.tolist() == [0, 1, 2]
    np.testing.assert_allclose(result.accuracies[:, :3], [[100, 50, 25], [50, 50, 0]])
    assert np.isnan(result.accuracies[:, 3]).all()
    assert result.confusions[:, 0, 1].tolist() == [0, 5]


def test_one_variant_is_chosen(tmp_path):
    path = write_predictions(tmp_path, LABELS, predictions([10, 6, 1]), with_scores=False)
    metrics = json.loads(path.read_text())["metrics"]
    worse = {**metrics, "confusion": np.roll(metrics["confusion"], 1, axis=1).tolist()}
    edit(path, evaluation="knn", metrics={"k=1": metrics, "k=5": worse})
    assert read_class_results([path], "k=1")[0].accuracies[0, 0] == 100
    assert read_class_results([path], "k=5")[0].accuracies[0, 0] == 0
    with pytest.raises(ConfigurationError, match=r"k=1, k=5, which one is meant\? give --variant"):
        read_class_results([path])
    with pytest.raises(ConfigurationError, match="no 'k=2'"):
        read_class_results([path], "k=2")
    plain = write_predictions(tmp_path, LABELS, LABELS, method="mamp")
    assert len(read_class_results([path, plain], "k=1")) == 2
    with pytest.raises(ConfigurationError, match="leave the variant out"):
        read_class_results([plain], "k=1")


def test_older_files_of_known_data_sets_get_their_names(tmp_path):
    path = write_predictions(tmp_path, LABELS, LABELS, with_scores=False)
    with pytest.raises(DataError, match="does not name its classes; evaluate again"):
        read_class_results([edit(path, class_names=None)])
    table = (np.eye(20, dtype=int) * 2).tolist()
    edit(path, data_set="msr-action3d", metrics={"top1": 1.0, "confusion": table})
    assert read_class_results([path])[0].class_names == MSR_ACTION3D


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_set": "other"}, "data set other, but data in"),
        ({"protocol": "xview"}, "protocol xview, but xsub"),
        ({"data_hash": "older"}, "data hash older, but abc"),
        ({"class_names": CLASSES[::-1]}, "other classes than in"),
        ({"class_names": CLASSES[:2]}, "names 2 classes, has numbers for 4"),
        ({"metrics": {"top1": 0.5}}, "no numbers by class"),
        ({"metrics": {"top1": 0.5, "confusion": [[1, 2], [3]]}}, "not a square table"),
        (
            {"metrics": {"top1": 0.5, "confusion": [[1.5, 2], [3, 4]]}},
            "expected int, got float",
        ),
    ],
)
def test_results_that_do_not_belong_together_are_refused(tmp_path, changes, message):
    first = write_predictions(tmp_path, LABELS, LABELS)
    second = edit(write_predictions(tmp_path, LABELS, LABELS, method="mamp"), **changes)
    with pytest.raises(DataError, match=message):
        read_class_results([first, second])


def test_other_test_sequences_are_refused(tmp_path):
    first = write_predictions(tmp_path, LABELS, LABELS)
    fewer = write_predictions(tmp_path, LABELS[1:], LABELS[1:], seed=1)
    with pytest.raises(DataError, match="9 test sequences of 'wave', but 10"):
        read_class_results([first, fewer])
    other_method = write_predictions(tmp_path, LABELS[1:], LABELS[1:], method="mamp")
    with pytest.raises(DataError, match="9 test sequences of 'wave', but 10"):
        class_differences(*read_class_results([first, other_method]))
    renamed = [f"other{number}" for number in range(len(LABELS))]
    same_numbers = write_predictions(tmp_path, LABELS, LABELS, method="uniform", names=renamed)
    with pytest.raises(DataError, match="other test sequences"):
        class_differences(*read_class_results([first, same_numbers]))


def test_every_class_has_its_paired_test_adjusted_for_all(tmp_path):
    first = write_predictions(tmp_path, LABELS, predictions([10, 12, 0]))
    second = write_predictions(tmp_path, LABELS, predictions([1, 7, 2]), method="mamp")
    found = class_differences(*read_class_results([first, second]))
    assert [each.name for each in found] == CLASSES[:3]
    assert [each.num_sequences for each in found] == [10, 12, 4]
    p = [binomtest(0, discordant).pvalue for discordant in (9, 5, 2)]
    assert [each.p for each in found] == pytest.approx(p)
    assert [each.adjusted_p for each in found] == pytest.approx([3 * p[0], 2 * p[1], p[2]])
    assert [each.difference for each in found] == pytest.approx([90, 100 * 5 / 12, -50])


def test_seeds_are_paired_and_their_p_values_joined(tmp_path):
    files = [
        write_predictions(tmp_path, LABELS, predictions(right), seed=seed, method=method)
        for method, rights in (("mae", [[10, 6, 4], [10, 8, 4], [4, 7, 4]]), ("mamp", [[0, 6, 4], [5, 6, 4]]))
        for seed, right in enumerate(rights)
    ]
    wave, kick, bow = class_differences(*read_class_results(files))
    assert wave.by_seed == (100, 50)  # the third seed has no partner
    assert (wave.first, wave.second) == (pytest.approx(80), 25)
    assert wave.p == pytest.approx(min(1, 2 * np.median([2 * 0.5**10, 2 * 0.5**5])))
    assert kick.by_seed == pytest.approx((0, 100 * 2 / 12))
    assert (bow.p, bow.adjusted_p) == (1, 1)


def test_without_scores_nothing_is_tested(tmp_path):
    first = write_predictions(tmp_path, LABELS, predictions([10, 12, 0]))
    second = write_predictions(tmp_path, LABELS, LABELS, method="mamp", with_scores=False)
    found = class_differences(*read_class_results([first, second]))
    assert [each.difference for each in found] == [0, 0, -100]
    assert {each.p for each in found} == {each.adjusted_p for each in found} == {None}


def slow_holm(p_values):
    """Holm's procedure as he states it: the smallest level at which each hypothesis falls."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, reached = [0.0] * len(p_values), 0.0
    for step, place in enumerate(order):
        reached = max(reached, (len(p_values) - step) * p_values[place])
        adjusted[place] = min(1.0, reached)
    return adjusted


def test_holm():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]).tolist() == []
    assert holm([0.7, 0.6]).tolist() == [1, 1]
    values = np.random.default_rng(0).random(50) ** 3
    np.testing.assert_allclose(holm(values), slow_holm(values.tolist()))


def test_holm_keeps_the_chance_of_any_false_alarm():
    random = np.random.default_rng(1).random((2000, 20))  # 20 classes without a difference, 2000 times
    assert (random.min(1) < 0.05).mean() > 0.6
    assert np.mean([(holm(row) < 0.05).any() for row in random]) < 0.065

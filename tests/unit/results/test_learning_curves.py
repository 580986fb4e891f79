"""Learning curves from result files."""

import pytest

from skelact.errors import DataError
from skelact.results.curves import learning_curves
from skelact.results.statistics import mean_interval
from skelact.results.tables import read_entries
from written_results import write_predictions, write_share


def test_points_are_means_over_seeds_by_number_of_labels(tmp_path):
    files = [write_share(tmp_path, 20, right, seed=seed) for seed, right in enumerate([10, 12, 17])]
    files += [write_share(tmp_path, 2, right, seed=seed) for seed, right in enumerate([4, 5])]
    files.append(write_share(tmp_path, 200, 19, evaluation="finetune", subset=None))
    scratch = {"method": "from scratch", "evaluation": "supervised"}
    files += [write_share(tmp_path, num, right, **scratch) for num, right in ((2, 1), (20, 8))]
    mae, from_scratch = learning_curves(read_entries(files))
    assert (mae.label, from_scratch.label) == ("mae", "from scratch")
    assert [(point.num_labelled, point.share) for point in mae.points] == [(2, 0.01), (20, 0.1), (200, 1.0)]
    assert mae.points[0].top1 == mean_interval([20, 25])
    assert mae.points[1].top1 == mean_interval([50, 60, 85])
    assert mae.points[2].top1 == mean_interval([95])
    assert [point.top1.mean for point in from_scratch.points] == [5, 40]


def test_other_settings_are_other_curves(tmp_path):
    files = [
        write_share(tmp_path / str(lr), num, 10, config={"seed": 0, "training": {"lr": lr}})
        for lr in (0.1, 0.2)
        for num in (2, 20)
    ]
    assert [curve.label for curve in learning_curves(read_entries(files))] == ["mae (lr=0.1)", "mae (lr=0.2)"]


def test_imported_weights_of_two_files_are_two_curves(tmp_path):
    files = [
        write_share(tmp_path / name, num, right, model={"method": "mamp", "imported": {"sha256": name}})
        for name, right in (("a", 8), ("b", 16))
        for num in (2, 20)
    ]
    curves = learning_curves(read_entries(files))
    assert [[point.top1.mean for point in curve.points] for curve in curves] == [[40, 40], [80, 80]]


def test_epochs_that_go_with_the_labels_are_one_curve(tmp_path):
    def written(num, epochs, **config):
        settings = {"seed": 0, "test_every": epochs, "training": {"epochs": epochs}, **config}
        return write_share(tmp_path / f"{num}-{epochs}", num, 10, config=settings)

    files = [written(2, 300), written(20, 50)]
    assert [curve.label for curve in learning_curves(read_entries(files))] == ["mae, 50 to 300 epochs"]
    files.append(written(2, 50))  # now the epochs of one number of labels tell two methods apart
    labels = [curve.label for curve in learning_curves(read_entries(files))]
    assert labels == ["mae (epochs=300)", "mae (epochs=50)"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": "xview"}, "protocol xview, but xsub"),
        ({"data_set": "other"}, "data set other, but data"),
        ({"data_hash": "older"}, "data hash older, but abc"),
        ({"evaluation": "linear"}, "a result of 'linear'; learning curves are drawn of semi"),
        ({"evaluation": "finetune"}, "with 2 labelled sequences, but of another kind"),
    ],
)
def test_results_that_do_not_belong_together_are_refused(tmp_path, changes, message):
    files = [write_share(tmp_path / "a", 2, 10), write_share(tmp_path / "b", 2, 11, seed=1, **changes)]
    with pytest.raises(DataError, match=message):
        learning_curves(read_entries(files))


def test_one_number_of_labels_is_no_curve(tmp_path):
    files = [write_share(tmp_path, 2, 10, seed=seed) for seed in range(2)]
    with pytest.raises(DataError, match="all 2 results have 2 labelled sequences"):
        learning_curves(read_entries(files))
    full = write_predictions(tmp_path, [0], [0], evaluation="finetune", num_train=200)
    assert len(learning_curves(read_entries([*files, full]))[0].points) == 2

"""What figures of results show, read back from what was drawn."""

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from skelact.errors import ConfigurationError, DataError
from skelact.reports.canvas import BLUE, PALETTE, VERMILION, check_name, write_figure
from skelact.reports.figures import confusion_figure
from skelact.reports.results import class_accuracy_figure, class_difference_figure, learning_curve_figure
from skelact.reports.tsne import MOST_CLASSES, plane_figure, project
from skelact.results.classes import class_differences, read_class_results
from skelact.results.curves import CurvePoint, LearningCurve
from skelact.results.statistics import mean_interval
from written_results import CLASSES, write_predictions

LABELS = [0] * 10 + [1] * 12 + [2] * 4
FIRST = [0] * 5 + [1] * 5 + [1] * 12 + [0] * 4  # 50 %, 100 %, 0 %
SECOND = [0] * 5 + [1] * 5 + [2] * 12 + [2] * 4  # 50 %, 0 %, 100 %


@pytest.fixture
def written(tmp_path):
    def write(*predicted, method="mae", **changes):
        return [
            write_predictions(tmp_path, LABELS, told, seed=seed, method=method, **changes)
            for seed, told in enumerate(predicted)
        ]

    return write


def texts(labels):
    return [label.get_text() for label in labels]


def legend_of(figure):
    return texts(figure.legends[0].get_texts())


def test_class_bars_are_sorted_means_with_a_dot_a_seed(written):
    (result,) = read_class_results(written(FIRST, LABELS))
    figure = class_accuracy_figure(result, title="mae, linear")
    (axes,) = figure.axes
    assert texts(axes.get_yticklabels()) == ["kick (12)", "wave (10)", "bow (4)"]
    assert [bar.get_width() for bar in axes.patches] == [100, 75, 50]
    assert axes.yaxis_inverted()  # the first row is on top
    first, second, mean = axes.lines
    assert list(first.get_xdata()) == [100, 50, 0]
    assert list(second.get_xdata()) == [100, 100, 100]
    assert mean.get_xdata()[0] == 75
    assert "classes without test sequences, left out: 1" in axes.get_xlabel()
    assert axes.get_title() == "mae, linear"


def test_differences_are_sorted_and_filled_where_the_test_says_so(written):
    results = read_class_results(written(FIRST) + written(SECOND, method="mamp"))
    figure = class_difference_figure(class_differences(*results), "mae", "mamp", title="data xsub")
    left, right = figure.axes
    assert texts(left.get_yticklabels()) == ["kick (12)", "wave (10)", "bow (4)"]
    drawn = {line.get_label(): list(line.get_xdata()) for line in left.lines}
    assert drawn["mae"] == [100, 50, 0]
    assert drawn["mamp"] == [0, 50, 100]
    assert [bar.get_width() for bar in right.patches] == [100, 0, -100]
    # 12 of 12 against 0: p 0.0015 for three classes; 4 of 4: p 0.25
    assert [to_hex(bar.get_facecolor()) for bar in right.patches] == [BLUE, "#ffffff", "#ffffff"]
    assert [to_hex(bar.get_edgecolor()) for bar in right.patches] == [BLUE, BLUE, VERMILION]
    assert right.get_xlabel() == "mae minus mamp (points)"
    legend = legend_of(figure)
    assert legend[:2] == ["mae", "mamp"]
    assert any("Holm's correction for 3 classes" in line for line in legend)
    assert "each pair of seeds" not in legend


def test_differences_of_several_seeds_show_each_pair(written):
    results = read_class_results(written(FIRST, LABELS) + written(SECOND, SECOND, method="mamp"))
    figure = class_difference_figure(class_differences(*results), "mae", "mamp")
    pairs = [list(line.get_xdata()) for line in figure.axes[1].lines[:3]]
    assert pairs == [[100, 100], [0, 50], [-100, 0]]
    assert "each pair of seeds" in legend_of(figure)


def test_a_figure_without_tests_says_so(written):
    files = written(FIRST, with_scores=False) + written(SECOND, method="mamp")
    figure = class_difference_figure(class_differences(*read_class_results(files)), "mae", "mamp")
    assert {to_hex(bar.get_facecolor()) for bar in figure.axes[1].patches} == {"#ffffff"}
    assert "not tested: results without class scores" in legend_of(figure)


def test_confusion_shows_shares_of_the_true_class(written):
    (result,) = read_class_results(written(FIRST, SECOND))
    axes = confusion_figure(result.confusions.sum(0), CLASSES, title="both").axes[0]
    shown = axes.images[0].get_array()
    np.testing.assert_allclose(shown[:3], [[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0.5, 0, 0.5, 0]])
    assert shown.mask[3].all()
    assert texts(axes.get_yticklabels()) == CLASSES
    assert sorted(texts(axes.texts)) == ["50"] * 6


def curve(label, *points):
    made = [CurvePoint(num, num / 200, mean_interval(values)) for num, values in points]
    return LearningCurve(label, tuple(made))


def test_learning_curves_show_means_and_intervals():
    curves = [
        curve("mae", (2, [20.0, 30.0]), (20, [50.0, 60.0, 58.0]), (200, [90.0])),
        curve("scratch", (2, [5.0]), (200, [80.0])),
    ]
    figure = learning_curve_figure(curves, title="data xsub")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert texts(axes.get_xticklabels()) == ["1 %\n2", "10 %\n20", "100 %\n200"]
    assert list(axes.get_xticks()) == [0.01, 0.1, 1]
    mae, scratch = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert list(mae.get_ydata()) == [25, 56, 90]
    np.testing.assert_allclose(mae.get_xdata(), [0.01, 0.1, 1], rtol=0.1)
    assert list(scratch.get_ydata()) == [5, 80]
    assert (mae.get_color(), scratch.get_color()) == PALETTE[:2]
    assert (scratch.get_xdata()[0] > mae.get_xdata()[0]).all()  # side by side
    bars = axes.containers[0].lines[2][0].get_segments()
    heights = [segment[1, 1] - segment[0, 1] for segment in bars]
    widths = [point.top1.half_width for point in curves[0].points[:2]]
    np.testing.assert_allclose(heights, 2 * np.array(widths))
    singles = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [list(line.get_ydata()) for line in singles] == [[90], [5, 80]]
    assert legend_of(figure) == ["mae (1 to 3 seeds)", "scratch (1 seed)"]
    assert axes.get_ylim()[0] == -1.5  # the first interval reaches further down
    assert axes.get_ylim()[1] < 101.5
    assert "open points: a single seed" in axes.get_xlabel()


def test_too_many_methods_are_refused():
    with pytest.raises(DataError, match="9 methods are too many"):
        learning_curve_figure([curve(str(number), (2, [1.0]), (4, [2.0])) for number in range(9)])


def groups(num, each=12, width=8):
    """Features of ``num`` classes that point in different directions."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(num).repeat_interleave(each)
    noise = 0.05 * torch.randn(num * each, width, generator=generator)
    return torch.eye(num, width)[labels] + noise, labels.numpy()


def test_tsne_keeps_neighbours_whatever_the_lengths():
    features, labels = groups(3)
    plane = project(features, perplexity=5, seed=1)
    distances = np.linalg.norm(plane.places[:, None] - plane.places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(1)] == labels).all()
    lengths = 2.0 ** (torch.arange(len(features)) % 7)[:, None]
    assert np.array_equal(project(features * lengths, perplexity=5, seed=1).places, plane.places)
    assert "36 sequences" in plane.settings()
    assert "perplexity 5, seed 1, KL divergence" in plane.settings()


def test_a_plane_shows_every_sequence_in_its_class():
    features, labels = groups(3)
    plane = project(features, perplexity=5)
    labels[labels == 2] = 3
    figure = plane_figure(plane, labels, CLASSES, title="run", about="features of a run")
    (axes,) = figure.axes
    dots = [found for found in axes.collections if isinstance(found, PathCollection)]
    for found, label in zip(dots, (0, 1, 3), strict=True):
        np.testing.assert_allclose(found.get_offsets(), plane.places[labels == label])
    assert legend_of(figure) == ["wave (12)", "kick (12)", "never tested (12)"]
    assert axes.get_xlabel() == f"features of a run\n{plane.settings()}"


def test_what_tsne_cannot_do_is_refused():
    features, _ = groups(3)
    with pytest.raises(ConfigurationError, match="perplexity 36 for 36 sequences"):
        project(features, perplexity=36)
    with pytest.raises(DataError, match="t-SNE of 2 sequences"):
        project(features[:2], perplexity=1)
    features[4, 0] = torch.nan
    with pytest.raises(DataError, match="feature of sequence 4 is not finite"):
        project(features, perplexity=5)
    plane = project(groups(3)[0], perplexity=5)
    many = np.arange(36)
    assert len(many) > MOST_CLASSES
    with pytest.raises(DataError, match=r"36 classes cannot be told apart .* --classes"):
        plane_figure(plane, many, [str(number) for number in many])


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")])
def test_the_ending_decides_the_kind_and_equal_figures_are_equal_files(tmp_path, ending, start):
    for name in ("a", "b"):
        figure = learning_curve_figure([curve("mae", (2, [20.0, 30.0]), (20, [50.0]))])
        write_figure(figure, tmp_path / f"{name}.{ending}")
    content = (tmp_path / f"a.{ending}").read_bytes()
    assert content.startswith(start)
    assert content == (tmp_path / f"b.{ending}").read_bytes()
    if ending == "PDF":
        assert b"/FontFile2" in content  # embedded as TrueType


def test_names_are_checked_before_the_work(tmp_path):
    with pytest.raises(DataError, match=r"written as .png, .svg, .pdf"):
        check_name(tmp_path / "figure.gif")
    with pytest.raises(DataError, match="no folder"):
        check_name(tmp_path / "missing" / "figure.png")

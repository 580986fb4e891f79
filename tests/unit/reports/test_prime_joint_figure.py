"""What the map of prime joints shows, read back from what was drawn."""

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.evaluation.prime_joints import ClassPrimeJoints
from skelact.reports.skeletons import MOST_CLASSES, limb_order, prime_joint_figure
from skelact.skeleton.topology import Topology

CHAIN = Topology("two limbs", ("end a", "root", "end b", "middle b"), (1, 1, 3, 1))


def found(num, means=None):
    if means is None:
        means = np.random.default_rng(0).random((num, 4))
    return ClassPrimeJoints(tuple(f"class {row}" for row in range(num)), np.arange(1, num + 1), means)


def test_rows_are_classes_and_columns_joints_limb_by_limb():
    figure = prime_joint_figure(found(2), CHAIN, title="run", about="what it is")
    axes, bar = figure.axes
    order = limb_order(CHAIN)
    np.testing.assert_array_equal(np.asarray(axes.images[0].get_array()), found(2).means[:, order])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["root", "end a", "middle b", "end b"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["class 0 (1)", "class 1 (2)"]
    assert [line.get_xdata()[0] for line in axes.lines] == [1.5]  # between the limbs
    assert axes.get_title() == "run"
    assert axes.get_xlabel() == "joint, limb by limb\nwhat it is"
    assert bar.get_ylabel() == "mean prime mask"
    assert axes.images[0].get_clim() == (0, 1)  # figures of several runs compare


def test_what_was_never_seen_is_said_to_be_grey():
    means = np.array([[0.1, 0.2, 0.3, np.nan]])
    figure = prime_joint_figure(found(1, means), CHAIN)
    assert "grey: never seen in the class" in figure.axes[0].get_xlabel()
    assert found(1, means).most_prime(4).tolist() == [[2, 1, 0, 3]]


def test_more_classes_than_can_be_read_are_refused():
    prime_joint_figure(found(MOST_CLASSES), CHAIN)
    with pytest.raises(DataError, match=f"name up to {MOST_CLASSES} with --classes"):
        prime_joint_figure(found(MOST_CLASSES + 1), CHAIN)

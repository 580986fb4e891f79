from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from skelact.errors import DataError
from skelact.reports.figures import confusion_matrix, density_change_map, limb_order, loss_curve
from skelact.reports.skeletons import skeleton_strip
from skelact.skeleton.tables import KINECT_20, NTU_25
from skelact.skeleton.topology import Topology

VERMILION = np.array([0xD5, 0x5E, 0x00]) / 255


def colours(path: Path) -> np.ndarray:
    """The picture's pixels, (height, width, red green blue)."""
    picture = imread(path)
    assert min(picture.shape[:2]) > 200
    return picture[..., :3]


def count(path: Path, colour: np.ndarray) -> int:
    return int((np.abs(colours(path) - colour).max(-1) < 0.02).sum())


def walk(num_frames: int = 20) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1, 25, 3)) + 0.01 * np.arange(num_frames)[:, None, None]


def test_loss_curve(tmp_path: Path) -> None:
    history = [{"epoch": epoch, "loss": 1 / (epoch + 1)} for epoch in range(20)]
    loss_curve(history, tmp_path / "loss.png")
    loss_curve(history[:1], tmp_path / "first.png", title="one epoch")
    blue = np.array([0x00, 0x72, 0xB2]) / 255
    assert count(tmp_path / "loss.png", blue) > count(tmp_path / "first.png", blue) > 0


@pytest.mark.parametrize("history", [[], [{"epoch": 0}], [{"loss": 1.0}]])
def test_loss_curve_needs_epochs_with_losses(tmp_path: Path, history: list[dict[str, float]]) -> None:
    with pytest.raises(DataError, match="not drawn"):
        loss_curve(history, tmp_path / "loss.png")
    assert not (tmp_path / "loss.png").exists()


@pytest.mark.parametrize("num", [1, 4, 70])
def test_confusion_matrix(tmp_path: Path, num: int) -> None:
    counts = np.eye(num, dtype=np.int64) * 3
    confusion_matrix(counts, [f"class {number}" for number in range(num)], tmp_path / "confusion.png")
    full = np.array(matplotlib.colormaps["cividis"](1.0)[:3])
    assert count(tmp_path / "confusion.png", full) > 1000


def test_a_class_without_sequences_is_grey(tmp_path: Path) -> None:
    confusion_matrix([[2, 1], [0, 0]], ["a", "b"], tmp_path / "confusion.png")
    confusion_matrix([[2, 1], [1, 1]], ["a", "b"], tmp_path / "full.png")
    grey = np.full(3, 0xE6 / 255)
    assert count(tmp_path / "confusion.png", grey) > count(tmp_path / "full.png", grey) + 1000


def test_density_change_map(tmp_path: Path) -> None:
    change = np.zeros((30, 25))
    change[12, 3] = 1e-6
    density_change_map(change, NTU_25, tmp_path / "steps.png")
    density_change_map(change, NTU_25, tmp_path / "seconds.png", step_seconds=0.1, title="wave")
    assert colours(tmp_path / "steps.png").std() > 0.1
    assert colours(tmp_path / "seconds.png").std() > 0.1


@pytest.mark.parametrize("topology", [NTU_25, KINECT_20], ids=lambda topology: topology.name)
def test_limb_order_keeps_limbs_together(topology: Topology) -> None:
    order = limb_order(topology)
    assert sorted(order) == list(range(topology.num_joints))
    for joint, parent in topology.bones:
        assert order.index(parent) < order.index(joint)
    names = [topology.joints[joint] for joint in order]
    place = names.index("ShoulderLeft")
    assert names[place : place + 4] == ["ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft"]


def test_strip_marks_prime_joints_alone(tmp_path: Path) -> None:
    positions = walk()
    nothing, some = np.zeros((20, 25), bool), np.zeros((20, 25), bool)
    some[:, 4] = True
    skeleton_strip(positions, NTU_25, nothing, tmp_path / "plain.png", num_frames=4)
    skeleton_strip(positions, NTU_25, some, tmp_path / "some.png", num_frames=4, fps=30, title="walk")
    legend = count(tmp_path / "plain.png", VERMILION)
    assert count(tmp_path / "some.png", VERMILION) > 3 * legend > 0


def test_strip_leaves_absent_frames_empty(tmp_path: Path) -> None:
    positions = walk(3)
    everything = np.ones((3, 25), bool)
    skeleton_strip(positions, NTU_25, everything, tmp_path / "three.png")
    positions[1:] = 0
    skeleton_strip(positions, NTU_25, everything, tmp_path / "one.png")
    assert count(tmp_path / "three.png", VERMILION) > 2 * count(tmp_path / "one.png", VERMILION)
    skeleton_strip(np.zeros_like(positions), NTU_25, everything, tmp_path / "none.png")


def test_shapes_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path, primes = tmp_path / "x.png", np.zeros((20, 25), bool)
    with pytest.raises(DataError, match=r"x.png: .*\(2, 3\) for 2 class names"):
        confusion_matrix(np.zeros((2, 3)), ["a", "b"], path)
    with pytest.raises(DataError, match="25 joints of ntu-25"):
        density_change_map(np.zeros((30, 20)), NTU_25, path)
    with pytest.raises(DataError, match="step 2, joint 4 is not finite"):
        density_change_map(np.where(np.arange(100).reshape(4, 25) == 54, np.nan, 0.0), NTU_25, path)
    with pytest.raises(DataError, match="20 joints of kinect-20"):
        skeleton_strip(walk(), KINECT_20, primes, path)
    with pytest.raises(DataError, match="prime joints of shape"):
        skeleton_strip(walk(), NTU_25, primes[:5], path)
    with pytest.raises(DataError, match="and bool"):
        skeleton_strip(walk(), NTU_25, primes.astype(float), path)
    with pytest.raises(DataError, match="leave none to show"):
        skeleton_strip(walk(), NTU_25, primes, path, num_frames=0)
    with pytest.raises(DataError, match="frame 3, joint 1"):
        skeleton_strip(
            np.where(np.arange(1500).reshape(20, 25, 3) == 229, np.nan, walk()), NTU_25, primes, path
        )
    assert not path.exists()


def test_files_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    history = [{"epoch": 0, "loss": 1.0}]
    with pytest.raises(DataError, match=r"written as .png, .svg, .pdf"):
        loss_curve(history, tmp_path / "loss.jpg")
    with pytest.raises(DataError, match="cannot be written"):
        loss_curve(history, tmp_path / "no" / "loss.png")

"""Rotation in two numbers: about the vertical, and a tilt."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import Clips, ClipSource, draw_crops
from skelact.errors import ConfigurationError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20
from skelact.skeleton.view import Axis
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

pytestmark = pytest.mark.usefixtures("either_reader")
NUM = 300
CLIPS = ClipSettings(num_frames=2, min_crop_frames=1, min_crop_share=1.0)


def write(path: Path, num_coordinates: int = 3, up: Axis | None = "y") -> Store:
    """Write the same recording so many times."""
    positions = np.random.default_rng(0).normal(size=(1, 3, 20, num_coordinates)).astype(np.float32)
    with StoreWriter(
        path, data_set="mine", topology=KINECT_20, class_names=["a"], fps=None, options={}, up=up
    ) as writer:
        for number in range(NUM):
            writer.add(
                SkeletonSequence(f"s{number}", positions, np.ones((1, 3), np.bool_), KINECT_20, label=0)
            )
        return writer.finish()


def rotations(store: Store, settings: ClipSettings) -> np.ndarray:
    """Return (N, C, C) the rotations that training clips have had; test clips have had none."""
    draws = draw_crops(NUM, torch.Generator().manual_seed(2))
    plain = ClipSource(store, replace(settings, rotation=0.0, turn=None, tilt=None))
    source = ClipSource(store, settings)

    def points(clips: Clips) -> np.ndarray:
        return clips.positions[:, 0].flatten(1, 2).double().numpy()

    assert torch.equal(source.test(range(NUM)).positions, plain.test(range(NUM)).positions)
    before, after = (points(each.train(range(NUM), draws)) for each in (plain, source))
    found = np.linalg.pinv(before) @ after  # rows: before @ R.T = after
    np.testing.assert_allclose(before @ found, after, atol=1e-4)
    return found.mT


@pytest.mark.parametrize("stream", ["joint", "bone", "motion", "bone-motion"])
@pytest.mark.parametrize(("up", "axis"), [("y", 1), ("-y", 1), ("z", 2)])
def test_turns_are_about_the_vertical_and_may_go_all_round(
    tmp_path: Path, up: Axis, axis: int, stream: str
) -> None:
    turns = rotations(write(tmp_path / "store", up=up), replace(CLIPS, turn=180.0, stream=stream))
    unit = np.eye(3)[axis]
    np.testing.assert_allclose(turns @ unit, [unit] * NUM, atol=1e-4)
    other, third = (axis + 1) % 3, (axis + 2) % 3
    angles = np.degrees(np.arctan2(turns[:, third, other], turns[:, other, other]))
    assert np.histogram(angles, 6, (-180, 180))[0].min() > NUM / 12  # all round, not one side
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-4)


def test_a_tilt_stays_below_its_bound_and_has_no_turn(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    tilts = rotations(store, replace(CLIPS, tilt=20.0))
    off_vertical = np.degrees(np.arccos(np.clip(tilts[:, 1, 1], -1, 1)))
    assert 18 < off_vertical.max() < 20 * np.sqrt(2) + 0.1
    both = rotations(store, replace(CLIPS, turn=180.0, tilt=20.0))
    np.testing.assert_allclose(both[:, 1, 1], tilts[:, 1, 1], atol=1e-4)  # turned first, tilted then
    assert np.degrees(np.arctan2(both[:, 0, 2], both[:, 0, 0])).std() > 80


def test_after_a_view_the_vertical_is_y(tmp_path: Path) -> None:
    turns = rotations(write(tmp_path / "store", up="z"), replace(CLIPS, turn=180.0, view="body"))
    np.testing.assert_allclose(turns[:, :, 1], [[0, 1, 0]] * NUM, atol=1e-4)


def test_in_the_plane_a_tilt_is_a_roll_and_there_is_no_turn(tmp_path: Path) -> None:
    store = write(tmp_path / "store", num_coordinates=2)
    rolls = rotations(store, replace(CLIPS, tilt=90.0))
    angles = np.degrees(np.arctan2(rolls[:, 1, 0], rolls[:, 0, 0]))
    assert -90 < angles.min() < -80
    assert 80 < angles.max() < 90
    with pytest.raises(ConfigurationError, match=r"2-D positions.* --clips.turn is 30, set it to 0"):
        ClipSource(store, replace(CLIPS, turn=30.0, tilt=10.0))
    with pytest.raises(ConfigurationError, match=r"--clips.rotation is 0.3, set it to 0"):
        ClipSource(store, CLIPS)


def test_the_published_rotation_stays_the_default(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    draws = draw_crops(NUM, torch.Generator().manual_seed(2))
    as_ever, never = (
        ClipSource(store, replace(CLIPS, **given)).train(range(NUM), draws).positions
        for given in ({}, {"turn": 0.0})
    )
    assert not torch.equal(as_ever, never)
    angles = np.degrees(np.arccos((np.trace(rotations(store, CLIPS), axis1=1, axis2=2) - 1) / 2))
    assert 15 < angles.max() < np.degrees(0.3 * np.sqrt(3)) + 0.1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"turn": 181.0}, "turn=181.0: must be an angle in"),
        ({"tilt": -1.0}, "tilt=-1.0: must be an angle in"),
        ({"turn": 10.0, "rotation": 0.5}, "rotation=0.5 and turn=10.0 both turn; give one"),
    ],
)
def test_angles_out_of_range_and_two_ways_at_once_are_refused(given: dict[str, float], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        ClipSettings(**given)  # type: ignore[arg-type]
    assert ClipSettings(turn=10.0, rotation=0.0).turn == 10

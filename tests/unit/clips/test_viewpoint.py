"""Clips in the axes of a view: turned sequence by sequence, whatever the stream, before any augmentation."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.clips.rotation import rotation_matrices
from skelact.clips.settings import STREAMS, ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.clips.viewpoint import sequence_turns
from skelact.errors import ConfigurationError, SkelactWarning
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import Axis
from skelact.store.convert import convert_store
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

pytestmark = pytest.mark.usefixtures("either_reader")
LEFT, RIGHT = KINECT_20.index("HipLeft"), KINECT_20.index("HipRight")
CLIPS = ClipSettings(num_frames=20, min_crop_frames=8)


def person(seed: int, num_frames: int = 30) -> np.ndarray:
    """Return (T, V, 3) a person who moves, about as a body is built."""
    random = np.random.default_rng(seed)
    start = random.normal(scale=0.2, size=(1, 20, 3))
    start[0, [LEFT, RIGHT]] = [[-0.1, 0, 0], [0.1, 0, 0]]
    start[0, [KINECT_20.index(name) for name in ("ShoulderLeft", "ShoulderRight")]] = [
        [-0.2, 0.5, 0],
        [0.2, 0.5, 0],
    ]
    start[0, [KINECT_20.index(name) for name in ("AnkleLeft", "AnkleRight")]] = [
        [-0.1, -0.9, 0],
        [0.1, -0.9, 0],
    ]
    return start + random.normal(scale=0.02, size=(num_frames, 20, 3)).cumsum(0)


def recording(name: str, *bodies: np.ndarray, seen: np.ndarray | None = None) -> SkeletonSequence:
    positions = np.stack(bodies).astype(np.float32)
    present = np.ones(positions.shape[:2], np.bool_)
    if seen is not None:
        positions = np.where(seen[..., None], positions, 0).astype(np.float32)
        present = seen.any(2)
    return SkeletonSequence(name, positions, present, KINECT_20, joint_present=seen, label=0)


def write(path: Path, *sequences: SkeletonSequence, up: Axis | None = "y") -> Store:
    with StoreWriter(
        path, data_set="mine", topology=None, class_names=["a"], fps=None, options={}, up=up
    ) as writer:
        for sequence in sequences:
            writer.add(sequence)
        return writer.finish()


def about_y(angle: float) -> np.ndarray:
    return rotation_matrices(np.array([[0, angle, 0]]))[0]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """The same six recordings, one of two people, by two cameras."""
    straight, aside = [], []
    for number in range(6):
        bodies = [person(number)] if number else [person(10), person(11) + np.array([1, 0, 0.5])]
        turn = about_y(0.7 * number + 0.5)
        straight.append(recording(f"s{number}", *bodies))
        aside.append(recording(f"s{number}", *(body @ turn.T for body in bodies)))
    folder = tmp_path_factory.mktemp("people")
    return write(folder / "straight", *straight), write(folder / "aside", *aside)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("view", ["upright", "body"])
def test_clips_do_not_depend_on_the_camera(people: tuple[Store, Store], view: str, stream: str) -> None:
    settings = replace(CLIPS, view=view, stream=stream)
    draws = draw_crops(6, torch.Generator().manual_seed(3))
    one, other = (ClipSource(store, settings) for store in people)
    for ours, expected in (
        (one.test(range(6)), other.test(range(6))),
        (one.train(range(6), draws), other.train(range(6), draws)),
    ):
        torch.testing.assert_close(ours.positions, expected.positions, atol=5e-6, rtol=0)
    as_recorded = [ClipSource(store, replace(settings, view="camera")).test(range(6)) for store in people]
    assert (as_recorded[0].positions - as_recorded[1].positions).abs().max() > 0.1


def test_two_people_are_turned_together(people: tuple[Store, Store]) -> None:
    clip = ClipSource(people[1], replace(CLIPS, view="body")).test([0]).positions[0].double()
    flat = ClipSource(people[1], CLIPS).test([0]).positions[0].double()
    for each in (clip, flat):
        each -= each[0, 0, KINECT_20.index("Spine")].clone()
    distances = [torch.cdist(each[0], each[1]) for each in (clip, flat)]
    torch.testing.assert_close(*distances, atol=1e-5, rtol=0)
    turn = sequence_turns(people[1], "body")[0]
    torch.testing.assert_close(clip, flat @ torch.from_numpy(turn).double().T, atol=1e-5, rtol=0)


@pytest.mark.parametrize("stream", STREAMS)
def test_training_clips_are_rotated_after_the_view_and_test_clips_are_not(
    people: tuple[Store, Store], stream: str
) -> None:
    store, chosen = people[1], [4, 0, 2]
    draws = draw_crops(3, torch.Generator().manual_seed(1))
    settings = replace(CLIPS, view="upright", stream=stream)
    plain = ClipSource(store, replace(settings, rotation=0.0))
    source = ClipSource(store, settings)
    angles = (2 * draws.uniform[:, 2:].numpy() - 1) * 0.3
    expected = (
        plain.train(chosen, draws).positions
        @ torch.from_numpy(rotation_matrices(angles)).float().mT[:, None, None]
    )
    torch.testing.assert_close(source.train(chosen, draws).positions, expected, atol=5e-6, rtol=0)
    assert torch.equal(source.test(chosen).positions, plain.test(chosen).positions)


def test_the_first_frame_in_which_the_hips_were_seen_counts(tmp_path: Path) -> None:
    body, shown = person(0), np.ones((1, 30, 20), np.bool_)
    shown[0, :7, RIGHT] = False
    turn = about_y(1.1)
    late = recording("late", body @ turn.T, seen=shown)
    store = write(tmp_path / "store", late)
    (found,) = sequence_turns(store, "upright")
    across = found @ turn @ (body[7, RIGHT] - body[7, LEFT])
    np.testing.assert_allclose(
        across[[0, 2]], [np.hypot(*(body[7, RIGHT] - body[7, LEFT])[[0, 2]]), 0], atol=1e-6
    )


def test_another_body_tells_where_the_first_never_does_and_a_line_counts_the_rest(tmp_path: Path) -> None:
    turn, hidden = about_y(-0.8), np.ones((2, 30, 20), np.bool_)
    hidden[0, :, LEFT] = False
    both = recording("both", person(0) @ turn.T, person(1) @ turn.T, seen=hidden)
    never = recording("never", person(2) @ turn.T, seen=hidden[:1])
    store = write(tmp_path / "store", both, never, up="y")
    with pytest.warns(SkelactWarning, match="view body: 1 of 2 sequences do not tell"):
        turns = sequence_turns(store, "body")
    alone = write(tmp_path / "alone", recording("second", person(1) @ turn.T))
    np.testing.assert_allclose(turns[0], sequence_turns(alone, "body")[0], atol=1e-6)
    np.testing.assert_array_equal(turns[1], np.eye(3))


def test_people_in_a_picture_whose_trunk_is_never_seen_stand_upright(tmp_path: Path) -> None:
    seen = np.ones((1, 30, 20), np.bool_)
    seen[:, :, [LEFT, RIGHT]] = False
    flat = person(0)[..., :2] * [1, -1]  # y downwards
    never = recording("never", flat, seen=seen)
    store = write(tmp_path / "store", never, up="-y")
    with pytest.warns(SkelactWarning, match="1 of 1 sequences do not tell"):
        (turn,) = sequence_turns(store, "body")
    np.testing.assert_array_equal(turn, -np.eye(2))
    whole = write(tmp_path / "whole", recording("whole", flat), up="-y")
    np.testing.assert_allclose(sequence_turns(whole, "body")[0], turn, atol=0.4)  # nearly the same


@pytest.mark.parametrize(
    ("up", "axes"), [("z", [[1, 0, 0], [0, 0, -1], [0, 1, 0]]), ("-y", [[1, 0, 0], [0, -1, 0], [0, 0, -1]])]
)
def test_up_is_found_where_the_store_does_not_say_it(
    tmp_path: Path, up: Axis, axes: list[list[float]]
) -> None:
    bodies = [person(number) for number in range(5)]
    straight = [recording(f"s{number}", body) for number, body in enumerate(bodies)]
    otherwise = [recording(f"s{number}", body @ np.array(axes).T) for number, body in enumerate(bodies)]
    said = write(tmp_path / "said", *otherwise, up=up)
    unsaid = write(tmp_path / "unsaid", *otherwise, up=None)
    with pytest.warns(
        SkelactWarning, match=re.escape(f"does not say which axis is up; {up}, as most bodies")
    ):
        found = sequence_turns(unsaid, "upright")
    np.testing.assert_array_equal(found, sequence_turns(said, "upright"))
    settings = replace(CLIPS, view="upright")
    stores = (said, write(tmp_path / "straight", *straight))
    clips = [ClipSource(store, settings).test(range(5)).positions for store in stores]
    torch.testing.assert_close(*clips, atol=5e-6, rtol=0)


def test_in_the_plane_bodies_are_turned_too(tmp_path: Path) -> None:
    random, settings = np.random.default_rng(5), replace(CLIPS, view="body", rotation=0.0)
    angles = random.uniform(-np.pi, np.pi, 5)
    rolled = [np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) for angle in angles]
    flat = [person(number)[..., :2] for number in range(5)]
    stores = [
        write(tmp_path / "straight", *(recording(f"s{number}", body) for number, body in enumerate(flat))),
        write(
            tmp_path / "rolled",
            *(
                recording(f"s{n}", body @ turn.T)
                for n, (body, turn) in enumerate(zip(flat, rolled, strict=True))
            ),
        ),
    ]
    clips = [ClipSource(store, settings).test(range(5)).positions for store in stores]
    torch.testing.assert_close(*clips, atol=5e-6, rtol=0)
    with pytest.raises(ConfigurationError, match=r"rolled: 2-D positions have no vertical"):
        ClipSource(stores[1], replace(settings, view="upright"))


def test_a_store_of_fixed_point_numbers_is_turned_alike(people: tuple[Store, Store], tmp_path: Path) -> None:
    fixed = convert_store(people[1], tmp_path / "fixed", KINECT_20, positions="int16").store
    clips = [
        ClipSource(store, replace(CLIPS, view="body")).test(range(6)).positions
        for store in (fixed, people[1])
    ]
    torch.testing.assert_close(*clips, atol=2e-3, rtol=0)
    assert fixed.up == "y"


def test_a_skeleton_without_sides_is_refused(tmp_path: Path) -> None:
    chain = Topology("chain", ("a", "b"), (0, 0))
    sequence = SkeletonSequence("s", np.ones((1, 4, 2, 3), np.float32), np.ones((1, 4), np.bool_), chain)
    with pytest.raises(ConfigurationError, match=r"store: the skeleton chain has no left and right joints"):
        ClipSource(write(tmp_path / "store", sequence), replace(CLIPS, view="body"))
    with pytest.raises(ConfigurationError, match=r"view='uprigt': not known.*upright"):
        ClipSettings(view="uprigt")


def test_settings_of_earlier_versions_are_those_of_the_camera() -> None:
    earlier = json.loads('{"num_frames": 60, "rotation": 0.3, "stream": "joint", "gaps": "hold"}')
    assert ClipSettings(**earlier) == ClipSettings(num_frames=60, view="camera")

"""People found frame by frame become bodies: who is who, who is left out, and in which unit they are."""

import tracemalloc

import numpy as np
import pytest

from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.linking import MAX_GAP, link
from skelact.formats.notes import Note
from skelact.formats.people import (
    CENTRED,
    CROWDED,
    HEIGHT,
    MAX_BODIES,
    SAMPLED,
    SHARES,
    STRAYS,
    TWICE,
    WIDTH,
    People,
    frame_steps,
    in_pixels,
    sequence_of,
)
from skelact.skeleton.tables import COCO_17

BODY = np.random.default_rng(0).uniform(0, (60, 170), (17, 2))


def walking(start: float, speed: float, num_frames: int = 40, first: int = 0) -> list[tuple[int, np.ndarray]]:
    """Return a person's frames: the same pose that moves along x."""
    frames = range(first, first + num_frames)
    return [(frame, np.add(BODY, (start + speed * (frame - first), 50.0))) for frame in frames]


def people(*each: list[tuple[int, np.ndarray]], seed: int = 0) -> tuple[People, np.ndarray]:
    """Return the people in any order within each frame, and (D,) who they are."""
    random = np.random.default_rng(seed)
    found = [(frame, random.random(), who, body) for who, one in enumerate(each) for frame, body in one]
    found.sort(key=lambda item: item[:2])
    positions = np.array([body for *_, body in found]) + random.normal(0, 0.5, (len(found), 17, 2))
    frames = np.array([frame for frame, *_ in found])
    return People(frames, positions, np.ones(positions.shape[:2], np.bool_)), np.array(
        [who for _, _, who, _ in found]
    )


def test_two_people_who_cross_stay_themselves() -> None:
    """At equal places half way; only where they came from tells them apart."""
    for speed in (3.0, 6.0):
        found, truth = people(walking(0, speed), walking(39 * speed, -speed))
        bodies = link(found.frames, found.positions, found.seen)
        assert (bodies == truth).all() or (bodies == 1 - truth).all()


def test_a_body_is_found_again_after_a_gap_but_not_after_a_long_one() -> None:
    for gap, num_bodies in ((5, 1), (MAX_GAP - 1, 1), (MAX_GAP + 1, 2)):
        found, _ = people(walking(0, 0, 20), walking(0, 0, 20, first=20 + gap))
        assert len(set(link(found.frames, found.positions, found.seen).tolist())) == num_bodies


def test_who_is_far_away_is_somebody_else() -> None:
    found, _ = people(walking(0, 0, 20), walking(150, 0, 20, first=20))
    assert link(found.frames, found.positions, found.seen).tolist() == [0] * 20 + [1] * 20


def test_bodies_of_which_no_joint_is_seen_twice_are_not_linked() -> None:
    found, _ = people(walking(0, 0, 2))
    found.seen[0, :8], found.seen[1, 8:] = False, False
    assert link(found.frames, found.positions, found.seen).tolist() == [0, 1]


def test_linking_does_not_depend_on_scale() -> None:
    found, _ = people(walking(0, 3), walking(120, -3), walking(300, 1, 30, first=4))
    expected = link(found.frames, found.positions, found.seen)
    for scale in (1e-3, 1e4):
        np.testing.assert_array_equal(link(found.frames, found.positions * scale, found.seen), expected)


def make(found: People, **other: object):
    return sequence_of(found, file="a", name="a", topology=COCO_17, fps=30.0, **other)


def test_a_sequence_holds_everybody_at_their_frames() -> None:
    found, truth = people(walking(0, 0), walking(300, 2, 30, first=8))
    found.seen[truth == 1, 5] = False
    sequence, notes = make(found, num_frames=50)
    assert notes == []
    assert (sequence.num_bodies, sequence.num_frames) == (2, 50)
    assert sequence.present.sum(1).tolist() == [30, 40]  # who walks comes before who stands
    assert not sequence.joint_present[0, :, 5].any()
    assert sequence.joint_present[1, :40].all()
    np.testing.assert_allclose(sequence.positions[0, 8, 0], np.add(BODY[0], (300, 50)), atol=3)
    assert not sequence.positions[~sequence.joint_present].any()


def test_people_seen_briefly_are_left_out_and_counted() -> None:
    sequence, notes = make(people(walking(0, 0), walking(300, 0, 11), walking(600, 0, 12))[0])
    assert sequence.present.sum(1).tolist() == [40, 12]
    assert [(note.what, note.count) for note in notes] == [(STRAYS, 1)]


def test_in_a_short_recording_nobody_is_seen_long() -> None:
    sequence, notes = make(people(walking(0, 0, 8), walking(300, 0, 4), walking(600, 0, 3))[0])
    assert sequence.present.sum(1).tolist() == [8, 4]
    assert notes[0].count == 1


def test_a_crowd_has_bounds() -> None:
    crowd = [walking(200 * who, 0, 20 + who) for who in range(MAX_BODIES + 3)]
    sequence, notes = make(people(*crowd)[0])
    assert sequence.num_bodies == MAX_BODIES
    assert sequence.present.sum(1).min() == 23
    assert [(note.what, note.count) for note in notes] == [(CROWDED, 3)]


def test_time_and_memory_are_in_proportion_to_a_crowd() -> None:
    """Nobody is seen twice: every frame has fifty new bodies."""
    random = np.random.default_rng(0)
    frames = np.repeat(np.arange(60), 50)
    places = BODY + random.uniform(0, 1e6, (3000, 1, 2))
    found = People(frames, places, np.ones((3000, 17), np.bool_))
    tracemalloc.start()
    try:
        sequence, notes = make(found)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (sequence.num_bodies, notes[0].count) == (MAX_BODIES, 3000 - MAX_BODIES)
    assert peak < 40e6


def test_identities_are_kept_where_they_are_told() -> None:
    found, truth = people(walking(0, 0), walking(20, 0), seed=3)  # too close to be told apart by place
    identities = np.where(truth == 0, 70, 9)
    identities[-1] = identities[-2]
    sequence, notes = make(People(found.frames, found.positions, found.seen, identities), num_frames=40)
    assert sorted(sequence.present.sum(1).tolist()) == [39, 40]
    assert [(note.what, note.count) for note in notes] == [(TWICE, 1)]


def test_nobody_is_an_error() -> None:
    found, _ = people(walking(0, 0, 3))
    found.seen[:] = False
    with pytest.raises(UnusableRecordingError, match="expected a person in at least one frame"):
        make(found)


def test_numbers_of_frames() -> None:
    for numbers, steps in (([7, 3, 4], [4, 0, 1]), ([5, 15, 10, 30], [0, 2, 1, 5]), ([9], [0])):
        assert frame_steps("a", np.array(numbers), "")[0].tolist() == steps
    assert frame_steps("a", np.array([5, 15, 10]), "", 30.0)[1] == [Note("a", SAMPLED.format(5))]
    assert frame_steps("a", np.array([5, 6, 7]), "", 30.0)[1] == []
    with pytest.raises(UnusableRecordingError, match="a: data: 3 frames with numbers from 0 to 397133"):
        frame_steps("a", np.array([0, 1, 397133]), "data")


def test_shares_of_an_image_become_pixels_where_its_size_is_known() -> None:
    found, _ = people(walking(0, 0, 3))
    shares = found.positions.clip(0) / 400
    pixels, attributes, notes = in_pixels(shares, found.seen, "a", (640, 480))
    np.testing.assert_allclose(pixels, shares * (640, 480))
    assert attributes == {HEIGHT: 480, WIDTH: 640}
    assert "640x480" in notes[0].what
    same, attributes, notes = in_pixels(shares, found.seen, "a", None)
    assert same is shares
    assert (attributes, [note.what for note in notes]) == ({}, [SHARES])
    same, attributes, notes = in_pixels(found.positions, found.seen, "a", (640, 480))
    assert (same is found.positions, attributes, notes) == (True, {HEIGHT: 480, WIDTH: 640}, [])
    around = 2 * shares - 1
    same, attributes, notes = in_pixels(around, found.seen, "a", (640, 480))
    assert (same is around, attributes, notes) == (True, {}, [Note("a", CENTRED)])

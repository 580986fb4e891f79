"""From the people that a pose estimator found in each frame of a video to the bodies of a sequence.

Where there are never two people in a frame, all are taken for one. Otherwise identities are the estimator's
where it tracks people, and :mod:`skelact.formats.linking` finds them where it does not.
Bodies that are seen too briefly are no people, or people who pass by; they are left out, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skelact.formats.exclusions import MALFORMED, TOO_LARGE, UnusableRecordingError, check_extent
from skelact.formats.linking import Flags, Numbers, Positions, link
from skelact.formats.notes import Note
from skelact.formats.pyskl import HEIGHT, WIDTH
from skelact.limits import beyond, limit
from skelact.skeleton.main_bodies import main_bodies_first
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology

STRAY = 11
"""A body seen in so many frames or fewer is a stray one, as in the rule for NTU RGB+D ..."""
STRAY_SHARE = 0.5
"""... if that is less than this share of the frames of the body seen most: recordings may be short."""
MAX_BODIES = 20
"""Bodies of a recording that are kept, those who matter most."""
NOBODY = "nobody was found in any frame"
SPARSE = 20
"""Frames there may be from the first to the last for each that is told, and a thousand beside."""

STRAYS = f"people seen in {STRAY} frames or fewer, left out"
CROWDED = f"people beyond the first {MAX_BODIES} of a recording, left out"
TWICE = "people found twice in a frame under one identity, left out"


@dataclass(frozen=True)
class People:
    """D people found in the frames of a video, each a body in one frame."""

    frames: Numbers
    """(D,) the number of the frame each was found in."""
    positions: Positions
    """(D, V, C)."""
    seen: Flags
    """(D, V) which joints were found."""
    identities: Numbers | None = None
    """(D,) who each is, where the estimator says."""


ImageSize = tuple[int, int]
"""Width and height of an image in pixels."""
SHARES = "positions are shares of an image of unknown size; --image-size gives them its proportions"
_INSIDE = 0.9
ASSUMED = "positions are shares of an image, taken as {}x{} pixels (--image-size)"
CENTRED = "positions within -1 and 1, no shares of the image from 0 to 1; kept as they are, without its size"
SAMPLED = "one frame in {} is there; --fps is taken as the rate of those"


def seen_joints(confidences: Positions, min_confidence: float) -> Flags:
    """Return which joints were found: those with a confidence above 0 and not below ``min_confidence``."""
    return (confidences > 0) & (confidences >= min_confidence)


def in_pixels(
    positions: Positions,
    seen: Flags,
    file: str,
    image_size: ImageSize | None,
    are_shares: bool | None = None,
) -> tuple[Positions, dict[str, int], list[Note]]:
    """Return positions in pixels, the attributes that hold the image's size, and notes on what was taken.

    Shares of the image become pixels with its size. Where it is not known whether positions are shares, they
    are if nine of ten numbers lie within 0 to 1 and the others not far beyond, as of feet below the picture;
    those between -1 and 1 are noted.

    Args:
        positions: (..., V, 2).
        seen: (..., V) which joints were found.
        file: how notes call the file.
        image_size: where it is known.
        are_shares: whether they are shares of the image; None: unknown.
    """
    found = positions[seen]
    is_share = are_shares
    notes = []
    if is_share is None:
        is_inside = (found >= 0) & (found <= 1)
        is_share = found.size > 0 and is_inside.mean() >= _INSIDE and bool((np.abs(found - 0.5) <= 1.5).all())
        if not is_share and found.size and found.min() < 0 and np.abs(found).max() <= 1.5:
            notes.append(Note(file, CENTRED))
    if image_size is None:
        return positions, {}, [Note(file, SHARES)] if is_share else notes
    attributes = {HEIGHT: image_size[1], WIDTH: image_size[0]}
    if not is_share:
        return positions, {} if notes else attributes, notes
    return positions * np.array(image_size, np.float64), attributes, [Note(file, ASSUMED.format(*image_size))]


def frame_steps(
    file: str, numbers: Numbers, place: str, fps: float | None = None
) -> tuple[Numbers, list[Note]]:
    """Return which frame of a video each of the ``numbers`` is, from 0 for the least, and notes.

    Numbers that all differ by multiples of a step, as those of every fifth frame do, are divided by it; that
    a given rate is theirs is then noted.

    Args:
        file: how errors call the file.
        numbers: (D,) any numbers of frames, at least one.
        place: where in the file they stand.
        fps: frames a second, where given.

    Raises:
        UnusableRecordingError: they are too far apart to be those of one video.
    """
    from_first = numbers - numbers.min()
    step = max(int(np.gcd.reduce(from_first)), 1)
    steps: Numbers = from_first // step
    num_frames, num_found = int(steps.max()) + 1, len(np.unique(steps))
    if num_frames > 1000 + SPARSE * num_found:
        detail = f"{num_found} frames with numbers from {numbers.min()} to {numbers.max()}"
        remedy = "expected those of one video; cut it where nobody is seen for long"
        raise UnusableRecordingError(MALFORMED, file, place, f"{detail}; {remedy}")
    return steps, [Note(file, SAMPLED.format(step))] if step > 1 and fps is not None else []


def sequence_of(
    people: People,
    *,
    file: str,
    name: str,
    topology: Topology,
    fps: float | None,
    num_frames: int = 0,
    image_size: ImageSize | None = None,
    are_shares: bool | None = None,
) -> tuple[SkeletonSequence, list[Note]]:
    """Return the sequence of a video, and notes on who was left out of it and on its pixels.

    Args:
        people: who was found; frames are numbered from 0.
        file: how errors and notes call the file.
        name: the sequence's name.
        topology: what the joints are.
        fps: frames a second, where known.
        num_frames: frames of the video; more where somebody is found later.
        image_size, are_shares: of the video, see :func:`in_pixels`; 3-D people need none.

    Raises:
        UnusableRecordingError: nobody was found.
    """
    attributes: dict[str, int] = {}
    notes: list[Note] = []
    if people.positions.shape[2] == 2:
        pixels, attributes, notes = in_pixels(people.positions, people.seen, file, image_size, are_shares)
        people = replace(people, positions=pixels)
    people = _somebody(people, file)
    if len(np.unique(people.frames)) == len(people.frames):
        bodies = np.zeros(len(people.frames), np.int64)  # never two at a time: one person
    elif people.identities is None:
        crowd = int(np.unique(people.frames, return_counts=True)[1].max())
        if crowd > limit("people"):
            raise UnusableRecordingError(TOO_LARGE, file, "", f"has {beyond('people', crowd)}")
        bodies = link(people.frames, people.positions, people.seen)
    else:
        people, bodies = _once_a_frame(people, file, notes)
    num_frames = max(num_frames, int(people.frames[-1]) + 1)
    kept = _without_strays(bodies, file, notes)
    place = np.full(int(bodies.max()) + 1, -1)
    place[kept] = np.arange(len(kept))
    is_kept = place[bodies] >= 0
    where = place[bodies[is_kept]], people.frames[is_kept]
    num_joints, num_coordinates = people.positions.shape[1:]
    check_extent(file, "", len(kept), num_frames, num_joints)
    positions = np.zeros((len(kept), num_frames, num_joints, num_coordinates), np.float32)
    seen = np.zeros(positions.shape[:3], np.bool_)
    positions[where], seen[where] = people.positions[is_kept], people.seen[is_kept]
    present: Flags = np.any(seen, 2)
    sequence = SkeletonSequence(
        name=name,
        positions=positions,
        present=present,
        joint_present=None if seen[present].all() else seen,
        topology=topology,
        fps=fps,
        attributes=attributes,
    )
    return main_bodies_first(sequence), notes


def _somebody(people: People, file: str) -> People:
    """Return the people of whom a joint was found, ordered by frame, with zeros for joints that were not."""
    found = np.flatnonzero(people.seen.any(1))
    if not len(found):
        raise UnusableRecordingError(
            NOBODY,
            file,
            "",
            "expected a person in at least one frame, with a joint of --min-confidence or more",
        )
    order = found[np.argsort(people.frames[found], kind="stable")]
    found_people = _chosen(people, order)
    positions = np.where(found_people.seen[..., None], found_people.positions, 0)
    return replace(found_people, positions=positions)


def _chosen(people: People, which: Numbers) -> People:
    identities = None if people.identities is None else people.identities[which]
    return People(people.frames[which], people.positions[which], people.seen[which], identities)


def _once_a_frame(people: People, file: str, notes: list[Note]) -> tuple[People, Numbers]:
    """Return the people, of each identity one a frame, and their bodies, numbered as they appear."""
    assert people.identities is not None
    _, first, bodies = np.unique(people.identities, return_index=True, return_inverse=True)
    bodies = np.argsort(np.argsort(first))[bodies]
    _, once = np.unique(np.stack([people.frames, bodies]), axis=1, return_index=True)
    once = np.sort(once)
    if len(once) < len(bodies):
        notes.append(Note(file, TWICE, len(bodies) - len(once)))
    return _chosen(people, once), bodies[once]


def _without_strays(bodies: Numbers, file: str, notes: list[Note]) -> Numbers:
    """Return the bodies that are kept, ascending."""
    counts = np.bincount(bodies)
    is_stray = (counts <= STRAY) & (counts < STRAY_SHARE * counts.max())
    kept = np.flatnonzero(~is_stray)
    if is_stray.any():
        notes.append(Note(file, STRAYS, int(is_stray.sum())))
    if len(kept) > MAX_BODIES:
        notes.append(Note(file, CROWDED, len(kept) - MAX_BODIES))
        kept = np.sort(kept[np.argsort(-counts[kept], kind="stable")[:MAX_BODIES]])
    return kept

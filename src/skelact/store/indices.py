"""What the small arrays of a store must say of each other, so that whatever reads by them stays inside.

Opening asks for the first thing that is wrong, ``data verify`` for all. The arrays are read a part at a time
and compared as wholes; a million sequences take less than a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skelact.limits import beyond, limit
from skelact.skeleton.sequence import FARTHEST
from skelact.store.fixed_point import FINEST_SCALE, FLOAT32, LARGEST_NUMBER, largest_error
from skelact.store.metadata import META

if TYPE_CHECKING:
    from skelact.store.store import Store

_AT_A_TIME = 1 << 17
_SMALL = 1 << 30
_STARTS = {"joint_start": "joints", "row_start": "frame_rows", "frame_start": "frame_numbers"}
_MOST = {"num_bodies": "bodies", "num_frames": "frames"}

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


def index_problems(store: Store) -> Iterator[str]:
    """Yield a line for everything that is wrong with the index arrays, at the first place where it is.

    Nothing behind what is wrong with the starts is looked at, since all else leans on them.
    """
    num_problems = 0
    for problem in _bad_starts(store):
        num_problems += 1
        yield problem
    if not num_problems:
        for find in (_bad_rows, _bad_frames, _bad_columns, _bad_names, _bad_scales):
            yield from find(store)


def _bad_starts(store: Store) -> Iterator[str]:
    for name, target in _STARTS.items():
        starts, size = store.array(name), int(store.meta["arrays"][target]["shape"][0])
        is_sound = starts[0] == 0 and starts[-1] == size
        if not is_sound or any((np.diff(starts[part]) < 1).any() for part in _parts(len(store), 1)):
            expected = f"{len(store) + 1} numbers that rise from 0 to {size}, the length of {target}"
            yield f"{name}: expected {expected}"
            return
    for part in _parts(len(store), 1):
        frames, rows = (np.diff(store.array(name)[part]) for name in ("frame_start", "row_start"))
        if not np.array_equal(rows, store.array("num_bodies")[part][: len(frames)] * frames):
            yield "row_start: sequences do not have one row for each of their bodies and kept frames"
            return


def _bad_rows(store: Store) -> Iterator[str]:
    """Check that present body-frames go through the joints one by one, and gaps as :func:`_bad_gaps` says."""
    rows, row_start, joint_start = _of(store, "frame_rows", "row_start", "joint_start")
    has_gaps, seen = np.zeros(len(store), np.bool_), 0
    for part in _parts(len(rows)):
        encoded, sequences, counts = rows[part], *_owners(row_start, part)
        is_present = encoded >= 0
        row = encoded ^ (encoded >> 31)  # ~row where it is absent
        base = int(joint_start[sequences[0]])
        starts = joint_start[sequences[0] : sequences[-1] + 2] - base
        starts = starts.astype(np.int32) if starts[-1] < _SMALL else starts  # half the bytes to go through
        is_outside = row >= np.repeat(np.diff(starts), counts)
        if is_outside.any():
            found = _owner(row_start, part, is_outside)
            yield f"frame_rows: {_name(store, found)} points outside its joints"
            return
        joint = np.repeat(starts[:-1], counts) + row  # inside, so it cannot overflow
        is_whole = bool(is_present.all())
        present = joint if is_whole else joint[is_present]
        behind = seen - base
        is_next = 0 <= behind <= starts[-1]
        if not is_next or (present != np.arange(behind, behind + len(present), dtype=joint.dtype)).any():
            yield "frame_rows: the present body-frames do not go through the joints one by one"
            return
        seen += len(present)
        if not is_whole:
            has_gaps[np.repeat(sequences, counts)[~is_present]] = True
    if seen != joint_start[-1]:
        yield "frame_rows: the present body-frames do not go through the joints one by one"
        return
    with_gaps = np.flatnonzero(has_gaps)
    ends = np.cumsum(np.diff(row_start)[with_gaps])
    begin = 0
    while begin < len(with_gaps):  # whole sequences, one at least
        most = _AT_A_TIME + (ends[begin - 1] if begin else 0)
        end = max(begin + 1, int(np.searchsorted(ends, most, side="right")))
        bad = _bad_gaps(store, with_gaps[begin:end])
        if bad is not None:
            yield f"frame_rows: {_name(store, bad)} has a gap that names a wrong frame, or an empty frame"
            return
        begin = end


def _bad_gaps(store: Store, sequences: Places) -> int | None:
    """Return the first of ``sequences``, (S,), with an empty body or frame, or a gap that names a wrong row.

    A gap is a frame in which a body is absent; it names the nearest frame of the body, the earlier on a tie.
    """
    rows, row_start, frame_start = _of(store, "frame_rows", "row_start", "frame_start")
    num_bodies, num_frames = store.array("num_bodies")[sequences], np.diff(frame_start)[sequences]
    of_body = np.repeat(sequences, num_bodies)
    length = np.repeat(num_frames, num_bodies)
    end = np.cumsum(length)
    begin = end - length
    body = np.repeat(np.arange(len(length)), length)
    num_rows = num_bodies * num_frames
    shift = row_start[sequences] - (np.cumsum(num_rows) - num_rows)
    encoded = rows[np.arange(len(body)) + np.repeat(shift, num_rows)]
    present, absent = np.flatnonzero(encoded >= 0), np.flatnonzero(encoded < 0)
    # the neighbours of each gap, where they are the body's own
    place = np.searchsorted(present, absent)
    padded = np.concatenate([[-1], present, [len(body)]])
    before, after = padded[place], padded[place + 1]
    is_own = np.stack([before >= begin[body[absent]], after < end[body[absent]]])
    far = len(body)
    to_before = np.where(is_own[0], absent - before, far)
    to_after = np.where(is_own[1], after - absent, far)
    nearest = np.clip(np.where(to_before <= to_after, before, after), 0, len(body) - 1)
    is_bad = ~is_own.any(0) | (~encoded[absent] != encoded[nearest])
    if is_bad.any():
        return int(of_body[body[absent[np.argmax(is_bad)]]])
    # frames: those of each sequence stand one after the other
    frame_begin = np.repeat(np.cumsum(num_frames) - num_frames, num_bodies)
    frame = np.arange(len(body)) - begin[body] + frame_begin[body]
    is_shown = np.zeros(int(num_frames.sum()), np.bool_)
    is_shown[frame[present]] = True
    if not is_shown.all():
        return int(np.repeat(sequences, num_frames)[np.argmin(is_shown)])
    return None


def _bad_frames(store: Store) -> Iterator[str]:
    numbers, frame_start, num_frames = _of(store, "frame_numbers", "frame_start", "num_frames")
    for part in _parts(len(numbers), 1):
        found, sequences, counts = numbers[part], *_owners(frame_start, part)
        is_bad = (found < 0) | (found >= np.repeat(num_frames[sequences], counts))
        falls = np.diff(found) <= 0
        falls[np.cumsum(counts)[:-1] - 1] = False  # from one sequence to the next
        is_bad[1:] |= falls
        if is_bad.any():
            name = _name(store, _owner(frame_start, part, is_bad))
            yield f"frame_numbers: those of {name} do not rise inside its frames"
            return


def _bad_columns(store: Store) -> Iterator[str]:
    for column, bound in _MOST.items():
        numbers = store.array(column)
        most = int(numbers.max(initial=0))
        if most > limit(bound):
            yield f"{column}: {_name(store, int(numbers.argmax()))} has {beyond(bound, most)}"
    num_classes = len(store.meta["class_names"])
    outside = _first_outside(store.labels, num_classes)
    if outside is not None:
        yield f"label: {_name(store, outside)} has one outside the {num_classes} classes"
    for name in store.attribute_names:
        values = store.attribute_values(name)
        outside = _first_outside(store.attribute(name), None if values is None else len(values))
        if outside is not None:
            where = "below -1" if values is None else f"outside the {len(values)} that have names"
            yield f"attribute_{name}: {_name(store, outside)} has one {where}"


def _first_outside(column: npt.NDArray[np.int32], num: int | None) -> int | None:
    """Return the first place of a number that is neither -1, for none, nor one of 0 to ``num`` - 1."""
    is_bad = column < -1 if num is None else (column < -1) | (column >= num)
    return int(np.argmax(is_bad)) if is_bad.any() else None


def _bad_names(store: Store) -> Iterator[str]:
    names = store.array("names")
    if names.itemsize > 4 * limit("name"):  # of UTF-8
        yield f"names: one has {beyond('name', names.itemsize)}"
        return
    rises = all((names[part][1:] > names[part][:-1]).all() for part in _parts(len(names), 1))
    if not rises and len(set(names.tolist())) != len(names):  # most stores go by name
        yield "names: two sequences have the same name"
    for part in _parts(len(names)):
        letters = names[part].view(np.uint8).reshape(-1, names.itemsize)
        is_bad = (letters[:, 0] == 0) | ((letters[:, :-1] == 0) & (letters[:, 1:] != 0)).any(1)
        for place in np.flatnonzero((letters >= 0x80).any(1)).tolist():
            try:
                bytes(names[part][place]).decode()
            except UnicodeDecodeError:
                is_bad[place] = True
        if is_bad.any():
            yield f"names: that of sequence {part.start + int(np.argmax(is_bad))} is no text"
            return


def _bad_scales(store: Store) -> Iterator[str]:
    if store.position_type == FLOAT32:
        return
    scales = store.array("joint_scale")
    is_bad = ~(np.isfinite(scales) & (scales >= FINEST_SCALE))
    if is_bad.any():
        yield f"joint_scale: that of {_name(store, int(np.argmax(is_bad)))} is not a number above 0"
    elif (is_far := scales > FARTHEST / LARGEST_NUMBER).any():
        far = _name(store, int(np.argmax(is_far)))
        yield f"joint_scale: that of {far} lets positions be farther than {FARTHEST:,.0f}"
    elif store.largest_error != largest_error(scales):
        said, found = store.largest_error, largest_error(scales)
        yield f"joint_scale: positions are off by up to {found:.6g}, but {META} says {said:.6g}"


def _parts(length: int, more: int = 0) -> Iterator[slice]:
    """Yield the parts that together cover ``length`` numbers, each with ``more`` numbers of the next."""
    for begin in range(0, length, _AT_A_TIME):
        yield slice(begin, min(begin + _AT_A_TIME, length) + more)


def _of(store: Store, *names: str) -> list[npt.NDArray[Any]]:
    return [store.array(name) for name in names]


def _owners(starts: Places, part: slice) -> tuple[Places, Places]:
    """Return the sequences that have numbers in a part of an array, and how many each has there."""
    end = min(part.stop, int(starts[-1]))
    first, behind = np.searchsorted(starts, part.start, "right") - 1, np.searchsorted(starts, end, "left")
    bounds = np.clip(starts[first : behind + 1], part.start, end)
    return np.arange(first, behind), np.diff(bounds)


def _owner(starts: Places, part: slice, is_bad: Flags) -> int:
    """Return the sequence of the first number of a part that is bad."""
    return int(np.searchsorted(starts, part.start + int(np.argmax(is_bad)), "right")) - 1


def _name(store: Store, sequence: int) -> str:
    """Return the name of a sequence."""
    return bytes(store.array("names")[sequence]).decode(errors="replace")

"""What happens when in untrimmed recordings: the truth of detection, as intervals and frame by frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skelact.errors import DataError
from skelact.preparation.intervals import FILE_NAME, ActionInterval, read_intervals
from skelact.preparation.store import Store

Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class DetectionTruth:
    """The labelled actions of the recordings of one side of a protocol."""

    recordings: Indices
    """(R,) the recordings, as sequences of the store."""
    intervals: tuple[tuple[ActionInterval, ...], ...]
    """The actions of each of the R recordings, by start."""
    num_outside: int
    """Actions left out, since they begin behind the end of their recording."""

    @property
    def all_intervals(self) -> list[ActionInterval]:
        """The actions of all recordings."""
        return [interval for intervals in self.intervals for interval in intervals]


def read_truth(store: Store, recordings: Indices) -> DetectionTruth:
    """Return the actions of ``recordings``.

    Args:
        store: an untrimmed store.
        recordings: (R,) sequences of it.

    Raises:
        DataError: the store holds trimmed actions, its intervals cannot be read or name what it does not
            have, or a recording has no action.
    """
    if not (store.path / FILE_NAME).is_file():
        data_set = store.data_set if store.data_set.startswith("pku") else "pku1"
        raise DataError(
            f"{store.path}: no {FILE_NAME}, so its sequences are not whole recordings with their actions; "
            f"'skelact data prepare {data_set} RAW STORE --untrimmed' makes such a store"
        )
    lengths = dict(zip(store.names, store.array("num_frames").tolist(), strict=True))
    by_name: dict[str, list[ActionInterval]] = {name: [] for name in store.names}
    for interval in sorted(read_intervals(store), key=lambda one: (one.start, one.end, one.action)):
        if interval.recording not in by_name or not 0 <= interval.action < len(store.class_names):
            raise DataError(
                f"{store.path / FILE_NAME}: an action {interval.action} of {interval.recording!r}, but the "
                f"store has no such recording, or no such class (0 to {len(store.class_names) - 1}); "
                "prepare the data again"
            )
        if not 0 <= interval.start < interval.end:
            raise DataError(
                f"{store.path / FILE_NAME}: {interval.recording} has an action from frame {interval.start} "
                f"to {interval.end}; expected an end after the start; prepare the data again"
            )
        by_name[interval.recording].append(interval)
    names = [store.names[index] for index in recordings.tolist()]
    inside = [tuple(one for one in by_name[name] if one.start < lengths[name]) for name in names]
    without = [name for name, intervals in zip(names, inside, strict=True) if not intervals]
    if without:
        raise DataError(
            f"{store.path}: {len(without)} recordings have no action in {FILE_NAME}, the first is "
            f"{without[0]}; "
            "prepare the data again with their label files"
        )
    num_all = sum(len(by_name[name]) for name in names)
    return DetectionTruth(recordings, tuple(inside), num_all - sum(map(len, inside)))


def frame_labels(intervals: Iterable[ActionInterval], num_frames: int, background: int) -> Indices:
    """Return the (T,) label of every frame of a recording.

    A frame of several actions has the label of the one that starts last.

    Args:
        intervals: the recording's actions, by start.
        num_frames: frames T of the recording.
        background: label of frames of no action.
    """
    labels = np.full(num_frames, background, np.int64)
    for interval in intervals:
        labels[interval.start : interval.end] = interval.action
    return labels

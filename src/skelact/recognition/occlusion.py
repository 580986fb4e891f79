"""What carries a decision: what the likeliest class loses when joints, limbs or a stretch of time hold still.

A joint that holds still stays where it was at first, seen from the joint on which it hangs: an arm hangs at
its side while the person walks on. In a stretch that is passed over, everybody glides along a straight line
from where they were before to where they are after it, or stands where there is nothing on one side.

Joints could be reported as not seen instead. But then models answer to the odd body rather than to what is
missing: ``benchmarks/explain_actions.py`` compares the two where the truth is known.

Source: occlusion, Zeiler and Fergus, ECCV 2014, of movement instead of parts of an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.density.arrays import without_gaps
from skelact.progress import progress
from skelact.recognition.answers import Explanation, Prediction, StillJoints, StillStretch
from skelact.recognition.prediction import Asked, Floats
from skelact.skeleton.limbs import limbs
from skelact.skeleton.sequence import SkeletonSequence
from skelact.store.in_memory import store_in_memory
from skelact.store.store import Store

STRETCHES = 8
"""Equal parts of a recording that are passed over one after the other."""
_AT_ONCE = 4_000_000
"""Bodies times frames times joints that are in memory at once, but for a recording that alone has more."""
_LEAST = 1e-30
"""Probabilities below it count as this."""
Bools = npt.NDArray[np.bool_]


def explain_all(
    recogniser: Asked, store: Store, predictions: Sequence[Prediction], title: str = ""
) -> list[Prediction]:
    """Return what the sequences of a store show, each with its explanation.

    Args:
        recogniser: what tells the classes apart.
        store: sequences in the skeleton of its encoder.
        predictions: what it says of them, one for each.
        title: what the progress line on a terminal calls it; none without a title.
    """
    found = []
    with progress(title, len(predictions), "recordings") as step:
        for index, one in enumerate(predictions):
            found.append(replace(one, explanation=explain(recogniser, store, index)))
            step(index + 1)
    return found


def explain(recogniser: Asked, store: Store, index: int) -> Explanation:
    """Say what the likeliest class of a recording loses when parts of it hold still, in everybody at once.

    It asks about one recording for every joint and limb, and nine more.

    Args:
        recogniser: what tells the classes apart.
        store: sequences in the skeleton of its encoder.
        index: the sequence's number there.
    """
    sequence = store.sequence(index)
    topology, seen = sequence.topology, sequence.seen
    ever: Bools = np.asarray(seen.any((0, 1)))
    there: Bools = np.asarray(sequence.present.any(0))
    groups: list[tuple[int, ...]] = [(joint,) for joint, _ in sorted(topology.bones)]
    groups += [limb for limb in limbs(topology) if len(limb) > 1]
    groups = [group for group in groups if ever[list(group)].any()]
    num = min(STRETCHES, sequence.num_frames)
    edges = np.linspace(0, sequence.num_frames, num + 1).round().astype(int).tolist()
    stretches = [part for part in pairwise(edges) if there[slice(*part)].any()]

    def variants() -> Iterator[SkeletonSequence]:
        yield sequence
        for group in groups:
            yield holding_still(sequence, group)
        for part in stretches:
            yield gliding(sequence, *part)

    chances = _ask(recogniser, store, variants(), max(1, _AT_ONCE // seen.size))
    label = int(chances[0].argmax())
    odds = _log_odds(chances, label)
    told = [
        (
            float(chances[row, label]),
            float(chances[0, label] - chances[row, label]),
            float(odds[0] - odds[row]),
        )
        for row in range(1, len(chances))
    ]
    joints = [
        StillJoints(tuple(topology.joints[joint] for joint in group), *numbers)
        for group, numbers in zip(groups, told, strict=False)
    ]
    joints.sort(key=lambda each: -each.log_odds_loss)
    return Explanation(
        label=recogniser.class_names[label],
        probability=float(chances[0, label]),
        joints=tuple(each for each in joints if len(each.joints) == 1),
        limbs=tuple(each for each in joints if len(each.joints) > 1),
        stretches=tuple(
            StillStretch(first, end - 1, *numbers)
            for (first, end), numbers in zip(stretches, told[len(groups) :], strict=True)
        ),
    )


def holding_still(sequence: SkeletonSequence, joints: Sequence[int]) -> SkeletonSequence:
    """Return a sequence in which joints stay, seen from those on which they hang, where they were at first.

    Args:
        sequence: the recording.
        joints: their numbers, from the root outwards. The root, which hangs on nothing, moves on.
    """
    seen, positions = sequence.seen, sequence.positions.copy()
    for joint in joints:
        parent = sequence.topology.parents[joint]
        both: Bools = seen[..., joint] & seen[..., parent] if parent != joint else np.zeros_like(seen[..., 0])
        for body in np.flatnonzero(both.any(1)).tolist():
            at, first = both[body], int(both[body].argmax())
            offset = sequence.positions[body, first, joint] - sequence.positions[body, first, parent]
            positions[body, at, joint] = positions[body, at, parent] + offset
    return replace(sequence, positions=positions)


def gliding(sequence: SkeletonSequence, first: int, end: int) -> SkeletonSequence:
    """Return a sequence with straight lines for what joints do from a frame to the one before ``end``."""
    seen, positions = sequence.seen, sequence.positions.astype(np.float64)
    for body, joint in np.argwhere(seen[:, first:end].any(1)).tolist():
        outside = seen[body, :, joint].copy()
        outside[first:end] = False
        path = positions[body, :, joint : joint + 1]
        if outside.any():
            path[first:end] = without_gaps(path, outside[:, None])[first:end]
        else:
            path[first:end] = path[first:end][seen[body, first:end, joint]].mean(0)
    return replace(sequence, positions=np.where(seen[..., None], positions, 0).astype(np.float32))


def _ask(recogniser: Asked, store: Store, variants: Iterator[SkeletonSequence], at_once: int) -> Floats:
    """Return (variants, K) probabilities in double precision."""
    found, waiting = list[npt.NDArray[Any]](), list[SkeletonSequence]()
    for number, each in enumerate(variants):
        waiting.append(replace(each, name=str(number)))
        if len(waiting) == at_once:
            found.append(recogniser.ask(store_in_memory(waiting, store.up, store.unit))[0])
            waiting.clear()
    if waiting:
        found.append(recogniser.ask(store_in_memory(waiting, store.up, store.unit))[0])
    return np.concatenate(found).astype(np.float64)


def _log_odds(chances: Floats, label: int) -> Floats:
    """Return (N,) the logarithm of the odds of a class, exact also where it is nearly certain."""
    others = np.delete(chances, label, 1).sum(1)
    return np.asarray(np.log(np.maximum(chances[:, label], _LEAST)) - np.log(np.maximum(others, _LEAST)))

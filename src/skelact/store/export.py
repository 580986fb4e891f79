"""A store in the formats of other programs: which sequences, and what the formats cannot hold.

Sequences of a side stand as the protocol's split lists them, which for NTU RGB+D is the published order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skelact.errors import ConfigurationError, DataError
from skelact.formats.padded_npz_writer import write_padded_npz
from skelact.formats.protocol import GIVEN
from skelact.formats.pyskl_writer import write_pyskl
from skelact.limits import check_limit
from skelact.store.protocols import split
from skelact.store.store import Store


@dataclass(frozen=True)
class ExportedNpz:
    """What was written."""

    num_train: int
    num_test: int
    num_frames: int
    """Frames that every sequence is padded to."""
    num_missing_joints: int
    """Joints of present bodies that were not seen: the format can only hold zeros for them."""


def export_padded_npz(
    store: Store,
    protocol: str,
    out: str | Path,
    *,
    num_frames: int | None = None,
    num_bodies: int = 2,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> ExportedNpz:
    """Write the sequences of a protocol, padded, with one-hot classes.

    Args:
        store: the prepared data set, in 3-D.
        protocol: the protocol whose two sides the file holds.
        out: the file to write.
        num_frames: frames to pad to; default: those of the longest sequence.
        num_bodies: bodies a frame.
        overwrite: replace ``out`` if it is there.
        on_progress: called with the number of sequences written and their total.

    Raises:
        ConfigurationError: the store has no such protocol, or a sequence has more frames or bodies.
        DataError: positions are not 3-D, a sequence has no class, all joints of a present body lie in one
            point, or ``out`` exists or cannot be written.
    """
    sides = split(store, protocol)
    chosen = np.concatenate([sides.train, sides.test])
    if store.array("joints").shape[2] != 3:
        raise DataError(f"{store.path}: positions are not 3-D; the padded .npz holds 3-D ones, so use pyskl")
    if (store.labels[chosen] < 0).any():
        name = store.names[int(chosen[np.argmax(store.labels[chosen] < 0)])]
        raise DataError(f"{store.path}: {name} has no class; the padded .npz holds a class for each sequence")
    longest = int(store.array("num_frames")[chosen].max())
    frames = longest if num_frames is None else num_frames
    if frames < longest:
        raise ConfigurationError(f"--frames is {frames}, but the longest sequence has {longest}")
    most = int(store.array("num_bodies")[chosen].max())
    check_limit("frames", frames, "--frames", ConfigurationError)
    check_limit("bodies", num_bodies, "--bodies", ConfigurationError)
    places = frames * num_bodies * store.topology.num_joints
    check_limit("places", places, "--frames, --bodies", ConfigurationError)
    if num_bodies < most:
        raise ConfigurationError(f"--bodies is {num_bodies}, but a sequence of {store.path} has {most}")
    missing = write_padded_npz(
        out,
        {"train": sides.train.tolist(), "test": sides.test.tolist()},
        store.sequence,
        num_frames=frames,
        num_bodies=num_bodies,
        num_joints=store.topology.num_joints,
        num_classes=len(store.class_names),
        overwrite=overwrite,
        on_progress=on_progress,
    )
    return ExportedNpz(len(sides.train), len(sides.test), frames, missing)


def export_pyskl(
    store: Store,
    protocols: Sequence[str],
    out: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write all sequences of a store, and the splits of ``protocols`` as ``xsub_train`` and ``xsub_val``.

    ``keypoint_score`` (1 for a joint that was seen, else 0) is written where the store is 2-D or a joint is
    missing in it, ``img_shape`` where the store knows it and its positions were not centred.

    Args:
        store: the prepared data set.
        protocols: protocols of the store.
        out: the file to write.
        overwrite: replace ``out`` if it is there.
        on_progress: called with the number of sequences written and their total.

    Returns:
        The number of sequences written.

    Raises:
        ConfigurationError: no protocol, one named twice, or one that the store does not have.
        DataError: a side of a protocol is empty, all joints of a present body lie in the origin, or ``out``
            exists or cannot be written.
    """
    if not protocols or len(set(protocols)) < len(protocols):
        raise ConfigurationError("--protocol: expected one or more protocols, each once, e.g. xsub,xview")
    names = store.names
    splits: dict[str, list[str]] = {}
    for protocol in protocols:
        sides = split(store, protocol)
        prefix = "" if protocol == GIVEN else f"{protocol}_"
        splits[f"{prefix}train"] = [names[index] for index in sides.train]
        splits[f"{prefix}val"] = [names[index] for index in sides.test]
    is_flat = store.array("joints").shape[2] == 2
    with_score = is_flat or "joint_present" in store.meta["arrays"]
    with_image = is_flat and not store.meta["options"].get("centred", False)
    write_pyskl(
        out,
        splits,
        len(store),
        store.sequence,
        with_score=with_score,
        with_image=with_image,
        overwrite=overwrite,
        on_progress=on_progress,
    )
    return len(store)

"""Writes the padded ``.npz`` that CTR-GCN, MAMP and their relatives train on, in bounded memory.

Arrays and order are those of :mod:`skelact.formats.padded_npz`: sequences stand as the protocol's split lists
them, which for NTU RGB+D is the published order.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError
from skelact.files import new_file
from skelact.skeleton.sequence import SkeletonSequence
from skelact.store.protocols import split
from skelact.store.store import Store

_LABEL_ROWS = 1024
_DATE = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


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
    out: Path | str,
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
    rows = {"train": sides.train, "test": sides.test}
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
    if num_bodies < most:
        raise ConfigurationError(f"--bodies is {num_bodies}, but a sequence of {store.path} has {most}")
    done = missing = 0
    width = num_bodies * store.topology.num_joints * 3
    with new_file(out, overwrite) as file, zipfile.ZipFile(file, "w") as archive:
        for side, indices in rows.items():
            with _member(archive, f"x_{side}", (len(indices), frames, width), "<f4") as member:
                for index in indices:
                    sequence = store.sequence(int(index))
                    member.write(_padded(sequence, frames, num_bodies).tobytes())
                    missing += _num_missing(sequence)
                    done += 1
                    if on_progress:
                        on_progress(done, len(chosen))
            num_classes = len(store.class_names)
            with _member(archive, f"y_{side}", (len(indices), num_classes), "<f8") as member:
                labels = store.labels[indices]
                for start in range(0, len(labels), _LABEL_ROWS):
                    part = labels[start : start + _LABEL_ROWS, None]
                    member.write((part == np.arange(num_classes)).astype("<f8").tobytes())
    return ExportedNpz(len(sides.train), len(sides.test), frames, missing)


def _member(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: str) -> IO[bytes]:
    """Open the array ``name`` for writing, behind its header."""
    member = archive.open(zipfile.ZipInfo(f"{name}.npy", _DATE), "w", force_zip64=True)
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    return member


def _padded(sequence: SkeletonSequence, num_frames: int, num_bodies: int) -> npt.NDArray[np.float32]:
    """Return (num_frames, num_bodies · V · 3), zeros where nothing was seen."""
    positions = sequence.positions
    if sequence.joint_present is not None:
        positions = np.where(sequence.joint_present[..., None], positions, np.float32(0))
    is_lost = sequence.present & (positions == positions[:, :, :1]).all((2, 3))
    if is_lost.any():
        body, frame = np.argwhere(is_lost)[0].tolist()
        raise DataError(
            f"{sequence.name}: body {body}, frame {frame}: all joints lie in one point, which in a padded "
            ".npz is an absent body; use the pyskl format"
        )
    padded = np.zeros((num_frames, num_bodies, *positions.shape[2:]), "<f4")
    padded[: positions.shape[1], : positions.shape[0]] = positions.transpose(1, 0, 2, 3)
    return padded


def _num_missing(sequence: SkeletonSequence) -> int:
    if sequence.joint_present is None:
        return 0
    return int((~sequence.joint_present[sequence.present]).sum())

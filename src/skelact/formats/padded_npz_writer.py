"""Writes the padded ``.npz`` that :mod:`skelact.formats.padded_npz` reads, in bounded memory."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.files import new_file
from skelact.formats.padded_npz import NUM_COORDINATES
from skelact.skeleton.sequence import SkeletonSequence

_LABEL_ROWS = 1024
_DATE = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


def write_padded_npz(
    out: str | Path,
    sides: Mapping[str, Sequence[int]],
    sequence: Callable[[int], SkeletonSequence],
    *,
    num_frames: int,
    num_bodies: int,
    num_joints: int,
    num_classes: int,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write sequences, padded, with one-hot classes.

    Args:
        out: the file to write.
        sides: what to write under ``train`` and ``test``, by index and in this order.
        sequence: returns the sequence of an index, in 3-D and with a class; each is asked for once.
        num_frames: frames to pad to.
        num_bodies: bodies a frame.
        num_joints: joints of every sequence.
        num_classes: columns of the one-hot classes.
        overwrite: replace ``out`` if it is there.
        on_progress: called with the number of sequences written and their total.

    Returns:
        The number of joints of present bodies that were not seen: the format can only hold zeros for them.

    Raises:
        DataError: a sequence has no class, all joints of a present body lie in one point, or ``out``
            exists or cannot be written.
    """
    done = missing = 0
    total = sum(map(len, sides.values()))
    width = num_bodies * num_joints * NUM_COORDINATES
    with new_file(out, overwrite) as file, zipfile.ZipFile(file, "w") as archive:
        for side, indices in sides.items():
            labels = np.empty(len(indices), np.int64)
            with _member(archive, f"x_{side}", (len(indices), num_frames, width), "<f4") as member:
                for row, index in enumerate(indices):
                    one = sequence(int(index))
                    if one.label is None:
                        raise DataError(f"{one.name}: no class; a padded .npz holds one for each sequence")
                    labels[row] = one.label
                    member.write(_padded(one, num_frames, num_bodies).tobytes())
                    missing += _num_missing(one)
                    done += 1
                    if on_progress:
                        on_progress(done, total)
            with _member(archive, f"y_{side}", (len(indices), num_classes), "<f8") as member:
                for start in range(0, len(labels), _LABEL_ROWS):
                    part = labels[start : start + _LABEL_ROWS, None]
                    member.write((part == np.arange(num_classes)).astype("<f8").tobytes())
    return missing


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

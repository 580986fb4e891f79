"""Writes PYSKL's pickle, annotation by annotation, in memory that does not grow with the data set.

The keys are those of :mod:`skelact.formats.pyskl`. The pickle is put together from its opcodes
(protocol 3), because Python's pickler keeps all that it has written; it names NumPy's functions as NumPy 1
and 2 both know them.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError
from skelact.files import new_file
from skelact.formats.pyskl import HEIGHT, WIDTH
from skelact.skeleton.sequence import SkeletonSequence

_PROTOCOL = 3


def write_pyskl(
    out: str | Path,
    splits: Mapping[str, Sequence[str]],
    num_sequences: int,
    sequence: Callable[[int], SkeletonSequence],
    *,
    with_score: bool,
    with_image: bool,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write sequences and the names on each side of their splits.

    Args:
        out: the file to write.
        splits: names of sequences by the name of a side, e.g. ``xsub_train`` and ``xsub_val``.
        num_sequences: how many sequences there are.
        sequence: returns the sequence of an index from 0; each is asked for once, in order.
        with_score: write ``keypoint_score``, 1 for a joint that was seen, else 0.
        with_image: write ``img_shape`` where a sequence knows it.
        overwrite: replace ``out`` if it is there.
        on_progress: called with the number of sequences written and their total.

    Raises:
        DataError: all joints of a present body lie in the origin, or ``out`` exists or cannot be written.
    """
    with new_file(out, overwrite) as file:
        file.write(pickle.PROTO + bytes([_PROTOCOL]) + pickle.EMPTY_DICT + pickle.MARK)
        file.write(_opcodes("split") + _opcodes(dict(splits)))
        file.write(_opcodes("annotations") + pickle.EMPTY_LIST)
        for index in range(num_sequences):
            _write_dict(file, _annotation(sequence(index), with_score, with_image))
            file.write(pickle.APPEND)
            if on_progress:
                on_progress(index + 1, num_sequences)
        file.write(pickle.SETITEMS + pickle.STOP)


def _annotation(sequence: SkeletonSequence, with_score: bool, with_image: bool) -> dict[str, object]:
    present = sequence.present[..., None]
    seen = present if sequence.joint_present is None else sequence.joint_present & present
    positions = np.where(seen[..., None], sequence.positions, np.float32(0))
    is_lost = sequence.present & ~positions.any((2, 3))
    if is_lost.any():
        body, frame = np.argwhere(is_lost)[0].tolist()
        raise DataError(
            f"{sequence.name}: body {body}, frame {frame}: all joints lie in the origin, which in PYSKL's "
            "pickle is an absent body; prepare the data with --no-centre"
        )
    annotation: dict[str, object] = {
        "frame_dir": sequence.name,
        "total_frames": sequence.num_frames,
        "keypoint": positions,
    }
    if sequence.label is not None:
        annotation["label"] = sequence.label
    if with_score:
        annotation["keypoint_score"] = np.broadcast_to(seen, sequence.positions.shape[:3]).astype(np.float32)
    size = sequence.attributes.get(HEIGHT), sequence.attributes.get(WIDTH)
    if with_image and None not in size:
        annotation |= {"img_shape": size, "original_shape": size}
    return annotation


def _write_dict(file: BinaryIO, table: dict[str, object]) -> None:
    file.write(pickle.EMPTY_DICT + pickle.MARK)
    for key, value in table.items():
        file.write(_opcodes(key))
        if isinstance(value, np.ndarray):
            _write_array(file, value)
        else:
            file.write(_opcodes(value))
    file.write(pickle.SETITEMS)


def _opcodes(value: object) -> bytes:
    """Return the opcodes that push ``value``: its pickle without frame. They may use the memo anew."""
    return pickle.dumps(value, _PROTOCOL)[2:-1]


def _write_array(file: BinaryIO, array: npt.NDArray[Any]) -> None:
    """Write ``numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b"b")`` and the state that fills it."""
    empty = pickle.GLOBAL + b"numpy\nndarray\n" + _opcodes((0,)) + _opcodes_of_bytes(b"b") + pickle.TUPLE3
    file.write(pickle.GLOBAL + b"numpy.core.multiarray\n_reconstruct\n" + empty + pickle.REDUCE)
    data = array.astype("<f4", copy=False).tobytes()
    dtype = _opcodes(("f4", False, True)) + pickle.REDUCE
    state = _opcodes((3, "<", None, None, None, -1, -1, 0)) + pickle.BUILD
    file.write(pickle.MARK + _opcodes(1) + _opcodes(array.shape))
    file.write(pickle.GLOBAL + b"numpy\ndtype\n" + dtype + state + pickle.NEWFALSE)
    file.write(_opcodes_of_bytes(data) + pickle.TUPLE + pickle.BUILD)


def _opcodes_of_bytes(data: bytes) -> bytes:
    if len(data) >= 1 << 32:
        raise ConfigurationError("a sequence of more than 4 GB does not fit PYSKL's pickle")
    return pickle.BINBYTES + struct.pack("<I", len(data)) + data

"""Writes PYSKL's pickle, annotation by annotation, in memory that does not grow with the store.

The keys are those of :mod:`skelact.formats.pyskl`. The pickle is put together from its opcodes
(protocol 3), because Python's pickler keeps all that it has written; it names NumPy's functions as NumPy 1
and 2 both know them.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError
from skelact.files import new_file
from skelact.formats.protocol import GIVEN
from skelact.formats.pyskl import HEIGHT, WIDTH
from skelact.skeleton.sequence import SkeletonSequence
from skelact.store.protocols import split
from skelact.store.store import Store

_PROTOCOL = 3


def export_pyskl(
    store: Store,
    protocols: Sequence[str],
    out: Path | str,
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
    with new_file(out, overwrite) as file:
        file.write(pickle.PROTO + bytes([_PROTOCOL]) + pickle.EMPTY_DICT + pickle.MARK)
        file.write(_opcodes("split") + _opcodes(splits) + _opcodes("annotations") + pickle.EMPTY_LIST)
        for index in range(len(store)):
            _write_dict(file, _annotation(store.sequence(index), with_score, with_image))
            file.write(pickle.APPEND)
            if on_progress:
                on_progress(index + 1, len(store))
        file.write(pickle.SETITEMS + pickle.STOP)
    return len(store)


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

"""A store that is nowhere on disk: recordings at hand, for what reads stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.view import Axis, Unit
from skelact.store.fixed_point import FLOAT32
from skelact.store.metadata import FORMATS
from skelact.store.packing import pack
from skelact.store.store import Array, Store


@dataclass(frozen=True, repr=False)
class StoreInMemory(Store):
    """A store whose arrays are in memory."""

    arrays: Mapping[str, Array] = field(default_factory=dict)

    def array(self, name: str) -> Array:
        """Return the array ``name``, as of any store."""
        return self.arrays[name]


def store_in_memory(
    sequences: Sequence[SkeletonSequence], up: Axis | None = None, unit: Unit | None = None
) -> StoreInMemory:
    """Return a store of recordings that have one skeleton; labels and attributes are left out.

    Args:
        sequences: at least one; with the same topology and number of coordinates.
        up: the axis of positions that points up; None: not known.
        unit: of positions; None: not known.

    Raises:
        UnusableRecordingError: a sequence without any body.
    """
    packed = [pack(sequence, position_type=FLOAT32) for sequence in sequences]
    topology = sequences[0].topology
    joints = (topology.num_joints, sequences[0].positions.shape[3])
    parts = [each.arrays for each in packed]
    arrays: dict[str, Array] = {
        "joints": np.frombuffer(b"".join(part["joints"] for part in parts), "<f4").reshape(-1, *joints),
        "frame_rows": np.frombuffer(b"".join(part["frame_rows"] for part in parts), "<i4"),
        "frame_numbers": np.frombuffer(b"".join(part["frame_numbers"] for part in parts), "<i4"),
    }
    if any("joint_present" in part for part in parts):
        seen = [
            part.get("joint_present", b"\1" * (each.record.num_rows * joints[0]))
            for part, each in zip(parts, packed, strict=True)
        ]
        arrays["joint_present"] = np.frombuffer(b"".join(seen), np.bool_).reshape(-1, joints[0])
    records = [each.record for each in packed]
    lengths = {
        "joint_start": [record.num_rows for record in records],
        "row_start": [record.num_bodies * record.num_kept for record in records],
        "frame_start": [record.num_kept for record in records],
    }
    arrays |= {name: np.cumsum([0, *counts], dtype=np.int64) for name, counts in lengths.items()}
    arrays |= {
        "num_bodies": np.array([record.num_bodies for record in records], np.int32),
        "num_frames": np.array([record.num_frames for record in records], np.int32),
        "label": np.full(len(records), -1, np.int32),
        "names": np.array([record.name.encode() for record in records]),
    }
    rates = {record.fps for record in records}
    if len(rates) > 1:
        arrays["fps"] = np.array([np.nan if record.fps is None else record.fps for record in records])
    meta: dict[str, Any] = {
        "format": FORMATS[FLOAT32],
        "data_set": "in memory",
        "topology": topology.to_dict(),
        "class_names": [],
        "attribute_values": {},
        "protocols": [],
        "options": {},
        "fps": sequences[0].fps if len(rates) == 1 else None,
        "up": up,
        "unit": unit,
        "arrays": {name: {"dtype": array.dtype.str, "shape": array.shape} for name, array in arrays.items()},
    }
    return StoreInMemory(Path("recordings in memory"), meta, arrays)

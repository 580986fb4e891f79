"""What a store under construction holds: all of its sequences but their arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from skelact.skeleton.topology import Topology
from skelact.store.columns import Columns
from skelact.store.fixed_point import FLOAT32, INT16
from skelact.store.journal import Row


@dataclass
class Inventory:
    """The rows taken so far, and what all of them share."""

    columns: Columns
    topology: Topology | None
    """None: the first row tells."""
    num_coordinates: int | None
    """None: the first row tells."""
    joints_missing: bool = False
    """Whether a joint of a present body is missing anywhere."""
    position_type: str = FLOAT32
    """How positions are kept."""
    all_fps: set[float | None] = field(default_factory=set)
    """Frames a second that occur."""

    def add(self, row: Row) -> None:
        """Take a row that the columns let pass."""
        self.topology = _topology_after(self.topology, [row])
        self.num_coordinates = row.num_coordinates or self.num_coordinates
        self.joints_missing |= row.joints_missing
        self.all_fps.add(row.fps)
        self.columns.add(row)

    def num_bytes_after(self, rows: Sequence[Row]) -> dict[str, int]:
        """Return how many bytes each array on the disk has once ``rows`` are in."""
        sizes = self.columns.sizes_after(rows)
        topology = _topology_after(self.topology, rows)
        num_joints = topology.num_joints if topology else 0
        told = next((row.num_coordinates for row in rows if row.num_coordinates), self.num_coordinates)
        num_bytes = {name: 4 * size for name, size in sizes.items()}
        num_bytes["joints"] *= num_joints * (told or 0)
        if self.position_type == INT16:
            num_bytes["joints"] //= 2
            num_bytes["joint_scale"] = 4 * (len(self.columns) + len(rows))
        if self.joints_missing or any(row.joints_missing for row in rows):
            num_bytes["joint_present"] = sizes["joints"] * num_joints
        return num_bytes


def bin_file(folder: Path, name: str) -> Path:
    """Return the file of the array ``name``."""
    return folder / f"{name}.bin"


def _topology_after(before: Topology | None, rows: Sequence[Row]) -> Topology | None:
    table = next((row.topology for row in rows if row.topology is not None), None)
    return before if table is None else Topology.from_dict(dict(table))

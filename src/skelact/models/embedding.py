"""From clips to tokens: patches of a few frames of one joint, and the tables that say when and which."""

from __future__ import annotations

from collections.abc import Collection

import torch
from einops import rearrange
from torch import Tensor, nn

from skelact.errors import ConfigurationError
from skelact.skeleton.joint_names import NAMES, VOCABULARY, common_names
from skelact.skeleton.topology import Topology


def patchify(x: Tensor, patch_frames: int) -> Tensor:
    """Cut (..., T, V, C) into patches (..., T / p, V, p * C), within a patch frame by frame.

    Raises:
        ValueError: T is not a multiple of ``patch_frames``.
    """
    if x.shape[-3] % patch_frames:
        raise ValueError(f"{x.shape[-3]} frames do not divide into patches of {patch_frames}")
    return rearrange(x, "... (t p) V C -> ... t V (p C)", p=patch_frames)


def resample_table(table: Tensor, length: int) -> Tensor:
    """Resample a (T', D) temporal table to (length, D): 1-D bicubic, half-pixel centres, ends clamped."""
    rows = table.T[None, :, :, None]  # (1, D, T', 1)
    resampled = nn.functional.interpolate(rows, size=(length, 1), mode="bicubic", align_corners=False)
    return resampled[0, :, :, 0].T


class PositionTable(nn.Module):
    """A learned vector per time step and one per joint, added; tokens run time-major (t * V + joint).

    Args:
        num_steps: time steps T'.
        num_joints: joints V.
        width: size D of the vectors.
    """

    def __init__(self, num_steps: int, num_joints: int, width: int) -> None:
        super().__init__()
        self.time = nn.Parameter(torch.empty(num_steps, width))
        self.joint = nn.Parameter(torch.empty(num_joints, width))
        nn.init.trunc_normal_(self.time, std=0.02)
        nn.init.trunc_normal_(self.joint, std=0.02)

    def forward(self) -> Tensor:
        """Return the (T' * V, D) table of all tokens."""
        return (self.time[:, None] + self.joint).flatten(0, 1)


def gather_tokens(x: Tensor, index: Tensor) -> Tensor:
    """Pick tokens: (B, L, D) at (B, K) indices gives (B, K, D)."""
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


class JointTable(nn.Module):
    """What tells a token's joint: a learned row for each name of the common vocabulary.

    A joint has the row of its name (:mod:`skelact.skeleton.joint_names`), whatever its number. One that the
    vocabulary does not know has that of the nearest joint it knows, plus an offset of its own.

    Args:
        topology: the skeleton.
        width: size D of a row.
    """

    def __init__(self, topology: Topology, width: int) -> None:
        super().__init__()
        self.topology = topology
        nearest, own = nearest_names(topology)
        self.names = nn.Parameter(torch.empty(len(NAMES), width))
        nn.init.trunc_normal_(self.names, std=0.02)
        rows = [NAMES.index(name) if name else 0 for name in nearest]
        self.register_buffer("rows", torch.tensor(rows), persistent=False)
        has_name = torch.tensor([bool(name) for name in nearest])
        self.register_buffer("has_name", has_name.unsqueeze(1), persistent=False)
        self.own = own
        """The joints with an offset, U of them."""
        if own:
            self.offsets = nn.Parameter(torch.empty(len(own), width))
            nn.init.trunc_normal_(self.offsets, std=0.02)
            self.register_buffer("places", torch.tensor(own), persistent=False)

    rows: Tensor
    has_name: Tensor
    places: Tensor

    @torch.no_grad()
    def take(self, other: JointTable) -> None:
        """Take what a table of another skeleton has learned: the row of a joint's name.

        A joint whose name the other skeleton does not have takes that of the nearest joint which it has; one
        outside the vocabulary that is called the same there, the same.

        Args:
            other: the table of the other skeleton, with rows of the same size.

        Raises:
            ConfigurationError: the other skeleton has the name of no joint at all.
        """
        table, known = other(), common_names(other.topology.joints)
        nearest, _ = nearest_names(self.topology, known)
        if "" in nearest:
            raise ConfigurationError(
                f"topology {self.topology.name!r}: no joint has a name that the encoder knows; call some of "
                f"them {', '.join(known)}"
            )
        self.names.copy_(other.names)
        for joint in set(range(self.topology.num_joints)) - set(self.own):
            self.names[self.rows[joint]] = table[known[nearest[joint]]]
        strangers = {other.topology.joints[place]: place for place in other.own}
        for number, joint in enumerate(self.own):
            place = strangers.get(self.topology.joints[joint], known[nearest[joint]])
            self.offsets[number] = table[place] - self.names[self.rows[joint]] * self.has_name[joint]

    def forward(self) -> Tensor:
        """Return the (V, D) rows of the skeleton's joints."""
        table = self.names[self.rows] * self.has_name
        return table.index_add(0, self.places, self.offsets) if self.own else table


def nearest_names(topology: Topology, among: Collection[str] = VOCABULARY) -> tuple[list[str], list[int]]:
    """Return the vocabulary's name of every joint, and the joints that have none ``among`` these.

    Those take the name of the joint nearest on the tree, counted in bones; of several the one towards the
    root, then the first of the topology. Where no joint at all is known, names are empty.
    """
    known = {place: name for name, place in common_names(topology.joints).items() if name in among}
    neighbours: list[list[int]] = [[] for _ in topology.joints]
    for joint, parent in topology.bones:
        neighbours[joint].insert(0, parent)
        neighbours[parent].append(joint)
    names = []
    for joint in range(topology.num_joints):
        reached = [joint]  # the nearest first
        for place in reached:
            if place in known:
                names.append(known[place])
                break
            reached += [other for other in neighbours[place] if other not in reached]
        else:
            names.append("")
    return names, [joint for joint in range(topology.num_joints) if joint not in known]

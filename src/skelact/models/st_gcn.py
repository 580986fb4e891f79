"""ST-GCN: a graph convolution over the joints of a frame, then a convolution along time, block after block.

Source: Yan et al., *Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition*,
AAAI 2018, the groups of a joint's neighbours by its spatial partitioning. Contrastive methods use it with a
quarter of its channels (Lin et al., *ActCLR*, CVPR 2023).

Shape legend: N sequences, M body slots, B bodies, T frames, V joints, C channels, K = 3 partitions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skelact.errors import ConfigurationError
from skelact.models.batch_norm import BatchNorm
from skelact.models.encoder import present_bodies
from skelact.models.sizes import Absent, STGCNConfig
from skelact.skeleton.topology import Topology

PARTITIONS = ("root", "centripetal", "centrifugal")
"""The joint itself; its neighbour towards the topology's root; its neighbours away from it."""


def spatial_partitions(topology: Topology) -> Tensor:
    """Return the normalised adjacency of every partition.

    A joint's neighbours are the joints one bone away, and itself. They are grouped by their distance to the
    root, in bones: equal (only the joint itself, for a skeleton is a tree), smaller (its parent), larger
    (its children). Every entry is 1 / (number of neighbours), so that ``sum_k A[k] @ x`` is the mean over a
    joint's neighbours.

    Args:
        topology: the skeleton, of V joints.

    Returns:
        (3, V, V) float32 in the order of :data:`PARTITIONS`; ``[k, i, j]`` is what joint i takes from j.
    """
    adjacency = torch.zeros(len(PARTITIONS), topology.num_joints, topology.num_joints)
    adjacency[0].fill_diagonal_(1)
    for joint, parent in topology.bones:
        adjacency[1, joint, parent] = 1
        adjacency[2, parent, joint] = 1
    return adjacency / adjacency.sum((0, 2))[:, None]


NUM_LEVELS = 2**16
"""A number is dropped by 16 random bits, four numbers by one draw; the rate is rounded to such steps."""


class Dropout(nn.Module):
    """Sets a share of the numbers to zero while it trains, and scales the others so that their mean stays.

    On other devices than a CPU it is torch's own, which there draws one number after the other: with it a
    step takes about a fifth longer.

    Args:
        rate: the share.

    Raises:
        ConfigurationError: a rate outside [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ConfigurationError(f"dropout is {rate}, expected a share in [0, 1)")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Map a tensor to one of the same shape."""
        if not self.training or self.rate == 0:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.rate)
        num_dropped = min(round(self.rate * NUM_LEVELS), NUM_LEVELS - 1)
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)
        is_kept = bits >= num_dropped - NUM_LEVELS // 2
        return x * is_kept.to(x.dtype).mul_(NUM_LEVELS / (NUM_LEVELS - num_dropped))


class STGCNBlock(nn.Module):
    """Graph convolution and convolution along time, with a shortcut.

    Layers before a normalisation have no bias, for it would be subtracted again.

    Args:
        adjacency: (K, V, V) partitions of the skeleton.
        num_in: channels that come in.
        num_out: channels that go out.
        kernel: frames that the convolution along time sees.
        stride: frames from one output step to the next.
        dropout: share of numbers dropped in training.
        shortcut: add what came in, through a layer where the shapes differ.
    """

    adjacency: Tensor

    def __init__(
        self,
        adjacency: Tensor,
        num_in: int,
        num_out: int,
        *,
        kernel: int,
        stride: int,
        dropout: float,
        shortcut: bool,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.edge_importance = nn.Parameter(torch.ones_like(adjacency))
        self.joints = nn.Linear(len(PARTITIONS) * num_in, num_out, bias=False)
        self.joints_norm = BatchNorm(num_out)
        self.time = nn.Conv2d(
            num_out, num_out, (kernel, 1), stride=(stride, 1), padding=(kernel // 2, 0), bias=False
        )
        self.time_norm = BatchNorm(num_out)
        self.dropout = Dropout(dropout)
        self.shortcut: nn.Module | None = None
        if shortcut:
            same = num_in == num_out and stride == 1
            self.shortcut = (
                nn.Identity()
                if same
                else nn.Sequential(nn.Linear(num_in, num_out, bias=False), BatchNorm(num_out))
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, V, num_in) to (B, ceil(T / stride), V, num_out)."""
        y = torch.relu(self.joints_norm(self.joints(self.neighbours(x))))
        y = self.time(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # views: channels stay last in memory
        y = self.dropout(self.time_norm(y))
        if self.shortcut is not None:
            y = y + self.shortcut(x[:, :: self.stride])
        return torch.relu(y)

    def neighbours(self, x: Tensor) -> Tensor:
        """Map (B, T, V, C) to (B, T, V, K * C): every joint's mean over each group of its neighbours."""
        weights = (self.adjacency * self.edge_importance).transpose(0, 1).flatten(0, 1)  # (V * K, V)
        gathered = torch.matmul(weights, x)  # (B, T, V * K, C)
        return gathered.reshape(*x.shape[:3], len(PARTITIONS) * x.shape[3])


class STGCN(nn.Module):
    """Maps clips of any length to a feature map per body, time step and joint.

    Bodies share the weights and do not see each other. A body that is absent for the whole clip is skipped:
    its features are zero, and no batch statistic counts it.

    Args:
        config: the sizes.
        topology: the skeleton.
    """

    absent: Absent = "skip"

    def __init__(self, config: STGCNConfig, topology: Topology) -> None:
        super().__init__()
        self.config, self.topology = config, topology
        self.input_norm = BatchNorm(topology.num_joints * config.num_coordinates)
        adjacency = spatial_partitions(topology)
        num_in, blocks = config.num_coordinates, []
        for number, (num_out, stride) in enumerate(zip(config.channels, config.strides, strict=True)):
            blocks.append(
                STGCNBlock(
                    adjacency,
                    num_in,
                    num_out,
                    kernel=config.kernel,
                    stride=stride,
                    dropout=config.dropout,
                    shortcut=number > 0,
                )
            )
            num_in = num_out
        self.blocks = nn.ModuleList(blocks)
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, clips: Tensor, present: Tensor | None = None) -> Tensor:
        """Return the features of every body.

        Args:
            clips: (N, M, T, V, C) joint positions in metres.
            present: (N, M) bool, True for bodies in the clip; by default those with a coordinate that is
                not zero.

        Returns:
            (N, M, T', V, D) features, T' as :meth:`STGCNConfig.num_steps` says.

        Raises:
            ConfigurationError: clips of another topology or dimension than the network's.
        """
        self.check(clips)
        present = present_bodies(clips) if present is None else present
        bodies = clips[present]  # (B, T, V, C)
        x: Tensor = self.input_norm(bodies.flatten(2)).view(bodies.shape)
        for block in self.blocks:
            x = block(x)
        features = x.new_zeros(*present.shape, *x.shape[1:])
        features[present] = x
        return features

    def check(self, clips: Tensor) -> None:
        """Raise ConfigurationError unless (N, M, T, V, C) ``clips`` have as many joints and coordinates."""
        expected = (self.topology.num_joints, self.config.num_coordinates)
        if clips.ndim != 5 or tuple(clips.shape[3:]) != expected or clips.shape[2] < 1:
            raise ConfigurationError(
                f"clips have shape {tuple(clips.shape)}, this network takes (sequences, bodies, 1 or more "
                f"frames, {expected[0]} joints, {expected[1]} coordinates)"
            )

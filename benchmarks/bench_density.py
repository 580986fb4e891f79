"""Joint density in closed form against the pairwise one, at (64 bodies, 30 steps, 25 joints, 16 channels)."""

import math

import torch
from torch import Tensor

from alternate import Work, compare, parse_rounds, peak_memory
from skelact.density.kernel import joint_density

SHAPE = (64, 30, 25, 16)


def pairwise_density(
    features: Tensor, bandwidth: Tensor, channel_weight: Tensor, joint_weight: Tensor
) -> Tensor:
    """Every difference of two joints in every channel, as the formula is written."""
    difference = features.unsqueeze(-3) - features.unsqueeze(-2)  # (..., i, j, C)
    kernel = channel_weight * torch.exp(-((difference / bandwidth) ** 2) / 2) / bandwidth
    constant = (2 * math.pi) ** (-features.shape[-1] / 2)
    return constant * (joint_weight * kernel.prod(-1)).sum(-1)


def main() -> None:
    rounds = parse_rounds(__doc__)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(SHAPE, generator=generator) * 0.3
    bandwidth = torch.rand(SHAPE[2], SHAPE[3], generator=generator) + 0.5
    channel_weight = torch.rand(SHAPE[3], generator=generator) + 0.5
    joint_weight = torch.rand(SHAPE[2], generator=generator) + 0.5

    def ours(features: Tensor = features) -> Tensor:
        return joint_density(
            features,
            log_bandwidth=bandwidth.log(),
            log_channel_weight=channel_weight.log(),
            log_joint_weight=joint_weight.log(),
        )

    def baseline(features: Tensor = features) -> Tensor:
        return pairwise_density(features, bandwidth, channel_weight, joint_weight)

    torch.testing.assert_close(ours(), baseline(), rtol=1e-4, atol=0)
    compare("density, forward", ours, baseline, rounds)
    show_memory(ours, baseline)
    learned = features.clone().requires_grad_()

    def ours_backward() -> object:
        return torch.autograd.grad(ours(learned).sum(), learned)

    def baseline_backward() -> object:
        return torch.autograd.grad(baseline(learned).sum(), learned)

    compare("density, forward and backward", ours_backward, baseline_backward, rounds)
    show_memory(ours_backward, baseline_backward)


def show_memory(ours: Work, baseline: Work) -> None:
    fast, slow = peak_memory(ours), peak_memory(baseline)
    print(
        f"  peak memory   ours {fast / 2**20:.1f} MiB, baseline {slow / 2**20:.1f} MiB, 1 / {slow / fast:.0f}"
    )


if __name__ == "__main__":
    main()

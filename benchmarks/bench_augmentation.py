"""Strong augmentation by the batch, against a plain loop that does the same clip by clip.

128 clips of 50 frames, two body slots, 25 joints; one in five has a second body. Both use the same random
numbers and must give the same clips.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from alternate import compare, parse_rounds, peak_memory
from skelact.clips.augmentation import augment
from skelact.clips.augmentation_draws import AugmentationDraws, draw_augmentations
from skelact.clips.rotation import rotation_matrices
from skelact.pretraining.contrastive.objective import ContrastiveObjective
from skelact.skeleton.tables import NTU_25

STRONG = ContrastiveObjective().strong
SHAPE = (128, 2, 50, 25, 3)


def plain_clip(clip: Tensor, draws: AugmentationDraws) -> Tensor:
    """Augment one (M, T, V, C) clip, both body slots, one step after the other."""
    num_frames = clip.shape[1]
    numbers = {name: draws.of(name)[0].tolist() for name in ("crop", "flip", "noise", "rescale", "blur")}
    padding = num_frames // 6
    start = int(numbers["crop"][0] * (2 * padding + 1))
    padded = reflected(clip, padding)
    clip = padded[:, start : start + num_frames]
    if numbers["rescale"][0] < STRONG.rescale_probability:
        slow, fast = STRONG.rescale_range
        pace = slow + (fast - slow) * numbers["rescale"][1]
        frames = []
        for frame in range(num_frames):
            moment = (num_frames - 1) / 2 + (frame - (num_frames - 1) / 2) * pace
            moment = abs(moment) if moment < num_frames - 1 else 2 * (num_frames - 1) - moment
            lower = min(int(moment), num_frames - 2)
            weight = moment - lower
            frames.append((1 - weight) * clip[:, lower] + weight * clip[:, lower + 1])
        clip = torch.stack(frames, 1)
    if numbers["blur"][0] < STRONG.blur_probability:
        sigma = STRONG.blur_sigma[0] + (STRONG.blur_sigma[1] - STRONG.blur_sigma[0]) * numbers["blur"][1]
        reach = STRONG.blur_kernel // 2
        kernel = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2))
        rows = reflected(clip, reach).permute(0, 2, 3, 1).reshape(-1, 1, num_frames + 2 * reach)
        rows = torch.nn.functional.conv1d(rows, (kernel / kernel.sum())[None, None])
        clip = rows.view(len(clip), 25, 3, num_frames).permute(0, 3, 1, 2)
    entries = (2 * draws.of("shear")[0] - 1) * STRONG.shear_amplitude
    matrix = torch.eye(3)
    matrix[~torch.eye(3, dtype=torch.bool)] = entries.float()
    spine = clip[:, :, NTU_25.centre, None]
    clip = spine + (clip - spine) @ matrix.T
    if numbers["flip"][0] < STRONG.flip_probability:
        mirrored = clip.clone()
        for left, right in NTU_25.pairs:
            mirrored[:, :, left], mirrored[:, :, right] = clip[:, :, right], clip[:, :, left]
        mirrored[..., 0] *= -1
        clip = mirrored
    turn = draws.of("rotation")[0]
    angles = turn[2:] * STRONG.rotation_minor
    angles[int(turn[0] * 3)] = turn[1] * STRONG.rotation_main
    clip = clip @ torch.from_numpy(rotation_matrices(angles[None].numpy() * math.pi / 180)[0]).float().T
    if numbers["noise"][0] < STRONG.noise_probability:
        assert draws.normal is not None
        clip = clip + STRONG.noise_sigma * draws.normal[0]
    lost = draws.of("axis_mask")[0]
    if lost[0] < STRONG.axis_mask_probability:
        clip = clip.clone()
        clip[..., int(lost[1] * 3)] = 0
    return clip


def reflected(clip: Tensor, padding: int) -> Tensor:
    """Extend a (M, T, V, C) clip by frames of its reflection on both ends."""
    rows = pad(clip.permute(0, 2, 3, 1).flatten(1, 2), (padding, padding), mode="reflect")
    return rows.view(len(clip), 25, 3, -1).permute(0, 3, 1, 2)


def main() -> None:
    rounds = parse_rounds(__doc__)
    generator = torch.Generator().manual_seed(0)
    present = torch.ones(SHAPE[:2], dtype=torch.bool)
    present[:, 1] = torch.arange(SHAPE[0]) % 5 == 0
    clips = torch.randn(SHAPE, generator=generator).cumsum(2) * 0.05 * present[:, :, None, None, None]
    draws = draw_augmentations(SHAPE, STRONG, generator)

    def ours() -> Tensor:
        return augment(clips, present, NTU_25, STRONG, draws).positions

    def plain() -> Tensor:
        return torch.stack([plain_clip(clip, draws[n : n + 1]) for n, clip in enumerate(clips)])

    torch.testing.assert_close(ours()[present], plain()[present], rtol=1e-4, atol=1e-5)
    compare("strong augmentation", ours, plain, rounds, work=SHAPE[0], unit="clips")
    print(f"  memory of one batch while it is made: {peak_memory(ours) / 2**20:.1f} MiB")
    compare(
        "the same with the drawing of random numbers",
        lambda: augment(clips, present, NTU_25, STRONG, draw_augmentations(SHAPE, STRONG, generator)),
        plain,
        rounds,
        work=SHAPE[0],
        unit="clips",
    )


if __name__ == "__main__":
    main()

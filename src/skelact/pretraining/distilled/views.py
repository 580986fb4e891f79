"""The views of a sequence that teacher and student compare: two crops, and stretches of them.

Both crops are made of the recording's own frames and augmented apart. A stretch is a few of a crop's time
steps, so the teacher has already seen its tokens. All that is made here has a row for each body that a crop
shows, B rows in all: the bodies of the first crops, then those of the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from skelact.clips.augmentation import augment
from skelact.clips.augmentation_draws import AugmentationDraws, draw_augmentations
from skelact.clips.distortions import exchange_joints
from skelact.clips.source import Clips, CropDraws, draw_crops
from skelact.clips.streams import motion, to_stream
from skelact.density.positions import clip_density_change
from skelact.models.embedding import patchify
from skelact.pretraining.distilled.objective import DistilledObjective
from skelact.pretraining.distilled.tubes import (
    LimbTable,
    TubeDraws,
    draw_tubes,
    hide_tubes,
    stratified_ratios,
)
from skelact.pretraining.masked.masking import mask_logits
from skelact.skeleton.limbs import limbs
from skelact.skeleton.topology import Topology


class Stretch(NamedTuple):
    """A stretch of time steps of every row."""

    start: Tensor
    """(B,) its first time step."""
    hidden: Tensor
    """(B, t, V) bool, True for hidden tokens of its t steps."""


class PrimeStretch(NamedTuple):
    """A stretch of every row, whose prime joints and whose others are views of their own."""

    start: Tensor
    """(B,) its first time step."""
    joints: Tensor
    """(B, V) joints, those whose density changes most in it first."""


class DistilledViews(NamedTuple):
    """What :class:`.distilled.model.DistilledModel` is called with: N sequences, each in two crops."""

    patches: Tensor
    """(B, T', V, p C) in the stream that is learned."""
    motion: Tensor | None
    """(B, T', V, p C) how joints move from frame to frame, whatever the stream; None where nobody asks."""
    is_there: Tensor
    """(B, T', V) bool, True for tokens that show anything."""
    hidden: Tensor
    """(B, T', V) bool, True for tokens that are hidden from the student."""
    crop: Tensor
    """(B,) 0 or 1."""
    sequence: Tensor
    """(B,) 0 .. N - 1."""
    num_sequences: int
    """N."""
    stretches: tuple[Stretch, ...]
    """Views cut from every crop."""
    prime: PrimeStretch | None
    """None where prime joints are no views."""
    progress: float
    """Share of the run that is done."""


class StretchDraws(NamedTuple):
    """Random numbers of the stretches of one length, cut from both crops."""

    start: Tensor
    """(N, 2) in [0, 1)."""
    ratio: Tensor
    """(N, 2) share that is hidden."""
    tubes: TubeDraws
    """Of (N, 2, M) bodies."""


class ViewDraws(NamedTuple):
    """The random numbers of N sequences."""

    crops: tuple[CropDraws, ...]
    """Of each of the two crops, like the next."""
    augmentations: tuple[AugmentationDraws, ...]
    limb_factors: Tensor
    """(N, 2, limbs) factors of the limbs' lengths."""
    masked_crop: Tensor
    """(N,) int64, the crop of which tokens are hidden, where they are of one."""
    ratio: Tensor
    """(N, 2) share that is hidden of a crop."""
    tubes: TubeDraws
    """Of (N, 2, M) bodies."""
    stretches: tuple[StretchDraws, ...]
    """Of each of the lengths."""
    prime_start: Tensor
    """(N, 2) in [0, 1)."""

    def share(self, part: slice) -> ViewDraws:
        """Return those of a part of the sequences."""
        return ViewDraws(*(_cut(each, part) for each in self))


def _cut(draws: Any, part: slice) -> Any:
    if isinstance(draws, tuple):
        cut = [_cut(each, part) for each in draws]
        return type(draws)(*cut) if hasattr(draws, "_fields") else tuple(cut)
    return draws[part]


def draw_views(
    shape: tuple[int, int, int, int, int],
    patch_frames: int,
    config: DistilledObjective,
    topology: Topology,
    generator: torch.Generator,
) -> ViewDraws:
    """Draw the random numbers of the whole batch; every process then takes its share.

    Args:
        shape: (N, M, T, V, C) of the clips of all processes together.
        patch_frames: frames of a time step.
        config: which views.
        topology: the skeleton.
        generator: a CPU generator.
    """
    num, bodies, num_frames, num_joints, _ = shape
    low, high = config.mask_ratio
    narrowest, widest = config.limb_scale

    def ratios() -> Tensor:
        spread = stratified_ratios(2 * num, low, high, generator).view(num, 2)
        # dropped tokens: of all alike, or some would wait for others
        return spread if config.hiding == "replace" else spread[:1, :1].expand(num, 2)

    def of_stretch(frames: int) -> StretchDraws:
        ratio = ratios()
        start = torch.rand(num, 2, generator=generator)
        tubes = draw_tubes((num, 2, bodies), frames // patch_frames, num_joints, generator)
        return StretchDraws(start, ratio, tubes)

    factors = torch.rand(num, 2, len(limbs(topology)), generator=generator)
    return ViewDraws(
        crops=tuple(draw_crops(num, generator) for _ in range(2)),
        augmentations=tuple(draw_augmentations(shape, config.augmentation, generator) for _ in range(2)),
        limb_factors=narrowest + (widest - narrowest) * factors,
        masked_crop=torch.randint(2, (num,), generator=generator),
        ratio=ratios(),
        tubes=draw_tubes((num, 2, bodies), num_frames // patch_frames, num_joints, generator),
        stretches=tuple(of_stretch(frames) for frames in config.stretches),
        prime_start=torch.rand(num, 2, generator=generator),
    )


class _Crop(NamedTuple):
    """The bodies that one crop of each sequence shows."""

    bodies: Tensor
    """(B, T, V, C) joint positions."""
    seen: Tensor
    """(B, T, V) bool."""
    change: Tensor | None
    """(B, T, V) how much densities change; None where that decides nothing."""
    rows: Tensor
    """(B, 2) sequence and slot."""


def make_views(
    clips: Sequence[Clips],
    topology: Topology,
    config: DistilledObjective,
    stream: str,
    patch_frames: int,
    draws: ViewDraws,
    progress: float = 0.0,
) -> DistilledViews:
    """Make the views of N sequences.

    Args:
        clips: two clips of joint positions of each, without gaps.
        topology: their skeleton.
        config: which views.
        stream: what the model sees of positions, one of :data:`skelact.clips.streams.STREAMS`.
        patch_frames: frames of a time step.
        draws: random numbers of the N sequences.
        progress: share of the run that is done.

    Raises:
        ConfigurationError: an augmentation that these clips cannot have.
    """
    crops = [
        _augmented(part, topology, config, draws.limb_factors[:, number], draws.augmentations[number])
        for number, part in enumerate(clips)
    ]
    device = crops[0].bodies.device
    crop = torch.cat([torch.full((len(each.rows),), number) for number, each in enumerate(crops)]).to(device)
    sequence, slot = torch.cat([each.rows for each in crops]).unbind(1)
    bodies = torch.cat([each.bodies for each in crops])
    patches = patchify(to_stream(bodies, stream, topology), patch_frames)
    moved = patchify(motion(bodies), patch_frames) if config.target == "motion" else None
    is_there = _by_step(torch.cat([each.seen for each in crops]), patch_frames).any(2)
    signal = logits = None
    if config.needs_density:
        changes = [each.change for each in crops if each.change is not None]
        signal = _by_step(torch.cat(changes), patch_frames).mean(2)  # (B, T', V)
    if signal is not None and config.tubes == "density":
        logits = mask_logits(signal, config.tau).view_as(signal)
    table = LimbTable.of(topology)

    def of_rows(drawn: Tensor, *places: Tensor) -> Tensor:
        return drawn.to(device)[places]

    hidden = torch.zeros_like(is_there)
    is_masked = config.mask_both | (of_rows(draws.masked_crop, sequence) == crop)
    masked = is_masked.nonzero()[:, 0]
    places = sequence[masked], crop[masked]
    hidden[masked] = hide_tubes(
        TubeDraws(*(of_rows(each, *places, slot[masked]) for each in draws.tubes)),
        of_rows(draws.ratio, *places),
        is_there[masked],
        table,
        None if logits is None else logits[masked],
    )
    stretches = []
    for frames, of in zip(config.stretches, draws.stretches, strict=True):
        num_steps = frames // patch_frames
        start = _starts(of_rows(of.start, sequence, crop), is_there.shape[1], num_steps)
        covered = hide_tubes(
            TubeDraws(*(of_rows(each, sequence, crop, slot) for each in of.tubes)),
            of_rows(of.ratio, sequence, crop),
            steps_of(is_there, start, num_steps),
            table,
            None if logits is None else steps_of(logits, start, num_steps),
        )
        stretches.append(Stretch(start, covered))
    prime = None
    if config.has_prime_views:
        assert signal is not None  # prime views need a density
        num_steps = config.prime_frames // patch_frames
        start = _starts(of_rows(draws.prime_start, sequence, crop), is_there.shape[1], num_steps)
        shown = steps_of(is_there, start, num_steps)
        change = (steps_of(signal, start, num_steps) * shown).sum(1)
        order = change.masked_fill(~shown.any(1), -1.0).argsort(dim=1, descending=True, stable=True)
        prime = PrimeStretch(start, order)
    return DistilledViews(
        patches,
        moved,
        is_there,
        hidden,
        crop,
        sequence,
        len(clips[0].present),
        tuple(stretches),
        prime,
        progress,
    )


def steps_of(x: Tensor, start: Tensor, num_steps: int) -> Tensor:
    """Return the (B, t, ...) time steps of (B, T', ...) from each row's (B,) first one on."""
    steps = start.unsqueeze(1) + torch.arange(num_steps, device=x.device)
    return x[torch.arange(len(x), device=x.device).unsqueeze(1), steps]


def _starts(uniform: Tensor, total: int, num_steps: int) -> Tensor:
    """Return (B,) first time steps of stretches, all that fit alike likely."""
    return (uniform * (total - num_steps + 1)).long()


def _by_step(x: Tensor, patch_frames: int) -> Tensor:
    """Return (B, T', p, V) of (B, T, V)."""
    split: Tensor = rearrange(x, "B (t p) V -> B t p V", p=patch_frames)
    return split


def _augmented(
    clips: Clips,
    topology: Topology,
    config: DistilledObjective,
    factors: Tensor,
    draws: AugmentationDraws,
) -> _Crop:
    positions, present = clips.positions, clips.present
    rows = present.nonzero()
    seen = present[..., None, None].expand(positions.shape[:-1]) if clips.seen is None else clips.seen
    seen = seen[present]
    change = (
        clip_density_change(positions[present], bandwidth=config.bandwidth) if config.needs_density else None
    )
    if config.limb_scale != (1.0, 1.0):
        scaled = torch.zeros_like(positions)
        scaled[present] = scale_limbs(positions[present], factors.to(positions.device)[rows[:, 0]], topology)
        positions = scaled
    augmented = augment(positions, present, topology, config.augmentation, draws)
    if bool(augmented.is_flipped.any()):
        is_flipped = augmented.is_flipped[rows[:, 0]]
        seen = exchange_joints(seen, is_flipped, topology)
        change = None if change is None else exchange_joints(change, is_flipped, topology)
    return _Crop(augmented.positions[present], seen, change, rows)


def scale_limbs(bodies: Tensor, factors: Tensor, topology: Topology) -> Tensor:
    """Return bodies whose bones are longer or shorter, limb by limb; directions of bones and roots stay.

    By forward kinematics, on any tree.

    Args:
        bodies: (B, T, V, C) joint positions.
        factors: (B, limbs) by what the bones that end in a limb's joints are multiplied, in the order of
            :func:`skelact.skeleton.limbs.limbs`.
        topology: the skeleton.

    Returns:
        (B, T, V, C).
    """
    joints = torch.empty(topology.num_joints, dtype=torch.int64)  # the limb of each
    for number, limb in enumerate(limbs(topology)):
        joints[list(limb)] = number
    parents = torch.tensor(topology.parents)
    above = torch.eye(topology.num_joints)  # [v, w]: w lies between the root and v, or is v
    for _ in range(topology.num_joints):
        wider = torch.maximum(above, above[parents])
        if torch.equal(wider, above):
            break
        above = wider
    # x_v = x_root + sum over the bones up to v of factor * (x_w - x_parent(w)), as one matrix a body
    bones = torch.eye(topology.num_joints)
    bones[torch.arange(topology.num_joints), parents] -= 1
    bones[topology.root, topology.root] = 1
    above, bones, joints = (each.to(bodies.device) for each in (above, bones, joints))
    of_joints = factors.to(bodies).index_select(1, joints)
    of_joints[:, topology.root] = 1
    weights = (above.to(bodies.dtype) * of_joints.unsqueeze(1)) @ bones.to(bodies.dtype)  # (B, V, V)
    return weights.unsqueeze(1) @ bodies

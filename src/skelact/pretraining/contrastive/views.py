"""The views of a clip that contrastive learning compares: the key's, and the query's in its two strengths.

The prime mask is found in the key's view. What is kept here brings it to the query's: both views are the same
clip at moments of their own, one of them perhaps mirrored. The augmentation of the query is adaptive: mild
where joints are prime, strong elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import interpolate

from skelact.clips.augmentation import Augmented, augment
from skelact.clips.augmentation_draws import AugmentationDraws
from skelact.clips.distortions import exchange_joints
from skelact.clips.source import Clips
from skelact.clips.streams import to_stream
from skelact.clips.time_maps import moment_weights, resample, resample_back
from skelact.pretraining.contrastive.objective import ContrastiveObjective
from skelact.skeleton.topology import Topology


def mask_to_frames(mask: Tensor, num_frames: int) -> Tensor:
    """Resize a mask over time steps to frames, linearly, with half-pixel centres.

    Args:
        mask: (N, M, T', V).
        num_frames: frames T.

    Returns:
        (N, M, T, V); gradients pass.
    """
    if mask.shape[2] == num_frames:
        return mask
    rows = mask.mT.flatten(0, 1)  # (N * M, V, T')
    resized = interpolate(rows, size=num_frames, mode="linear", align_corners=False)
    return resized.view(*mask.shape[:2], *resized.shape[1:]).mT


def mix_views(mild: Tensor, strong: Tensor, prime_mask: Tensor) -> Tensor:
    """Return ``up(m) * mild + (1 - up(m)) * strong``: the view T1 of STJD-CL.

    Gunasekara et al., IEEE TBIOM 7(4), 2025. The two views should show the same moments, or a frame of the
    mixture has joints of two: give :func:`.augmentation.augment` the mild view's moments for the strong one.

    Args:
        mild: (N, M, T, V, C) the mildly augmented clips.
        strong: (N, M, T, V, C) the strongly augmented ones.
        prime_mask: (N, M, T', V) in [0, 1], how prime each joint is; gradients pass to it.

    Returns:
        (N, M, T, V, C).

    Raises:
        ValueError: shapes that do not fit each other.
    """
    num, bodies, num_frames, num_joints, _ = mild.shape
    steps = prime_mask.shape[2]
    if mild.shape != strong.shape or prime_mask.shape != (num, bodies, steps, num_joints):
        raise ValueError(
            f"views of {tuple(mild.shape)} and {tuple(strong.shape)} and a mask of {tuple(prime_mask.shape)}"
        )
    share = mask_to_frames(prime_mask, num_frames).unsqueeze(-1)
    return strong + share * (mild - strong)


class Views(NamedTuple):
    """What :class:`.contrastive.ContrastiveModel` is called with: N clips, each seen twice."""

    key: Tensor
    """(N, M, T, V, C) the ordinary augmentation T2, in the stream that is learned."""
    key_positions: Tensor
    """(N, M, T, V, C) the joint positions that it is made of."""
    query: Tensor
    """(N, M, T, V, C) joint positions: the mild augmentation where the strong one is there too, else the
    ordinary one."""
    strong: Tensor | None
    """(N, M, T, V, C) joint positions: the strong augmentation, at the moments of the mild one; None where
    the query's view is not adaptive."""
    present: Tensor
    """(N, M) bool, True for bodies in the clip."""
    key_seen: Tensor
    """(N, M, V) bool, True for joints of bodies that are there and were seen, as the key's view numbers
    them."""
    query_seen: Tensor
    """(N, M, V) bool, the same of the query's view."""
    key_moments: Tensor
    """(N, T) the moment of the clip that each frame of the key's view shows, in frames."""
    query_moments: Tensor
    """(N, T) the same of the query's view."""
    key_is_flipped: Tensor
    """(N,) bool, True where the key's view is mirrored."""
    scores: Tensor | None
    """(N, M, T', V) random numbers in [0, 1) that a random mask is made of; None where it is not random."""


def make_views(
    clips: Clips,
    topology: Topology,
    config: ContrastiveObjective,
    stream: str,
    key_draws: AugmentationDraws,
    query_draws: AugmentationDraws,
    scores: Tensor | None = None,
) -> Views:
    """Augment clips for the key's and the query's view.

    The mild and the strong view share their random numbers, so they differ only in what the strong one adds.

    Args:
        clips: N clips of joint positions in m, without gaps.
        topology: their skeleton.
        config: which augmentations.
        stream: what the model sees of positions, one of :data:`skelact.clips.streams.STREAMS`.
        key_draws: random numbers of the N clips for the key's view.
        query_draws: the same for the query's view.
        scores: (N, M, T', V) random numbers of a random mask.

    Raises:
        ConfigurationError: an augmentation that these clips cannot have.
    """
    positions, present, seen = clips.positions, clips.present, clips.seen_joints
    key = augment(positions, present, topology, config.augmentation, key_draws)
    if config.adaptive:
        query = augment(positions, present, topology, config.mild, query_draws)
        strong = augment(positions, present, topology, config.strong, query_draws, query.moments)
        # where the strong view is mirrored, a joint mixes two: both must have been seen
        query_seen = seen & _mirrored(seen, strong, topology)
    else:
        query, strong = augment(positions, present, topology, config.augmentation, query_draws), None
        query_seen = _mirrored(seen, query, topology)
    return Views(
        key=to_stream(key.positions, stream, topology),
        key_positions=key.positions,
        query=query.positions,
        strong=None if strong is None else strong.positions,
        present=present,
        key_seen=_mirrored(seen, key, topology),
        query_seen=query_seen,
        key_moments=key.moments,
        query_moments=query.moments,
        key_is_flipped=key.is_flipped,
        scores=None if scores is None else scores.to(positions.device),
    )


def query_clips(views: Views, prime_mask: Tensor | None, topology: Topology, stream: str) -> Tensor:
    """Return the (N, M, T, V, C) clips that the query encoder sees, in the stream that is learned.

    Args:
        views: of N clips.
        prime_mask: (N, M, T', V) in the key's view; gradients pass to it. Not used where there is no strong
            view.
        topology: the skeleton.
        stream: what the model sees of positions.
    """
    positions = views.query
    if views.strong is not None:
        assert prime_mask is not None  # an adaptive view has a mask
        mask = mask_in_query(prime_mask, views, topology)
        positions = mix_views(positions, views.strong, mask)
    return to_stream(positions, stream, topology)


def mask_in_query(prime_mask: Tensor, views: Views, topology: Topology) -> Tensor:
    """Return a mask over the key's view as one over the frames of the query's mild view.

    Args:
        prime_mask: (N, M, T', V).
        views: of the same N clips.
        topology: the skeleton.

    Returns:
        (N, M, T, V); gradients pass.
    """
    num_frames = views.query.shape[2]
    mask = mask_to_frames(prime_mask, num_frames)
    if bool(views.key_is_flipped.any()):
        mask = exchange_joints(mask, views.key_is_flipped, topology)
    in_clip = resample_back(mask, moment_weights(views.key_moments, num_frames))
    return resample(in_clip, moment_weights(views.query_moments, num_frames))


def _mirrored(seen: Tensor, view: Augmented, topology: Topology) -> Tensor:
    """Return the (N, M, V) joints that were seen as a view numbers them."""
    if not bool(view.is_flipped.any()):
        return seen
    return exchange_joints(seen, view.is_flipped, topology)

"""Frozen features of every frame of a long recording, by windows that slide over it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skelact.clips.sampling import IntArray, Windows
from skelact.clips.source import Clips, ClipSource
from skelact.detection.settings import WindowConfig
from skelact.evaluation.features import batch_size_of
from skelact.models.backbone import Backbone, features_of
from skelact.models.heads import pool
from skelact.models.token_encoder import TokenEncoder


def sliding_windows(num_frames: int, config: WindowConfig) -> Windows:
    """Return the windows that cover ``num_frames`` frames, at least 1; the last ends with the last frame."""
    length = min(config.length, num_frames)
    last = num_frames - length
    starts = np.append(np.arange(0, last, config.stride), last)
    return Windows(starts, np.full(len(starts), length))


@torch.no_grad()
def frame_features(
    encoder: Backbone, source: ClipSource, recording: int, config: WindowConfig, batch_size: int | None = None
) -> Tensor:
    """Embed every frame of a recording in which a body is present.

    A window's features at a time step are the mean over joints and bodies that are present, and those of all
    frames that the step covers; a frame in several windows has the mean over them.

    Args:
        encoder: in evaluation mode, on the source's device.
        source: where the clips come from.
        recording: its place in the store.
        config: the windows.
        batch_size: windows at a time; default: :func:`skelact.evaluation.features.batch_size_of`.

    Returns:
        (F, D) on the CPU, for the frames of :meth:`ClipSource.frame_numbers`.
    """
    num_frames = len(source.frame_numbers(recording))
    windows = sliding_windows(num_frames, config)
    batch_size = batch_size_of(source) if batch_size is None else batch_size
    total, count = torch.zeros(0), torch.zeros(num_frames, 1)
    for begin in range(0, len(windows.start), batch_size):
        part = Windows(*(each[begin : begin + batch_size] for each in windows))
        clips = source.cut([recording] * len(part.start), part)
        if config.centred and source.settings.stream == "joint":
            clips = centre_clips(clips, source.store.topology.centre)
        features = step_features(encoder, clips).cpu()  # (N, T', D)
        if not total.numel():
            total = torch.zeros(num_frames, features.shape[2])
        frames, steps = steps_of_frames(part, features.shape[1])
        shown = features[torch.arange(len(features))[:, None], steps]  # (N, L, D)
        total.index_add_(0, frames.flatten(), shown.flatten(0, 1))
        count.index_add_(0, frames.flatten(), torch.ones(frames.numel(), 1))
    return total / count


def step_features(encoder: Backbone, clips: Clips) -> Tensor:
    """Return the (N, T', D) mean over joints and bodies at every time step of clips.

    Of an encoder in which tokens can be missing, it is the mean over those that are there.
    """
    features = features_of(encoder, clips.positions, clips.present, clips.seen)  # (N, M, T', V, D)
    if isinstance(encoder, TokenEncoder):
        is_there = encoder.tokens_there(clips.positions, clips.present, clips.seen)  # (N, M, T', V)
        of_bodies = features.sum(3) / is_there.sum(3).clamp(min=1).unsqueeze(-1)
        return of_bodies.sum(1) / is_there.any(3).sum(1).clamp(min=1).unsqueeze(-1)
    num_steps = features.shape[2]
    steps = features.transpose(1, 2).flatten(0, 1).unsqueeze(2)  # (N * T', M, 1, V, D)
    pooled = pool(steps, clips.present.repeat_interleave(num_steps, 0), encoder.absent)
    return pooled.view(len(features), num_steps, -1)


def steps_of_frames(windows: Windows, num_steps: int) -> tuple[Tensor, Tensor]:
    """Return (N, L) the frames of windows of one length L, and the time step that shows each.

    Of T' steps, step i shows the frames whose middle lies in the i-th of T' equal parts of the window.
    """
    length = int(windows.length[0])
    within: IntArray = np.arange(length)
    frames = torch.from_numpy(windows.start[:, None] + within)
    steps = torch.from_numpy((2 * within + 1) * num_steps // (2 * length))
    return frames, steps.expand(len(frames), -1)


def centre_clips(clips: Clips, centre: int) -> Clips:
    """Move each clip's origin to the joint ``centre`` of its first body in the first frame with that body.

    Args:
        clips: N clips of joint positions, each with a body.
        centre: the joint.

    Returns:
        The same clips; what was zero, absent bodies and frames, still is.
    """
    positions = clips.positions  # (N, M, T, V, C)
    seen = (positions != 0).flatten(3).any(-1)  # (N, M, T)
    clip = torch.arange(len(positions), device=positions.device)
    body = clips.present.int().argmax(1)
    frame = seen[clip, body].int().argmax(1)
    origin = positions[clip, body, frame, centre]  # (N, C)
    moved = positions - origin[:, None, None, None]
    return clips._replace(positions=torch.where(seen[..., None, None], moved, 0.0))

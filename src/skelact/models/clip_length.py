"""Encoders for clips of another length than they were trained on."""

from __future__ import annotations

from dataclasses import replace

import torch

from skelact.errors import ConfigurationError
from skelact.models.embedding import resample_table
from skelact.models.encoder import SkeletonEncoder
from skelact.models.pretrained import Pretrained


def with_num_frames(pretrained: Pretrained, num_frames: int) -> Pretrained:
    """Return an encoder for clips of ``num_frames``: its table of time steps resampled, all else the same.

    Args:
        pretrained: the encoder; it is not changed.
        num_frames: frames T of the new clips.

    Raises:
        ConfigurationError: a length that does not divide into the encoder's patches.
    """
    encoder = pretrained.encoder
    clips = replace(pretrained.clips, num_frames=num_frames)
    if not isinstance(encoder, SkeletonEncoder):  # other backbones take clips of any length
        return replace(pretrained, clips=clips)
    patch_frames = encoder.config.patch_frames
    if num_frames < 1 or num_frames % patch_frames:
        raise ConfigurationError(
            f"num_frames is {num_frames}, expected a multiple of {patch_frames}, the frames of a patch"
        )
    config = replace(encoder.config, num_frames=num_frames)
    with torch.random.fork_rng(devices=[]):  # its random start is overwritten
        resampled = SkeletonEncoder(config, encoder.absent)
    weights = dict(encoder.state_dict())
    weights["positions.time"] = resample_table(weights["positions.time"], config.num_steps)
    resampled.load_state_dict(weights)
    return replace(pretrained, encoder=resampled.eval(), clips=clips)

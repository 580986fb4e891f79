"""Masked pre-training: STJD-MP, MAMP and MAE are settings of one machine.

Hide most tokens of a clip, encode the rest, predict what was hidden:

=========  ===========  ===========================
method     masking      target
=========  ===========  ===========================
STJD-MP    density      motion
MAMP       motion       motion
MAE        uniform      coordinates
=========  ===========  ===========================

Sources: Gunasekara et al., IEEE TBIOM 7(4), 2025; Mao et al., ICCV 2023; He et al., CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from skelact.density.fixed import FixedDensity
from skelact.errors import ConfigurationError
from skelact.models.decoder import Decoder, DecoderConfig
from skelact.models.embedding import gather_tokens, patchify
from skelact.models.encoder import Absent, EncoderConfig, SkeletonEncoder
from skelact.pretraining.masking import (
    MaskingStrength,
    Selection,
    mask_logits,
    motion_intensity,
    select_tokens,
)
from skelact.pretraining.targets import Normalisation, Target, motion, normalise


@dataclass(frozen=True)
class MaskedMotionConfig(MaskingStrength):
    """What is hidden and what is predicted; the defaults are STJD-MP as published.

    Raises:
        ConfigurationError: a ratio outside (0, 1), a temperature of zero, or a stride below one.
    """

    masking: Literal["density", "motion", "uniform"] = "density"
    """What decides which tokens are hidden: the change of joint density, the motion, or chance alone."""
    target: Target = "motion"
    """What hidden tokens are asked for."""
    motion_stride: int = 1
    """Frames between the two positions whose difference is the motion."""
    normalisation: Normalisation = "patch"
    """Over what the target is normalised."""
    absent: Absent = "skip"
    """Whether absent bodies are left out, or run as zeros and counted in the loss, as published."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.motion_stride < 1:
            raise ConfigurationError(f"motion_stride is {self.motion_stride}, expected 1 or more")


class MaskedMotionOutput(NamedTuple):
    """What one pass gives, for the B bodies that were run (K tokens kept, H hidden of L)."""

    loss: Tensor
    """() mean squared error over the hidden tokens."""
    loss_per_token: Tensor
    """(B, H) error of every hidden token."""
    prediction: Tensor
    """(B, H, P) predicted patches of the hidden tokens."""
    target: Tensor
    """(B, H, P) what they should have been."""
    selection: Selection
    """Which tokens were kept and which hidden."""


class MaskedMotionModel(nn.Module):
    """Encoder, decoder and masking of the masked methods."""

    def __init__(self, encoder: EncoderConfig, decoder: DecoderConfig, config: MaskedMotionConfig) -> None:
        super().__init__()
        self.config = config
        self.num_kept = config.num_kept(encoder.num_tokens)
        if config.target == "motion" and config.motion_stride >= encoder.num_frames:
            raise ConfigurationError(
                f"motion_stride {config.motion_stride} does not fit clips of {encoder.num_frames} frames"
            )
        self.encoder = SkeletonEncoder(encoder, config.absent)
        self.decoder = Decoder(decoder, encoder)
        patch_size = encoder.patch_frames * encoder.num_coordinates
        self.density = FixedDensity(patch_size, encoder.num_joints) if config.masking == "density" else None

    def forward(self, clips: Tensor, present: Tensor, uniform: Tensor) -> MaskedMotionOutput:
        """Hide, encode, predict, compare.

        Args:
            clips: (N, M, T, V, C) joint positions in metres.
            present: (N, M) bool, True for bodies in the clip.
            uniform: (N, M, L) draws in [0, 1) that decide what is hidden.

        Raises:
            ConfigurationError: clips of other sizes than the encoder's.
        """
        self.encoder.check(clips)
        run = torch.ones_like(present) if self.config.absent == "include" else present
        bodies, is_present = clips[run], present[run]  # (B, T, V, C), (B,)
        patches = patchify(bodies, self.encoder.config.patch_frames)  # (B, T', V, P)
        with torch.no_grad():
            selection = self.select(patches, is_present, uniform[run])
            target = gather_tokens(self.target(bodies), selection.hidden)  # (B, H, P)
        latent = self.encoder.encode(patches.flatten(1, 2), selection.keep)  # (B, K, D)
        prediction = self.decoder(latent, selection.keep, selection.hidden)  # (B, H, P)
        loss_per_token = (prediction.float() - target).square().mean(-1)
        return MaskedMotionOutput(loss_per_token.mean(), loss_per_token, prediction, target, selection)

    def signal(self, patches: Tensor, is_present: Tensor | None = None) -> Tensor | None:
        """Return the (B, T', V) signal that steers masking, or None where chance alone decides.

        Args:
            patches: (B, T', V, P).
            is_present: (B,) bool; the signal of an absent body is exactly zero. Default: all present.
        """
        if self.config.masking == "uniform":
            return None
        signal = motion_intensity(patches) if self.density is None else self.density(patches)
        return signal if is_present is None else signal * is_present[:, None, None]

    def select(self, patches: Tensor, is_present: Tensor, uniform: Tensor) -> Selection:
        """Draw the hidden tokens of (B, T', V, P) patches with (B, L) uniform numbers."""
        signal = self.signal(patches, is_present)
        logits = None if signal is None else mask_logits(signal, self.config.tau)
        return select_tokens(uniform, self.num_kept, logits)

    def target(self, bodies: Tensor) -> Tensor:
        """Return the (B, L, P) normalised targets of (B, T, V, C) bodies."""
        wanted = bodies if self.config.target == "coordinates" else motion(bodies, self.config.motion_stride)
        return normalise(
            patchify(wanted, self.encoder.config.patch_frames).flatten(1, 2), self.config.normalisation
        )

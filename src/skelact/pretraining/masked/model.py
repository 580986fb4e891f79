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

import math
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from skelact.density.learned import LearnedDensity
from skelact.density.published import FixedDensity
from skelact.errors import ConfigurationError
from skelact.models.decoder import Decoder
from skelact.models.embedding import gather_tokens, patchify
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import DecoderConfig, EncoderConfig
from skelact.pretraining.masked.losses import (
    difficulty_loss,
    motion,
    normalise,
    weighted_losses,
)
from skelact.pretraining.masked.masking import Selection, mask_logits, motion_intensity, select_tubes
from skelact.pretraining.masked.objective import MaskedObjective

NUM_PROJECTED = 16
"""Channels to which a learned density brings the encoder's features, as many as the published one has."""


class MaskedOutput(NamedTuple):
    """What one pass gives, for the B bodies that were run (K tokens kept, H hidden of L)."""

    loss: Tensor
    """() mean squared error over the hidden tokens, weighted where a density weighs it. A learned density
    gets its own gradient from it, which leaves the value as it is."""
    loss_per_token: Tensor
    """(B, H) error of every hidden token."""
    prediction: Tensor
    """(B, H, P) predicted patches of the hidden tokens."""
    target: Tensor
    """(B, H, P) what they should have been."""
    selection: Selection
    """Which tokens were kept and which hidden."""


class MaskedModel(nn.Module):
    """Encoder, decoder and masking of the masked methods."""

    def __init__(self, encoder: EncoderConfig, decoder: DecoderConfig, config: MaskedObjective) -> None:
        super().__init__()
        self.config = config
        for progress in (0.0, 1.0):
            config.num_kept(encoder.num_tokens, progress)
        if encoder.num_steps % config.tube_steps:
            raise ConfigurationError(
                f"tube_steps {config.tube_steps} does not divide the {encoder.num_steps} time steps of a clip"
            )
        if config.target == "motion" and config.motion_stride >= encoder.num_frames:
            raise ConfigurationError(
                f"motion_stride {config.motion_stride} does not fit clips of {encoder.num_frames} frames"
            )
        self.encoder = SkeletonEncoder(encoder, config.absent)
        self.decoder = Decoder(decoder, encoder)
        self.density = build_density(config, encoder)

    def forward(self, clips: Tensor, present: Tensor, uniform: Tensor, progress: float = 1.0) -> MaskedOutput:
        """Hide, encode, predict, compare.

        Args:
            clips: (N, M, T, V, C) joint positions in metres.
            present: (N, M) bool, True for bodies in the clip.
            uniform: (N, M, L) draws in [0, 1) that decide what is hidden.
            progress: share of the run that is done, for what changes over it.

        Raises:
            ConfigurationError: clips of other sizes than the encoder's.
        """
        self.encoder.check(clips)
        config = self.config
        run = torch.ones_like(present) if config.absent == "include" else present
        bodies, is_present = clips[run], present[run]  # (B, T, V, C), (B,)
        patches = patchify(bodies, self.encoder.config.patch_frames)  # (B, T', V, P)
        logits = self.logits(patches, is_present, progress)
        with torch.no_grad():
            selection = self.select(uniform[run], logits, progress)
            target = gather_tokens(self.target(bodies), selection.hidden)  # (B, H, P)
        latent = self.encoder.encode(patches.flatten(1, 2), selection.keep)  # (B, K, D)
        prediction = self.decoder(latent, selection.keep, selection.hidden)  # (B, H, P)
        loss_per_token = (prediction.float() - target).square().mean(-1)
        loss = loss_per_token.mean()
        if config.density == "learned":
            assert logits is not None  # there is a density
            # with a negative tau the density tells what is kept visible: it learns alike, only the draw turns
            sign = math.copysign(1.0, config.tau_at(progress))
            of_hidden = sign * logits.gather(1, selection.hidden)
            if config.learning == "weighting":
                loss, for_density = weighted_losses(of_hidden, loss_per_token)
            else:
                for_density = difficulty_loss(of_hidden, loss_per_token)
            loss = loss + (for_density - for_density.detach())  # its gradient alone
        return MaskedOutput(loss, loss_per_token, prediction, target, selection)

    def signal(self, patches: Tensor, is_present: Tensor | None = None) -> Tensor | None:
        """Return the (B, T', V) signal of density or motion, or None where chance alone decides.

        Args:
            patches: (B, T', V, P).
            is_present: (B,) bool; the signal of an absent body is exactly zero. Default: all present.
        """
        in_float32 = torch.autocast(patches.device.type, enabled=False)  # small differences of large numbers
        if isinstance(self.density, LearnedDensity):
            seen = self.density_features(patches)
            with in_float32:
                signal: Tensor = self.density(
                    seen.to(torch.promote_types(seen.dtype, torch.float32)), patches.shape[1]
                )
        elif self.density is not None:
            with torch.no_grad(), in_float32:
                signal = self.density(patches)
        elif self.config.masking == "motion":
            signal = motion_intensity(patches)
        else:
            return None
        return signal if is_present is None else signal * is_present[:, None, None]

    def density_features(self, patches: Tensor) -> Tensor:
        """Return what a learned density sees of (B, T', V, P) patches, without gradient.

        Returns:
            (B, T, V, C) positions; or (B, T', V, D) features of the clip, its centre moved to the origin so
            that they do not depend on where the body stands.
        """
        encoder = self.encoder
        coordinates = encoder.config.num_coordinates
        frames: Tensor = rearrange(patches, "B t V (p C) -> B (t p) V C", C=coordinates)
        if self.config.density_source == "coordinates":
            return frames
        centred = patchify(frames - frames.mean((1, 2), keepdim=True), encoder.config.patch_frames)
        with torch.no_grad():
            features = encoder.encode(centred.flatten(1, 2))
        return rearrange(features, "B (t V) D -> B t V D", V=encoder.config.num_joints)

    def logits(self, patches: Tensor, is_present: Tensor, progress: float) -> Tensor | None:
        """Return (B, L) logits of being hidden, from density or motion; None where there is neither."""
        signal = self.signal(patches, is_present)
        return None if signal is None else mask_logits(signal, self.config.tau_at(progress))

    def select(self, uniform: Tensor, logits: Tensor | None, progress: float = 1.0) -> Selection:
        """Draw the hidden tokens of bodies with (B, L) uniform numbers and logits."""
        config = self.config
        num_kept = config.num_kept(uniform.shape[1], progress)
        steering = None if config.masking == "uniform" else logits
        return select_tubes(uniform, num_kept, self.encoder.config.num_joints, config.tube_steps, steering)

    def target(self, bodies: Tensor) -> Tensor:
        """Return the (B, L, P) normalised targets of (B, T, V, C) bodies."""
        wanted = bodies if self.config.target == "coordinates" else motion(bodies, self.config.motion_stride)
        return normalise(
            patchify(wanted, self.encoder.config.patch_frames).flatten(1, 2), self.config.normalisation
        )


def build_density(config: MaskedObjective, encoder: EncoderConfig) -> FixedDensity | LearnedDensity | None:
    """Return the density of a method, or None where it has none."""
    if not config.has_density:
        return None
    if config.density == "fixed":
        return FixedDensity(encoder.patch_frames * encoder.num_coordinates, encoder.num_joints)
    if config.density_source == "coordinates":
        return LearnedDensity(encoder.num_joints, encoder.num_coordinates)
    return LearnedDensity(encoder.num_joints, encoder.width, NUM_PROJECTED)

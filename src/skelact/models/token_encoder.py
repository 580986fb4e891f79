"""The transformer over joint tokens: one encoder for clips of any length and skeletons with gaps.

A token is a patch of one joint. Which joint it is, an embedding of the joint's name says; when it is, turns
of queries and keys say, so that the length of a clip is free. What was not seen is no token: nobody can ask
it. A class token stands for the whole body; registers give the attention a place that stands for nothing.

Source: Dosovitskiy et al., *ViT*, ICLR 2021; registers: Darcet et al., ICLR 2024; a transformer of this kind
on skeletons: SLiM, arXiv 2603.10648.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from skelact.errors import ConfigurationError
from skelact.models.blocks import initialise
from skelact.models.embedding import JointTable, gather_tokens, patchify
from skelact.models.encoder import present_bodies
from skelact.models.rotary_block import RotaryBlock, Turns, rotary_turns
from skelact.models.sizes import Absent, OfBody
from skelact.models.token_sizes import TokenEncoderConfig
from skelact.skeleton.topology import Topology


class Encoded(NamedTuple):
    """What the encoder makes of B bodies."""

    summary: Tensor
    """(B, D) the class token."""
    tokens: Tensor
    """(B, T', V, D) features; they mean nothing where a token was missing."""
    blocks: tuple[Tensor, ...]
    """(B, T', V, D) each: what the last blocks gave, as many as were asked for."""


class Visible(NamedTuple):
    """What the encoder makes of some tokens of each of B bodies, K at most."""

    summary: Tensor
    """(B, D) the class token."""
    context: Tensor
    """(B, R + K, D) class token, registers, and the tokens that were given."""
    is_there: Tensor | None
    """(B, R + K) bool, False where a body had fewer tokens; None: nowhere."""
    turns: Turns
    """Of the same tokens, (B, 1, R + K, E / 2)."""

    def mean(self) -> Tensor:
        """Return the (B, D) mean of the tokens that are there, those that stand for nothing included."""
        if self.is_there is None:
            return self.context.mean(1)
        weight = self.is_there.unsqueeze(-1).to(self.context.dtype)
        return (self.context * weight).sum(1) / weight.sum(1)


class TokenEncoder(nn.Module):
    """Maps clips to a feature map per body, time step and joint, and to a vector a body.

    Bodies share the weights and do not see each other. Absent bodies are skipped: their features are zero.

    Args:
        config: its sizes.
        topology: the skeleton.

    Raises:
        ConfigurationError: sizes for another number of joints than the skeleton has.
    """

    absent: ClassVar[Absent] = "skip"

    def __init__(self, config: TokenEncoderConfig, topology: Topology) -> None:
        super().__init__()
        if config.num_joints != topology.num_joints:
            raise ConfigurationError(
                f"encoder.num_joints is {config.num_joints}, but {topology.name} has "
                f"{topology.num_joints} joints"
            )
        self.config = config
        width = config.width
        self.embed = nn.Linear(config.patch_frames * config.num_coordinates, width)
        self.joints = JointTable(topology, width)
        self.class_token = nn.Parameter(torch.empty(1, width))
        self.register_tokens = nn.Parameter(torch.empty(config.registers, width))
        self.blocks = nn.ModuleList(
            RotaryBlock(width, config.num_heads, config.hidden) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(width)
        initialise(self)
        nn.init.trunc_normal_(self.class_token, std=0.02)
        nn.init.trunc_normal_(self.register_tokens, std=0.02)

    def fitted(self, topology: Topology) -> TokenEncoder:
        """Return the same encoder for another skeleton, with a copy of the weights.

        Raises:
            ConfigurationError: the skeletons have no joint in common, by name or by nearness on the tree.
        """
        with torch.random.fork_rng(devices=[]):  # its random start is overwritten
            other = TokenEncoder(replace(self.config, num_joints=topology.num_joints), topology)
        rows = {name: value for name, value in self.state_dict().items() if not name.startswith("joints.")}
        other.load_state_dict({**other.state_dict(), **rows})
        other.joints.take(self.joints)
        return other.to(self.class_token.device)

    def forward(self, clips: Tensor, present: Tensor | None = None, seen: Tensor | None = None) -> Tensor:
        """Return the features of every body.

        Args:
            clips: (N, M, T, V, C) joint positions in metres.
            present: (N, M) bool, True for bodies in the clip; by default those with a coordinate that is
                not zero.
            seen: (N, M, T, V) bool, True where a joint was seen; by default all joints of frames with a
                coordinate that is not zero.

        Returns:
            (N, M, T', V, D) features; zero where no frame of the token's patch shows the joint.

        Raises:
            ConfigurationError: clips of another topology or dimension than the encoder's, or of a length that
                patches do not divide.
        """
        present = present_bodies(clips) if present is None else present
        return self.features_and_vectors(clips, present, seen, ())[0]

    def features_and_vectors(
        self, clips: Tensor, present: Tensor, seen: Tensor | None, within: Sequence[OfBody]
    ) -> tuple[Tensor, list[Tensor]]:
        """Return what :meth:`forward` makes of clips, and what :meth:`embed_bodies` does, encoded once.

        Args:
            clips: as for :meth:`forward`, like the next two.
            present: which bodies are there.
            seen: which joints were seen.
            within: of what each vector that is asked for is made.
        """
        bodies, is_there = self.tokens_of(clips, present, seen)
        encoded = self.encode(patchify(bodies, self.config.patch_frames), is_there)
        features = torch.where(is_there.unsqueeze(-1), encoded.tokens, 0.0)
        vectors = [_in_slots(self.vectors(encoded, is_there, each), present) for each in within]
        return _in_slots(features, present), vectors

    def embed_bodies(
        self,
        clips: Tensor,
        present: Tensor | None = None,
        seen: Tensor | None = None,
        within: OfBody = "mean",
    ) -> Tensor:
        """Return a vector of every body: as the sizes' ``pooling`` says, or with joints side by side.

        Args:
            clips: as for :meth:`forward`, like the next two.
            present: which bodies are there.
            seen: which joints were seen.
            within: ``mean`` is what the sizes say; ``joints``, each by its mean over the time steps that
                show it, zero where none does; ``moments``, each by mean and standard deviation.

        Returns:
            (N, M, D), of both the class token and the mean (N, M, 2 D), of joints side by side (N, M, V D),
            of their moments (N, M, 2 V D), joint by joint; zero for absent bodies.
        """
        present = present_bodies(clips) if present is None else present
        bodies, is_there = self.tokens_of(clips, present, seen)
        patches = patchify(bodies, self.config.patch_frames)
        summary_alone = self.config.pooling == "class" and within == "mean"
        encoded = self.encode(patches, is_there, summary_alone=summary_alone)
        return _in_slots(self.vectors(encoded, is_there, within), present)

    def vectors(self, encoded: Encoded, is_there: Tensor, within: OfBody = "mean") -> Tensor:
        """Return what :meth:`embed_bodies` makes of B bodies, (B, D).

        Args:
            encoded: what :meth:`encode` made of them.
            is_there: (B, T', V) bool, False for tokens that are missing.
            within: as for :meth:`embed_bodies`.
        """
        if within != "mean" or self.config.pooling == "joints":
            mean = _mean_where(encoded.tokens, is_there, (1,))
            if within != "moments":
                return mean.flatten(1)
            spread = _mean_where((encoded.tokens - mean.unsqueeze(1)).square(), is_there, (1,)).sqrt()
            return torch.cat([mean, spread], -1).flatten(1)
        if self.config.pooling == "class":
            return encoded.summary
        parts = [_mean_where(encoded.tokens, is_there, (1, 2))]
        if self.config.pooling == "both":
            parts.insert(0, encoded.summary)
        return torch.cat(parts, 1)

    def tokens_of(self, clips: Tensor, present: Tensor, seen: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the (B, T, V, C) bodies that are there, and (B, T', V) which of their tokens are."""
        self.check(clips)
        bodies = clips[present]
        if seen is None:
            seen_BTV = (bodies != 0).flatten(2).any(-1, keepdim=True).expand(bodies.shape[:-1])
        else:
            seen_BTV = seen[present]
        steps = rearrange(seen_BTV, "B (t p) V -> B t p V", p=self.config.patch_frames)
        return bodies, steps.any(2)

    def tokens_there(self, clips: Tensor, present: Tensor, seen: Tensor | None) -> Tensor:
        """Return (N, M, T', V) bool, True for tokens that are there; arguments as for :meth:`forward`."""
        return _in_slots(self.tokens_of(clips, present, seen)[1], present)

    def encode(
        self,
        patches: Tensor,
        is_there: Tensor | None = None,
        *,
        hidden: Tensor | None = None,
        mask_token: Tensor | None = None,
        joints: Tensor | None = None,
        num_blocks: int = 0,
        summary_alone: bool = False,
    ) -> Encoded:
        """Embed patches and run the blocks.

        Args:
            patches: (B, T', V, p C).
            is_there: (B, T', V) bool, False for tokens that are missing; default: all are there.
            hidden: (B, T', V) bool, tokens of which only joint and time are told.
            mask_token: (D,) what stands for their patches.
            joints: (B, K) the joints whose patches these are, where they are not all: V is then K.
            num_blocks: how many blocks' outputs to return.
            summary_alone: leave out what the class token does not need; there are then no tokens.
        """
        num_steps, num_joints = patches.shape[1:3]
        x = self.embed(patches)
        if hidden is not None:
            assert mask_token is not None
            x = torch.where(hidden.unsqueeze(-1), mask_token.to(x.dtype), x)
        table = self.joints()
        x = x + (table if joints is None else table[joints].unsqueeze(1))
        x, num_beside = self._prefixed(x.flatten(1, 2))
        asked = None
        # a graph that is written out has to do for clips with gaps and without
        if is_there is not None and (torch.onnx.is_in_onnx_export() or not bool(is_there.all())):
            asked = torch.cat([is_there.new_ones(x.shape[0], num_beside), is_there.flatten(1)], 1)
        turns = self.turns(num_steps, num_joints, num_beside, x.device)
        outputs = []
        for number, block in enumerate(self.blocks, 1):
            is_last = number == len(self.blocks)
            x = block(x, turns, asked, 1 if summary_alone and is_last else None)
            if number > len(self.blocks) - num_blocks:
                outputs.append(rearrange(x[:, num_beside:], "B (t V) D -> B t V D", V=num_joints))
        x = self.norm(x)
        if summary_alone:
            return Encoded(x[:, 0], x.new_zeros(len(x), 0, 0, x.shape[-1]), tuple(outputs))
        tokens = rearrange(x[:, num_beside:], "B (t V) D -> B t V D", V=num_joints)
        return Encoded(x[:, 0], tokens, tuple(outputs))

    def encode_visible(self, patches: Tensor, visible: Tensor) -> Visible:
        """Run the blocks on some tokens alone, as if there were no others.

        Args:
            patches: (B, T', V, p C).
            visible: (B, T', V) bool, the tokens that are run.
        """
        chosen, num_joints = visible.flatten(1), visible.shape[2]
        most = max(1, int(chosen.sum(1).max())) if len(chosen) else 1
        order = (~chosen).to(torch.uint8).argsort(dim=1, stable=True)[:, :most]  # (B, K)
        x = self.embed(gather_tokens(patches.flatten(1, 2), order)) + self.joints()[order % num_joints]
        x, num_beside = self._prefixed(x)
        is_there = torch.cat([chosen.new_ones(len(x), num_beside), chosen.gather(1, order)], 1)
        asked = None if bool(is_there.all()) else is_there
        steps = torch.cat([order.new_zeros(len(x), num_beside), order // num_joints], 1)
        turns = rotary_turns(steps.unsqueeze(1), self.config.width // self.config.num_heads)
        for block in self.blocks:
            x = block(x, turns, asked)
        x = self.norm(x)
        return Visible(x[:, 0], x, asked, turns)

    def _prefixed(self, tokens: Tensor) -> tuple[Tensor, int]:
        """Return (B, R + K, D), class token and registers before (B, K, D) tokens; and their number R."""
        beside = torch.cat([self.class_token, self.register_tokens])
        return torch.cat([beside.to(tokens.dtype).expand(tokens.shape[0], -1, -1), tokens], 1), len(beside)

    def turns(self, num_steps: int, num_joints: int, num_beside: int, device: torch.device) -> Turns:
        """Return the turns of all tokens; those that belong to no time stand at step 0."""
        steps = torch.arange(num_steps, device=device).repeat_interleave(num_joints)
        steps = torch.cat([steps.new_zeros(num_beside), steps])
        return rotary_turns(steps, self.config.width // self.config.num_heads)

    def check(self, clips: Tensor) -> None:
        """Raise ConfigurationError unless (N, M, T, V, C) ``clips`` have the encoder's sizes."""
        cfg = self.config
        fits = clips.ndim == 5 and tuple(clips.shape[3:]) == (cfg.num_joints, cfg.num_coordinates)
        if not fits or clips.shape[2] < 1 or clips.shape[2] % cfg.patch_frames:
            raise ConfigurationError(
                f"clips have shape {tuple(clips.shape)}, this encoder takes (sequences, bodies, "
                f"a multiple of {cfg.patch_frames} frames, {cfg.num_joints} joints, "
                f"{cfg.num_coordinates} coordinates)"
            )


def _mean_where(tokens: Tensor, is_there: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the mean of (B, T', V, D) tokens over axes, of those that are there; zero where none is."""
    weight = is_there.unsqueeze(-1).to(tokens.dtype)
    return (tokens * weight).sum(axes) / weight.sum(axes).clamp(min=1)


def _in_slots(values: Tensor, present: Tensor) -> Tensor:
    """Return (N, M, ...) of (B, ...) values of the bodies present, zero for the others."""
    slots = values.new_zeros(*present.shape, *values.shape[1:])
    slots[present] = values
    return slots

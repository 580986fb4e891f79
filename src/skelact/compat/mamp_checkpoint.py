"""Published checkpoints of MAMP and STJD-MP: their parameter names and shapes become our modules.

Sizes are read off the shapes; only the number of heads leaves no trace and must be given. Parameters are
looked up by name and checked as they are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from skelact.density.published import FixedDensity
from skelact.errors import ConfigurationError, DataError, printable
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import Absent, DecoderConfig, EncoderConfig
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective

StateDict = Mapping[str, Any]
"""Parameters by their published names; arrays do as well as tensors."""


class StateDictReader:
    """Looks parameters up by published name.

    Args:
        state_dict: the parameters.
        name: how errors call where they come from.

    Raises:
        DataError: on taking one that is missing, no array of numbers, or not finite.
    """

    def __init__(self, state_dict: StateDict, name: str = "checkpoint") -> None:
        self.state_dict, self.name = state_dict, name

    def __getitem__(self, parameter: str) -> Tensor:
        """Return a parameter in float32."""
        try:
            found = self.state_dict[parameter]
        except KeyError:
            some = ", ".join(printable(name[:40]) for name in list(self.state_dict)[:3])
            raise DataError(
                f"{self.name}: no parameter {parameter!r} among {len(self.state_dict)} ({some}, ...); "
                "is it a MAMP or STJD-MP checkpoint?"
            ) from None
        try:
            value = torch.as_tensor(found).detach()
            usable = value.is_floating_point() and value.layout == torch.strided and not value.is_meta
        except (TypeError, ValueError, RuntimeError):
            usable = False
        # one number spread over a huge shape would pass for a tensor of that size
        if not usable or value.untyped_storage().nbytes() < value.numel() * value.element_size():
            raise DataError(f"{self.name}: {parameter} is no array of floating-point numbers; is it damaged?")
        value = value.to(torch.float32)
        if not value.isfinite().all():
            raise DataError(
                f"{self.name}: {parameter} holds NaN or infinity, so its training failed; "
                "take an earlier checkpoint"
            )
        return value

    def shape(self, parameter: str, num_axes: int) -> tuple[int, ...]:
        """Return the shape of a parameter that must have ``num_axes`` axes."""
        shape = tuple(self[parameter].shape)
        if len(shape) != num_axes or 0 in shape:
            raise DataError(
                f"{self.name}: {parameter} has shape {shape}, expected {num_axes} axes, none of them empty"
            )
        return shape

    def depth(self, prefix: str) -> int:
        """Return the number of blocks under ``prefix``."""
        parts = [name.split(".") for name in self.state_dict]
        numbers = {part[1] for part in parts if part[0] == prefix and part[1:] and part[1].isdecimal()}
        depth = next(depth for depth in range(len(numbers) + 1) if str(depth) not in numbers)
        if depth == 0 or depth != len(numbers):
            raise DataError(
                f"{self.name}: {prefix}.{depth} is missing; is it a whole MAMP or STJD-MP checkpoint?"
            )
        return depth


PUBLISHED_HEADS = 8
"""Attention heads of encoder and decoder in all published models."""
OWN_HEADS = "a model with another number of heads comes in by 'skelact weights import --num-heads'"
DENSITY = "gen_mask.h_values"
"""A parameter that a checkpoint has if, and only if, it holds a density."""
DECODER = "decoder_embed.weight"
"""A parameter that a checkpoint has if, and only if, it holds a decoder."""

ENCODER_TABLES = {"temp_embed": "positions.time", "pos_embed": "positions.joint"}
DECODER_TABLES = {"decoder_temp_embed": "positions.time", "decoder_pos_embed": "positions.joint"}
BLOCK_PARTS = {
    "norm1": "attention_norm",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.out",
    "norm2": "mlp_norm",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.2",
}
DECODER_LAYERS = {"decoder_embed": "embed", "decoder_norm": "norm", "decoder_pred": "predict"}
POSITIVE = {
    "log_bandwidth": "gen_mask.h_values",
    "log_channel_weight": "gen_mask.weights",
    "log_joint_weight": "gen_mask.joint_weights",
}
"""What the density keeps as a logarithm, by our names."""


def encoder_from_state_dict(
    state_dict: StateDict,
    num_heads: int = PUBLISHED_HEADS,
    absent: Absent = "skip",
    *,
    name: str = "checkpoint",
) -> SkeletonEncoder:
    """Build an encoder from published parameters.

    Args:
        state_dict: parameters under their published names; those of decoder, masking and head are passed
            over.
        num_heads: attention heads (8 in all published models).
        absent: how the encoder treats absent bodies unless a call says otherwise.
        name: how errors call where the parameters come from.

    Returns:
        The encoder in evaluation mode. Called with clips (N, M, T, V, C) it gives features
        (N, M, T', V, D); with ``absent="include"`` they are the published ones.

    Raises:
        DataError: a parameter is missing, does not fit the others, or holds what is not a finite number.
    """
    reader = StateDictReader(state_dict, name)
    config = _encoder_config(reader, num_heads)
    parameters = _encoder_parameters(reader, config)  # before anything of the sizes it claims is made
    encoder = SkeletonEncoder(config, absent)
    _load(encoder, parameters, name)
    return encoder.eval()


def pretrainer_from_state_dict(
    state_dict: StateDict,
    num_heads: int = PUBLISHED_HEADS,
    config: MaskedObjective | None = None,
    *,
    name: str = "checkpoint",
) -> MaskedModel:
    """Build a masked pre-training model from published parameters.

    Args:
        state_dict: parameters under their published names. A density in it (``gen_mask``) is taken over;
            where the method needs one and there is none, as when STJD-MP starts from MAMP, it starts anew.
        num_heads: attention heads of encoder and decoder (8 in all published models).
        config: the method; by default STJD-MP where the parameters hold a density, else MAMP, both as
            published: absent bodies included.
        name: how errors call where the parameters come from.

    Raises:
        DataError: a parameter is missing, does not fit the others, or holds what is not a finite number.
        ConfigurationError: the method does not fit the sizes.
    """
    reader = StateDictReader(state_dict, name)
    if DECODER not in state_dict:
        raise DataError(
            f"{name}: holds no decoder, so it is not from pre-training (or from after it); "
            "take the checkpoint that pre-training wrote"
        )
    if config is None:
        config = MaskedObjective(masking="density" if DENSITY in state_dict else "motion", absent="include")
    encoder = _encoder_config(reader, num_heads)
    decoder = _decoder_config(reader, num_heads)
    encoder_parameters = _encoder_parameters(reader, encoder)
    decoder_parameters = _decoder_parameters(reader, decoder.depth)
    model = MaskedModel(encoder, decoder, config)
    _load(model.encoder, encoder_parameters, name)
    _load(model.decoder, decoder_parameters, name)
    if isinstance(model.density, FixedDensity) and DENSITY in state_dict:
        _load(model.density, _density_parameters(reader), name)
    return model


def _encoder_config(reader: StateDictReader, num_heads: int) -> EncoderConfig:
    width, num_coordinates, patch_frames, _ = reader.shape("joints_embed.proj.weight", 4)
    try:
        return EncoderConfig(
            num_joints=reader.shape("pos_embed", 4)[2],
            num_coordinates=num_coordinates,
            num_frames=reader.shape("temp_embed", 4)[1] * patch_frames,
            patch_frames=patch_frames,
            width=width,
            depth=reader.depth("blocks"),
            num_heads=num_heads,
            mlp_ratio=reader.shape("blocks.0.mlp.fc1.weight", 2)[0] / width,
        )
    except ConfigurationError as error:
        raise DataError(f"{reader.name}: {error}; {OWN_HEADS}") from error


def _decoder_config(reader: StateDictReader, num_heads: int) -> DecoderConfig:
    width = reader.shape(DECODER, 2)[0]
    hidden = reader.shape("decoder_blocks.0.mlp.fc1.weight", 2)[0]
    try:
        return DecoderConfig(width, reader.depth("decoder_blocks"), num_heads, hidden / width)
    except ConfigurationError as error:
        raise DataError(f"{reader.name}: {error}; {OWN_HEADS}") from error


def _encoder_parameters(reader: StateDictReader, config: EncoderConfig) -> dict[str, Tensor]:
    # a convolution whose stride is its kernel is a linear layer on patches: (D, C, p, 1) -> (D, p * C)
    kernel = reader["joints_embed.proj.weight"].flatten(2)
    return {
        "embed.weight": kernel.permute(0, 2, 1).flatten(1),
        "embed.bias": reader["joints_embed.proj.bias"],
        **_tables(reader, ENCODER_TABLES),
        **_blocks(reader, "blocks", config.depth),
        "norm.weight": reader["norm.weight"],
        "norm.bias": reader["norm.bias"],
    }


def _decoder_parameters(reader: StateDictReader, depth: int) -> dict[str, Tensor]:
    return {
        "mask_token": reader["mask_token"].reshape(1, -1),
        **_tables(reader, DECODER_TABLES),
        **_blocks(reader, "decoder_blocks", depth),
        **{
            f"{ours}.{kind}": reader[f"{theirs}.{kind}"]
            for theirs, ours in DECODER_LAYERS.items()
            for kind in ("weight", "bias")
        },
    }


def _density_parameters(reader: StateDictReader) -> dict[str, Tensor]:
    for theirs in POSITIVE.values():
        if not (reader[theirs] > 0).all():
            raise DataError(
                f"{reader.name}: {theirs} holds a number that is not positive; a density needs all to be"
            )
    return {
        "conv_weight": reader["gen_mask.m.weight"],
        "conv_bias": reader["gen_mask.m.bias"],
        **{ours: reader[theirs].log() for ours, theirs in POSITIVE.items()},
    }


def _blocks(reader: StateDictReader, prefix: str, depth: int) -> dict[str, Tensor]:
    return {
        f"blocks.{block}.{ours}.{kind}": reader[f"{prefix}.{block}.{theirs}.{kind}"]
        for block in range(depth)
        for theirs, ours in BLOCK_PARTS.items()
        for kind in ("weight", "bias")
    }


def _tables(reader: StateDictReader, names: Mapping[str, str]) -> dict[str, Tensor]:
    return {ours: reader[theirs].reshape(-1, reader.shape(theirs, 4)[3]) for theirs, ours in names.items()}


def _load(module: nn.Module, parameters: dict[str, Tensor], name: str) -> None:
    expected = {key: value.shape for key, value in module.state_dict().items()}
    for key, value in parameters.items():
        if value.shape != expected[key]:
            raise DataError(f"{name}: {key} has shape {tuple(value.shape)}, expected {tuple(expected[key])}")
    module.load_state_dict(parameters)

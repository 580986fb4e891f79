"""Published checkpoints of MAMP and STJD-MP: their parameter names and shapes become our modules.

Sizes are read off the shapes; only the number of heads leaves no trace and must be given.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from skelact.errors import DataError
from skelact.models.decoder import DecoderConfig
from skelact.models.encoder import Absent, EncoderConfig, SkeletonEncoder
from skelact.pretraining.masked_motion import MaskedMotionConfig, MaskedMotionModel

StateDict = Mapping[str, Tensor]
"""Parameters by their published names; arrays do as well as tensors."""

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


def encoder_from_state_dict(
    state_dict: StateDict, num_heads: int = 8, absent: Absent = "skip"
) -> SkeletonEncoder:
    """Build an encoder from published parameters.

    Args:
        state_dict: parameters under their published names; those of decoder, masking and head are passed
            over.
        num_heads: attention heads (8 in all published models).
        absent: how the encoder treats absent bodies unless a call says otherwise.

    Returns:
        The encoder in evaluation mode. Called with clips (N, M, T, V, C) it gives features
        (N, M, T', V, D); with ``absent="include"`` they are the published ones.

    Raises:
        DataError: a parameter is missing or does not fit the others.
    """
    reader = _Reader(state_dict)
    encoder = SkeletonEncoder(_encoder_config(reader, num_heads), absent)
    _load(encoder, _encoder_parameters(reader, encoder.config))
    return encoder.eval()


def pretrainer_from_state_dict(
    state_dict: StateDict, num_heads: int = 8, config: MaskedMotionConfig | None = None
) -> MaskedMotionModel:
    """Build a masked pre-training model from published parameters.

    Args:
        state_dict: parameters under their published names. A density in it (``gen_mask``) is taken over;
            where the method needs one and there is none, as when STJD-MP starts from MAMP, it starts anew.
        num_heads: attention heads of encoder and decoder (8 in all published models).
        config: the method; by default STJD-MP where the parameters hold a density, else MAMP, both as
            published: absent bodies included.

    Raises:
        DataError: a parameter is missing or does not fit the others.
    """
    reader = _Reader(state_dict)
    if config is None:
        masking = "density" if "gen_mask.h_values" in state_dict else "motion"
        config = MaskedMotionConfig(masking=masking, absent="include")  # type: ignore[arg-type]
    encoder = _encoder_config(reader, num_heads)
    width = reader["decoder_embed.weight"].shape[0]
    hidden = reader["decoder_blocks.0.mlp.fc1.weight"].shape[0]
    depth = reader.depth("decoder_blocks")
    model = MaskedMotionModel(encoder, DecoderConfig(width, depth, num_heads, hidden / width), config)
    _load(model.encoder, _encoder_parameters(reader, encoder))
    _load(model.decoder, _decoder_parameters(reader, depth))
    if model.density is not None and "gen_mask.h_values" in state_dict:
        _load(model.density, _density_parameters(reader))
    return model


class _Reader:
    """Looks parameters up by published name; a missing one is an error that names it."""

    def __init__(self, state_dict: StateDict) -> None:
        self.state_dict = state_dict

    def __getitem__(self, name: str) -> Tensor:
        try:
            return torch.as_tensor(self.state_dict[name]).detach()
        except KeyError:
            some = ", ".join(list(self.state_dict)[:3])
            raise DataError(
                f"checkpoint: no parameter {name!r} among {len(self.state_dict)} ({some}, ...); "
                "is it a MAMP or STJD-MP checkpoint?"
            ) from None

    def depth(self, prefix: str) -> int:
        """Return the number of blocks under ``prefix``."""
        return 1 + max(
            (int(name.split(".")[1]) for name in self.state_dict if name.startswith(f"{prefix}.")), default=-1
        )

    def blocks(self, prefix: str, depth: int) -> dict[str, Tensor]:
        """Return the parameters of ``depth`` blocks under our names."""
        return {
            f"blocks.{block}.{ours}.{kind}": self[f"{prefix}.{block}.{theirs}.{kind}"]
            for block in range(depth)
            for theirs, ours in BLOCK_PARTS.items()
            for kind in ("weight", "bias")
        }


def _encoder_config(reader: _Reader, num_heads: int) -> EncoderConfig:
    width, num_coordinates, patch_frames, _ = reader["joints_embed.proj.weight"].shape
    return EncoderConfig(
        num_joints=reader["pos_embed"].shape[2],
        num_coordinates=num_coordinates,
        num_frames=reader["temp_embed"].shape[1] * patch_frames,
        patch_frames=patch_frames,
        width=width,
        depth=reader.depth("blocks"),
        num_heads=num_heads,
        mlp_ratio=reader["blocks.0.mlp.fc1.weight"].shape[0] / width,
    )


def _encoder_parameters(reader: _Reader, config: EncoderConfig) -> dict[str, Tensor]:
    # a convolution whose stride is its kernel is a linear layer on patches: (D, C, p, 1) -> (D, p * C)
    kernel = reader["joints_embed.proj.weight"].squeeze(-1)
    return {
        "embed.weight": kernel.permute(0, 2, 1).flatten(1),
        "embed.bias": reader["joints_embed.proj.bias"],
        **_tables(reader, ENCODER_TABLES),
        **reader.blocks("blocks", config.depth),
        "norm.weight": reader["norm.weight"],
        "norm.bias": reader["norm.bias"],
    }


def _decoder_parameters(reader: _Reader, depth: int) -> dict[str, Tensor]:
    same = {"decoder_embed": "embed", "decoder_norm": "norm", "decoder_pred": "predict"}
    return {
        "mask_token": reader["mask_token"].flatten(0, 1),
        **_tables(reader, DECODER_TABLES),
        **reader.blocks("decoder_blocks", depth),
        **{
            f"{ours}.{kind}": reader[f"{theirs}.{kind}"]
            for theirs, ours in same.items()
            for kind in ("weight", "bias")
        },
    }


def _density_parameters(reader: _Reader) -> dict[str, Tensor]:
    positive = {
        "log_bandwidth": "gen_mask.h_values",
        "log_channel_weight": "gen_mask.weights",
        "log_joint_weight": "gen_mask.joint_weights",
    }
    for theirs in positive.values():
        if not (reader[theirs] > 0).all():
            raise DataError(
                f"checkpoint: {theirs} holds a number that is not positive; a density needs all to be"
            )
    return {
        "conv_weight": reader["gen_mask.m.weight"],
        "conv_bias": reader["gen_mask.m.bias"],
        **{ours: reader[theirs].log() for ours, theirs in positive.items()},
    }


def _tables(reader: _Reader, names: Mapping[str, str]) -> dict[str, Tensor]:
    width = reader[next(iter(names))].shape[-1]
    return {ours: reader[theirs].reshape(-1, width) for theirs, ours in names.items()}


def _load(module: nn.Module, parameters: dict[str, Tensor]) -> None:
    expected = {name: value.shape for name, value in module.state_dict().items()}
    for name, value in parameters.items():
        if value.shape != expected[name]:
            raise DataError(
                f"checkpoint: {name} has shape {tuple(value.shape)}, expected {tuple(expected[name])}"
            )
    module.load_state_dict({name: value.to(torch.float32) for name, value in parameters.items()})

"""Our parameters under the published names: the way back of :mod:`skelact.compat.mamp_checkpoint`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from skelact.compat.mamp_checkpoint import BLOCK_PARTS, DECODER_LAYERS, POSITIVE
from skelact.compat.torch_file import NUM_HEADS, STATE_DICT_KEYS
from skelact.density.published import FixedDensity
from skelact.files import new_file
from skelact.models.decoder import Decoder
from skelact.models.encoder import SkeletonEncoder


def published_encoder(encoder: SkeletonEncoder) -> dict[str, Tensor]:
    """Return an encoder's parameters under their published names."""
    own, config = encoder.state_dict(), encoder.config
    kernel = own["embed.weight"].unflatten(1, (config.patch_frames, config.num_coordinates))
    return {
        "temp_embed": own["positions.time"][None, :, None],  # (1, T', 1, D)
        "pos_embed": own["positions.joint"][None, None],  # (1, 1, V, D)
        "joints_embed.proj.weight": kernel.mT.unsqueeze(-1).contiguous(),  # (D, p * C) -> (D, C, p, 1)
        "joints_embed.proj.bias": own["embed.bias"],
        **_blocks(own, "blocks", config.depth),
        "norm.weight": own["norm.weight"],
        "norm.bias": own["norm.bias"],
    }


def published_decoder(decoder: Decoder) -> dict[str, Tensor]:
    """Return a decoder's parameters under their published names."""
    own = decoder.state_dict()
    return {
        "mask_token": own["mask_token"][None],  # (1, 1, D)
        "decoder_temp_embed": own["positions.time"][None, :, None],
        "decoder_pos_embed": own["positions.joint"][None, None],
        **_blocks(own, "decoder_blocks", decoder.config.depth),
        **{
            f"{theirs}.{kind}": own[f"{ours}.{kind}"]
            for theirs, ours in DECODER_LAYERS.items()
            for kind in ("weight", "bias")
        },
    }


def published_density(density: FixedDensity) -> dict[str, Tensor]:
    """Return the fixed density's parameters under their published names.

    What is positive is kept as a logarithm here: what is 1, as all of it is in published checkpoints, comes
    out exact, the rest to the last bits.
    """
    own = density.state_dict()
    return {
        "gen_mask.m.weight": own["conv_weight"],
        "gen_mask.m.bias": own["conv_bias"],
        **{theirs: own[ours].exp() for ours, theirs in POSITIVE.items()},
    }


def write_published(path: Path, parameters: Mapping[str, Tensor], num_heads: int, overwrite: bool) -> None:
    """Write a checkpoint that the published code loads: parameters under ``model``.

    Args:
        path: the ``.pth`` file; it appears when it is complete.
        parameters: by published name.
        num_heads: attention heads, stated beside the parameters, for they do not show it.
        overwrite: replace a file that is there.

    Raises:
        DataError: the file exists, or cannot be written.
    """
    content = io.BytesIO()  # torch says of a full disk something about a position in its archive
    torch.save({STATE_DICT_KEYS[0]: dict(parameters), NUM_HEADS: num_heads}, content)
    with new_file(path, overwrite) as file:
        file.write(content.getbuffer())


def _blocks(own: Mapping[str, Tensor], prefix: str, depth: int) -> dict[str, Tensor]:
    return {
        f"{prefix}.{block}.{theirs}.{kind}": own[f"blocks.{block}.{ours}.{kind}"]
        for block in range(depth)
        for theirs, ours in BLOCK_PARTS.items()
        for kind in ("weight", "bias")
    }

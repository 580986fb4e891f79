"""Optimisers: which parameters decay, and which learn more slowly than others."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from skelact.models.embedding import JointTable, PositionTable
from skelact.training.config import TrainingConfig


def build_optimiser(
    model: nn.Module, config: TrainingConfig, rate_scales: Mapping[str, float] | None = None
) -> Optimizer:
    """Return the configured optimiser over all parameters that need gradients.

    Weight decay spares biases and norms. Tables of positions and joints, and tokens that no clip holds (mask,
    class, registers), are spared too unless ``decay_tables`` asks for the published behaviour.

    Args:
        model: its parameters that need gradients are trained.
        config: optimiser, rate and decay.
        rate_scales: factors on the learning rate by the parameters' names, e.g. of
            :func:`layer_decay_scales`; default: 1 for all. A group keeps its factor as ``rate_scale``.
    """
    spared = set() if config.decay_tables else _tables(model)
    parts: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = 1.0 if rate_scales is None else rate_scales[name]
            parts.setdefault((scale, parameter.ndim > 1 and name not in spared), []).append(parameter)
    groups = [
        {
            "params": parts[scale, decays],
            "weight_decay": config.weight_decay if decays else 0.0,
            "rate_scale": scale,
            "lr": config.lr * scale,
        }
        for scale, decays in sorted(parts, reverse=True)
    ]
    if config.optimiser == "sgd":
        return SGD(groups, lr=config.lr, momentum=config.momentum)
    return AdamW(groups, lr=config.lr, betas=(config.beta1, config.beta2), fused=True)


def layer_decay_scales(model: nn.Module, decay: float) -> dict[str, float]:
    """Return by how much each parameter of a classifier learns more slowly, the deeper the slower.

    Of an encoder with B blocks (those of a transformer, or of an ST-GCN), what comes before them is layer 0:
    embedding and position tables, or the norm of the input. Block k is layer k + 1, with all that is in it;
    a norm behind the blocks and the head are layer B + 1. The factor of layer l is ``decay ** (B + 1 - l)``.

    Args:
        model: its encoder's parameters are called ``encoder...``; all others are the head's.
        decay: factor from a layer to the one before it; 1 lets all learn alike.
    """
    names = [name for name, _ in model.named_parameters()]
    blocks = {name: int(found[1]) for name in names if (found := re.match(r"encoder\.blocks\.(\d+)\.", name))}
    last = max(blocks.values(), default=-1) + 2

    def layer(name: str) -> int:
        if name in blocks:
            return blocks[name] + 1
        before_blocks = name.startswith("encoder.") and not name.startswith("encoder.norm.")
        return 0 if before_blocks else last

    return {name: decay ** (last - layer(name)) for name in names}


def _tables(model: nn.Module) -> set[str]:
    tables = {
        f"{name}.{entry}" if name else entry
        for name, module in model.named_modules()
        if isinstance(module, PositionTable | JointTable)
        for entry, _ in module.named_parameters()
    }
    tokens = {"mask_token", "class_token", "register_tokens"}
    return tables | {name for name, _ in model.named_parameters() if name.split(".")[-1] in tokens}

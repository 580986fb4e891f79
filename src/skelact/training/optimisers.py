"""Optimisers and which parameters decay."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from skelact.models.embedding import PositionTable
from skelact.training.config import TrainingConfig


def build_optimiser(model: nn.Module, config: TrainingConfig) -> Optimizer:
    """Return the configured optimiser over all parameters that need gradients.

    Weight decay spares biases and norms. Position tables and the mask token are spared too unless
    ``decay_tables`` asks for the published behaviour.
    """
    spared = set() if config.decay_tables else _tables(model)
    decay: list[nn.Parameter] = []
    keep: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (keep if parameter.ndim <= 1 or name in spared else decay).append(parameter)
    groups = [{"params": decay, "weight_decay": config.weight_decay}, {"params": keep, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if config.optimiser == "sgd":
        return SGD(groups, lr=config.lr, momentum=config.momentum)
    return AdamW(groups, lr=config.lr, betas=(config.beta1, config.beta2))


def _tables(model: nn.Module) -> set[str]:
    tables = {
        f"{name}.{entry}" if name else entry
        for name, module in model.named_modules()
        if isinstance(module, PositionTable)
        for entry, _ in module.named_parameters()
    }
    return tables | {name for name, _ in model.named_parameters() if name.split(".")[-1] == "mask_token"}

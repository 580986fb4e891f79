import torch
from torch import nn

from skelact.models.embedding import PositionTable
from skelact.training.config import TrainingConfig
from skelact.training.optimisers import build_optimiser


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.norm = nn.LayerNorm(4)
        self.positions = PositionTable(2, 5, 4)
        self.mask_token = nn.Parameter(torch.zeros(1, 4))
        self.frozen = nn.Parameter(torch.zeros(2, 2), requires_grad=False)


def decayed(model, **settings):
    optimiser = build_optimiser(model, TrainingConfig(weight_decay=0.1, **settings))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = {
        group["weight_decay"]: {names[id(p)] for p in group["params"]} for group in optimiser.param_groups
    }
    assert set().union(*groups.values()) == set(names.values()) - {"frozen"}
    return groups[0.1]


def test_biases_norms_tables_and_mask_token_are_spared():
    assert decayed(Model()) == {"linear.weight"}


def test_published_runs_decay_tables_and_mask_token():
    tables = {"positions.time", "positions.joint", "mask_token"}
    assert decayed(Model(), decay_tables=True) == {"linear.weight"} | tables
    assert decayed(Model(), decay_tables=True, optimiser="sgd") == {"linear.weight"} | tables

import pytest
import torch
from torch import nn

from skelact.models.embedding import PositionTable
from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import Classifier, FinetuneHead
from skelact.models.sizes import EncoderConfig, STGCNConfig
from skelact.models.st_gcn import STGCN
from skelact.skeleton.tables import NTU_25
from skelact.training.config import TrainingConfig
from skelact.training.optimisers import build_optimiser, layer_decay_scales


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


@pytest.mark.parametrize("kind", ["transformer", "st-gcn"])
def test_every_block_is_a_layer_that_learns_more_slowly_than_the_next(kind):
    if kind == "transformer":
        encoder = SkeletonEncoder(EncoderConfig(num_frames=8, width=8, depth=3, num_heads=2))
        own = {"embed": 0, "positions": 0, "norm": 4}
    else:  # the second block has an identity as its shortcut, the third a layer
        encoder = STGCN(STGCNConfig(channels=(8, 8, 16), strides=(1, 1, 2)), NTU_25)
        own = {"input_norm": 0}
    model = Classifier(encoder, FinetuneHead(25, encoder.config.width, 4, hidden_width=8))
    scales = layer_decay_scales(model, 0.5)
    assert scales.keys() == dict(model.named_parameters()).keys()
    found = {}  # factors by place in the classifier
    for name, scale in scales.items():
        place = name.removeprefix("encoder.").split(".")
        found.setdefault(".".join(place[:2]) if place[0] == "blocks" else place[0], set()).add(scale)
    layers = {**own, "blocks.0": 1, "blocks.1": 2, "blocks.2": 3, "head": 4}
    assert found == {place: {0.5 ** (4 - layer)} for place, layer in layers.items()}
    groups = build_optimiser(model, TrainingConfig(lr=0.1), scales).param_groups
    assert {group["rate_scale"] for group in groups} == {0.5**layer for layer in range(5)}
    assert all(group["lr"] == 0.1 * group["rate_scale"] for group in groups)

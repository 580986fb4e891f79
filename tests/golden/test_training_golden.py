"""Heads, learning rates and five optimiser steps against numbers of the published systems."""

import numpy as np
import pytest
import torch
from torch import nn

from skelact.compat import encoder_from_state_dict, pretrainer_from_state_dict
from skelact.models.encoder import present_bodies
from skelact.models.heads import LinearHead, pool
from skelact.training.config import TrainingConfig
from skelact.training.optimisers import build_optimiser

HEADS = 4


@pytest.fixture
def load(golden_dir):
    def read(name):
        with np.load(golden_dir / f"{name}.npz") as file:
            return {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}

    return read


def state_dict(arrays, prefix):
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def clips_of(arrays):
    return arrays["input"].permute(0, 4, 2, 3, 1).contiguous()  # (N, C, T, V, M) -> (N, M, T, V, C)


@pytest.mark.parametrize("stage", ["pretrain", "finetune", "linprobe"])
def test_learning_rates_are_the_published_ones(load, stage):
    arrays = load("lr_schedule")
    lr, min_lr, warmup, epochs, iterations = arrays[f"{stage}_args"].tolist()
    config = TrainingConfig(lr=lr, min_lr=min_lr, warmup_share=warmup / epochs, epochs=int(epochs))
    rates = [config.rate(step / iterations) for step in range(int(epochs * iterations))]
    np.testing.assert_allclose(rates, arrays[f"{stage}_lr"].numpy(), rtol=1e-12, atol=1e-18)


def test_linear_head_gives_the_published_scores(load):
    arrays = load("head_linear_probe")
    parameters = state_dict(arrays, "sd/")
    encoder = encoder_from_state_dict(parameters, num_heads=HEADS, absent="include")
    clips = clips_of(arrays)
    with torch.no_grad():
        features = encoder(clips)
        torch.testing.assert_close(features, arrays["features"], atol=2e-5, rtol=1e-4)
        embedding = pool(features, present_bodies(clips), absent="include")
    head = LinearHead(32, 10)
    head.linear.load_state_dict({"weight": parameters["head.fc.weight"], "bias": parameters["head.fc.bias"]})
    head.norm.running_mean = arrays["probe_bn_running_mean0"].clone()
    head.norm.running_var = arrays["probe_bn_running_var0"].clone()
    with torch.no_grad():
        plain = head.linear(embedding)
        torch.testing.assert_close(plain, arrays["linprobe_logits"], atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(
            head.eval()(embedding), arrays["probe_bn_logits_eval"], atol=2e-5, rtol=1e-4
        )
        trained = head.train()(embedding)
    torch.testing.assert_close(trained, arrays["probe_bn_logits_train"], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(head.norm.running_mean, arrays["probe_bn_running_mean1"], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(head.norm.running_var, arrays["probe_bn_running_var1"], atol=2e-5, rtol=1e-4)


def ours(arrays, prefix):
    """Return the published parameters under ``prefix`` as our module would hold them."""
    return pretrainer_from_state_dict(state_dict(arrays, prefix), num_heads=HEADS).state_dict()


def key_bias(name, value):
    """Return which entries are biases of keys: their gradient is noise, which Adam amplifies."""
    is_key = torch.zeros_like(value, dtype=torch.bool)
    if name.endswith("attention.qkv.bias"):
        is_key[len(value) // 3 : 2 * len(value) // 3] = True
    return is_key


def test_five_optimiser_steps_go_where_the_published_ones_go(load):
    arrays = load("stjd_training_trace")
    model = pretrainer_from_state_dict(state_dict(arrays, "start/"), num_heads=HEADS)
    clips = clips_of(arrays)
    present = present_bodies(clips)

    def loss_at(uniform):
        return model(clips, present, uniform.unflatten(0, clips.shape[:2])).loss

    loss_at(arrays["first_uniform"]).backward()
    gradients = {key: value for key, value in arrays.items() if key.startswith("grad/")}
    filler = {
        key.replace("start/", "grad/"): torch.ones_like(value)
        for key, value in arrays.items()
        if key.startswith("start/gen_mask")
    }
    expected = ours(gradients | filler, "grad/")
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], atol=1e-5, rtol=1e-4, msg=name)
    model.zero_grad(set_to_none=True)

    config = TrainingConfig(lr=1e-3, min_lr=1e-3, warmup_share=0, weight_decay=0.05, decay_tables=True)
    optimiser = build_optimiser(model, config)
    losses, norms = [], []
    for uniform in arrays["uniform"]:
        loss = loss_at(uniform)
        optimiser.zero_grad()
        loss.backward()
        norms.append(nn.utils.get_total_norm([p.grad for p in model.parameters()]).item())
        optimiser.step()
        losses.append(loss.item())
    np.testing.assert_allclose(losses, arrays["losses"].numpy(), rtol=1e-4)
    np.testing.assert_allclose(norms, arrays["grad_norms"].numpy(), rtol=1e-3)

    start, final = ours(arrays, "start/"), ours(arrays, "final/")
    for name, value in model.state_dict().items():
        if name.startswith("density."):
            assert torch.equal(value, start[name]), f"{name} has no gradient and stays"
            continue
        is_key = key_bias(name, value)
        torch.testing.assert_close(value[~is_key], final[name][~is_key], atol=2e-4, rtol=1e-4, msg=name)
        assert (value - start[name]).abs()[is_key].le(5e-3).all(), name

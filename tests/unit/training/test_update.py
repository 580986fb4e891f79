"""One step: parts, clipping, what is not finite."""

import numpy as np
import pytest
import torch
from torch import nn

from skelact.training.config import TrainingConfig
from skelact.training.devices import make_fabric
from skelact.training.update import update


class PartsTask:
    """A mean over terms of which each batch has as many as it says."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 1))

    def loss(self, model, batch):
        return model(batch).square().mean(), len(batch)


def step(batches, clip_grad=None, precision="32"):
    """Take one step of plain gradient descent; return what it says and how the weights moved."""
    task = PartsTask()
    fabric = make_fabric(TrainingConfig(accelerator="cpu", precision=precision))
    before = torch.nn.utils.parameters_to_vector(task.model.parameters()).detach().clone()
    model, optimiser = fabric.setup(task.model, torch.optim.SGD(task.model.parameters(), lr=1.0))
    done = update(task, model, optimiser, batches, clip_grad, fabric)
    moved = torch.nn.utils.parameters_to_vector(task.model.parameters()).detach() - before
    return done, moved


BATCH = torch.from_numpy(np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32))


@pytest.mark.parametrize("sizes", [[6, 6], [1, 7, 4], [12, 0], [0, 5, 7]])
def test_parts_of_any_size_give_the_loss_and_gradient_of_the_whole(sizes):
    whole, moved = step([BATCH])
    parts, moved_by_parts = step(list(BATCH.split(sizes)))
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert parts.grad_norm == pytest.approx(whole.grad_norm, rel=1e-5)
    assert parts.terms == whole.terms == 12
    torch.testing.assert_close(moved_by_parts, moved, atol=1e-6, rtol=1e-5)


def test_the_whole_is_the_gradient_of_the_mean():
    done, moved = step([BATCH])
    task = PartsTask()
    loss = task.model(BATCH).square().mean()
    loss.backward()
    by_hand = torch.cat([parameter.grad.flatten() for parameter in task.model.parameters()])
    torch.testing.assert_close(-moved, by_hand, atol=1e-6, rtol=1e-5)
    assert done.loss == pytest.approx(loss.item())
    assert done.grad_norm == pytest.approx(by_hand.norm().item(), rel=1e-5)


@pytest.mark.usefixtures("bfloat16_anywhere")
def test_inputs_are_not_rounded_whatever_the_precision():
    class Seen(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 4)

        def forward(self, x):
            self.input, product = x, self.layer(x)
            self.product = product.dtype
            return product

    fabric, model = make_fabric(TrainingConfig(accelerator="cpu", precision="bf16")), Seen()
    wrapped = fabric.setup_module(model)
    with fabric.autocast():
        wrapped(BATCH)
    assert torch.equal(model.input, BATCH)
    assert model.product == torch.bfloat16


def test_clipping_is_by_the_norm_of_the_whole():
    free, moved = step([BATCH])
    done, clipped = step(list(BATCH.split(5)), clip_grad=free.grad_norm / 2)
    assert done.grad_norm == pytest.approx(free.grad_norm, rel=1e-5)
    torch.testing.assert_close(clipped, moved / 2, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_leaves_the_weights_alone(bad):
    batch = BATCH.clone()
    batch[7, 1] = bad
    done, moved = step(list(batch.split(5)))
    assert not done.is_finite
    assert not moved.any()


@pytest.mark.usefixtures("bfloat16_anywhere")
def test_bfloat16_is_near_float32_and_leaves_float32_weights():
    plain, _ = step([BATCH])
    rounded, moved = step([BATCH], precision="bf16")
    assert moved.dtype == torch.float32
    assert rounded.loss != plain.loss
    assert rounded.loss == pytest.approx(plain.loss, rel=0.02)

"""The loop on a toy task: what it promises holds whatever is trained."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from skelact.errors import ConfigurationError, DataError, SkelactError
from skelact.training.checkpoints import Progress, save_checkpoint
from skelact.training.config import TrainingConfig
from skelact.training.devices import compile_model
from skelact.training.log import read_metrics
from skelact.training.loop import RunStoppedError, fit, make_fabric
from skelact.training.randomness import derive_seed, generator_for
from skelact.training.run_folder import open_folder, read_settings
from skelact.training.steps import epoch_batches

CONFIG = TrainingConfig(
    epochs=6, batch_size=4, lr=1e-2, min_lr=1e-3, accelerator="cpu", checkpoint_every=2, keep_checkpoints=3
)
INDICES = np.arange(100, 122)
ROUNDING = 1e-5
"""How far two orders of summation may lead apart: float32's 1.2e-7 in each of 30 steps, some times over."""


class ToyTask:
    """Fits noise, with dropout, so that every source of randomness matters."""

    def __init__(self, at_step=None, act=None):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.at_step, self.act = at_step, act

    def batch(self, step):
        x = torch.rand(len(step.indices), 3, generator=step.generator)[step.share]
        return step.number, x, torch.from_numpy(step.indices[step.share]).float() / 100

    def loss(self, model, batch):
        number, x, wanted = batch
        if number == self.at_step:
            result = self.act()
            if result is not None:
                return result, 1
        return (model(x).squeeze(1) - wanted).square().mean(), len(wanted)

    def names(self, indices):
        return [f"sequence{index}" for index in indices]


def train(task, folder=None, resume=False, config=CONFIG):
    return fit(task, INDICES, config, make_fabric(config), title="", folder=folder, resume=resume)


def weights(task):
    return torch.cat([value.flatten() for value in task.model.state_dict().values()])


def logged(folder):
    return [
        {k: line[k] for k in ("epoch", "step", "loss", "grad_norm", "lr")} for line in read_metrics(folder)
    ]


@pytest.fixture
def uninterrupted(tmp_path):
    task = ToyTask()
    train(task, str(tmp_path / "whole"))  # a path may be a text
    assert not task.model.training
    return weights(task), logged(tmp_path / "whole" / "metrics.jsonl")


def check_resumed(folder, uninterrupted):
    task = ToyTask()
    train(task, folder, resume=True)
    assert torch.equal(weights(task), uninterrupted[0])
    assert logged(folder / "metrics.jsonl") == uninterrupted[1]


@pytest.mark.parametrize("step", [11, 12, 14])
def test_a_run_stopped_by_a_signal_and_resumed_is_the_uninterrupted_run(tmp_path, uninterrupted, step):
    stop = ToyTask(step, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(RunStoppedError, match=f"stopped after step {step + 1} .*--resume"):
        train(stop, tmp_path / "run")
    check_resumed(tmp_path / "run", uninterrupted)


def test_a_run_that_crashed_goes_on_from_its_last_checkpoint(tmp_path, uninterrupted):
    def crash():
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train(ToyTask(17, crash), tmp_path / "run")
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "loss"')  # a line cut short
    check_resumed(tmp_path / "run", uninterrupted)


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path, uninterrupted):
    train(ToyTask(), tmp_path / "run")
    newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    with pytest.warns(UserWarning, match="unreadable"):
        check_resumed(tmp_path / "run", uninterrupted)


def test_no_readable_checkpoint_is_an_error(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-000000004.safetensors").write_bytes(b"noise")
    with (
        pytest.warns(UserWarning, match="unreadable"),
        pytest.raises(DataError, match="no readable checkpoint"),
    ):
        train(ToyTask(), tmp_path, resume=True)


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    train(ToyTask(), tmp_path, config=replace(CONFIG, checkpoint_every=1, keep_checkpoints=2))
    steps = [path.name for path in sorted((tmp_path / "checkpoints").iterdir())]
    assert steps == ["step-000000025.safetensors", "step-000000030.safetensors"]


def test_a_checkpoint_is_kept_although_a_damaged_one_is_of_a_later_step(tmp_path):
    task, optimiser = ToyTask(), torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    for step in (10, 20, 30):
        save_checkpoint(tmp_path, task.model, optimiser, Progress(step), keep=3)
    (tmp_path / "step-000000030.safetensors").write_bytes(b"noise")
    assert save_checkpoint(tmp_path, task.model, optimiser, Progress(25), keep=2).is_file()
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == ["step-000000020.safetensors", "step-000000025.safetensors"]


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(tmp_path):
    task = ToyTask(13, lambda: task.model[0].weight.sum() * float("nan"))
    before = None

    def remember(epoch, model):
        nonlocal before
        before = weights(task).clone()
        return {}

    with pytest.raises(SkelactError, match=r"loss is nan at step 13 \(epoch 2, .*; sequences sequence\d+, "):
        fit(
            task,
            INDICES,
            CONFIG,
            make_fabric(CONFIG),
            title="",
            folder=tmp_path,
            callbacks=[remember],
        )
    assert torch.isfinite(weights(task)).all()
    assert (tmp_path / "checkpoints" / "step-000000010.safetensors").exists()
    report = json.loads((tmp_path / "not-finite.json").read_text())
    assert report["step"] == 13
    assert report["epoch"] == 2
    batch = INDICES[epoch_batches(len(INDICES), 4, CONFIG.seed, 2)[3]]
    assert report["sequences"] == [f"sequence{index}" for index in batch]


def test_log_holds_one_line_an_epoch_and_what_monitors_say(tmp_path):
    history = fit(
        ToyTask(),
        INDICES,
        CONFIG,
        make_fabric(CONFIG),
        title="",
        folder=tmp_path,
        callbacks=[lambda epoch, model: {"double": 2.0 * epoch}],
    )
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == history
    assert [line["epoch"] for line in lines] == list(range(6))
    assert lines[-1]["double"] == 12
    assert lines[-1]["step"] == 30


def test_clipping_bounds_the_step():
    config = replace(CONFIG, optimiser="sgd", momentum=0.0, lr=0.1, min_lr=0.1, warmup_share=0.0, epochs=1)
    moved = {}
    for clip in (None, 1e-3):
        task = ToyTask()
        start = weights(task).clone()
        train(task, config=replace(config, clip_grad=clip, weight_decay=0.0))
        moved[clip] = (weights(task) - start).norm().item()
    assert moved[1e-3] <= 5 * 0.1 * 1e-3 * 1.01
    assert moved[None] > 10 * moved[1e-3]


def test_order_is_a_permutation_that_depends_on_seed_and_epoch():
    order = epoch_batches(22, 4, seed=1, epoch=0)
    assert order.shape == (5, 4)
    assert len(set(order.ravel())) == 20
    assert np.array_equal(order, epoch_batches(22, 4, seed=1, epoch=0))
    assert not np.array_equal(order, epoch_batches(22, 4, seed=1, epoch=1))
    assert not np.array_equal(order, epoch_batches(22, 4, seed=2, epoch=0))
    assert sorted(epoch_batches(3, 10, seed=0, epoch=0).ravel()) == [0, 1, 2]


def test_derived_seeds_differ_by_purpose_and_counter():
    seeds = {
        derive_seed(0, "a"),
        derive_seed(0, "b"),
        derive_seed(0, "a", 1),
        derive_seed(1, "a"),
        derive_seed(0, "a", 1, 2),
    }
    assert len(seeds) == 5
    assert torch.equal(
        torch.rand(3, generator=generator_for(3, "x", 4)), torch.rand(3, generator=generator_for(3, "x", 4))
    )


def test_devices_that_are_not_there_are_an_error():
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    with pytest.raises(ConfigurationError, match=r"training\.accelerator"):
        make_fabric(replace(CONFIG, accelerator="gpu"))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_the_number_of_workers_changes_no_weight(tmp_path, uninterrupted, workers):
    task = ToyTask()
    train(task, tmp_path / "run", config=replace(CONFIG, workers=workers))
    assert torch.equal(weights(task), uninterrupted[0])
    assert logged(tmp_path / "run" / "metrics.jsonl") == uninterrupted[1]


def test_an_error_while_a_batch_is_made_ends_the_run_with_its_message(tmp_path):
    class Broken(ToyTask):
        def batch(self, step):
            if step.number == 12:
                raise DataError("store: frame 7 cannot be read")
            return super().batch(step)

    with pytest.raises(DataError, match="frame 7 cannot be read"):
        train(Broken(), tmp_path, config=replace(CONFIG, workers=2))
    assert (tmp_path / "checkpoints" / "step-000000010.safetensors").exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_accumulated_parts_train_as_the_whole(tmp_path):
    losses = {}
    for accumulate in (1, 3):
        task = ToyTask()
        task.model[1].p = 0.0
        config = replace(CONFIG, accumulate=accumulate)
        losses[accumulate] = [line["loss"] for line in train(task, config=config)]
    assert losses[3] == pytest.approx(losses[1], rel=ROUNDING)


@pytest.mark.usefixtures("bfloat16_anywhere")
def test_bfloat16_trains_nearly_as_float32_and_keeps_float32_checkpoints(tmp_path):
    losses = {}
    for precision in ("32", "bf16"):
        task = ToyTask()
        config = replace(CONFIG, precision=precision)
        losses[precision] = [line["loss"] for line in train(task, tmp_path / precision, config=config)]
    assert losses["bf16"] != losses["32"]
    assert losses["bf16"] == pytest.approx(losses["32"], rel=0.05)
    newest = sorted((tmp_path / "bf16" / "checkpoints").iterdir())[-1]
    assert {value.dtype for value in load_file(newest).values()} == {torch.float32}


def test_figures_come_with_checkpoints_where_they_are_shown(tmp_path, monkeypatch):
    shown = []

    class Album:
        shows_figures = True

        def __init__(self, folder, resume_at):
            pass

        def write(self, metrics):
            pass

        def draw(self, name, figure, step):
            shown.append((name, figure, step))

        def close(self):
            shown.append("closed")

    monkeypatch.setattr("skelact.training.log.TensorBoard", Album)
    figure_callbacks = [lambda epoch, model: {"masks": f"figure of epoch {epoch}"}]
    for tensorboard in (False, True):
        config = replace(CONFIG, tensorboard=tensorboard)
        folder = tmp_path / str(tensorboard)
        fabric = make_fabric(config)
        fit(ToyTask(), INDICES, config, fabric, title="", folder=folder, figure_callbacks=figure_callbacks)
    expected = [("masks", f"figure of epoch {epoch}", 5 * epoch) for epoch in (2, 4, 6)]
    assert shown == [*expected, "closed"]


def test_a_machine_that_cannot_compile_says_so(monkeypatch):
    def broken(function):
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\nmore")

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(ConfigurationError, match=r"training\.compile: .*No working C\+\+ compiler found\)"):
        train(ToyTask(), config=replace(CONFIG, compile=True))


@pytest.mark.slow
def test_a_compiled_model_learns_the_same(tmp_path):
    try:
        compile_model(nn.Linear(2, 2), torch.device("cpu"))
    except ConfigurationError as error:
        pytest.skip(str(error))
    losses = {}
    for compiled in (False, True):
        torch._dynamo.utils.counters.clear()
        task = ToyTask()
        task.model[1].p = 0.0
        config = replace(CONFIG, epochs=2, warmup_share=0.0, compile=compiled)
        losses[compiled] = [line["loss"] for line in train(task, tmp_path / str(compiled), config=config)]
        assert (torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0) == compiled
    assert losses[True] == pytest.approx(losses[False], rel=ROUNDING)


def test_what_a_killed_start_leaves_is_no_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".config.yaml.partial").write_text("seed")
    open_folder(tmp_path / "run", {"seed": 1}, resume=False)
    assert read_settings(tmp_path / "run") == {"seed": 1}
    assert not (tmp_path / "run" / ".config.yaml.partial").exists()
    with pytest.raises(DataError, match="exists already"):
        open_folder(tmp_path / "run", {"seed": 1}, resume=False)


def test_a_run_goes_on_with_its_data_under_another_path_and_with_no_other(tmp_path):
    begun = {"data": ["a/store"], "data_hash": "1", "seed": 1}
    open_folder(tmp_path / "run", begun, resume=False)
    open_folder(tmp_path / "run", {**begun, "data": ["/all/a/store"]}, resume=True)
    for other, key in (({"data_hash": "2"}, "data_hash"), ({"data": ["b"], "data_hash": "2"}, "data")):
        with pytest.raises(ConfigurationError, match=f"was started with {key} "):
            open_folder(tmp_path / "run", {**begun, **other}, resume=True)


@pytest.mark.parametrize("rate", [1e300, -1.0, float("nan"), float("inf")])
def test_a_rate_that_no_weight_can_take_is_refused(rate):
    with pytest.raises(ConfigurationError, match="none above 1e"):
        TrainingConfig(lr=rate)


def test_what_the_caller_draws_stays_the_caller_s():
    drawn = set()
    for seed in (1, 2):
        torch.manual_seed(seed)
        expected = torch.rand(())
        torch.manual_seed(seed)
        task = ToyTask()
        torch.manual_seed(seed)
        train(task)
        assert torch.rand(()) == expected
        drawn.add(float(expected))
    assert len(drawn) == 2

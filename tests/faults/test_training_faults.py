"""What can go wrong around a training run: disks that fill up, folders that close, stores that vanish."""

import errno
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.errors import ConfigurationError, DataError
from skelact.training.config import TrainingConfig
from skelact.training.loop import fit, make_fabric
from skelact.training.run_folder import open_folder

resource = pytest.importorskip("resource", reason="file size limits are those of POSIX")

CONFIG = TrainingConfig(epochs=4, batch_size=2, accelerator="cpu", checkpoint_every=1, keep_checkpoints=9)


class MeanTask:
    """Predicts the mean of a clip."""

    def __init__(self, source, at_step=None, act=None):
        torch.manual_seed(0)
        self.model = nn.Linear(3, 1)
        self.source, self.at_step, self.act = source, at_step, act

    def batch(self, step):
        if step.number == self.at_step:
            self.act()
        draws = draw_crops(len(step.indices), step.generator)
        return self.source.train(step.indices[step.share], draws=draws[step.share]).positions

    def loss(self, model, batch):
        x = batch.mean((1, 2, 3))
        return (model(x) - x.sum(1, keepdim=True)).square().mean(), len(x)

    def names(self, indices):
        return [self.source.store.names[index] for index in indices]


@pytest.fixture
def source(small_store):
    return ClipSource(small_store, ClipSettings(num_frames=8, min_crop_frames=8))


def run(task, folder, config=CONFIG, resume=False):
    fabric = make_fabric(config)
    fit(task, np.arange(4, 10), config, fabric, title="", folder=folder, resume=resume)
    return task.model.weight.detach().clone()


def test_a_disk_that_fills_up_keeps_the_last_checkpoint_and_the_run_goes_on(tmp_path, source):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))

    try:
        with pytest.raises(DataError, match=r"cannot be written \(.*(large|space)"):
            run(MeanTask(source, 7, fill), tmp_path / "run", replace(CONFIG, workers=0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    kept = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert kept == ["step-000000003.safetensors", "step-000000006.safetensors"]
    resumed = run(MeanTask(source), tmp_path / "run", resume=True)
    assert torch.equal(resumed, run(MeanTask(source), tmp_path / "whole"))


def test_a_run_folder_that_is_a_file_is_refused(tmp_path, source):
    (tmp_path / "run").write_text("taken")
    with pytest.raises(DataError, match="run: cannot be written"):
        run(MeanTask(source), tmp_path / "run")


def test_checkpoints_that_cannot_be_written_are_said(tmp_path, source):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").write_text("taken")
    with pytest.raises(DataError, match="checkpoints: cannot be written"):
        run(MeanTask(source), tmp_path / "run")


def test_a_store_that_is_removed_is_read_to_the_end_of_the_run(tmp_path, small_store):
    shutil.copytree(small_store.path, tmp_path / "store")
    copy = type(small_store).open(tmp_path / "store")
    settings = ClipSettings(num_frames=8, min_crop_frames=8)
    task = MeanTask(ClipSource(copy, settings), 3, lambda: shutil.rmtree(tmp_path / "store"))
    assert torch.equal(
        run(task, tmp_path / "removed"), run(MeanTask(ClipSource(small_store, settings)), tmp_path / "whole")
    )


def test_a_full_disk_leaves_no_half_configuration(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    expected = r"config\.yaml: cannot be written \(No space left on device\); choose another --out"
    with pytest.raises(DataError, match=expected):
        open_folder(tmp_path / "run", {"clips": {"num_frames": 120}}, resume=False)
    assert not list((tmp_path / "run").iterdir())
    monkeypatch.undo()
    open_folder(tmp_path / "run", {"clips": {"num_frames": 120}}, resume=False)
    open_folder(tmp_path / "run", {"clips": {"num_frames": 120}}, resume=True)


def test_a_run_goes_on_with_other_processes(tmp_path):
    settings = {"lr": 0.1, "devices": 4, "nodes": 2}
    open_folder(tmp_path / "run", {"training": settings}, resume=False)
    open_folder(tmp_path / "run", {"training": {"lr": 0.1, "devices": 1, "nodes": 1}}, resume=True)
    with pytest.raises(ConfigurationError, match=r"training\.lr = 0\.1, not 0\.2"):
        open_folder(tmp_path / "run", {"training": {**settings, "lr": 0.2}}, resume=True)

"""Everything that computes on a GPU, on one that is pretended: nothing mixes its tensors with the CPU's.

This file is also the program that does it, in a process of its own.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from skelact.clips.mixture import MixedSource
from skelact.clips.source import ClipSource
from skelact.configuration import instantiate, merge
from skelact.detection.settings import WindowConfig
from skelact.detection.windows import frame_features
from skelact.evaluation.fast_linear import evaluate_fast_linear
from skelact.evaluation.features import extract_crops, extract_poolings
from skelact.evaluation.finetune import finetune
from skelact.evaluation.knn_monitor import KnnMonitor
from skelact.evaluation.linear import evaluate_linear
from skelact.evaluation.prime_joints import class_prime_joints
from skelact.evaluation.ridge import evaluate_ridge
from skelact.evaluation.settings import FastLinearConfig, FinetuneConfig, RidgeConfig
from skelact.models.pretrained import Pretrained
from skelact.pretraining.methods import find_method
from skelact.reports.training_figures import TrainingFigures
from skelact.store.prepare import prepare
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.synthetic import write_data_set
from skelact.training.config import TrainingConfig
from skelact.training.loop import fit, make_fabric

TESTS = Path(__file__).resolve().parents[1]
METHODS = sorted(
    path.name.removesuffix(".yaml") for path in (files("skelact") / "configs/pretrain").iterdir()
)
VARIANTS = {
    **{name: (name, {}) for name in METHODS},
    "learned density": ("stjd-mp", {"objective": {"density": "learned"}}),
    "density of features": ("stjd-mp", {"objective": {"density": "learned", "density_source": "features"}}),
    "weighting": ("stjd-mp", {"objective": {"density": "learned", "learning": "weighting"}}),
    "tubes, absent bodies": ("mae", {"objective": {"tube_steps": 2, "absent": "include"}}),
    "similarity": ("stjd-cl", {"contrast": {"loss": "similarity"}, "clips": {"stream": "bone-motion"}}),
    "transformer": ("stjd-cl", {"model": {"backbone": "transformer"}, "training": {"accumulate": 2}}),
}
EVALUATED = ("stjd-mp", "stjd-cl", "transformer", "slim", "stjd-d")
"""A variant of each kind of encoder: how the others were trained is nothing to an evaluation."""


@pytest.mark.slow
def test_nothing_mixes_devices(tmp_path):
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    losses = json.loads(done.stdout.splitlines()[-1])
    assert losses.keys() == VARIANTS.keys()
    for name, (on_cpu, on_gpu) in losses.items():
        assert on_gpu == pytest.approx(on_cpu, rel=1e-4), name


def train(store, method, own, device, folder):
    """Train an epoch, and another from its checkpoint; return the model and what belongs to it."""
    training = {
        "epochs": 2,
        "batch_size": 8,
        "accelerator": "cpu",
        "tensorboard": False,
        "checkpoint_every": 1,
    }
    own = merge({"data": ["two", "stores"], "protocol": ["xsub"], "training": training}, own)
    family = find_method(method).family
    config = instantiate(family.settings, find_method(method).settings("tiny", own))
    fabric = make_fabric(config.training)
    fabric._strategy._root_device = device
    fabric._accelerator.setup_device = lambda device: None
    source = MixedSource([ClipSource(store, family.clips(config), device) for _ in range(2)])
    indices, losses = source.joined([split(store, "xsub").train[:8]] * 2), []
    for epochs in (1, 2):
        model = family.build(config, source)
        task = family.task(model, source)
        monitor = KnnMonitor(store, "xsub", config.clips, 1)
        losses += fit(
            task,
            indices,
            replace(config.training, epochs=epochs),
            fabric,
            title="",
            folder=folder,
            resume=epochs == 2,
            after_step=task.after_step,
            callbacks=[task.monitor, monitor],
        )
    return model, config, [epoch["loss"] for epoch in losses], fabric


def look(store, model, clips, fabric):
    """Draw what a trained model has learned beside its encoder."""
    source, sides = ClipSource(store, clips, fabric.device), split(store, "xsub")
    TrainingFigures(store, int(sides.train[0]), clips)(1, model)
    model.eval()
    has_detector = getattr(model, "detector", None) is not None and model.density is not None
    class_prime_joints(model if has_detector else None, source, sides.test, [0])


def evaluate(store, model, clips, fabric, folder):
    """Use a trained encoder in every way that computes on its device."""
    source, sides = ClipSource(store, clips, fabric.device), split(store, "xsub")
    evaluate_fast_linear(model.encoder, source, sides, FastLinearConfig(l2=(1e-3,)), fabric=fabric)
    evaluate_ridge(model.encoder, source, sides, RidgeConfig(l2=(0.1,), pooling="moments"), {}, fabric=fabric)
    extract_poolings(model.encoder, source, sides.test, ["mean", "joints"])
    extract_crops(model.encoder, source, sides.test, 0, 0)
    frame_features(model.encoder, source, 0, WindowConfig(length=32, stride=16))
    training = TrainingConfig()
    training = replace(training, epochs=1, batch_size=8, accelerator="cpu", tensorboard=False)
    evaluate_linear(model.encoder, source, sides, training, fabric=fabric, title="")
    depth = 0.3 if hasattr(model, "decoder") else 0.0
    config = FinetuneConfig(training=training, hidden_width=8, stochastic_depth=depth)
    pretrained = Pretrained(model.encoder.cpu(), store.topology, clips, {})
    finetune(pretrained, source, sides, config, folder, fabric, about={"method": "x"}, title="")


def main(folder):
    from pretended_gpu import GPU, MixedDevicesError
    from skelact.training import speed

    with pytest.raises(MixedDevicesError):
        torch.ones(2, device=GPU) + torch.ones(2)
    speed.SIZE, speed._wait = 64, lambda device: None
    torch.autograd.set_multithreading_enabled(False)  # backward passes of the GPU run in this thread
    torch.__future__.set_swap_module_params_on_conversion(True)  # as on a GPU, moved parameters stay the same
    write_data_set(folder / "raw", sequences=40, seed=0, actions=["A010", "A023"])
    prepare("ntu60", folder / "raw", folder / "store")
    store, losses = Store.open(folder / "store"), {}
    for number, (name, (method, own)) in enumerate(VARIANTS.items()):
        print(name, file=sys.stderr, flush=True)
        losses[name] = []
        for device in (torch.device("cpu"), GPU):
            run = folder / f"{number}-{device.type}"
            model, config, found, fabric = train(store, method, own, device, run)
            losses[name].append(found)
        look(store, model, config.clips, fabric)
        if name in EVALUATED:
            evaluate(store, model, config.clips, fabric, folder / f"{number}-classifier")
    print(json.dumps(losses))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

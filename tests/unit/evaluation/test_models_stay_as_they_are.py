"""No evaluation changes the model that it is given: not what trains or learns, not its statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.detection.detection import evaluate_detection
from skelact.detection.settings import DetectionConfig, LayerConfig, WindowConfig
from skelact.evaluation.fast_linear import evaluate_fast_linear
from skelact.evaluation.features import extract_crops, extract_features
from skelact.evaluation.finetune import classify, finetune
from skelact.evaluation.knn import evaluate_knn
from skelact.evaluation.linear import evaluate_linear
from skelact.evaluation.one_shot import evaluate_one_shot, one_shot_task
from skelact.evaluation.retrieval import evaluate_retrieval
from skelact.evaluation.settings import FastLinearConfig, FinetuneConfig
from skelact.models.heads import Classifier, FinetuneHead
from skelact.models.pretrained import Pretrained
from skelact.models.sizes import STGCNConfig
from skelact.models.st_gcn import STGCN
from skelact.skeleton.tables import NTU_25
from skelact.store.protocols import Split, split
from skelact.store.store import Store
from skelact.training.config import TrainingConfig
from skelact.training.loop import make_fabric

CLIPS = ClipSettings(num_frames=16, min_crop_frames=8)
SIDES = Split(np.arange(6), np.arange(3, 9))
TRAINING = TrainingConfig(epochs=1, batch_size=4, lr=1e-2, accelerator="cpu", workers=0)
Use = Callable[[STGCN, ClipSource, Path], object]


def half_trained() -> STGCN:
    """Return a network with running statistics, partly in training mode, with a part that does not learn."""
    torch.manual_seed(0)
    encoder = STGCN(STGCNConfig(channels=(4, 8), strides=(1, 2)), NTU_25).train()
    encoder.blocks[1].eval()
    next(encoder.parameters()).requires_grad_(False)
    return encoder


def state(model: nn.Module) -> Mapping[str, object]:
    """Return all that a use may change."""
    return {
        **{f"{name} trains": module.training for name, module in model.named_modules()},
        **{f"{name} learns": parameter.requires_grad for name, parameter in model.named_parameters()},
        **{name: value.tolist() for name, value in model.state_dict().items()},
    }


def fine_tune(encoder: STGCN, source: ClipSource, folder: Path) -> None:
    pretrained = Pretrained(encoder, NTU_25, CLIPS, {"method": "stjd-cl"})
    config, fabric = (
        FinetuneConfig(training=TRAINING, hidden_width=8, stochastic_depth=0.0),
        make_fabric(TRAINING),
    )
    finetune(pretrained, source, SIDES, config, folder / "run", fabric, about={"method": "x"}, title="")


def classify_test_side(encoder: STGCN, source: ClipSource, _: Path) -> None:
    classify(Classifier(encoder, FinetuneHead(25, 8, 4, 8, 0.0, "skip")), source, SIDES.test)


USES: dict[str, Use] = {
    "features": lambda encoder, source, _: extract_features(encoder, source, SIDES.test),
    "crops": lambda encoder, source, _: extract_crops(encoder, source, SIDES.test, 0, 0),
    "linear": lambda encoder, source, _: evaluate_linear(encoder, source, SIDES, TRAINING, title=""),
    "linear-fast": lambda encoder, source, _: evaluate_fast_linear(
        encoder, source, SIDES, FastLinearConfig(crops=1, l2=(1.0,))
    ),
    "knn": lambda encoder, source, _: evaluate_knn(encoder, source, SIDES, ks=(1,)),
    "retrieval": lambda encoder, source, _: evaluate_retrieval(encoder, source, SIDES),
    "one-shot": lambda encoder, source, _: evaluate_one_shot(
        encoder, source, one_shot_task(source.store, ["a", "b"])
    ),
    "finetune": fine_tune,
    "classify": classify_test_side,
}


@pytest.mark.parametrize("use", USES)
def test_an_evaluation_leaves_the_model_as_it_is(small_store: Store, tmp_path: Path, use: str) -> None:
    encoder = half_trained()
    before = state(encoder)
    USES[use](encoder, ClipSource(small_store, CLIPS), tmp_path)
    assert state(encoder) == before


def test_detection_leaves_the_model_as_it_is(untrimmed_store: Store) -> None:
    encoder, source = half_trained(), ClipSource(untrimmed_store, ClipSettings(num_frames=16))
    before = state(encoder)
    sides = split(untrimmed_store, "xsub")
    config = DetectionConfig(WindowConfig(64, 64), LayerConfig(frames_per_recording=16, l2=(1e-3,)))
    evaluate_detection(encoder, source, Split(sides.train[:3], sides.test[:1]), config)
    assert state(encoder) == before

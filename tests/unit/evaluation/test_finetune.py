"""Fine-tuning on a small store: what learns, what is left behind, how it goes on after a stop."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.finetune import build_classifier, classify, finetune, left_over, scores_of
from skelact.evaluation.linear import ClassifierTask, TestMonitor
from skelact.evaluation.settings import FinetuneConfig
from skelact.models.encoder import SkeletonEncoder
from skelact.models.pretrained import Pretrained, load_pretrained
from skelact.models.sizes import EncoderConfig
from skelact.skeleton.tables import NTU_25
from skelact.store.protocols import Split
from skelact.training.config import TrainingConfig
from skelact.training.log import read_metrics
from skelact.training.loop import make_fabric

CLIPS = ClipSettings(num_frames=16, min_crop_frames=8)
TRAINING = TrainingConfig(epochs=4, batch_size=4, lr=3e-3, accelerator="cpu", checkpoint_every=1, workers=0)
CONFIG = FinetuneConfig(training=TRAINING, hidden_width=16, test_every=2)
SPLIT = Split(np.arange(6), np.arange(3, 9))


@pytest.fixture
def source(small_store):
    return ClipSource(small_store, CLIPS)


def start():
    torch.manual_seed(0)
    sizes = EncoderConfig(num_frames=16, patch_frames=4, width=16, depth=2, num_heads=2)
    return Pretrained(SkeletonEncoder(sizes).eval(), NTU_25, CLIPS, {"method": "mae"})


def train(source, out, config=CONFIG, **options):
    about = {"method": "mae, finetune"}
    fabric = make_fabric(config.training)
    return finetune(start(), source, SPLIT, config, out, fabric, about=about, title="", **options)


def test_every_parameter_gets_a_finite_gradient(source):
    model = build_classifier(start(), 4, CONFIG).train()
    clips = source.train(np.arange(6), draw_crops(6, torch.Generator().manual_seed(0)))
    loss, number = ClassifierTask(model, source, scores_of, label_smoothing=0.1).loss(model, clips)
    loss.backward()
    assert number == 6
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_a_run_leaves_a_model_and_reports_the_last_epoch(source, tmp_path):
    metrics = train(source, tmp_path / "run")
    assert metrics.num_sequences == 6
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    tested = {line["epoch"] + 1: line["test_top1"] for line in lines if "test_top1" in line}
    assert sorted(tested) == [2, 4]
    assert tested[4] == metrics.top1
    assert metrics.best_epoch.top1 == max(tested.values())
    assert "best_epoch_chosen_on_test_data" in metrics.to_dict()
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["class_names"] == list("abcd")
    trained = load_pretrained(tmp_path / "run")
    assert not torch.equal(trained.encoder.embed.weight, start().encoder.embed.weight)
    classifier = build_classifier(start(), 4, CONFIG)
    classifier.load_state_dict(load_file(tmp_path / "run" / "weights.safetensors"))
    scores = classify(classifier.eval(), source, SPLIT.test)
    torch.testing.assert_close(scores.numpy(), metrics.scores)


def test_a_resumed_run_is_the_uninterrupted_one(source, tmp_path):
    whole = train(source, tmp_path / "run")
    for name, left in (("middle", 1), ("end", 2)):
        run = tmp_path / name
        shutil.copytree(tmp_path / "run", run)
        for file in sorted((run / "checkpoints").iterdir())[left:]:
            file.unlink()
        (run / "weights.safetensors").unlink()
        resumed = train(source, run, resume=True)
        assert np.array_equal(resumed.scores, whole.scores), name
        assert resumed.best_epoch == whole.best_epoch, name
    other = replace(CONFIG, layer_decay=0.5)
    with pytest.raises(ConfigurationError, match=r"layer_decay = 0\.8, not 0\.5"):
        train(source, tmp_path / "run", other, resume=True)
    with pytest.raises(DataError, match="exists already"):
        train(source, tmp_path / "run")


def test_labels_and_test_sequences_must_be_there(source, tmp_path):
    fabric = make_fabric(TRAINING)
    for sides, message in (
        (Split(np.array([0, 9]), np.arange(3)), "1 training sequences have no label"),
        (Split(np.arange(3), np.array([], np.int64)), "no test sequence"),
    ):
        with pytest.raises(DataError, match=message):
            finetune(start(), source, sides, CONFIG, tmp_path / "run", fabric, about={"method": "mae"})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"layer_decay": 0.0},
        {"stochastic_depth": 1.0},
        {"dropout": -0.1},
        {"label_smoothing": 1.0},
        {"test_every": 0},
    ],
)
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        FinetuneConfig(**wrong)


def test_what_whole_batches_leave_out_is_told():
    assert left_over(95, 48) == [
        "  an epoch takes 48 of these 95, in whole batches of 48; with --training.batch_size 47 it takes 94"
    ]
    for num in (10, 48, 96, 100, 480):
        assert left_over(num, 48) == []


def test_the_first_of_equally_good_epochs_is_the_best():
    class Score:
        def __init__(self, top1):
            self.top1, self.top5 = top1, 1.0

    values = iter([0.5, 0.7, 0.7, 0.6])
    monitor = TestMonitor(lambda model: Score(next(values)), epochs=7, every=2)
    model = torch.nn.Linear(1, 1)
    tested = [epoch for epoch in range(1, 8) if monitor(epoch, model)]
    assert tested == [2, 4, 6, 7]
    assert (monitor.best.epoch, monitor.best.top1) == (4, 0.7)
    assert monitor.last.top1 == 0.6
    assert model.training

"""Sides of a protocol that cannot be evaluated, and a class that the test side does not have."""

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import DataError
from skelact.evaluation.fast_linear import evaluate_fast_linear
from skelact.evaluation.finetune import finetune
from skelact.evaluation.knn import evaluate_knn
from skelact.evaluation.linear import evaluate_linear
from skelact.evaluation.retrieval import evaluate_retrieval
from skelact.evaluation.settings import FastLinearConfig, FinetuneConfig
from skelact.models.encoder import SkeletonEncoder
from skelact.models.pretrained import Pretrained
from skelact.models.sizes import EncoderConfig
from skelact.skeleton.tables import NTU_25
from skelact.store.protocols import Split
from skelact.training.config import TrainingConfig
from skelact.training.loop import make_fabric

CLIPS = ClipSettings(num_frames=16, min_crop_frames=8)
TRAINING = TrainingConfig(epochs=1, batch_size=4, accelerator="cpu", workers=0)
UNLABELLED = 9  # of the small store; sequence i of the others has class i % 4


def linear(encoder, source, sides, folder):
    return evaluate_linear(encoder, source, sides, TRAINING, title="")


def fast_linear(encoder, source, sides, folder):
    return evaluate_fast_linear(encoder, source, sides, FastLinearConfig(l2=(0.01,)))


def knn(encoder, source, sides, folder):
    return evaluate_knn(encoder, source, sides, ks=[1])[1]


def retrieval(encoder, source, sides, folder):
    return evaluate_retrieval(encoder, source, sides)


def fine_tuning(encoder, source, sides, folder):
    config = FinetuneConfig(training=TRAINING, hidden_width=8)
    pretrained = Pretrained(encoder, NTU_25, CLIPS, {"method": "mae"})
    fabric = make_fabric(TRAINING)
    about = {"method": "mae, finetune"}
    return finetune(pretrained, source, sides, config, folder / "run", fabric, about=about, title="")


CLASSIFIERS = [linear, fast_linear, knn, fine_tuning]


@pytest.fixture
def source(small_store):
    return ClipSource(small_store, CLIPS)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    sizes = EncoderConfig(num_frames=16, patch_frames=4, width=8, depth=1, num_heads=2)
    return SkeletonEncoder(sizes).eval()


@pytest.mark.parametrize("evaluate", [*CLASSIFIERS, retrieval])
@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (range(5), [], "there is no test sequence to evaluate on"),
        ([0, 1, UNLABELLED], range(5), "1 training sequences have no label, the first is sequence9"),
        (range(5), [5, UNLABELLED], "1 test sequences have no label, the first is sequence9"),
    ],
    ids=["no-test", "no-training-label", "no-test-label"],
)
def test_sides_that_cannot_be_evaluated_are_refused(
    source, encoder, tmp_path, evaluate, train, test, message
):
    sides = Split(np.array(train), np.array(test, np.int64))
    with pytest.raises(DataError, match=message):
        evaluate(encoder, source, sides, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("evaluate", CLASSIFIERS)
def test_a_class_absent_from_the_test_side_keeps_its_place(source, encoder, tmp_path, evaluate):
    metrics = evaluate(encoder, source, Split(np.arange(6), np.array([4, 5, 7, 8])), tmp_path)
    assert metrics.confusion.shape == (4, 4)
    assert metrics.confusion.sum(1).tolist() == [2, 1, 0, 1]
    assert np.isnan(metrics.per_class).tolist() == [False, False, True, False]

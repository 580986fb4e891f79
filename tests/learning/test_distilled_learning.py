"""Self-distillation as it is trained: it learns what tells actions apart, and does not collapse."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skelact.clips.mixture import MixedSource
from skelact.clips.source import ClipSource
from skelact.configuration import instantiate
from skelact.evaluation.features import extract_sides
from skelact.evaluation.knn import knn_scores
from skelact.models.backbone import build_backbone
from skelact.pretraining.methods import find_method
from skelact.store.prepare import prepare
from skelact.store.protocols import split
from skelact.store.writer import StoreWriter
from skelact.synthetic import write_data_set
from skelact.training.loop import fit, make_fabric

NO_AXIS_LOST = {"augmentation": {"axis_mask": False}}
OWN = {
    "slim": {
        **NO_AXIS_LOST,
        "local_frames": [],
        "mask_ratio": [0.3, 0.6],
        "class_target": "contrast",
        "target": "regression",
        "target_blocks": 2,
    },
    "stjd-d": NO_AXIS_LOST,
}
"""Settings with which little data teaches in half a minute."""
POOLING, EPOCHS = {"slim": "both", "stjd-d": "joints"}, {"slim": 40, "stjd-d": 60}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Actions of people who face anywhere, so that positions alone tell little."""
    folder = tmp_path_factory.mktemp("synthetic")
    actions = ["A007", "A010", "A022", "A023", "A026", "A052"]
    write_data_set(folder / "raw", sequences=180, seed=0, actions=actions)
    facing = prepare("ntu60", folder / "raw", folder / "store", num_workers=1).store
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, len(facing))
    about = {"data_set": "ntu60", "topology": facing.topology, "class_names": list(facing.class_names)}
    with StoreWriter(folder / "turned", **about, fps=30.0, options={"up": "y"}) as writer:
        for number, (sin, cos) in enumerate(zip(np.sin(angles), np.cos(angles), strict=True)):
            turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)
            sequence = facing.sequence(number)
            writer.add(replace(sequence, positions=sequence.positions @ turn.T))
        return writer.finish()


def neighbours(encoder, source, sides):
    (known, labels), (asked, wanted) = extract_sides(encoder, source, sides)
    scores = knn_scores(known, labels, asked, len(source.store.class_names), [1])[1]
    return float((scores.argmax(1) == wanted).float().mean())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*does not say which axis is up")
@pytest.mark.parametrize("method", ["slim", "stjd-d"])
def test_neighbours_are_of_the_same_action_more_often_than_before(store, method):
    own = {
        "data": ["store"],
        "protocol": ["xsub"],
        "clips": {"turn": 180.0, "tilt": 0.0},
        "model": {"pooling": POOLING[method]},
        "distil": OWN[method],
        "training": {
            "epochs": EPOCHS[method],
            "lr": 5e-3,
            "accelerator": "cpu",
            "workers": 0,
            "tensorboard": False,
        },
    }
    settings = find_method(method).settings("tiny", own)
    config = instantiate(find_method(method).family.settings, settings)
    family, source = find_method(method).family, ClipSource(store, config.clips)
    mixed, sides = MixedSource([ClipSource(store, family.clips(config))]), split(store, "xsub")
    task = family.task(family.build(config, mixed), mixed)
    untrained = []
    for seed in range(3):
        torch.manual_seed(seed)
        fresh = build_backbone(task.model.encoder.config, store.topology).eval()
        untrained.append(neighbours(fresh, source, sides))
    history = fit(
        task,
        sides.train,
        config.training,
        make_fabric(config.training),
        title="",
        after_step=task.after_step,
        callbacks=[task.monitor],
    )
    assert neighbours(task.model.encoder, source, sides) > max(untrained) + 0.05
    if method == "slim":
        assert history[-1]["class_loss"] < 0.75 * history[0]["class_loss"]
        assert history[-1]["embedding_variance"] > 0.3
    assert history[-1]["masked_loss"] < history[0]["masked_loss"]
    assert history[-1]["effective_rank"] > 3

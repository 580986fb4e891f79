"""One-shot: the published actions and examples, choices of one's own, refusals."""

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.one_shot import evaluate_one_shot, ntu_120_example, one_shot_task
from skelact.formats.ntu import NTU_120
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.writer import StoreWriter


@pytest.fixture(scope="module")
def ntu_120(tmp_path_factory):
    """The published examples of NTU-120 and one more sequence of every action."""
    path = tmp_path_factory.mktemp("one_shot") / "store"
    random = np.random.default_rng(0)
    names = [(ntu_120_example(action), action) for action in range(1, 116, 6)]
    names += [(f"S001C001P001R001A{action:03d}", action) for action in range(1, 121)]
    with StoreWriter(
        path, data_set="ntu120", topology=NTU_25, class_names=list(NTU_120), fps=30.0, options={}
    ) as writer:
        for name, action in names:
            writer.add(
                SkeletonSequence(
                    name=name,
                    positions=random.normal(size=(1, 4, 25, 3)).astype(np.float32),
                    present=np.ones((1, 4), np.bool_),
                    topology=NTU_25,
                    fps=30.0,
                    label=action - 1,
                    attributes={"subject": 1},
                )
            )
        return writer.finish()


def test_the_published_actions_and_examples(ntu_120):
    task = one_shot_task(ntu_120)
    assert len(task.novel) == 20
    assert [ntu_120.labels[place] + 1 for place in task.examples] == list(range(1, 116, 6))
    assert ntu_120.names[task.examples[0]] == "S001C003P008R001A001"
    assert ntu_120.names[task.examples[9]] == "S001C003P008R001A055"
    assert ntu_120.names[task.examples[10]] == "S018C003P008R001A061"
    assert ntu_120.names[task.examples[-1]] == "S018C003P008R001A115"
    assert len(task.queries) == 20
    assert not set(task.queries) & set(task.examples)
    assert [task.novel[label] for label in task.labels] == [
        NTU_120[ntu_120.labels[place]] for place in task.queries
    ]
    assert task.choice == "published"


def test_an_example_that_was_not_prepared_is_named(ntu_120):
    shorter = ntu_120.__class__(ntu_120.path, ntu_120.meta)
    shorter.__dict__["names"] = ["x", *ntu_120.names[1:]]
    with pytest.raises(DataError, match="S001C003P008R001A001"):
        one_shot_task(shorter)


def test_classes_and_examples_of_ones_own(small_store):
    task = one_shot_task(small_store, ["c", "a"])
    assert [small_store.names[place] for place in task.examples] == ["sequence2", "sequence0"]
    assert [small_store.names[place] for place in task.queries] == ["sequence4", "sequence6", "sequence8"]
    assert task.labels.tolist() == [1, 0, 1]
    given = one_shot_task(small_store, ["c", "a"], ["sequence8", "sequence6"])
    assert [small_store.names[place] for place in given.examples] == ["sequence6", "sequence8"]
    assert given.choice == "given"


@pytest.mark.parametrize(
    ("novel", "examples", "message"),
    [
        (None, None, "no published one-shot protocol"),
        (["a", "z"], None, "no class 'z'"),
        (["a"], None, "at least 2"),
        (["a", "a"], None, "each named once"),
        (["a", "b"], ["sequence0"], "expected one of each of 2"),
        (["a", "b"], ["sequence0", "sequence2"], "expected one of each of 2"),
    ],
)
def test_what_does_not_fit_is_refused(small_store, novel, examples, message):
    with pytest.raises(ConfigurationError, match=message):
        one_shot_task(small_store, novel, examples)


def test_the_nearest_example_gives_the_class(ntu_120):
    torch.manual_seed(0)
    encoder = SkeletonEncoder(EncoderConfig(num_frames=4, width=16, depth=1, num_heads=2))
    source = ClipSource(ntu_120, ClipSettings(num_frames=4))
    task = one_shot_task(ntu_120)
    metrics = evaluate_one_shot(encoder, source, task)
    assert metrics.num_sequences == 20
    assert metrics.confusion.shape == (20, 20)
    itself = type(task)(task.novel, task.examples, task.examples, np.arange(20), task.choice)
    assert evaluate_one_shot(encoder, source, itself).top1 == 1.0

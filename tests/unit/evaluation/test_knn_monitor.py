import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.knn_monitor import KnnMonitor, hold_out
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

CLIPS = ClipSettings(num_frames=16, min_crop_frames=8)


def make_store(path, labelled=True):
    """Three people train and one tests; each does four actions, told apart by how far the body reaches."""
    random = np.random.default_rng(0)
    with StoreWriter(
        path, data_set="ntu60", topology=NTU_25, class_names=list("abcd"), fps=30.0, options={}
    ) as writer:
        for number in range(48):
            label, subject = number % 4, (1, 2, 4, 3)[number // 12]
            positions = random.normal(size=(1, 20, 25, 3)) * 0.01 + np.eye(4, 3)[label]
            writer.add(
                SkeletonSequence(
                    name=f"sequence{number}",
                    positions=positions.astype(np.float32),
                    present=np.ones((1, 20), np.bool_),
                    topology=NTU_25,
                    fps=30.0,
                    label=label if labelled else None,
                    attributes={"subject": subject, "camera": 2},
                )
            )
        return writer.finish()


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return make_store(tmp_path_factory.mktemp("monitor") / "store")


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = SkeletonEncoder(
            EncoderConfig(num_frames=16, patch_frames=4, width=16, depth=1, num_heads=2)
        )


def test_one_person_of_the_training_side_is_held_out_and_the_test_side_stays_unseen(store):
    sides, subject = hold_out(store, "xsub", seed=0), np.asarray(store.attribute("subject"))
    train = split(store, "xsub").train
    assert sorted([*sides.train, *sides.test]) == sorted(train)
    assert len(set(subject[sides.test])) == 1
    assert not set(subject[sides.test]) & set(subject[sides.train])
    assert {int(subject[hold_out(store, "xsub", seed).test][0]) for seed in range(20)} == {1, 2, 4}


def test_with_one_value_a_fifth_of_the_sequences_is_held_out(tmp_path, store):
    sides = hold_out(store, "xsub", seed=0)
    only = make_store(tmp_path / "store")
    only.meta["attribute_values"] = {}
    subject = np.memmap(only.path / "attribute_subject.bin", np.int32, "r+")
    subject[subject != 3] = 1
    sides = hold_out(only, "xsub", seed=0)
    assert len(sides.test) == round(0.2 * 36)
    assert not set(sides.test) & set(sides.train)


def test_it_says_the_accuracies_every_so_many_epochs(store):
    monitor = KnnMonitor(store, "xsub", CLIPS, every=3, suffix="_here")
    model = Model()
    assert monitor(1, model) == monitor(2, model) == {}
    said = monitor(3, model)
    assert list(said) == ["knn_top1_k1_here", "knn_top1_k10_here"]
    assert said["knn_top1_k1_here"] == 1.0  # the actions are that easy


def test_it_leaves_weights_mode_and_random_numbers_alone(store):
    model = Model().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    KnnMonitor(store, "xsub", CLIPS, every=1)(1, model)
    assert model.encoder.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_cannot_be_looked_at_is_refused(store, tmp_path):
    with pytest.raises(ConfigurationError, match="every -1 epochs"):
        KnnMonitor(store, "xsub", CLIPS, every=-1)
    with pytest.raises(DataError, match="0 labelled training sequences under xsub"):
        KnnMonitor(make_store(tmp_path / "none", labelled=False), "xsub", CLIPS, every=1)

"""Which joints are prime in which class: means by hand, and classes in which one joint moves."""

import math

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import Clips, ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.prime_joints import (
    class_means,
    class_prime_joints,
    joint_sums,
    prime_joints,
)
from skelact.models.sizes import ContrastiveSizes, ProjectionConfig, STGCNSizes
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.contrastive.objective import ContrastiveObjective, DetectorConfig
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.writer import StoreWriter

NUM_FRAMES = 16
MOVES = {"wave": "HandRight", "kick": "FootLeft"}


def contrastive_model(**detector):
    torch.manual_seed(0)
    sizes = ContrastiveSizes(st_gcn=STGCNSizes(channels=(8, 8), strides=(1, 2), kernel=3, dropout=0.0))
    encoder = sizes.encoder(25, 3, NUM_FRAMES)
    config = ContrastiveObjective(DetectorConfig(**detector), bank=8)
    return ContrastiveModel(encoder, ProjectionConfig(hidden=8, width=4), config, NTU_25).eval()


def clips_of(positions, present, joint_present=None):
    numbers = torch.arange(len(present))
    return Clips(positions * present[:, :, None, None, None], present, numbers % 2, numbers, joint_present)


def random_clips(num=3, bodies=2):
    steps = 0.05 * torch.randn(num, bodies, NUM_FRAMES, 25, 3)
    positions = torch.randn(num, bodies, 1, 25, 3) + steps.cumsum(2)
    return clips_of(positions, torch.ones(num, bodies, dtype=torch.bool))


@pytest.fixture(scope="module")
def one_moves(tmp_path_factory):
    """Three sequences of each of two classes, in which one joint moves; two of six have a second body."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("moves") / "store"
    with StoreWriter(
        path, data_set="moves", topology=NTU_25, class_names=list(MOVES), fps=30.0, options={}
    ) as writer:
        for number in range(6):
            label, num_bodies = number % 2, 1 + (number < 2)
            still = random.normal(scale=0.4, size=(num_bodies, 1, 25, 3))
            positions = np.repeat(still, 40, axis=1)
            joint = NTU_25.index(list(MOVES.values())[label])
            positions[:, :, joint, 1] += 0.4 * np.sin(np.arange(40) / 3)
            present = np.ones((num_bodies, 40), bool)
            writer.add(
                SkeletonSequence(
                    name=f"sequence{number}",
                    positions=positions.astype(np.float32),
                    present=present,
                    topology=NTU_25,
                    fps=30.0,
                    label=label,
                    attributes={"subject": 1, "camera": 1},
                )
            )
        return writer.finish()


def test_absent_bodies_and_unseen_joints_do_not_count():
    mask = torch.zeros(3, 2, 2, 3)  # three sequences, two bodies, two steps, three joints
    mask[0, 0] = torch.tensor([[0.2, 1.0, 0.0], [0.6, 1.0, 0.0]])
    mask[0, 1] = torch.tensor([[0.4, 0.9, 0.9], [0.8, 0.9, 0.9]])
    mask[1, 0] = torch.tensor([[1.0, 0.0, 0.5], [0.0, 0.5, 0.5]])
    mask[1, 1] = 1.0  # absent: must not be seen
    mask[2] = 0.25
    seen = torch.ones(3, 2, 3, dtype=torch.bool)
    seen[0, 1, 1:] = False
    seen[1, 1] = False
    seen[:2, :, 2] = False  # never seen in the first class
    means = class_means(joint_sums(mask, seen), torch.tensor([0, 0, 1]), [1, 0])
    np.testing.assert_allclose(means[0], [0.25] * 3)
    np.testing.assert_allclose(means[1], [3.0 / 6, 2.5 / 4, math.nan])


def test_joints_count_where_body_and_joint_are_seen():
    positions = torch.zeros(1, 2, 4, 3, 3)
    present = torch.tensor([[True, False]])
    assert clips_of(positions, present).seen_joints.tolist() == [[[True] * 3, [False] * 3]]
    joints = torch.tensor([[[True, False, True], [True] * 3]])
    seen = clips_of(positions, present, joints).seen_joints
    assert seen.tolist() == [[[True, False, True], [False] * 3]]


def test_the_joint_that_moves_alone_is_the_most_prime_of_its_class(one_moves):
    source = ClipSource(one_moves, ClipSettings(num_frames=NUM_FRAMES))
    found = class_prime_joints(None, source, np.arange(6), [1, 0])
    assert found.class_names == ("kick", "wave")
    assert found.num_sequences.tolist() == [3, 3]
    first = [NTU_25.joints[joint] for joint in found.most_prime(2)[:, 0]]
    assert first == ["FootLeft", "HandRight"]
    ordered = np.sort(found.means)
    assert (ordered[:, -1] > ordered[:, -2] + 0.3).all()
    some = class_prime_joints(None, source, np.array([1, 3]), [1])
    assert some.num_sequences.tolist() == [2]
    assert some.most_prime(1).tolist() == [[NTU_25.index("FootLeft")]]


@pytest.mark.parametrize(
    "model",
    [None, contrastive_model(), contrastive_model(density="fixed", share=0.1)],
    ids=["positions", "contrastive", "contrastive, fixed"],
)
def test_a_share_of_what_is_seen_is_prime(model):
    clips = random_clips()
    clips.present[0, 1] = False
    clips.positions[0, 1] = 0
    joints = torch.ones(3, 2, 25, dtype=torch.bool)
    joints[1, :, :5] = False
    mask = prime_joints(model, clips._replace(joint_present=joints), clips.positions)
    seen = clips._replace(joint_present=joints).seen_joints
    assert not mask.requires_grad
    assert (mask.movedim(2, 3)[~seen] == 0).all()
    share = 0.25 if model is None else model.config.detector.share
    num_steps = mask.shape[2]
    wanted = torch.tensor([math.ceil(share * num_steps * num) for num in (25, 40, 50)])
    # the first step copies the second, and of two equal ones at the border both get 1/2
    missing = wanted - (mask > 0.5).flatten(1).sum(1)
    assert ((missing >= 0) & (missing <= 1)).all()


@pytest.mark.parametrize("model", [None, contrastive_model()], ids=["positions", "cl"])
def test_a_slot_without_a_body_changes_nothing(model):
    clips = random_clips(bodies=1)
    empty = torch.zeros(3, 1, dtype=torch.bool)
    wider = clips_of(clips.positions.repeat(1, 2, 1, 1, 1), torch.cat([clips.present, empty], 1))
    ours = prime_joints(model, wider, wider.positions)[:, :1]
    torch.testing.assert_close(ours, prime_joints(model, clips, clips.positions))


@pytest.mark.parametrize("model", [None, contrastive_model()], ids=["positions", "cl"])
def test_what_is_no_number_is_not_hidden_by_the_mask(model):
    clips = random_clips()
    clips.positions[2, 0, 3, 4] = math.nan
    with pytest.raises(DataError, match="sequence 2 is not finite"):
        prime_joints(model, clips, clips.positions)


def test_clips_of_other_sizes_are_refused():
    clips = random_clips()
    fewer = clips._replace(positions=clips.positions[:, :, :, :20])
    with pytest.raises(ConfigurationError, match="25 joints"):
        prime_joints(contrastive_model(), fewer, fewer.positions)

from dataclasses import replace

import pytest
import torch

from augmentations import MILD, NONE, STRONG
from skelact.clips.augmentation_draws import draw_augmentations
from skelact.clips.source import Clips
from skelact.errors import ConfigurationError
from skelact.models.sizes import ProjectionConfig, STGCNConfig
from skelact.pretraining.contrastive.losses import info_nce, similarity_alignment
from skelact.pretraining.contrastive.model import ContrastiveModel, mean_where
from skelact.pretraining.contrastive.objective import ContrastiveObjective, DetectorConfig
from skelact.pretraining.contrastive.views import make_views, mask_in_query, query_clips
from skelact.skeleton.tables import NTU_25
from skelact.skeleton.topology import Topology

SIZES = STGCNConfig(channels=(4, 6), strides=(1, 2), kernel=3, dropout=0.0)
HEAD = ProjectionConfig(hidden=8, width=6)
SMALL = ContrastiveObjective(bank=10)
PLAIN = replace(
    SMALL, detector=DetectorConfig(kind="none"), adaptive=False, prime_pooling=False, other_weight=0.0
)
LINE = Topology("line", ("a", "b", "c"), (0, 0, 1))


def clips(num=4, frames=12, missing=False):
    generator = torch.Generator().manual_seed(1)
    positions = torch.randn(num, 2, frames, 25, 3, generator=generator).cumsum(2) * 0.1
    present = torch.tensor([[True, n % 2 == 1] for n in range(num)])
    positions = positions * present[:, :, None, None, None]
    joints = present.unsqueeze(-1).expand(num, 2, 25).clone()
    joints[0, 0, [7, 21, 22]] = False
    where = torch.arange(num)
    return Clips(positions, present, where, where, joints if missing else None)


def views_of(config, stream="joint", seed=0, **more):
    batch, generator = clips(**more), torch.Generator().manual_seed(seed)
    shape = tuple(batch.positions.shape)
    draws = [draw_augmentations(shape, config.strong, generator) for _ in range(2)]
    scores = torch.rand(*shape[:2], 6, 25, generator=generator)
    return make_views(batch, NTU_25, config, stream, *draws, scores)


def test_the_strengths_are_the_named_ones():
    assert ContrastiveObjective().mild == MILD
    assert ContrastiveObjective().strong == STRONG


def test_the_query_is_mild_where_all_is_prime_and_strong_where_nothing_is():
    views = views_of(SMALL)
    mask = torch.ones(4, 2, 6, 25)
    torch.testing.assert_close(query_clips(views, mask, NTU_25, "joint"), views.query)
    torch.testing.assert_close(query_clips(views, 0 * mask, NTU_25, "joint"), views.strong)
    assert not torch.allclose(views.query, views.strong)


def test_streams_are_made_of_augmented_positions():
    bone, joint = (views_of(SMALL, stream) for stream in ("bone", "joint"))
    parents = torch.tensor(NTU_25.parents)
    torch.testing.assert_close(bone.key, joint.key - joint.key[..., parents, :])
    assert torch.equal(bone.query, joint.query)
    mask = torch.rand(4, 2, 6, 25)
    seen = query_clips(joint, mask, NTU_25, "joint")
    torch.testing.assert_close(query_clips(bone, mask, NTU_25, "bone"), seen - seen[..., parents, :])


def test_a_mask_follows_the_clip_from_the_keys_view_to_the_querys():
    """What is prime is marked by its position, so the mask is right where it marks the same positions."""
    still = replace(NONE, flip=True, flip_probability=0.5, crop=True)
    config = replace(SMALL, augmentation=still, strong_noise_sigma=0.05)
    batch = clips(num=8, frames=12)
    generator = torch.Generator().manual_seed(3)
    draws = [draw_augmentations(tuple(batch.positions.shape), config.strong, generator) for _ in range(2)]
    views = make_views(batch, NTU_25, config, "joint", *draws)
    assert 0 < int(views.key_is_flipped.sum()) < 8
    # the second coordinate is not touched by the flip, so it says which place of the clip a view shows
    mask = mask_in_query(views.key[..., 1], views, NTU_25)
    shown = torch.zeros(8, 12, dtype=torch.bool)
    for n, (key, query) in enumerate(zip(views.key_moments, views.query_moments, strict=True)):
        shown[n] = torch.isin(query, key)
    assert shown.any()
    found, wanted = mask.transpose(1, 2)[shown], views.query[..., 1].transpose(1, 2)[shown]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_missing_joints_are_missing_on_the_side_that_a_flip_brings_them_to():
    config = replace(PLAIN, augmentation=replace(NONE, flip=True, flip_probability=1.0))
    views = views_of(config, missing=True)
    assert bool(views.key_is_flipped.all())
    assert (~views.key_seen[0, 0]).nonzero()[:, 0].tolist() == [11, 23, 24]  # left hand -> right hand
    assert torch.equal(views.key_seen, views.query_seen)
    mixed = replace(SMALL, augmentation=config.augmentation)
    views = views_of(mixed, missing=True)  # mild is not flipped, strong is
    assert (~views.query_seen[0, 0]).nonzero()[:, 0].tolist() == [7, 11, 21, 22, 23, 24]
    assert not views.key_seen[0, 1].any()


def loss_of(config, views, change=None):
    torch.manual_seed(0)
    model = ContrastiveModel(SIZES, HEAD, config, NTU_25).eval()
    if change is not None:
        change(model)
    return model, model(views)


def test_plain_momentum_contrast_is_info_nce_of_two_pooled_views():
    views = views_of(PLAIN)
    model, output = loss_of(PLAIN, views)
    weights = views.present[:, :, None, None, None].float()
    z_q, z_k = (
        model.head(
            (model.encoder(x, views.present) * weights).sum((1, 2, 3)) / weights.sum(1).flatten(1) / 150
        )
        for x in (views.query, views.key)
    )
    torch.testing.assert_close(output.loss, info_nce(z_q, z_k, model.bank.keys, 0.07).mean())
    torch.testing.assert_close(output.query, z_q.detach())
    torch.testing.assert_close(output.key, z_k.detach())
    assert output.prime_share.tolist() == [0] * 4


def test_other_joints_are_one_more_negative():
    views = views_of(SMALL)
    _, with_other = loss_of(SMALL, views)
    _, without = loss_of(replace(SMALL, other_weight=0.0), views)
    _, twice = loss_of(replace(SMALL, other_weight=2.0), views)
    assert without.loss < with_other.loss < twice.loss
    assert ((with_other.prime_share > 0) & (with_other.prime_share < 1)).all()


def test_similarity_is_the_alternative_and_keeps_the_contrast_with_other_joints():
    views = views_of(PLAIN)
    model, output = loss_of(replace(PLAIN, loss="similarity"), views)
    expected = similarity_alignment(output.query, output.key, model.bank.keys, 0.1, 0.05).mean()
    torch.testing.assert_close(output.loss.detach(), expected)
    similar = replace(SMALL, loss="similarity")
    views = views_of(similar)
    _, without = loss_of(replace(similar, other_weight=0.0), views)
    _, both = loss_of(similar, views)
    assert both.loss > without.loss


def test_pooling_of_prime_joints_can_be_switched_off():
    views = views_of(SMALL)
    _, prime = loss_of(SMALL, views)
    _, whole = loss_of(replace(SMALL, prime_pooling=False), views)
    _, plain = loss_of(PLAIN, views_of(PLAIN))
    assert not torch.allclose(prime.key, whole.key)
    torch.testing.assert_close(whole.key, plain.key)  # the same view of the key, all joints


def test_absent_bodies_change_nothing():
    views = views_of(SMALL)
    alone = views._replace(
        **{name: getattr(views, name)[::2, :1] for name in ("key", "query", "strong", "present")},
        **{name: getattr(views, name)[::2, :1] for name in ("key_seen", "query_seen", "scores")},
        **{name: getattr(views, name)[::2] for name in ("key_moments", "query_moments", "key_is_flipped")},
    )
    slots = views._replace(
        **{name: value[::2] for name, value in views._asdict().items() if value is not None}
    )
    torch.testing.assert_close(loss_of(SMALL, slots)[1].loss, loss_of(SMALL, alone)[1].loss)


def test_a_sequence_that_shows_nobody_is_left_out():
    views = views_of(SMALL)
    model, output = loss_of(SMALL, views)
    present = views.present.clone()
    present[3] = False
    seen = views.key_seen & present.unsqueeze(-1)
    nobody = views._replace(present=present, key_seen=seen, query_seen=seen & views.query_seen)
    left = model(nobody)
    assert len(left.key) == 3
    torch.testing.assert_close(left.key, output.key[:3])


@pytest.mark.parametrize("config", [SMALL, PLAIN], ids=["stjd-cl", "moco"])
@pytest.mark.parametrize(("num", "frames"), [(1, 12), (2, 1)])
def test_batches_of_one_and_clips_of_one_frame_are_finite(config, num, frames):
    torch.manual_seed(0)
    model = ContrastiveModel(SIZES, HEAD, config, NTU_25).train()
    batch, generator = clips(num, frames), torch.Generator().manual_seed(0)
    shape = tuple(batch.positions.shape)
    draws = [draw_augmentations(shape, config.strong, generator) for _ in range(2)]
    output = model(make_views(batch, NTU_25, config, "joint", *draws))
    output.loss.backward()
    assert output.loss.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_clips_without_motion_have_an_even_mask_and_finite_gradients():
    config = replace(SMALL, augmentation=NONE)
    torch.manual_seed(0)
    model = ContrastiveModel(
        STGCNConfig(channels=(4,), strides=(1,), kernel=1, dropout=0.0), HEAD, config, NTU_25
    )
    batch = clips()
    batch = batch._replace(positions=batch.positions[:, :, :1].repeat(1, 1, 12, 1, 1))
    draws = draw_augmentations(tuple(batch.positions.shape), config.strong, torch.Generator())
    output = model(make_views(batch, NTU_25, config, "joint", draws, draws))
    output.loss.backward()
    assert output.prime_share.tolist() == pytest.approx([0.5] * 4)
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_copies_and_bank_move_on_when_told_to():
    torch.manual_seed(0)
    model = ContrastiveModel(SIZES, HEAD, replace(SMALL, momentum=0.5), NTU_25)
    with torch.no_grad():
        for parameter in [*model.encoder.parameters(), *model.head.parameters()]:
            parameter.add_(1)
    model.advance(torch.ones(3, 6))
    for copy, original in ((model.key_encoder, model.encoder), (model.key_head, model.head)):
        for own, theirs in zip(copy.network.parameters(), original.parameters(), strict=True):
            torch.testing.assert_close(own, theirs - 0.5)
    assert model.bank.pointer == 3
    for _ in range(5):  # the bank is no multiple of a batch
        model.advance(torch.ones(3, 6))
    assert model.bank.pointer == 18 % 10
    names = model.state_dict()
    assert {"bank.keys", "bank.born", "bank.num_batches", "bank.pointer"} <= names.keys()


def test_a_skeleton_without_sides_is_not_flipped():
    with pytest.raises(ConfigurationError, match=r"line has no left-right pairs.*augmentation.flip false"):
        ContrastiveModel(SIZES, HEAD, SMALL, LINE)
    ContrastiveModel(SIZES, HEAD, replace(SMALL, augmentation=replace(NONE, crop=True)), LINE)


def test_positions_in_the_plane_are_not_turned():
    flat = replace(SIZES, num_coordinates=2)
    with pytest.raises(ConfigurationError, match=r"2 coordinates .*augmentation.rotation false"):
        ContrastiveModel(flat, HEAD, SMALL, NTU_25)
    with pytest.raises(ConfigurationError, match="flip_axis is 2"):
        ContrastiveModel(flat, HEAD, replace(SMALL, augmentation=replace(STRONG, flip_axis=2)), NTU_25)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tau": 0.0}, "contrast.tau is 0.0"),
        ({"other_weight": -1.0}, "contrast.other_weight is -1.0"),
        ({"bank": 0}, "contrast.bank is 0"),
        ({"momentum": 1.5}, "contrast.momentum is 1.5"),
        ({"loss": "mse"}, "contrast.loss is 'mse'"),
        ({"detector": DetectorConfig(kind="none")}, "contrast.adaptive needs prime joints"),
        (
            {"adaptive": False, "prime_pooling": False, "other_weight": 0.0},
            "detector.kind density has no effect",
        ),
        ({"teacher_tau": 0.1}, "contrast.teacher_tau has no effect"),
        ({"adaptive": False, "strong_noise_sigma": 0.1}, "contrast.strong_noise_sigma has no effect"),
        ({"loss": "similarity", "other_weight": 0.0, "tau": 0.1}, "contrast.tau has no effect"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        ContrastiveObjective(**settings)


def test_the_mean_of_a_mask_is_over_what_was_seen_of_each_sequence():
    mask = torch.tensor([0.2, 0.4, 0.9]).view(1, 1, 1, 3).repeat(2, 1, 2, 1)
    seen = torch.tensor([[[True, True, False]], [[False, False, False]]])
    assert mean_where(mask, seen).tolist() == pytest.approx([0.3, 0])

import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.models.heads import ProjectionHead, pool
from skelact.models.sizes import ProjectionConfig
from skelact.pretraining.contrastive.model import masked_pool, prime_pool


def inputs():
    features = torch.randn(3, 2, 4, 5, 6)
    present = torch.tensor([[True, True], [True, False], [False, False]])
    joint_present = torch.rand(3, 2, 5) < 0.7
    return features, torch.rand(3, 2, 4, 5), present, joint_present


def test_equals_loops_over_bodies_steps_and_joints():
    features, mask, present, joint_present = inputs()
    pooled = masked_pool(features, mask, present, joint_present)
    for n in range(3):
        total, weights = torch.zeros(6), 0.0
        for m in range(2):
            for t in range(4):
                for v in range(5):
                    if present[n, m] and joint_present[n, m, v]:
                        total += mask[n, m, t, v] * features[n, m, t, v]
                        weights += mask[n, m, t, v].item()
        torch.testing.assert_close(pooled[n], total / weights if weights else total)
    assert (pooled[2] == 0).all()


def test_a_mask_of_ones_is_the_plain_mean():
    features, mask, present, _ = inputs()
    torch.testing.assert_close(masked_pool(features, torch.ones_like(mask), present), pool(features, present))


def test_only_the_mask_s_proportions_count():
    features, mask, present, _ = inputs()
    torch.testing.assert_close(
        masked_pool(features, mask, present), masked_pool(features, 0.01 * mask, present)
    )


def test_a_hard_mask_splits_the_joints():
    features, mask, present, _ = inputs()
    hard = (mask > 0.5).float()
    prime, other = prime_pool(features, hard, present)
    torch.testing.assert_close(prime[0], features[0][hard[0] == 1].mean(0))
    torch.testing.assert_close(other[0], features[0][hard[0] == 0].mean(0))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_that_chooses_nothing_gives_zero_and_moderate_gradients(value):
    features, mask, present, _ = inputs()
    mask = torch.full_like(mask, value).requires_grad_()
    prime, other = prime_pool(features, mask, present)
    empty = prime if value == 0 else other
    assert (empty == 0).all()
    (prime + other).sum().backward()
    assert mask.grad.abs().max() <= features.abs().sum(-1).max() * 2


def test_gradients_reach_mask_and_features_that_count_alone():
    features, mask, present, joint_present = inputs()
    features.requires_grad_(), mask.requires_grad_()
    pooled = masked_pool(features, mask, present, joint_present)
    (pooled * torch.randn_like(pooled)).sum().backward()
    counts = (present[:, :, None] & joint_present)[:, :, None].expand(mask.shape)
    assert (mask.grad[counts] != 0).all()
    assert (mask.grad[~counts] == 0).all()
    assert (features.grad[~counts] == 0).all()
    assert (features.grad[counts] != 0).all()


def test_shapes_that_do_not_fit_are_refused():
    features, mask, present, _ = inputs()
    with pytest.raises(ValueError, match="do not fit"):
        masked_pool(features, mask[:, :, :2], present)
    with pytest.raises(ValueError, match="do not fit"):
        masked_pool(features, mask, present[:, :1])


def test_a_normalising_head_draws_embeddings_apart_that_are_nearly_the_same():
    torch.manual_seed(0)
    embeddings = torch.randn(64) + 0.01 * torch.randn(32, 64)
    spread = {}
    for batch_norm in (False, True):
        z = ProjectionHead(64, ProjectionConfig(hidden=64, width=16, batch_norm=batch_norm))(embeddings)
        spread[batch_norm] = torch.nn.functional.normalize(z, dim=1).var(0).sum().item()
    assert spread[False] < 0.01
    assert spread[True] > 0.3


def test_the_published_head():
    head = ProjectionHead(256, ProjectionConfig())
    assert [tuple(layer.weight.shape) for layer in head if hasattr(layer, "weight")] == [
        (256, 256),
        (128, 256),
    ]
    assert head(torch.randn(4, 256)).shape == (4, 128)
    with pytest.raises(ConfigurationError, match=r"projection\.width is 0"):
        ProjectionConfig(width=0)


def test_joints_and_bodies_stand_side_by_side_where_wanted():
    features = torch.randn(3, 2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    present = torch.tensor([[True, True], [True, False], [False, True]])
    joints = pool(features, present, pooling="joints")
    assert joints.shape == (3, 5 * 6)
    expected = [features[0].mean((0, 1)), features[1, 0].mean(0), features[2, 1].mean(0)]
    torch.testing.assert_close(joints, torch.stack(expected).flatten(1))
    torch.testing.assert_close(joints.view(3, 5, 6).mean(1), pool(features, present))
    bodies = pool(features, present, pooling="bodies")
    torch.testing.assert_close(bodies[0], features[0].mean((1, 2)).flatten())
    assert bodies.shape == (3, 2 * 6)
    assert not bodies[1, 6:].any()
    torch.testing.assert_close(bodies[1, :6], features[1, 0].mean((0, 1)))
    both = pool(features, present, pooling="joints-and-bodies")
    assert both.shape == (3, 2 * 5 * 6)
    torch.testing.assert_close(both.view(3, 2, 5, 6).mean(2), bodies.view(3, 2, 6))
    included = pool(features, present, "include", "bodies")
    torch.testing.assert_close(included, features.mean((2, 3)).flatten(1))


def test_moments_are_mean_and_standard_deviation_of_each_joint_over_time():
    features = torch.randn(3, 2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    present = torch.tensor([[True, True], [True, False], [False, True]])
    moments = pool(features, present, pooling="moments").view(3, 5, 12)
    torch.testing.assert_close(moments[..., :6].flatten(1), pool(features, present, pooling="joints"))
    torch.testing.assert_close(moments[1, :, 6:], features[1, 0].std(0, correction=0))
    torch.testing.assert_close(moments[0, :, 6:], features[0].std(1, correction=0).mean(0))
    both = pool(features, present, pooling="moments-and-bodies").view(3, 2, 5, 12)
    torch.testing.assert_close(both[2, 1, :, 6:], features[2, 1].std(0, correction=0))
    assert not both[2, 0].any()

import math
from dataclasses import replace

import pytest
import torch

from augmentations import MILD, NONE, ORDINARY, STRONG
from skelact.clips.augmentation import augment
from skelact.clips.augmentation_draws import draw_augmentations
from skelact.clips.distortions import exchange_joints
from skelact.clips.settings import AugmentationSettings
from skelact.errors import ConfigurationError
from skelact.pretraining.contrastive.views import mask_to_frames, mix_views
from skelact.skeleton.tables import COCO_17, NTU_25
from skelact.skeleton.topology import Topology

SHAPE = (40, 2, 20, 25, 3)
ALWAYS = {
    f"{name}_probability": 1.0 for name in ("flip", "noise", "blur", "axis_mask", "rescale")
}  # no clip is spared


def clips(shape=SHAPE):
    """Smooth clips of 40 sequences; every third has one body, and one shows nobody."""
    generator = torch.Generator().manual_seed(1)
    n, m, t, v, c = shape
    phase = torch.rand(n, m, 1, v, c, generator=generator) * 2 * math.pi
    positions = torch.sin(0.3 * torch.arange(t)[:, None, None] + phase)
    present = torch.ones(n, m, dtype=torch.bool)
    present[::3, 1:] = False
    present[1] = False
    return positions * present[:, :, None, None, None], present


def only(name, **settings):
    """One augmentation, on every clip."""
    return replace(NONE, **{name: True}, **ALWAYS, **settings)


def draws_for(settings, shape=SHAPE, seed=0):
    return draw_augmentations(shape, settings, torch.Generator().manual_seed(seed))


def run(settings, shape=SHAPE, topology=NTU_25, seed=0):
    positions, present = clips(shape)
    return (
        positions,
        present,
        augment(positions, present, topology, settings, draws_for(settings, shape, seed)),
    )


def bone_lengths(positions, topology=NTU_25):
    joints, parents = zip(*topology.bones, strict=True)
    return (positions[..., joints, :] - positions[..., parents, :]).norm(dim=-1)


@pytest.mark.parametrize("settings", [NONE, MILD, ORDINARY, STRONG])
def test_absent_bodies_stay_zero_and_present_ones_finite(settings):
    _, present, out = run(settings)
    assert (out.positions[~present] == 0).all()
    assert out.positions.isfinite().all()


@pytest.mark.parametrize("settings", [NONE, MILD, ORDINARY, STRONG])
def test_slices_of_a_batch_are_augmented_as_in_the_whole(settings):
    positions, present, whole = run(settings)
    draws = draws_for(settings)
    for part in (slice(0, 13), slice(13, 14), slice(14, 40)):
        mine = augment(positions[part], present[part], NTU_25, settings, draws[part])
        torch.testing.assert_close(mine.positions, whole.positions[part], rtol=1e-5, atol=1e-6)
        assert torch.equal(mine.is_flipped, whole.is_flipped[part])
        assert torch.equal(mine.moments, whole.moments[part])


def test_nothing_switched_on_is_the_identity():
    positions, _, out = run(NONE)
    assert torch.equal(out.positions, positions)
    assert torch.equal(out.moments, torch.arange(20.0, dtype=torch.float64).expand(40, -1))
    assert not out.is_flipped.any()


@pytest.mark.parametrize(
    "name", ["crop", "shear", "flip", "rotation", "noise", "blur", "axis_mask", "rescale"]
)
def test_each_switch_changes_clips_and_none_leaves_the_others_draws_alone(name):
    positions, present, out = run(only(name))
    changed = (out.positions != positions).flatten(2).any(-1)
    assert changed[present].float().mean() > 0.8
    if name != "noise":
        without_noise, with_noise = draws_for(only(name)), draws_for(STRONG)
        assert torch.equal(without_noise.uniform, with_noise.uniform)


@pytest.mark.parametrize("name", ["flip", "noise", "blur", "axis_mask", "rescale"])
def test_a_probability_of_zero_spares_every_clip(name):
    positions, _, out = run(replace(NONE, **{name: True}, **{f"{name}_probability": 0.0}))
    torch.testing.assert_close(out.positions, positions, rtol=0, atol=0)


def test_a_flip_twice_is_the_identity():
    settings = only("flip")
    positions, present, once = run(settings)
    assert once.is_flipped.all()
    assert not torch.allclose(once.positions, positions)
    twice = augment(once.positions, present, NTU_25, settings, draws_for(settings))
    torch.testing.assert_close(twice.positions, positions, rtol=0, atol=0)


def test_a_flip_mirrors_the_chosen_axis_and_exchanges_the_hands():
    positions, _, out = run(only("flip", flip_axis=2))
    left, right, head = (NTU_25.index(joint) for joint in ("HandLeft", "HandRight", "Head"))
    sign = torch.tensor([1.0, 1.0, -1.0])
    torch.testing.assert_close(out.positions[..., left, :], positions[..., right, :] * sign)
    torch.testing.assert_close(out.positions[..., head, :], positions[..., head, :] * sign)


def test_half_of_the_clips_are_flipped_and_masks_follow():
    _, _, out = run(replace(NONE, flip=True), (400, 1, 2, 25, 3))
    assert 160 < out.is_flipped.sum() < 240
    mask = torch.rand(400, 1, 4, 25)
    moved = exchange_joints(mask, out.is_flipped, NTU_25)
    assert torch.equal(moved[~out.is_flipped], mask[~out.is_flipped])
    left, right = NTU_25.pairs[0]
    assert torch.equal(moved[out.is_flipped][..., left], mask[out.is_flipped][..., right])
    assert torch.equal(exchange_joints(moved, out.is_flipped, NTU_25), mask)


def test_rotations_keep_bone_lengths_and_the_origin():
    positions, _, out = run(only("rotation"))
    torch.testing.assert_close(bone_lengths(out.positions), bone_lengths(positions), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(out.positions.norm(dim=-1), positions.norm(dim=-1), rtol=1e-5, atol=1e-5)


def test_a_flip_keeps_the_bone_lengths_of_the_other_side():
    positions, _, out = run(only("flip"))
    expected = exchange_joints(
        torch.nn.functional.pad(bone_lengths(positions), (0, 1)), out.is_flipped, bones_as_joints()
    )
    torch.testing.assert_close(bone_lengths(out.positions), expected[..., :-1])


def bones_as_joints():
    """A stand-in whose joint i is bone i of NTU-25, so that pairs of bones can be exchanged."""
    place = {joint: number for number, (joint, _) in enumerate(NTU_25.bones)}
    pairs = tuple((place[left], place[right]) for left, right in NTU_25.pairs)
    num = NTU_25.num_joints
    return Topology("bones", tuple(map(str, range(num))), (0,) * num, pairs)


def test_rotations_turn_most_about_one_axis():
    shape = (300, 1, 1, 3, 3)
    three = Topology("axes", ("x", "y", "z"), (0, 0, 0))
    positions = torch.eye(3).expand(shape)
    settings = only("rotation")
    out = augment(
        positions, torch.ones(300, 1, dtype=torch.bool), three, settings, draws_for(settings, shape)
    )
    matrices = out.positions[:, 0, 0].mT
    angle = torch.rad2deg(torch.arccos(((matrices.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1)))
    assert 10 < angle.mean() < 20
    assert angle.max() < 32
    axis = torch.stack(
        [
            matrices[:, 2, 1] - matrices[:, 1, 2],
            matrices[:, 0, 2] - matrices[:, 2, 0],
            matrices[:, 1, 0] - matrices[:, 0, 1],
        ],
        1,
    ).abs()
    counts = axis.argmax(1).bincount(minlength=3)
    assert counts.min() > 60  # each of the three in turn


def test_a_shear_is_linear_about_the_centre_joint_and_alike_for_the_bodies_of_a_clip():
    positions, present, out = run(only("shear"))
    centre = NTU_25.centre
    torch.testing.assert_close(out.positions[..., centre, :], positions[..., centre, :])
    before = (positions - positions[..., centre, None, :])[present]  # (B, T, V, C)
    after = (out.positions - out.positions[..., centre, None, :])[present]
    matrices = torch.linalg.lstsq(before.flatten(1, 2), after.flatten(1, 2)).solution.mT
    torch.testing.assert_close(matrices.diagonal(dim1=1, dim2=2), torch.ones(len(matrices), 3))
    entries = matrices[:, ~torch.eye(3, dtype=torch.bool)]
    assert 0.4 < entries.abs().max() <= 0.5 + 1e-4
    two_bodies = present.nonzero()[:, 0]
    first, second = (two_bodies == 2).nonzero().flatten().tolist()
    torch.testing.assert_close(matrices[first], matrices[second], rtol=1e-3, atol=1e-4)


def test_noise_has_the_variance_it_says_and_spares_a_lost_axis():
    positions, present, out = run(only("noise", noise_sigma=0.05))
    difference = (out.positions - positions)[present]
    assert difference.std().item() == pytest.approx(0.05, rel=0.01)
    assert abs(difference.mean().item()) < 1e-3
    _, present, out = run(only("noise", axis_mask=True))
    lost = (out.positions[present] == 0).all(2).all(1)  # (B, C)
    assert torch.equal(lost.sum(1), torch.ones(len(lost), dtype=torch.int64))


def test_a_crop_shifts_by_at_most_a_sixth_and_reflects():
    positions, _, out = run(only("crop"), (200, 1, 12, 25, 3))
    shifts = set()
    for n in range(200):
        path = out.moments[n].tolist()
        shift = next(s for s in range(-2, 3) if path == [min(abs(t + s), 22 - abs(t + s)) for t in range(12)])
        shifts.add(shift)
        assert torch.equal(out.positions[n], positions[n][:, [int(moment) for moment in path]])
    assert shifts == {-2, -1, 0, 1, 2}


def test_a_change_of_pace_is_about_the_middle():
    ends = {}
    for name in ("reflect", "hold"):
        _, _, out = run(only("rescale", rescale_ends=name), (100, 1, 21, 25, 3))
        assert (out.moments[:, 10] == 10).all()
        pace = out.moments[:, 11] - 10
        assert 0.5 <= pace.min() < 0.55
        assert 1.45 < pace.max() < 1.5
        ends[name] = out.moments[pace.argmax(), 20]
    assert ends["hold"] == 20
    assert 15 <= ends["reflect"] < 16


def test_pace_interpolates_between_frames():
    shape = (50, 1, 21, 25, 3)
    time = torch.arange(21.0)[:, None, None].expand(shape)
    settings = only("rescale")
    out = augment(time, torch.ones(50, 1, dtype=torch.bool), NTU_25, settings, draws_for(settings, shape))
    torch.testing.assert_close(out.positions[:, 0, :, 0, 0], out.moments.float())


def test_one_frame_and_two_dimensions_work():
    for num_frames in (1, 2, 3):
        positions, present, out = run(STRONG, (8, 2, num_frames, 25, 3))
        assert out.positions.shape == positions.shape
        assert out.positions[present].isfinite().all()
    flat = replace(STRONG, rotation=False)
    _, present, out = run(flat, (8, 2, 5, 17, 2), COCO_17)
    assert out.positions[present].isfinite().all()


def test_a_view_can_share_the_moments_of_another():
    positions, present, mild = run(MILD)
    draws = draws_for(STRONG, seed=7)
    shared = augment(positions, present, NTU_25, STRONG, draws, mild.moments)
    own = augment(positions, present, NTU_25, STRONG, draws)
    assert torch.equal(shared.moments, mild.moments)
    assert not torch.equal(own.moments, mild.moments)
    still = augment(positions, present, NTU_25, NONE, draws, mild.moments)
    expected = positions.gather(2, mild.moments.long()[:, None, :, None, None].expand_as(positions))
    torch.testing.assert_close(still.positions, expected)


def test_adaptive_views_are_mild_on_prime_joints_and_strong_on_others():
    mild, strong = torch.randn(2, 1, 8, 5, 3), torch.randn(2, 1, 8, 5, 3)
    mask = torch.zeros(2, 1, 2, 5)
    mask[..., 3] = 1
    mixed = mix_views(mild, strong, mask)
    torch.testing.assert_close(mixed[..., 3, :], mild[..., 3, :])
    torch.testing.assert_close(mixed[..., :3, :], strong[..., :3, :])
    torch.testing.assert_close(mix_views(mild, mild, torch.rand(2, 1, 2, 5)), mild)
    mix_views(mild, strong, mask.requires_grad_()).square().sum().backward()
    assert (mask.grad != 0).all()
    with pytest.raises(ValueError, match="a mask of"):
        mix_views(mild, strong, mask[..., :4])


def test_a_mask_over_steps_becomes_one_over_frames():
    mask = torch.tensor([0.0, 1.0]).view(1, 1, 2, 1).requires_grad_()
    frames = mask_to_frames(mask, 4)
    torch.testing.assert_close(frames.flatten(), torch.tensor([0.0, 0.25, 0.75, 1.0]))
    frames.sum().backward()
    torch.testing.assert_close(mask.grad.flatten(), torch.tensor([2.0, 2.0]))
    assert torch.equal(mask_to_frames(mask, 2), mask)


def test_what_cannot_be_augmented_is_refused():
    lone = Topology("lone", tuple(map(str, range(25))), (0,) * 25)
    with pytest.raises(ConfigurationError, match=r"'lone' has no left-right pairs.*switch the flip off"):
        run(only("flip"), topology=lone)
    with pytest.raises(ConfigurationError, match="2 coordinates and cannot be turned"):
        run(ORDINARY, (8, 2, 5, 17, 2), COCO_17)
    with pytest.raises(ConfigurationError, match="flip_axis is 2, but"):
        run(only("flip", flip_axis=2), (8, 2, 5, 17, 2), COCO_17)
    positions, present = clips()
    with pytest.raises(ConfigurationError, match="draws for 39 clips, but there are 40"):
        augment(positions, present, NTU_25, MILD, draws_for(MILD)[:39])
    with pytest.raises(ConfigurationError, match="the draws hold no normal numbers"):
        augment(positions, present, NTU_25, STRONG, draws_for(MILD))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flip_probability": 1.5}, "flip_probability is 1.5"),
        ({"noise_sigma": -1.0}, "noise_sigma is -1.0"),
        ({"noise_sigma": math.nan}, "noise_sigma is nan"),
        ({"crop_padding": 2.0}, "crop_padding is 2.0"),
        ({"flip_axis": -1}, "flip_axis is -1"),
        ({"blur_kernel": 4}, "blur_kernel is 4"),
        ({"blur_sigma": (0.0, 1.0)}, "blur_sigma is 0.0 to 1.0"),
        ({"rescale_range": (2.0, 1.0)}, "rescale_range is 2.0 to 1.0"),
        ({"rescale_ends": "loop"}, "rescale_ends is 'loop'"),
    ],
)
def test_strengths_outside_their_range(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        AugmentationSettings(**settings)

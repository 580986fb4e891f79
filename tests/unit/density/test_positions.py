"""The density of positions: what it is, what it does not depend on, and which joints it makes prime."""

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.density import arrays
from skelact.density.arrays import BANDWIDTH
from skelact.density.positions import (
    _whole_body_size,
    body_size,
    density_change,
    joint_density,
    prime_joints,
    rank_joints,
)
from skelact.errors import ConfigurationError, DataError
from skelact.skeleton.tables import NTU_25
from skelact.store.prepare import prepare
from skelact.store.protocols import split
from skelact.synthetic import write_data_set

HEAD, SHOULDER, HAND, OTHER_HAND, PELVIS, KNEE, FOOT = range(7)
AT_REST = np.array(
    [
        [0.0, 1.7, 0.0],
        [0.2, 1.4, 0.0],
        [0.1, 1.6, 0.8],
        [-0.4, 0.9, 0.1],
        [0.0, 1.0, 0.0],
        [0.1, 0.5, 0.0],
        [0.1, 0.0, 0.0],
    ]
)


def drinking(num_frames=24):
    """Return (T, 7, 3) m: a hand comes to the resting head from before it, and nothing else moves."""
    positions = np.repeat(AT_REST[None], num_frames, 0)
    share = np.linspace(0, 1, num_frames)[:, None]
    positions[:, HAND] += share * (AT_REST[HEAD] + np.array([0.0, -0.1, 0.1]) - AT_REST[HAND])
    return positions


def slow_density(positions, bandwidth=BANDWIDTH):
    """The definition, written out."""
    centred = positions - positions.mean(1, keepdims=True)
    size = np.sort(np.sqrt((centred**2).sum(-1).mean(1)))[(len(positions) - 1) // 2]
    density = np.zeros(positions.shape[:2])
    for frame, joints in enumerate(positions):
        for joint in range(len(joints)):
            distances = np.linalg.norm(joints - joints[joint], axis=1) / size
            density[frame, joint] = np.exp(-((distances / bandwidth) ** 2) / 2).mean()
    return density


@pytest.mark.parametrize("coordinates", [2, 3])
def test_equals_the_definition(coordinates):
    positions = drinking()[..., :coordinates]
    np.testing.assert_allclose(joint_density(positions), slow_density(positions), rtol=1e-12)
    np.testing.assert_allclose(
        joint_density(positions, bandwidth=0.2), slow_density(positions, 0.2), rtol=1e-12
    )


def test_density_lies_between_one_joint_alone_and_all_in_one_place():
    density = joint_density(drinking(), bandwidth=1e-3)
    np.testing.assert_allclose(density, 1 / 7)
    np.testing.assert_allclose(joint_density(np.ones((3, 5, 3))), 1)


def test_a_hand_that_nears_the_resting_head_makes_both_prime():
    positions = drinking()
    is_prime = prime_joints(positions)
    often = is_prime.sum(0)
    assert set(np.argsort(-often)[:2]) == {HAND, HEAD}
    change = density_change(torch.from_numpy(joint_density(positions)))
    assert set(rank_joints(change)[:2]) == {HAND, HEAD}
    moved = np.abs(np.diff(positions, axis=0)).sum((0, 2))
    assert moved[HEAD] == 0  # plain motion would not give the head
    assert moved[HAND] > 0


def turn():
    return np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]


@pytest.mark.parametrize(
    "move",
    [
        lambda p: p + np.array([3.0, -2.0, 5.0]),
        lambda p: p @ turn(),
        lambda p: 1000 * p,
        lambda p: p + np.linspace(0, 4, len(p))[:, None, None],
    ],
    ids=["a shift", "a turn", "another unit", "a walk"],
)
def test_where_the_body_stands_how_it_is_turned_and_the_unit_do_not_matter(move):
    positions = drinking()
    np.testing.assert_allclose(joint_density(move(positions)), joint_density(positions), rtol=1e-9)
    assert (prime_joints(move(positions)) == prime_joints(positions)).all()


def test_nothing_is_prime_where_the_body_moves_as_a_whole():
    stiff = AT_REST + np.linspace(0, 4, 30)[:, None, None]
    assert not prime_joints(stiff).any()
    assert not prime_joints(stiff.astype(np.float32)).any()


def test_a_joint_that_was_not_seen_is_never_prime_and_its_return_no_change():
    positions = drinking()
    positions[:, KNEE] = np.nan
    positions[5:9, SHOULDER] = np.nan
    positions[:3, FOOT] = np.nan
    density, is_prime = joint_density(positions), prime_joints(positions, share=1.0)
    unseen = np.isnan(positions).any(-1)
    assert (np.isnan(density) == unseen).all()
    assert not is_prime[unseen].any()
    assert is_prime[:, HEAD].all()
    without = np.delete(drinking(), KNEE, 1)  # all others as if there were no knee, and no gap
    expected = np.insert(joint_density(without), KNEE, np.nan, axis=1)
    np.testing.assert_allclose(density[9:], expected[9:], rtol=1e-3)
    change = density_change(density)
    assert np.isnan(change[5:10, SHOULDER]).all()  # the frame after the gap has nothing to be compared with
    assert not np.isnan(change[10:, SHOULDER]).any()


def test_bodies_do_not_see_each_other_and_nobody_is_not_seen():
    first, second = drinking(), 2 * drinking() + 1
    nobody = np.full_like(first, np.nan)
    density = joint_density(np.stack([first, second, nobody]))
    np.testing.assert_allclose(density[0], joint_density(first))
    np.testing.assert_allclose(density[1], density[0], rtol=1e-9)
    assert np.isnan(density[2]).all()
    assert not prime_joints(np.stack([first, nobody]))[1].any()
    assert not prime_joints(nobody).any()


def test_the_kind_and_precision_of_what_is_given_come_back():
    for dtype in (np.float32, np.float64):
        density = joint_density(drinking().astype(dtype))
        assert density.dtype == dtype
        assert density_change(density).dtype == dtype
    tensor = torch.from_numpy(drinking()).float()
    assert joint_density(tensor).dtype == torch.float32
    np.testing.assert_allclose(joint_density(tensor).numpy(), joint_density(drinking()), rtol=1e-5)
    assert isinstance(prime_joints(tensor), torch.Tensor)
    assert prime_joints(drinking()).dtype == np.bool_


def test_change_is_the_difference_of_frames_some_steps_apart():
    density = np.array([[1.0, 5.0], [3.0, 4.0], [3.5, 1.0]])
    np.testing.assert_array_equal(density_change(density), [[2.0, 1.0], [2.0, 1.0], [0.5, 3.0]])
    np.testing.assert_array_equal(density_change(density, step=2), [[2.5, 4.0]] * 3)
    np.testing.assert_array_equal(density_change(density, step=3), np.zeros((3, 2)))


def test_as_many_joints_are_prime_as_the_share_says():
    positions = np.random.default_rng(0).normal(size=(2, 9, 7, 3))
    assert prime_joints(positions, share=0.1).sum() == 13  # of 126, rounded up


def test_a_frame_that_went_wrong_does_not_change_the_size():
    positions = torch.from_numpy(np.repeat(AT_REST[None], 9, 0))
    size = float(body_size(positions))
    assert size == pytest.approx(float((positions[0] - positions[0].mean(0)).norm() / 7**0.5))
    positions[4, FOOT] = 40.0
    assert body_size(positions) == pytest.approx(size)


@pytest.mark.parametrize("num_frames", [1, 8, 9])
def test_on_a_gpu_bodies_have_the_size_that_they_have_on_a_cpu(num_frames):
    bodies = torch.from_numpy(np.random.default_rng(0).normal(1.0, 0.5, (4, num_frames, 7, 3))).float()
    bodies[1] = bodies[1, :1, :1]  # all joints in one place
    torch.testing.assert_close(_whole_body_size(bodies), body_size(bodies), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_is_refused():
    for shape in [(5, 3), (4, 5, 4), (0, 5, 3), (1, 1, 4, 5, 3)]:
        with pytest.raises(DataError, match="positions have shape"):
            joint_density(np.zeros(shape))
    with pytest.raises(DataError, match="write NaN"):
        joint_density(np.full((3, 5, 3), np.inf))
    with pytest.raises(DataError, match="a density has shape"):
        density_change(np.zeros(4))
    with pytest.raises(ConfigurationError, match="bandwidth is 0"):
        joint_density(drinking(), bandwidth=0)
    with pytest.raises(ConfigurationError, match="share is"):
        prime_joints(drinking(), share=1.5)
    with pytest.raises(ConfigurationError, match="step is 0"):
        density_change(np.zeros((3, 4)), step=0)


def test_drinking_in_the_synthetic_data_makes_the_resting_head_prime(tmp_path):
    write_data_set(tmp_path / "raw", sequences=4, seed=0, actions=["A001"])
    store = prepare("ntu60", tmp_path / "raw", tmp_path / "store").store
    for sequence in split(store, "xsub").test:
        clip = ClipSource(store, ClipSettings(num_frames=32)).test([int(sequence)]).positions[0, 0]
        assert BANDWIDTH * float(body_size(clip)) == pytest.approx(0.3, abs=0.05)  # m
        head = NTU_25.joints.index("Head")
        assert head in rank_joints(density_change(joint_density(clip)))[:6]
        moved = clip.diff(dim=0).norm(dim=-1).mean(0)  # plain motion: the arms alone
        assert head not in moved.argsort(descending=True)[:6]


@pytest.mark.parametrize("share_missing", [0.0, 0.3])
@pytest.mark.parametrize("num_coordinates", [2, 3])
def test_arrays_without_torch_have_the_same_density(share_missing, num_coordinates):
    draw = np.random.default_rng(0)
    positions = draw.normal(size=(600, 9, num_coordinates)).cumsum(0) * 0.05
    positions[draw.random((600, 9)) < share_missing] = np.nan
    positions[:, 4] = np.nan if share_missing else 0.0
    density = arrays.body_density(positions)
    np.testing.assert_allclose(density, joint_density(positions), atol=1e-10)
    np.testing.assert_allclose(arrays.change(density, 5), density_change(density, step=5), atol=1e-10)
    np.testing.assert_allclose(arrays.change(density[:4], 5), density_change(density[:4], step=5))
    assert (4 in arrays.rank_joints(arrays.change(density, 5))) == (not share_missing)


def test_bfloat16_is_taken_and_comes_back():
    positions = torch.rand(4, 25, 3).to(torch.bfloat16)
    density = joint_density(positions)
    assert density.dtype == torch.bfloat16
    torch.testing.assert_close(density.float(), joint_density(positions.float()), atol=2e-2, rtol=0)


def test_a_share_of_places_that_is_whole_is_not_rounded_up():
    positions = torch.rand(4, 25, 3)
    assert int(prime_joints(positions, share=0.07).sum()) == 7  # 0.07 * 100 is 7.000000000000001

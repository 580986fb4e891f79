"""Prime joints of a recording, and the stretches that they are prime in."""

import numpy as np
import pytest

from skelact.recognition.prime import prime_stretches, shortest_stretch
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25


def sequence(num_frames, moving, during, fps=None, num_bodies=1):
    """Return people who stand still, but for a joint that comes to the head in some frames."""
    generator = np.random.default_rng(0)
    body = generator.normal(0, 0.5, (25, 3)).astype(np.float32)
    positions = np.repeat(body[None], num_frames, 0)
    frames = np.arange(*during)
    share = np.linspace(0, 1, len(frames))[:, None]
    head = body[NTU_25.index("Head")]
    positions[frames, NTU_25.index(moving)] = (1 - share) * body[NTU_25.index(moving)] + share * head
    positions[during[1] :, NTU_25.index(moving)] = head
    everybody = np.repeat(positions[None], num_bodies, 0)
    present = np.ones((num_bodies, num_frames), np.bool_)
    return SkeletonSequence("a", everybody, present, NTU_25, fps=fps)


@pytest.mark.parametrize("num_frames", [90, 9000])
def test_the_joint_that_moves_is_prime_while_it_does(num_frames):
    begin, end = num_frames // 3, num_frames // 2
    found = prime_stretches(sequence(num_frames, "HandRight", (begin, end), fps=24.0))
    assert found[0].joint in ("HandRight", "Head")
    assert {"HandRight", "Head"} & {each.joint for each in found[:2]}
    assert begin - 8 <= found[0].first_frame <= found[0].last_frame <= end + 8


def test_what_stands_still_or_is_one_frame_has_none():
    assert prime_stretches(sequence(30, "HandRight", (30, 30))) == ()
    assert prime_stretches(sequence(1, "HandRight", (1, 1))) == ()
    assert len(prime_stretches(sequence(30, "HandRight", (5, 20), num_bodies=3), most=2)) == 2


@pytest.mark.parametrize("seed", range(20))
def test_the_shortest_stretch_is_that_of_a_loop(seed):
    generator = np.random.default_rng(seed)
    change = generator.exponential(1, 12) * (generator.random(12) < 0.5)
    wanted = change.sum() / 2
    enough = [
        (last - first, first, last)
        for first in range(12)
        for last in range(first, 12)
        if change[first : last + 1].sum() >= wanted - 1e-9
    ]
    first, last = shortest_stretch(change)
    assert last - first == min(enough)[0]
    assert change[first : last + 1].sum() >= wanted - 1e-9

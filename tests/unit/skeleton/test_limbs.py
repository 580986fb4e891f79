import pytest

from skelact.skeleton.limbs import limbs
from skelact.skeleton.tables import NTU_25, TOPOLOGIES
from skelact.skeleton.topology import Topology


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=lambda topology: topology.name)
def test_every_joint_is_in_one_limb_and_limbs_run_outwards(topology):
    found = limbs(topology)
    assert sorted(joint for limb in found for joint in limb) == list(range(topology.num_joints))
    for limb in found:
        for place, joint in enumerate(limb[1:], 1):
            assert topology.parents[joint] in limb[:place]


def test_the_limbs_of_a_person():
    names = {tuple(NTU_25.joints[joint] for joint in limb) for limb in limbs(NTU_25)}
    assert ("Neck", "Head") in names
    assert ("HipLeft", "KneeLeft", "AnkleLeft", "FootLeft") in names
    arm = next(limb for limb in names if "ElbowRight" in limb)
    assert arm[:4] == ("ShoulderRight", "ElbowRight", "WristRight", "HandRight")
    assert set(arm[4:]) == {"HandTipRight", "ThumbRight"}  # tips belong to the arm
    assert len(names) == 6


def test_a_root_belongs_to_the_middle_of_the_body_and_may_stand_alone_in_a_star():
    tree = Topology("tree", tuple("rabcd"), (0, 0, 1, 0, 3), pairs=((1, 0),))
    assert limbs(tree) == ((1, 2), (0, 3, 4))
    assert limbs(Topology("star", tuple("rab"), (0, 0, 0))) == ((0, 1), (2,))
    assert limbs(Topology("one", ("r",), (0,))) == ((0,),)

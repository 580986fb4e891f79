import pytest

from skelact.skeleton.joint_names import VOCABULARY, common_names
from skelact.skeleton.tables import COCO_17, H36M_17, MEDIAPIPE_33, OPENPOSE_18, OPENPOSE_25, TOPOLOGIES
from skelact.skeleton.topology import Topology


@pytest.mark.parametrize(
    ("name", "num_joints"),
    [
        ("ntu-25", 25),
        ("kinect-20", 20),
        ("sbu-15", 15),
        ("coco-17", 17),
        ("openpose-18", 18),
        ("openpose-25", 25),
        ("mediapipe-33", 33),
        ("h36m-17", 17),
    ],
)
def test_every_joint_of_a_table_has_a_meaning(name: str, num_joints: int) -> None:
    topology = TOPOLOGIES[name]
    assert topology.num_joints == num_joints
    assert sorted(common_names(topology.joints).values()) == list(range(num_joints))


def test_tables_share_the_vocabulary_but_for_the_kinect_v1() -> None:
    for topology in TOPOLOGIES.values():
        if topology.name != "kinect-20":
            assert set(topology.joints) <= VOCABULARY


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=lambda topology: topology.name)
def test_left_and_right_mirror_each_other(topology: Topology) -> None:
    """Each sided joint has a partner, and partners hang from partners or from the same middle joint."""
    partner = {joint: joint for joint in range(topology.num_joints)}
    for left, right in topology.pairs:
        partner |= {left: right, right: left}
    for joint, name in enumerate(topology.joints):
        assert (partner[joint] != joint) == name.endswith(("Left", "Right"))
        assert topology.parents[partner[joint]] == partner[topology.parents[joint]]


@pytest.mark.parametrize(
    ("topology", "place", "joint"),
    [
        # the places that the standards' documents name
        (COCO_17, 0, "Nose"),
        (COCO_17, 5, "ShoulderLeft"),
        (COCO_17, 10, "WristRight"),
        (COCO_17, 16, "AnkleRight"),
        (OPENPOSE_18, 1, "Neck"),
        (OPENPOSE_18, 4, "WristRight"),
        (OPENPOSE_18, 13, "AnkleLeft"),
        (OPENPOSE_18, 17, "EarLeft"),
        (OPENPOSE_25, 8, "SpineBase"),
        (OPENPOSE_25, 11, "AnkleRight"),
        (OPENPOSE_25, 19, "BigToeLeft"),
        (OPENPOSE_25, 24, "HeelRight"),
        (MEDIAPIPE_33, 7, "EarLeft"),
        (MEDIAPIPE_33, 16, "WristRight"),
        (MEDIAPIPE_33, 23, "HipLeft"),
        (MEDIAPIPE_33, 32, "BigToeRight"),
        (H36M_17, 3, "AnkleRight"),
        (H36M_17, 8, "SpineShoulder"),
        (H36M_17, 13, "WristLeft"),
        (H36M_17, 16, "WristRight"),
    ],
)
def test_joints_stand_where_the_standard_puts_them(topology: Topology, place: int, joint: str) -> None:
    assert topology.joints[place] == joint

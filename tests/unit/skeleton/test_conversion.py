from collections.abc import Callable

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.skeleton.conversion import RULES, plan_conversion
from skelact.skeleton.joint_names import VOCABULARY
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17, H36M_17, KINECT_20, MEDIAPIPE_33, NTU_25, OPENPOSE_25, TOPOLOGIES
from skelact.skeleton.topology import Topology


@pytest.fixture
def sequence() -> Callable[..., SkeletonSequence]:
    def make(topology: Topology, joint_present: np.ndarray | None = None) -> SkeletonSequence:
        random = np.random.default_rng(0)
        present = np.array([[True, True, False, True], [False, True, True, True]])
        positions = random.normal(size=(2, 4, topology.num_joints, 3)).astype(np.float32)
        positions[~present] = 0
        return SkeletonSequence(
            "one",
            positions,
            present,
            topology,
            joint_present=joint_present,
            fps=30.0,
            label=3,
            attributes={"subject": 7},
        )

    return make


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=lambda topology: topology.name)
def test_a_topology_converts_to_itself(topology: Topology, sequence: Callable[..., SkeletonSequence]) -> None:
    before = sequence(topology)
    after = plan_conversion(topology, topology).apply(before)
    np.testing.assert_array_equal(after.positions, before.positions)
    np.testing.assert_array_equal(after.present, before.present)
    assert after.joint_present is None
    assert (after.label, after.attributes, after.fps) == (3, {"subject": 7}, 30.0)


def test_there_and_back_keeps_every_joint_that_both_have(sequence: Callable[..., SkeletonSequence]) -> None:
    before = sequence(KINECT_20)
    there = plan_conversion(KINECT_20, NTU_25).apply(before)
    back = plan_conversion(NTU_25, KINECT_20).apply(there)
    np.testing.assert_array_equal(back.positions, before.positions)
    assert back.joint_present is None
    lost = plan_conversion(KINECT_20, COCO_17).apply(before)
    back = plan_conversion(COCO_17, KINECT_20).apply(lost)
    assert back.joint_present is not None
    for name in ("ShoulderLeft", "WristRight", "AnkleLeft"):
        joint = KINECT_20.index(name)
        np.testing.assert_array_equal(back.positions[:, :, joint], before.positions[:, :, joint])
        np.testing.assert_array_equal(back.joint_present[:, :, joint], before.present)
    assert not back.joint_present[:, :, KINECT_20.index("HandLeft")].any()


def test_joints_are_made_by_the_rules(sequence: Callable[..., SkeletonSequence]) -> None:
    before = sequence(MEDIAPIPE_33)
    plan = plan_conversion(MEDIAPIPE_33, NTU_25)
    after = plan.apply(before)

    def joint(one: SkeletonSequence, name: str) -> np.ndarray:
        return one.positions[:, :, one.topology.index(name)]

    hips = (joint(before, "HipLeft") + joint(before, "HipRight")) / 2
    shoulders = (joint(before, "ShoulderLeft") + joint(before, "ShoulderRight")) / 2
    for name, expected in {
        "SpineBase": hips,
        "SpineShoulder": shoulders,
        "Neck": shoulders,
        "SpineMid": (hips + shoulders) / 2,
        "Head": (joint(before, "EarLeft") + joint(before, "EarRight")) / 2,
        "HandRight": (joint(before, "IndexRight") + joint(before, "PinkyRight")) / 2,
        "FootLeft": joint(before, "BigToeLeft"),
        "KneeLeft": joint(before, "KneeLeft"),
    }.items():
        np.testing.assert_allclose(joint(after, name), expected, atol=1e-6)
    assert set(plan.joints("missing")) == {"HandTipLeft", "HandTipRight"}


def test_missing_joints_are_marked(sequence: Callable[..., SkeletonSequence]) -> None:
    after = plan_conversion(NTU_25, COCO_17).apply(sequence(NTU_25))
    assert after.joint_present is not None
    nose = COCO_17.index("Nose")
    assert not after.joint_present[:, :, nose].any()
    assert after.joint_present[:, :, COCO_17.index("HipLeft")].tolist() == after.present.tolist()


def test_a_joint_is_there_where_all_it_is_made_of_are(sequence: Callable[..., SkeletonSequence]) -> None:
    seen = np.ones((2, 4, 17), np.bool_)
    seen[0, 1, COCO_17.index("HipLeft")] = False
    seen[1, 3] = False
    seen[1, 3, COCO_17.index("EyeLeft")] = True  # of which H36M has no joint
    after = plan_conversion(COCO_17, H36M_17).apply(sequence(COCO_17, seen))
    assert after.joint_present is not None
    for name in ("SpineBase", "SpineMid", "HipLeft"):
        assert after.joint_present[0, :, H36M_17.index(name)].tolist() == [True, False, False, True]
    assert after.joint_present[0, 1, H36M_17.index("SpineShoulder")]
    assert after.present.tolist() == [[True, True, False, True], [False, True, True, False]]
    assert not after.positions[~after.joint_present].any()


def test_report_accounts_for_every_joint() -> None:
    plan = plan_conversion(KINECT_20, OPENPOSE_25)
    report = " ".join(plan.report().split())
    assert report.startswith("kinect-20 -> openpose-25: of 25 joints 13 mapped, 1 synthesised, 11 missing")
    assert "SpineBase (called HipCenter)" in report
    assert "Neck = mean of ShoulderLeft, ShoulderRight" in report
    assert all(joint in report for joint in OPENPOSE_25.joints)
    assert set(plan.unused) == {
        *("Spine", "ShoulderCenter", "Head", "HandLeft", "HandRight", "FootLeft", "FootRight")
    }


def test_joints_without_a_meaning_go_by_their_very_name() -> None:
    cart = Topology("cart", ("wheel", "Hips"), (0, 0))
    other = Topology("other", ("Pelvis", "wheel", "horn"), (0, 0, 0))
    plan = plan_conversion(cart, other)
    assert [origin.joints for origin in plan.origins] == [("Hips",), ("wheel",), ()]


def test_rules_stay_inside_the_vocabulary_and_end() -> None:
    assert set(RULES) <= VOCABULARY
    parts = {part for rules in RULES.values() for rule in rules for part in rule}
    assert parts <= VOCABULARY
    # one level of rules on rules, and no circle
    nested = {part for part in parts if part in RULES}
    assert not {part for name in nested for rule in RULES[name] for part in rule} & set(RULES)


def test_topologies_without_a_common_joint_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="'ntu-25' and 'cart' have no joint in common"):
        plan_conversion(NTU_25, Topology("cart", ("wheel", "horn"), (0, 0)))


def test_another_skeleton_is_refused(sequence: Callable[..., SkeletonSequence]) -> None:
    with pytest.raises(DataError, match="one: a coco-17 skeleton; expected one of ntu-25"):
        plan_conversion(NTU_25, KINECT_20).apply(sequence(COCO_17))

import pytest

from skelact.skeleton.joint_names import common_names, left_right_pairs, split_side


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        ("HipLeft", ("hip", "Left")),
        ("left_hip", ("hip", "Left")),
        ("L_Hip", ("hip", "Left")),
        ("Hip_R", ("hip", "Right")),
        ("hip.r", ("hip", "Right")),
        ("RHipJoint", ("hipjoint", "Right")),
        ("rShldr", ("shldr", "Right")),
        ("UpperArmL", ("upperarm", "Left")),
        ("Bip01 R Thigh", ("bip01thigh", "Right")),
        ("mixamorig:LeftUpLeg", ("upleg", "Left")),
        ("RIGHT-KNEE", ("knee", "Right")),
        ("RIGHT_LEG", ("leg", "Right")),
        ("LOWER_ARM_R", ("lowerarm", "Right")),
        ("LLEG", ("leg", "Left")),
        ("LowerBack", ("lowerback", "")),
        ("Root", ("root", "")),
        ("Neck", ("neck", "")),
    ],
)
def test_sides(joint: str, expected: tuple[str, str]) -> None:
    assert split_side(joint) == expected


def test_pairs_need_both_sides() -> None:
    joints = ("Hips", "Foot_R", "Foot_L", "LHand", "Lumbar", "RHand", "Tail_L")
    assert left_right_pairs(joints) == ((2, 1), (3, 5))


def test_names_in_any_spelling() -> None:
    joints = ("nose", "left_shoulder", "rightElbow", "MidHip", "wing_left")
    assert common_names(joints) == {"Nose": 0, "ShoulderLeft": 1, "ElbowRight": 2, "SpineBase": 3}


def test_motion_capture_names_joints_after_bones() -> None:
    joints = (
        "Hips",
        "LeftShoulder",
        "LeftArm",
        "LeftForeArm",
        "LeftHand",
        "LeftFoot",
        "LeftToeBase",
        "Spine",
    )
    assert common_names(joints) == {
        "SpineBase": 0,
        "ShoulderLeft": 2,
        "ElbowLeft": 3,
        "WristLeft": 4,
        "AnkleLeft": 5,
        "FootLeft": 6,
        "SpineMid": 7,
    }


def test_of_two_joints_that_mean_the_same_the_first_counts() -> None:
    assert common_names(("Pelvis", "Hips")) == {"SpineBase": 0}


def test_a_joint_without_a_side_is_in_the_middle_or_not_known() -> None:
    joints = ("Hip", "RHip", "LHip", "knee", "Hand", "head")
    assert common_names(joints) == {"SpineBase": 0, "HipRight": 1, "HipLeft": 2, "Head": 5}

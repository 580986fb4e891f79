"""The skeletons met in the wild, as tables, each in its own standard's joint order.

Joints that are the same carry the same name in all tables but those of the Kinect v1, whose own names are
older; :mod:`skelact.skeleton.joint_names` says what each name means and which names mean the same.
"""

from __future__ import annotations

from skelact.skeleton.topology import Topology


def _table(name: str, rows: str, centre: str) -> Topology:
    """Build a topology from lines ``joint parent``; names that differ in Left / Right form the pairs."""
    names, parents = zip(*(row.split() for row in rows.strip().splitlines()), strict=True)
    index = {joint: number for number, joint in enumerate(names)}
    pairs = tuple(
        (index[joint], index[joint.replace("Left", "Right")]) for joint in names if joint.endswith("Left")
    )
    return Topology(name, names, tuple(index[parent] for parent in parents), pairs, index[centre])


# Kinect v2, in the order of the NTU RGB+D and PKU-MMD files. The parents are those of the published bone
# stream, in which the hand tip hangs from the thumb.
NTU_25 = _table(
    "ntu-25",
    """
    SpineBase SpineMid
    SpineMid SpineShoulder
    Neck SpineShoulder
    Head Neck
    ShoulderLeft SpineShoulder
    ElbowLeft ShoulderLeft
    WristLeft ElbowLeft
    HandLeft WristLeft
    ShoulderRight SpineShoulder
    ElbowRight ShoulderRight
    WristRight ElbowRight
    HandRight WristRight
    HipLeft SpineBase
    KneeLeft HipLeft
    AnkleLeft KneeLeft
    FootLeft AnkleLeft
    HipRight SpineBase
    KneeRight HipRight
    AnkleRight KneeRight
    FootRight AnkleRight
    SpineShoulder SpineShoulder
    HandTipLeft ThumbLeft
    ThumbLeft HandLeft
    HandTipRight ThumbRight
    ThumbRight HandRight
    """,
    centre="SpineMid",
)

# Kinect v1, in the order of Microsoft's SDK.
KINECT_20 = _table(
    "kinect-20",
    """
    HipCenter Spine
    Spine ShoulderCenter
    ShoulderCenter ShoulderCenter
    Head ShoulderCenter
    ShoulderLeft ShoulderCenter
    ElbowLeft ShoulderLeft
    WristLeft ElbowLeft
    HandLeft WristLeft
    ShoulderRight ShoulderCenter
    ElbowRight ShoulderRight
    WristRight ElbowRight
    HandRight WristRight
    HipLeft HipCenter
    KneeLeft HipLeft
    AnkleLeft KneeLeft
    FootLeft AnkleLeft
    HipRight HipCenter
    KneeRight HipRight
    AnkleRight KneeRight
    FootRight AnkleRight
    """,
    centre="Spine",
)

# The 15 joints of OpenNI's tracker, in the order of the SBU Kinect Interaction files. Its neck is the middle
# of the shoulders, and its torso the middle between that and the hips.
SBU_15 = _table(
    "sbu-15",
    """
    Head SpineShoulder
    SpineShoulder SpineShoulder
    SpineMid SpineShoulder
    ShoulderLeft SpineShoulder
    ElbowLeft ShoulderLeft
    HandLeft ElbowLeft
    ShoulderRight SpineShoulder
    ElbowRight ShoulderRight
    HandRight ElbowRight
    HipLeft SpineMid
    KneeLeft HipLeft
    FootLeft KneeLeft
    HipRight SpineMid
    KneeRight HipRight
    FootRight KneeRight
    """,
    centre="SpineMid",
)

# The 17 keypoints of COCO (Lin et al., ECCV 2014). A detector's skeleton has no middle of the body: the tree
# hangs from the nose, and a hip from the shoulder of its side.
COCO_17 = _table(
    "coco-17",
    """
    Nose Nose
    EyeLeft Nose
    EyeRight Nose
    EarLeft EyeLeft
    EarRight EyeRight
    ShoulderLeft Nose
    ShoulderRight Nose
    ElbowLeft ShoulderLeft
    ElbowRight ShoulderRight
    WristLeft ElbowLeft
    WristRight ElbowRight
    HipLeft ShoulderLeft
    HipRight ShoulderRight
    KneeLeft HipLeft
    KneeRight HipRight
    AnkleLeft KneeLeft
    AnkleRight KneeRight
    """,
    centre="Nose",
)

# OpenPose's COCO model (Cao et al., CVPR 2017), as in Kinetics-skeleton: a neck between the shoulders.
OPENPOSE_18 = _table(
    "openpose-18",
    """
    Nose Neck
    Neck Neck
    ShoulderRight Neck
    ElbowRight ShoulderRight
    WristRight ElbowRight
    ShoulderLeft Neck
    ElbowLeft ShoulderLeft
    WristLeft ElbowLeft
    HipRight Neck
    KneeRight HipRight
    AnkleRight KneeRight
    HipLeft Neck
    KneeLeft HipLeft
    AnkleLeft KneeLeft
    EyeRight Nose
    EyeLeft Nose
    EarRight EyeRight
    EarLeft EyeLeft
    """,
    centre="Neck",
)

# OpenPose's BODY_25 model (Cao et al., TPAMI 2021).
OPENPOSE_25 = _table(
    "openpose-25",
    """
    Nose Neck
    Neck SpineBase
    ShoulderRight Neck
    ElbowRight ShoulderRight
    WristRight ElbowRight
    ShoulderLeft Neck
    ElbowLeft ShoulderLeft
    WristLeft ElbowLeft
    SpineBase SpineBase
    HipRight SpineBase
    KneeRight HipRight
    AnkleRight KneeRight
    HipLeft SpineBase
    KneeLeft HipLeft
    AnkleLeft KneeLeft
    EyeRight Nose
    EyeLeft Nose
    EarRight EyeRight
    EarLeft EyeLeft
    BigToeLeft AnkleLeft
    SmallToeLeft BigToeLeft
    HeelLeft AnkleLeft
    BigToeRight AnkleRight
    SmallToeRight BigToeRight
    HeelRight AnkleRight
    """,
    centre="SpineBase",
)

# MediaPipe Pose, BlazePose (Bazarevsky et al., 2020). Its foot index is the tip of the big toe.
MEDIAPIPE_33 = _table(
    "mediapipe-33",
    """
    Nose Nose
    EyeInnerLeft Nose
    EyeLeft EyeInnerLeft
    EyeOuterLeft EyeLeft
    EyeInnerRight Nose
    EyeRight EyeInnerRight
    EyeOuterRight EyeRight
    EarLeft EyeOuterLeft
    EarRight EyeOuterRight
    MouthLeft Nose
    MouthRight Nose
    ShoulderLeft Nose
    ShoulderRight Nose
    ElbowLeft ShoulderLeft
    ElbowRight ShoulderRight
    WristLeft ElbowLeft
    WristRight ElbowRight
    PinkyLeft WristLeft
    PinkyRight WristRight
    IndexLeft WristLeft
    IndexRight WristRight
    ThumbLeft WristLeft
    ThumbRight WristRight
    HipLeft ShoulderLeft
    HipRight ShoulderRight
    KneeLeft HipLeft
    KneeRight HipRight
    AnkleLeft KneeLeft
    AnkleRight KneeRight
    HeelLeft AnkleLeft
    HeelRight AnkleRight
    BigToeLeft AnkleLeft
    BigToeRight AnkleRight
    """,
    centre="Nose",
)

# The 17 joints of Human3.6M (Ionescu et al., TPAMI 2014) that 3-D pose lifters give.
H36M_17 = _table(
    "h36m-17",
    """
    SpineBase SpineBase
    HipRight SpineBase
    KneeRight HipRight
    AnkleRight KneeRight
    HipLeft SpineBase
    KneeLeft HipLeft
    AnkleLeft KneeLeft
    SpineMid SpineBase
    SpineShoulder SpineMid
    Nose SpineShoulder
    HeadTop Nose
    ShoulderLeft SpineShoulder
    ElbowLeft ShoulderLeft
    WristLeft ElbowLeft
    ShoulderRight SpineShoulder
    ElbowRight ShoulderRight
    WristRight ElbowRight
    """,
    centre="SpineBase",
)

TOPOLOGIES: dict[str, Topology] = {
    topology.name: topology
    for topology in (NTU_25, KINECT_20, SBU_15, COCO_17, OPENPOSE_18, OPENPOSE_25, MEDIAPIPE_33, H36M_17)
}
"""The known topologies by name."""

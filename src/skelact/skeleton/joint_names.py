"""The names of joints: one common vocabulary, and the other names that mean the same.

The vocabulary is that of the Kinect v2, with Left and Right at the end, extended by what other standards
have. Left is the left of the person. Two joints with one name lie within a few centimetres of each other,
which is what makes a conversion between standards by name reasonable, and no more exact than that.

==============================  ============================================================================
name                            place
==============================  ============================================================================
SpineBase                       middle of the hips (mid-hip, pelvis)
SpineMid                        the spine halfway between SpineBase and SpineShoulder
SpineShoulder                   the spine at the height of the shoulders (thorax, shoulder centre)
Neck                            the neck, between SpineShoulder and Head
Head                            middle of the head
HeadTop                         top of the head
Nose, Eye, Ear                  as seen; EyeInner and EyeOuter are the corners of the eye
Mouth                           corner of the mouth
Shoulder, Elbow, Wrist          joints of the arm
Hand                            middle of the hand
HandTip                         tip of the middle finger
Thumb, Index, Pinky             the thumb, and the knuckles of the first and the little finger
Hip, Knee, Ankle                joints of the leg
Foot                            front of the foot
Heel, BigToe, SmallToe          heel, tip of the big and of the little toe
==============================  ============================================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence

NAMES: tuple[str, ...] = (
    *("SpineBase", "SpineMid", "SpineShoulder", "Neck", "Head", "HeadTop", "Nose"),
    *(
        f"{part}{side}"
        for part in (
            *("Eye", "EyeInner", "EyeOuter", "Ear", "Mouth", "Shoulder", "Elbow", "Wrist", "Hand", "HandTip"),
            *("Thumb", "Index", "Pinky", "Hip", "Knee", "Ankle", "Foot", "Heel", "BigToe", "SmallToe"),
        )
        for side in ("Left", "Right")
    ),
)
"""All names of the table above. Weights have a row for each, in this order: a new name comes last."""
VOCABULARY = frozenset(NAMES)
"""The same, to look names up."""

_BY_PART = {name.removesuffix("Left").removesuffix("Right").lower(): name for name in sorted(VOCABULARY)}
_BY_PART["footindex"] = "BigToeLeft"  # as MediaPipe calls it
_WITHOUT_SIDE = {part: name for part, name in _BY_PART.items() if part == name.lower()}

# Other names of joints in the middle of the body. A chain of spine joints has no fixed number of members; the
# one called plainly Spine stands for SpineMid.
_MIDDLE = {
    **dict.fromkeys(("hip", "hipcenter", "hips", "pelvis", "midhip"), "SpineBase"),
    "spine": "SpineMid",
    **dict.fromkeys(("shouldercenter", "thorax"), "SpineShoulder"),
}
# Motion capture names a joint after the bone that it turns: the upper arm turns about the shoulder, the hand
# about the wrist. What it calls the shoulder is the collar bone's inner end.
_AFTER_BONES = {
    **dict.fromkeys(("upperarm", "arm"), "Shoulder"),
    **dict.fromkeys(("lowerarm", "forearm"), "Elbow"),
    "hand": "Wrist",
    **dict.fromkeys(("upperleg", "upleg", "thigh"), "Hip"),
    **dict.fromkeys(("lowerleg", "leg", "shin", "calf"), "Knee"),
    "foot": "Ankle",
    **dict.fromkeys(("toes", "toebase", "toe"), "Foot"),
    "shoulder": "",
}
_ARM_BONES = frozenset({"upperarm", "arm", "lowerarm", "forearm"})
_SIDES = tuple(
    (side, re.compile(pattern))
    for side, pattern in (
        ("Left", r"Left|left|LEFT"),
        ("Right", r"Right|right|RIGHT"),
        ("Left", r"(?<![A-Za-z])[Ll](?![A-Za-z])"),
        ("Right", r"(?<![A-Za-z])[Rr](?![A-Za-z])"),
        ("Left", r"(?<![A-Za-z])[Ll](?=[A-Z])|(?<=[a-z])L$"),
        ("Right", r"(?<![A-Za-z])[Rr](?=[A-Z])|(?<=[a-z])R$"),
    )
)
"""What tells a side, in this order: ``LEG_R`` is right, though its L stands before a capital letter."""


def split_side(joint: str) -> tuple[str, str]:
    """Return a joint's name without its side, and the side: Left, Right or empty.

    A side is Left or Right anywhere in the name, or else a letter L or R that stands alone, or else one
    before a capital letter or at the end: LeftHip, left_hip, L_Hip, Hip.L, LHip, lHip, HipL. The rest comes
    back in small letters, without blanks and signs, and without a name space (all up to a colon).
    """
    text, side = joint.rsplit(":", 1)[-1], ""
    for name, pattern in _SIDES:
        if pattern.search(text):
            text, side = pattern.sub(" ", text, count=1), name
            break
    return re.sub(r"[^a-z0-9]", "", text.lower()), side


def left_right_pairs(joints: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return (left, right) places of the joints whose names differ in nothing but their side."""
    sided = [split_side(joint) for joint in joints]
    place = {key: number for number, key in reversed(list(enumerate(sided)))}
    return tuple(
        (place[part, "Left"], place[part, "Right"])
        for part, side in dict.fromkeys(sided)
        if side == "Left" and (part, "Right") in place
    )


def common_names(joints: Sequence[str]) -> dict[str, int]:
    """Return the place of every joint that the vocabulary knows, under its name there.

    Letter case, signs and where the side stands do not matter. Where a name for an arm's bone occurs, limbs
    are taken to be named after their bones, as in motion capture: a hand is then a wrist and a foot an ankle.
    Of two joints that mean the same, the first counts. One without a side is in the middle of the body, or
    not known.
    """
    sided = [split_side(joint) for joint in joints]
    after_bones = any(part in _ARM_BONES for part, _ in sided)
    places: dict[str, int] = {}
    for number, (part, side) in enumerate(sided):
        if not side:
            name = _MIDDLE.get(part) or _WITHOUT_SIDE.get(part, "")
        elif after_bones and part in _AFTER_BONES:
            name = _AFTER_BONES[part] + side
        else:
            name = _BY_PART.get(part, "").removesuffix("Left").removesuffix("Right") + side
        if name in VOCABULARY:
            places.setdefault(name, number)
    return places

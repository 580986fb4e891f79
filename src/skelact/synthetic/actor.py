"""One person over time: what the body is told to do, where the feet step, and the joints that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skelact.skeleton.tables import NTU_25
from skelact.synthetic.kinematics import Array, apply, bow, lean, mix, reach, swing, turn, unit
from skelact.synthetic.performer import Performer

LEFT, RIGHT = 0, 1
BOTH = (LEFT, RIGHT)
SIGN = (-1.0, 1.0)
"""Direction of a side along a person's x axis."""

Offset = tuple[float, float, float]

_SEAT_HEIGHT = 0.50
"""Height of the pelvis of a sitting person above the floor, metres."""
_SEAT_DEPTH = 0.36
"""How far the pelvis of a sitting person is behind the feet, metres."""

_HIP_DROP = 0.436
"""How far a hip is below the pelvis joint, as a share of the bone between them."""


class Actor:
    """A person who is told what to do in two steps.

    First the trunk: set the attributes below, all (T,) or (T, 3) over the T frames. Then :meth:`settle`
    places the trunk and the planted feet; from then on :meth:`near` gives points of the body, and
    :meth:`move_hand` and :meth:`move_foot` send hands and feet to points of the world. :meth:`joints` bends
    the limbs.

    Angles are in rad, lengths in metres; a person's axes are x to the right, y up, z to the back.
    """

    def __init__(self, performer: Performer, num_frames: int, place: Offset, heading: float) -> None:
        self.bones = performer.bones
        self.habits = performer.habits
        still = np.zeros(num_frames)
        self.floor: Array = np.tile(np.asarray(place), (num_frames, 1))
        """(T, 3) point of the floor on which the person stands."""
        self.heading: Array = still + heading
        """(T,) turn to the left; at zero the person looks along -z."""
        self.seated: Array = still.copy()
        """(T,) 0 standing to 1 sitting."""
        self.pelvis_shift: Array = np.zeros((num_frames, 3))
        """(T, 3) displacement of the pelvis in the person's axes."""
        self.pelvis_bow, self.pelvis_lean = still.copy(), still.copy()
        self.spine_bow, self.spine_lean, self.spine_turn = still.copy(), still.copy(), still.copy()
        self.head_bow, self.head_lean, self.head_turn = still.copy(), still.copy(), still.copy()
        self.elbow_pole: list[Array] = []
        """For each side (T, 3): where the elbow points."""
        self.hands: list[Array] = []
        """For each side (T, 3): where the middle of the hand shall be."""
        self.fingers: list[Array] = []
        """For each side (T, 3): direction of the fingers; zero lets them follow the forearm."""
        self.feet: list[Array] = []
        """For each side (T, 3): where the ankle shall be."""

    def settle(self) -> None:
        """Place trunk, planted feet and hanging arms; the trunk is not told anything after this."""
        bones, num_frames = self.bones, len(self.heading)
        own = turn(self.heading)
        plan = plan_steps(self.floor, self.heading, self.habits.stance, bones.ankle)
        self.feet = list(plan.feet)
        leg = bones.thigh + bones.shin
        spread = np.sqrt(
            np.stack([((foot - self.floor)[:, (0, 2)] ** 2).sum(1) for foot in plan.feet]).max(0)
        )
        standing = (
            bones.ankle
            + _HIP_DROP * bones.hip
            + np.sqrt((0.992 * leg) ** 2 - np.minimum(spread, 0.6 * leg) ** 2)
        )
        height = standing + self.seated * (_SEAT_HEIGHT - standing)
        shift = self.pelvis_shift + self.seated[:, None] * (0.0, 0.0, _SEAT_DEPTH)
        pelvis = self.floor + height[:, None] * (0.0, 1.0, 0.0) + apply(own, shift)

        pelvis_frame = own @ bow(self.pelvis_bow) @ lean(self.pelvis_lean)
        half = turn(self.spine_turn / 2) @ bow(self.spine_bow / 2) @ lean(self.spine_lean / 2)
        waist_frame = pelvis_frame @ half
        chest_frame = waist_frame @ half
        head_frame = chest_frame @ turn(self.head_turn) @ bow(self.head_bow) @ lean(self.head_lean)
        joint: dict[str, Array] = {"SpineBase": pelvis}
        joint["SpineMid"] = pelvis + apply(waist_frame, (0.0, bones.lower_spine, 0.0))
        joint["SpineShoulder"] = joint["SpineMid"] + apply(chest_frame, (0.0, bones.upper_spine, 0.0))
        joint["Neck"] = joint["SpineShoulder"] + apply(chest_frame, (0.0, bones.neck, 0.0))
        joint["Head"] = joint["Neck"] + bones.head * apply(head_frame, (0.0, 0.98, -0.199))
        for side, name in enumerate(("Left", "Right")):
            out = SIGN[side]
            shoulder = bones.shoulder * apply(chest_frame, (out * 0.97, -0.243, 0.0))
            joint[f"Shoulder{name}"] = joint["SpineShoulder"] + shoulder
            joint[f"Hip{name}"] = pelvis + bones.hip * apply(
                pelvis_frame, (out * np.sqrt(1.0 - _HIP_DROP**2), -_HIP_DROP, 0.0)
            )
        self._own = own
        self._joint = joint
        self._frames = {
            "SpineBase": pelvis_frame,
            "SpineMid": chest_frame,
            "SpineShoulder": chest_frame,
            "Neck": chest_frame,
            "Head": head_frame,
            "ShoulderLeft": chest_frame,
            "ShoulderRight": chest_frame,
            "HipLeft": pelvis_frame,
            "HipRight": pelvis_frame,
        }

        arm = bones.upper_arm + bones.forearm + bones.palm
        for side, name in enumerate(("Left", "Right")):
            out = SIGN[side]
            hang = np.zeros((num_frames, 3))
            hang[:, 0] = out * self.habits.arms_out
            hang[:, 1] = -1.0
            hang[:, 2] = -0.12 - out * plan.arm_swing
            hanging = joint[f"Shoulder{name}"] + 0.98 * arm * apply(own, unit(hang))
            lap = joint[f"Hip{name}"] + apply(own, (out * 0.04, 0.11, -0.72 * bones.thigh))
            self.hands.append(mix(hanging, lap, self.seated))
            self.elbow_pole.append(apply(own, (out * (0.45 + self.habits.elbows_out), -0.5, 0.8)))
            self.fingers.append(np.zeros((num_frames, 3)))

    def near(self, joint: str, offset: Offset = (0.0, 0.0, 0.0)) -> Array:
        """Return the point (T, 3) at ``offset`` metres from a joint of the trunk, moving with that part."""
        return np.asarray(self._joint[joint] + apply(self._frames[joint], offset))

    def direction(self, vector: Offset | Array, part: str | None = None) -> Array:
        """Return the world's vector (T, 3) for one, (3,) or (T, 3), in the axes of the person or a part."""
        return apply(self._own if part is None else self._frames[part], vector)

    def move_hand(
        self,
        side: int,
        target: Array,
        weight: Array,
        *,
        arc: Offset = (0.0, 0.0, -0.1),
        elbow: Offset | None = None,
        fingers: Array | None = None,
    ) -> None:
        """Send a hand from where it is to ``target`` (T, 3) by ``weight`` (T,).

        ``arc`` and ``elbow`` are in the person's axes but with x to the outside: the bulge of the way, and
        where the elbow points at full weight. ``fingers`` (T, 3) is their direction at full weight.
        """
        out = SIGN[side]
        bulge = self.direction((out * arc[0], arc[1], arc[2]))
        self.hands[side] = mix(self.hands[side], target, weight, bulge)
        if elbow is not None:
            pole = self.direction((out * elbow[0], elbow[1], elbow[2]))
            self.elbow_pole[side] = mix(unit(self.elbow_pole[side]), unit(pole), weight)
        if fingers is not None:
            self.fingers[side] = mix(self.fingers[side], unit(fingers), weight)

    def move_foot(self, side: int, target: Array, weight: Array) -> None:
        """Send an ankle from where it is to ``target`` (T, 3) by ``weight`` (T,)."""
        self.feet[side] = mix(self.feet[side], target, weight)

    def joints(self) -> Array:
        """Return the positions (T, 25, 3) of the joints of NTU-25, in metres."""
        bones, joint = self.bones, dict(self._joint)
        right = self.direction((1.0, 0.0, 0.0))
        for side, name in enumerate(("Left", "Right")):
            out = SIGN[side]
            lower = bones.forearm + bones.palm
            elbow, hand = reach(
                joint[f"Shoulder{name}"], self.hands[side], bones.upper_arm, lower, self.elbow_pole[side]
            )
            along = unit(hand - elbow)
            tip = unit(along * 0.6 + self.fingers[side])
            thumb = unit(along * 0.7 - self.direction((out * 0.7, 0.0, 0.3), "SpineShoulder"))
            joint[f"Elbow{name}"] = elbow
            joint[f"Wrist{name}"] = hand - along * bones.palm
            joint[f"Hand{name}"] = hand
            joint[f"HandTip{name}"] = hand + tip * bones.finger
            joint[f"Thumb{name}"] = hand + thumb * bones.thumb

            pole = self.direction((out * 0.12, 0.4, -1.0))
            knee, ankle = reach(joint[f"Hip{name}"], self.feet[side], bones.thigh, bones.shin, pole)
            shin = unit(ankle - knee)
            toes = np.cross(right, shin) + 0.45 * shin + out * self.habits.toes_out * right
            joint[f"Knee{name}"] = knee
            joint[f"Ankle{name}"] = ankle
            joint[f"Foot{name}"] = ankle + unit(toes) * bones.foot
        return np.stack([joint[name] for name in NTU_25.joints], axis=1)


_STEP = 0.45
"""Length of a step, metres, or of a turn, about a radian each."""
_LIFT = 0.09
"""Height by which a stepping foot is lifted, metres."""


@dataclass(frozen=True)
class StepPlan:
    """The feet on a path."""

    feet: tuple[Array, Array]
    """Ankles (T, 3) of the left and the right side, metres."""
    arm_swing: Array
    """(T,) forward swing of the right arm; the left arm does the opposite."""


def plan_steps(floor: Array, heading: Array, stance: float, ankle: float) -> StepPlan:
    """Plan the steps of a body that moves along ``floor`` (T, 3) and turns by ``heading`` (T,).

    The feet step in turn, each to half a step in front of the body, and close up where the path ends. A foot
    stands still between its steps; without a path both stand still.

    Args:
        floor: point under the body, metres.
        heading: turn of the body, rad.
        stance: half the distance of the feet, metres.
        ankle: height of the ankle of a planted foot, metres.
    """
    num_frames = len(heading)
    stride = np.sqrt((np.diff(floor, axis=0) ** 2).sum(1)) + 0.4 * np.abs(np.diff(heading))
    travelled = np.concatenate([[0.0], np.cumsum(stride)])
    total = travelled[-1]
    lift = np.zeros((2, num_frames))
    progress = np.zeros((2, num_frames))
    arm_swing = np.zeros(num_frames)
    if total > 0.03:
        num_steps = max(2, round(total / _STEP) + 2) if total > 0.3 else 2
        phase = travelled / total * num_steps
        reached = [0.0, 0.0]
        for step in range(num_steps):
            foot = step % 2
            landing = min(step + 1.5, num_steps) if step < num_steps - 2 else num_steps
            done = np.clip(phase - step, 0.0, 1.0)
            progress[foot] += (landing - reached[foot]) * done * done * (3.0 - 2.0 * done)
            lift[foot] += swing(done)
            reached[foot] = landing
        progress *= total / num_steps
        speed = np.gradient(phase)
        arm_swing = (
            0.30 * min(1.0, total) * np.sin(np.pi * (phase - 0.5)) * speed / max(float(speed.max()), 1e-9)
        )
    feet = []
    for side, out in enumerate((-1.0, 1.0)):
        where = progress[side]
        spot = np.stack([np.interp(where, travelled, floor[:, axis]) for axis in range(3)], 1)
        facing = np.interp(where, travelled, heading)
        ankles = spot + apply(turn(facing), (out * stance, ankle, 0.0))
        ankles[:, 1] += _LIFT * min(1.0, total / _STEP) * lift[side]
        feet.append(ankles)
    return StepPlan((feet[0], feet[1]), arm_swing)

"""The actions of one person's hands: before the chest, near one another, or at the own head or trunk.

Offsets are metres from a joint in the axes of that part of the body: x to the right (``across``: to the
outside of the acting side), y up, z to the back. A joint lies inside the body, so a touching hand stops some
way off it.
"""

from __future__ import annotations

from skelact.synthetic.actor import BOTH, SIGN, Offset
from skelact.synthetic.kinematics import Array, swing, wobble
from skelact.synthetic.scene import Scene, settle


def _before_chest(scene: Scene, height: float, depth: float) -> Array:
    """A point (T, 3) in front of the chest where two hands meet."""
    return scene.actors[0].near("SpineShoulder", scene.about((0.0, height, -depth), 0.03))


def clap(scene: Scene) -> None:
    """A010: the palms meet again and again before the chest."""
    me, rng = scene.actors[0], scene.rng
    settle(scene, scene.actors[0], ())
    centre = _before_chest(scene, rng.uniform(-0.22, 0.0), rng.uniform(0.27, 0.38))
    cycles = scene.beats(0.2, 0.6, float(rng.uniform(1.8, 3.2)))
    gap = 0.035 + scene.size * rng.uniform(0.07, 0.16) * swing(cycles)
    for side in BOTH:
        target = centre + me.direction((1.0, 0.0, 0.0)) * (SIGN[side] * gap)[:, None]
        fingers = me.direction((0.0, 0.6, -1.0))
        me.move_hand(side, target, scene.stay(0.0, 0.2, 0.6, 0.2), elbow=(0.7, -0.8, 0.2), fingers=fingers)


def palms_together(scene: Scene) -> None:
    """A039: the palms meet before the chest and stay together."""
    me, rng = scene.actors[0], scene.rng
    me.head_bow += scene.stay(0.3, 0.2, 0.2, 0.2) * rng.uniform(0.0, 0.25)
    settle(scene, scene.actors[0], ())
    centre = _before_chest(scene, rng.uniform(-0.22, 0.0), rng.uniform(0.25, 0.36))
    for side in BOTH:
        target = centre + me.direction((SIGN[side] * 0.035, 0.0, 0.0))
        fingers = me.direction((0.0, 1.0, -0.2))
        me.move_hand(side, target, scene.stay(0.0, 0.25, 0.5, 0.25), elbow=(0.8, -0.6, 0.2), fingers=fingers)


def rub_hands(scene: Scene) -> None:
    """A034: the palms lie on one another and slide to and fro."""
    me, rng = scene.actors[0], scene.rng
    settle(scene, scene.actors[0], ())
    centre = _before_chest(scene, rng.uniform(-0.25, -0.03), rng.uniform(0.25, 0.36))
    slide = scene.size * rng.uniform(0.02, 0.04) * wobble(scene.beats(0.2, 0.6, float(rng.uniform(1.8, 3.0))))
    for side in BOTH:
        target = centre + me.direction((SIGN[side] * 0.03, 0.0, 0.0))
        target = target + me.direction((0.0, 0.3, -1.0)) * (SIGN[side] * slide)[:, None]
        fingers = me.direction((-SIGN[side] * 0.3, 0.3, -1.0))
        me.move_hand(side, target, scene.stay(0.0, 0.2, 0.6, 0.2), elbow=(0.7, -0.8, 0.2), fingers=fingers)


def cross_hands(scene: Scene) -> None:
    """A040, say stop: the forearms cross before the chest; the hands pass one another without touching."""
    me, rng = scene.actors[0], scene.rng
    settle(scene, scene.actors[0], ())
    centre = _before_chest(scene, rng.uniform(-0.16, 0.02), rng.uniform(0.28, 0.38))
    over = rng.uniform(0.08, 0.13)
    front = 0.045 if rng.random() < 0.5 else -0.045
    for side in BOTH:
        out = SIGN[side]
        target = centre + me.direction((-out * over, 0.0, out * front))
        fingers = me.direction((-out * 0.5, 1.0, 0.0))
        me.move_hand(
            side,
            target,
            scene.stay(0.0, 0.25, 0.5, 0.25),
            elbow=(0.6, -0.9, 0.2),
            arc=(0.12, 0.0, -0.1),
            fingers=fingers,
        )


def read(scene: Scene) -> None:
    """A011: both hands hold something before the chest, near one another but apart; the head looks down."""
    me, rng = scene.actors[0], scene.rng
    me.head_bow += scene.stay(0.0, 0.2, 0.6, 0.2) * rng.uniform(0.15, 0.45)
    settle(scene, scene.actors[0], ())
    centre = _before_chest(scene, rng.uniform(-0.25, -0.05), rng.uniform(0.25, 0.36))
    gap = rng.uniform(0.07, 0.15)
    for side in BOTH:
        target = centre + me.direction((SIGN[side] * gap, 0.0, 0.0))
        fingers = me.direction((-SIGN[side] * 0.4, 0.5, -1.0))
        me.move_hand(side, target, scene.stay(0.0, 0.22, 0.56, 0.22), elbow=(0.7, -0.8, 0.2), fingers=fingers)


def check_time(scene: Scene) -> None:
    """A033: the forearm with the watch comes before the chest, the head looks at it."""
    me, rng, side = scene.actors[0], scene.rng, scene.free_hand
    me.head_bow += scene.stay(0.1, 0.2, 0.45, 0.2) * rng.uniform(0.15, 0.45)
    me.head_turn -= SIGN[side] * scene.stay(0.1, 0.2, 0.45, 0.2) * rng.uniform(0.0, 0.2)
    settle(scene, scene.actors[0], ())
    place = (-0.02, float(rng.uniform(-0.22, -0.05)), -0.27)
    target = me.near("SpineShoulder", scene.across(side, scene.about(place, 0.025)))
    fingers = me.direction((-SIGN[side], 0.0, -0.1))
    me.move_hand(side, target, scene.stay(0.0, 0.25, 0.45, 0.3), elbow=(1.0, -0.3, 0.1), fingers=fingers)
    if rng.random() < 0.35:  # the other hand moves the sleeve away
        wrist = target + me.direction((SIGN[side] * 0.12, 0.03, -0.03))
        me.move_hand(scene.hand, wrist, scene.stay(0.15, 0.2, 0.3, 0.25), elbow=(0.8, -0.6, 0.2))


def _touch(
    scene: Scene,
    joint: str,
    offset: Offset,
    *,
    elbow: Offset,
    arc: Offset = (0.08, 0.0, -0.12),
    rub: float = 0.0,
    hold: float = 0.44,
) -> None:
    """Bring the acting hand to a point near a joint of the own trunk, keep it there, take it away."""
    me, side = scene.actors[0], scene.hand
    rise = float(scene.rng.uniform(0.24, 0.32))
    weight = scene.stay(0.0, rise, hold, 1.0 - rise - hold)
    target = me.near(joint, scene.across(side, scene.about(offset)))
    if rub > 0.0:
        cycles = scene.beats(rise, hold, float(scene.rng.uniform(1.2, 2.2)))
        target = target + me.direction((0.0, 1.0, 0.3), joint) * (rub * wobble(cycles))[:, None]
    fingers = me.near(joint) - target
    me.move_hand(side, target, weight, arc=arc, elbow=elbow, fingers=fingers)


def drink(scene: Scene) -> None:
    """A001: the hand goes to the mouth, the head tilts back while it is there."""
    me = scene.actors[0]
    me.head_bow -= scene.stay(0.22, 0.2, 0.3, 0.2) * scene.rng.uniform(0.10, 0.45)
    settle(scene, scene.actors[0], (scene.free_hand,))
    _touch(scene, "Head", (0.04, -0.06, -0.15), elbow=(0.6, -0.7, -0.1), hold=0.40)


def phone_call(scene: Scene) -> None:
    """A028: the hand goes to the ear and stays, the head leans to it."""
    me = scene.actors[0]
    me.head_lean += SIGN[scene.hand] * scene.stay(0.1, 0.2, 0.5, 0.2) * scene.rng.uniform(0.0, 0.25)
    settle(scene, scene.actors[0], (scene.free_hand,))
    _touch(scene, "Head", (0.12, -0.03, -0.03), elbow=(0.6, -0.8, -0.1), hold=0.55)


def salute(scene: Scene) -> None:
    """A038: the hand goes to the brow, elbow raised to the side."""
    settle(scene, scene.actors[0], (scene.free_hand,))
    _touch(scene, "Head", (0.13, 0.05, -0.10), elbow=(1.0, 0.1, 0.1), hold=0.40)


def touch_head(scene: Scene) -> None:
    """A044, headache: a hand on the front of the head, rubbing a little; the head bows to it."""
    me = scene.actors[0]
    me.head_bow += scene.stay(0.05, 0.25, 0.4, 0.3) * scene.rng.uniform(0.0, 0.35)
    settle(scene, scene.actors[0], (scene.free_hand,))
    rub = float(scene.rng.choice((0.0, 0.02, 0.035)))
    _touch(scene, "Head", (0.06, 0.08, -0.07), elbow=(0.9, -0.4, -0.2), rub=rub)


def touch_neck(scene: Scene) -> None:
    """A047, neck ache: a hand on the side or the back of the neck."""
    me = scene.actors[0]
    me.head_bow += scene.stay(0.05, 0.25, 0.4, 0.3) * scene.rng.uniform(-0.2, 0.3)
    settle(scene, scene.actors[0], (scene.free_hand,))
    rub = float(scene.rng.choice((0.0, 0.02, 0.035)))
    back = float(scene.rng.uniform(0.0, 0.07))
    _touch(scene, "Neck", (0.08, 0.02, back), elbow=(0.8, -0.6, -0.4), arc=(0.02, 0.0, -0.22), rub=rub)


def touch_chest(scene: Scene) -> None:
    """A045, heart or stomach pain: a hand flat on the front of the trunk."""
    me = scene.actors[0]
    me.spine_bow += scene.stay(0.05, 0.25, 0.4, 0.3) * scene.rng.uniform(0.0, 0.30)
    settle(scene, scene.actors[0], (scene.free_hand,))
    rub = float(scene.rng.choice((0.0, 0.02, 0.035)))
    height = float(scene.rng.uniform(-0.02, 0.16))
    _touch(scene, "SpineMid", (-0.02, height, -0.13), elbow=(0.8, -0.6, 0.3), rub=rub)


def touch_back(scene: Scene) -> None:
    """A046, backache: a hand on the small of the back."""
    me = scene.actors[0]
    me.spine_bow -= scene.stay(0.05, 0.25, 0.4, 0.3) * scene.rng.uniform(-0.1, 0.2)
    settle(scene, scene.actors[0], (scene.free_hand,))
    rub = float(scene.rng.choice((0.0, 0.02, 0.035)))
    _touch(scene, "SpineBase", (0.07, 0.12, 0.12), elbow=(0.9, 0.0, 0.7), arc=(0.22, 0.0, 0.05), rub=rub)

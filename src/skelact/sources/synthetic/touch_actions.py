"""The actions of one person in which a hand goes to a place of the own head or trunk.

Offsets are metres from a joint in the axes of that part of the body: x to the right (``across``: to the
outside of the acting side), y up, z to the back. A joint lies inside the body, so a touching hand stops some
way off it.
"""

from __future__ import annotations

from skelact.sources.synthetic.actor import SIGN, Offset
from skelact.sources.synthetic.idle import settle
from skelact.sources.synthetic.motions import wobble
from skelact.sources.synthetic.scene import Scene


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

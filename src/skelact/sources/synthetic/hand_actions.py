"""The actions of one person in which the hands come before the chest, near one another or touching.

Offsets are metres from a joint in the axes of that part of the body: x to the right (``across``: to the
outside of the acting side), y up, z to the back. A joint lies inside the body, so a touching hand stops some
way off it.
"""

from __future__ import annotations

from skelact.sources.synthetic.actor import BOTH, SIGN
from skelact.sources.synthetic.idle import settle
from skelact.sources.synthetic.kinematics import Array
from skelact.sources.synthetic.motions import swing, wobble
from skelact.sources.synthetic.scene import Scene


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

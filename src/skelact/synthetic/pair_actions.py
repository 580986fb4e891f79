"""The actions of two people: both trunks settle, then hands and feet go to points of the other."""

from __future__ import annotations

import numpy as np

from skelact.synthetic.actor import BOTH, LEFT, RIGHT, SIGN, Actor
from skelact.synthetic.kinematics import Array, apply, swing, turn, unit, wobble
from skelact.synthetic.scene import Scene, settle

_SHOULDERS = ("ShoulderLeft", "ShoulderRight")


def _walk(actor: Actor, metres: float, weight: Array) -> None:
    """Move a person forward (backward if negative) over the floor by ``metres`` times ``weight`` (T,)."""
    actor.floor += apply(turn(actor.heading), (0.0, 0.0, -metres)) * weight[:, None]


def _settle(scene: Scene, mine: tuple[int, ...], others: tuple[int, ...]) -> tuple[Actor, Actor]:
    """Let both settle; the hands of these sides are free."""
    me, other = scene.actors
    settle(scene, me, mine)
    settle(scene, other, others)
    return me, other


def _recoil(scene: Scene, moment: float) -> None:
    """The other gives way after a blow at ``moment``."""
    other, amount = scene.actors[1], float(scene.rng.uniform(0.2, 1.0))
    back = scene.stay(moment, 0.10, 0.05, 0.35)
    other.spine_bow -= 0.30 * amount * back
    other.head_bow -= 0.20 * amount * back
    other.pelvis_shift[:, 2] += 0.08 * amount * back


def punch(scene: Scene) -> None:
    """A050: the fist shoots at the other's face or chest, once or twice."""
    me, other = scene.actors
    rng, side = scene.rng, scene.hand
    blows = (0.30, 0.60) if rng.random() < 0.4 else (0.35,)
    joint, height = ("Head", -0.02) if rng.random() < 0.6 else ("SpineShoulder", -0.06)
    hits = [scene.stay(moment - 0.13, 0.13, 0.03, 0.17) for moment in blows]
    for hit in hits:
        me.spine_turn += SIGN[side] * 0.35 * hit
        me.spine_bow += 0.18 * hit
    _recoil(scene, blows[-1])
    _settle(scene, (), BOTH)
    for arm in BOTH:
        guard = me.near(_SHOULDERS[arm], scene.across(arm, scene.about((-0.03, -0.12, -0.22), 0.03)))
        raised = scene.stay(0.0, 0.2, 0.55, 0.25) * (1.0 if arm == side else rng.uniform(0.2, 1.0))
        me.move_hand(arm, guard, raised, elbow=(0.6, -1.0, 0.2))
    target = other.near(joint, scene.about((0.0, height, -0.10), 0.02))
    for hit in hits:
        me.move_hand(side, target, hit, elbow=(0.9, -0.6, 0.2), arc=(0.03, 0.0, 0.0))


def kick_other(scene: Scene) -> None:
    """A051: a foot goes at the other's thigh or hip."""
    rng, side = scene.rng, scene.hand
    me = scene.actors[0]
    hit = scene.stay(0.16, 0.28, 0.04, 0.36)
    me.pelvis_shift[:, 0] -= SIGN[side] * me.habits.stance * 0.7 * scene.stay(0.0, 0.25, 0.4, 0.3)
    me.spine_bow -= 0.25 * hit
    me.pelvis_bow -= 0.20 * hit
    _recoil(scene, 0.40)
    me, other = _settle(scene, BOTH, BOTH)
    behind = me.feet[side] + me.direction((0.0, 0.12, 0.2))
    low = -float(rng.uniform(0.0, 0.35))
    target = other.near("SpineBase", scene.about((0.0, low, -0.14), 0.04))
    me.move_foot(side, behind, scene.stay(0.0, 0.2, 0.02, 0.2))
    me.move_foot(side, target, hit)


def push(scene: Scene) -> None:
    """A052: both hands push at the other's shoulders, who steps back."""
    me, other = scene.actors
    rng = scene.rng
    shove = scene.stay(0.18, 0.2, 0.10, 0.35)
    me.spine_bow += 0.22 * shove
    me.pelvis_shift[:, 2] -= 0.06 * shove
    _walk(other, -float(rng.uniform(0.10, 0.40)), scene.ease(0.40, 0.40))
    other.spine_bow -= 0.15 * scene.stay(0.38, 0.10, 0.05, 0.35)
    me, other = _settle(scene, (), BOTH)
    low = float(rng.uniform(-0.16, 0.0))
    for side in BOTH:
        opposite = _SHOULDERS[1 - side]
        draw = me.near(_SHOULDERS[side], scene.across(side, (0.0, -0.12, -0.22)))
        me.move_hand(side, draw, scene.stay(0.0, 0.18, 0.12, 0.5), elbow=(0.7, -0.9, 0.3))
        target = other.near(opposite, scene.across(1 - side, scene.about((-0.05, low, -0.10))))
        me.move_hand(side, target, shove, elbow=(0.8, -0.7, 0.2), fingers=me.direction((0.0, 1.0, -0.5)))


def pat_back(scene: Scene) -> None:
    """A053: a hand pats the upper back of the other, who stands with the back or a side to the performer."""
    rng, side = scene.rng, scene.hand
    me, other = _settle(scene, (scene.free_hand,), BOTH)
    cycles = scene.beats(0.28, 0.42, float(rng.uniform(1.8, 3.0)))
    target = other.near("SpineShoulder", scene.about((0.0, float(rng.uniform(-0.12, -0.02)), 0.13)))
    off = unit(me.near("SpineShoulder") - target) * (rng.uniform(0.07, 0.14) * swing(cycles))[:, None]
    weight = scene.stay(0.0, 0.28, 0.42, 0.3)
    me.move_hand(side, target + off, weight, elbow=(0.7, -0.9, 0.2), fingers=me.direction((0.0, 0.5, -1.0)))


def point_at_other(scene: Scene) -> None:
    """A054: the arm stretches at the other without touching, the finger may shake."""
    rng, side = scene.rng, scene.hand
    me, other = _settle(scene, (scene.free_hand,), BOTH)
    shoulder = me.near(_SHOULDERS[side])
    way = unit(other.near("Head", (0.0, float(rng.uniform(-0.25, 0.05)), 0.0)) - shoulder)
    length = float(rng.uniform(0.85, 0.97)) * (me.bones.upper_arm + me.bones.forearm + me.bones.palm)
    shake = float(rng.choice((0.0, 0.03, 0.05))) * wobble(scene.beats(0.28, 0.42, 2.2))
    target = shoulder + way * length + me.direction((0.0, 1.0, 0.0)) * shake[:, None]
    me.move_hand(side, target, scene.stay(0.0, 0.28, 0.42, 0.3), elbow=(0.5, -1.0, 0.1), fingers=way)


def hug(scene: Scene) -> None:
    """A055: both come close and lay their arms around one another."""
    rng = scene.rng
    gap = float(np.abs(scene.actors[0].floor[0] - scene.actors[1].floor[0]).max())
    close = (gap - float(rng.uniform(0.30, 0.38))) / 2.0
    near = scene.stay(0.0, 0.33, 0.34, 0.33)
    aside = float(rng.choice((-1.0, 1.0)))
    for actor in scene.actors:
        _walk(actor, close, near)
        actor.spine_bow += 0.10 * near
        actor.head_turn += aside * 0.3 * near
        actor.head_lean -= aside * 0.2 * near
    me, other = _settle(scene, (), ())
    for actor, partner in ((me, other), (other, me)):
        weight = scene.stay(float(rng.uniform(0.08, 0.16)), 0.25, 0.30, 0.25)
        for side in BOTH:
            height = 0.10 if (side == RIGHT) == (aside > 0) else -0.06
            place = scene.across(1 - side, scene.about((0.04, height, 0.13)))
            actor.move_hand(
                side, partner.near("SpineMid", place), weight, elbow=(1.0, -0.4, 0.2), arc=(0.20, 0.0, -0.1)
            )


def handshake(scene: Scene) -> None:
    """A058: the right hands meet half-way and go up and down."""
    rng = scene.rng
    me, other = _settle(scene, (LEFT,), (LEFT,))
    middle = (me.near("SpineMid") + other.near("SpineMid")) / 2.0
    middle[:, 1] += rng.uniform(-0.10, 0.05)
    shake = scene.size * rng.uniform(0.02, 0.05) * wobble(scene.beats(0.3, 0.4, float(rng.uniform(1.8, 3.0))))
    middle[:, 1] += shake
    for actor in (me, other):
        delay = float(rng.uniform(0.0, 0.06))
        target = middle + actor.direction((0.025, 0.0, 0.01))
        fingers = actor.direction((-0.3, 0.0, -1.0))
        weight = scene.stay(delay, 0.3 - delay, 0.4, 0.3)
        actor.move_hand(RIGHT, target, weight, elbow=(0.6, -1.0, 0.2), fingers=fingers)


def walk_towards(scene: Scene) -> None:
    """A059: the two walk towards one another and stop short."""
    gap = float(np.abs(scene.actors[0].floor[0] - scene.actors[1].floor[0]).max())
    metres = (gap - float(scene.rng.uniform(0.6, 0.9))) / 2.0
    _both_walk(scene, metres)


def walk_apart(scene: Scene) -> None:
    """A060: the two walk away from one another."""
    _both_walk(scene, float(scene.rng.uniform(0.65, 0.95)))


def _both_walk(scene: Scene, metres: float) -> None:
    for actor in scene.actors:
        own = metres * float(scene.rng.uniform(0.8, 1.05))
        delay = float(scene.rng.uniform(0.0, 0.15))
        _walk(actor, own, scene.ease(delay, 0.85))
        actor.spine_bow += 0.04 * scene.stay(delay, 0.2, 0.4, 0.25)
    _settle(scene, BOTH, BOTH)

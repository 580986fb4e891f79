"""The actions of one person in which arms, legs or the whole body move freely.

Offsets are metres from a joint in the axes of that part of the body: x to the right (``across``: to the
outside of the acting side), y up, z to the back. A joint lies inside the body, so a touching hand stops some
way off it.
"""

from __future__ import annotations

import numpy as np

from skelact.synthetic.actor import BOTH, LEFT, RIGHT, SIGN
from skelact.synthetic.kinematics import Array, swing, unit, wobble
from skelact.synthetic.scene import Scene, settle


def wave(scene: Scene) -> None:
    """A023: the raised hand swings from side to side."""
    me, rng, side = scene.actors[0], scene.rng, scene.hand
    settle(scene, scene.actors[0], (scene.free_hand,))
    name = "ShoulderRight" if side == RIGHT else "ShoulderLeft"
    place = (float(rng.uniform(0.08, 0.26)), float(rng.uniform(0.10, 0.42)) * scene.size, -0.20)
    target = me.near(name, scene.across(side, place))
    sway = (
        scene.size * rng.uniform(0.08, 0.16) * wobble(scene.beats(0.18, 0.64, float(rng.uniform(1.3, 2.4))))
    )
    target = target + me.direction((1.0, -0.1, 0.0)) * sway[:, None]
    up = me.direction((0.0, 1.0, -0.2))
    me.move_hand(side, target, scene.stay(0.0, 0.2, 0.6, 0.2), elbow=(0.6, -1.0, 0.1), fingers=up)


def point(scene: Scene) -> None:
    """A031: the arm stretches to something in front, above or at the side, and stays."""
    me, rng, side = scene.actors[0], scene.rng, scene.hand
    aside, above = float(rng.uniform(-0.3, 0.9)), float(rng.uniform(-0.15, 0.6))
    me.head_turn -= SIGN[side] * scene.stay(0.0, 0.25, 0.45, 0.3) * aside * 0.4
    settle(scene, scene.actors[0], (scene.free_hand,))
    name = "ShoulderRight" if side == RIGHT else "ShoulderLeft"
    length = 0.97 * (me.bones.upper_arm + me.bones.forearm + me.bones.palm)
    way = unit(np.array([np.sin(aside), np.sin(above), -np.cos(aside)])) * length
    target = me.near(name) + me.direction(scene.across(side, (way[0], way[1], way[2])))
    me.move_hand(
        side, target, scene.stay(0.0, 0.25, 0.45, 0.3), elbow=(0.5, -1.0, 0.1), arc=(0.0, 0.0, -0.15)
    )


def cheer(scene: Scene) -> None:
    """A022: both arms go up beside the head, one to three times."""
    me, rng = scene.actors[0], scene.rng
    cycles = scene.beats(0.15, 0.7, float(rng.uniform(0.5, 1.6)))
    me.spine_bow -= scene.stay(0.0, 0.25, 0.5, 0.25) * rng.uniform(0.0, 0.15)
    me.pelvis_shift[:, 1] -= 0.04 * swing(cycles) * scene.stay(0.0, 0.2, 0.6, 0.2) * rng.random()
    settle(scene, scene.actors[0], ())
    pump = rng.uniform(0.0, 0.30) * swing(cycles)
    wide, high = rng.uniform(0.05, 0.30), rng.uniform(0.32, 0.50) * min(scene.size, 1.1)
    for side, name in ((LEFT, "ShoulderLeft"), (RIGHT, "ShoulderRight")):
        target = me.near(name, scene.across(side, scene.about((wide, high, -0.08), 0.03)))
        target = target - me.direction((0.0, 1.0, 0.0)) * pump[:, None]
        up = me.direction((0.0, 1.0, 0.0))
        me.move_hand(
            side,
            target,
            scene.stay(0.0, 0.25, 0.5, 0.25),
            elbow=(1.0, -0.3, -0.1),
            arc=(0.15, 0.0, -0.2),
            fingers=up,
        )


def throw(scene: Scene) -> None:
    """A007: the hand goes back beside the head, then forward fast."""
    me, rng, side = scene.actors[0], scene.rng, scene.hand
    back, forth = scene.ease(0.0, 0.36), scene.ease(0.36, 0.28)
    me.spine_turn -= SIGN[side] * (back * 0.35 - forth * 0.75 + scene.ease(0.65, 0.3) * 0.40) * scene.size
    me.spine_bow += 0.25 * scene.size * scene.stay(0.4, 0.2, 0.05, 0.3)
    settle(scene, scene.actors[0], (scene.free_hand,))
    name = "ShoulderRight" if side == RIGHT else "ShoulderLeft"
    high = float(rng.uniform(-0.05, 0.25))
    cocked = me.near(name, scene.across(side, scene.about((0.28, high, 0.12), 0.03)))
    released = me.near(name, scene.across(side, scene.about((-0.05, high - 0.15, -0.50), 0.05)))
    me.move_hand(side, cocked, back, elbow=(0.3, -1.0, -0.1), arc=(0.20, 0.0, -0.10))
    hanging = me.hands[side][:1].repeat(len(forth), 0)
    me.move_hand(side, released, forth, elbow=(0.8, -0.6, 0.2), arc=(0.05, 0.08, 0.0))
    me.move_hand(side, hanging, scene.ease(0.66, 0.34), elbow=(0.45, -0.5, 0.8), arc=(0.0, 0.0, -0.05))


def pick_up(scene: Scene) -> None:
    """A006: bows and bends the knees until a hand reaches the floor, then rises."""
    me, rng, side = scene.actors[0], scene.rng, scene.hand
    down = scene.stay(0.0, 0.42, 0.08, 0.5)
    squat = rng.uniform(0.15, 0.75)
    leg = me.bones.thigh + me.bones.shin
    me.pelvis_bow += down * (1.25 - 0.7 * squat)
    me.spine_bow += down * (0.7 - 0.2 * squat)
    me.head_bow -= down * 0.3
    me.pelvis_shift[:, 1] -= down * leg * (0.10 + 0.45 * squat)
    me.pelvis_shift[:, 2] += down * (0.16 - 0.05 * squat)
    settle(scene, scene.actors[0], (scene.free_hand,))
    spot = me.floor + me.direction((SIGN[side] * rng.uniform(0.0, 0.2), 0.0, -rng.uniform(0.28, 0.42)))
    spot[:, 1] += rng.uniform(0.05, 0.15)
    me.move_hand(side, spot, scene.stay(0.05, 0.38, 0.08, 0.40), elbow=(0.6, 0.0, 0.4), arc=(0.0, 0.0, -0.08))


def sit_down(scene: Scene) -> None:
    """A008: from standing to sitting."""
    _change_seat(scene, scene.ease(0.05, 0.85))


def stand_up(scene: Scene) -> None:
    """A009: from sitting to standing."""
    _change_seat(scene, 1.0 - scene.ease(0.05, 0.85))


def _change_seat(scene: Scene, seated: Array) -> None:
    me = scene.actors[0]
    me.seated[:] = seated
    me.spine_bow += 4.0 * seated * (1.0 - seated) * scene.rng.uniform(0.25, 0.45)
    me.pelvis_bow += 4.0 * seated * (1.0 - seated) * scene.rng.uniform(0.25, 0.45)
    settle(scene, scene.actors[0], BOTH)


def kick(scene: Scene) -> None:
    """A024: a leg swings back and then forward at something on the floor."""
    me, rng, side = scene.actors[0], scene.rng, scene.hand
    back, forth, home = scene.ease(0.0, 0.3), scene.ease(0.27, 0.26), scene.ease(0.56, 0.4)
    me.pelvis_shift[:, 0] -= SIGN[side] * me.habits.stance * 0.7 * scene.stay(0.0, 0.25, 0.4, 0.3)
    me.spine_bow -= 0.15 * scene.stay(0.3, 0.2, 0.1, 0.3)
    me.pelvis_bow -= 0.12 * scene.stay(0.3, 0.2, 0.1, 0.3)
    settle(scene, scene.actors[0], BOTH)
    out = SIGN[side] * 0.5 * me.habits.stance
    planted = me.feet[side]
    behind = planted + me.direction((0.0, float(rng.uniform(0.08, 0.2)), float(rng.uniform(0.15, 0.35))))
    high = float(rng.uniform(0.12, 0.45)) * scene.size
    front = me.floor + me.direction((out, me.bones.ankle + high, -float(rng.uniform(0.5, 0.7))))
    me.move_foot(side, behind, back)
    me.move_foot(side, front, forth)
    me.move_foot(side, planted, home)


def hop(scene: Scene) -> None:
    """A026: one foot is held up, the other hops several times."""
    me, rng, side = scene.actors[0], scene.rng, scene.hand
    held = scene.stay(0.0, 0.15, 0.7, 0.15)
    cycles = scene.beats(0.15, 0.7, float(rng.uniform(1.6, 2.4)))
    air = scene.size * rng.uniform(0.06, 0.14) * np.maximum(0.0, np.sin(2.0 * np.pi * cycles - 0.8))
    crouch = 0.05 * np.maximum(0.0, np.sin(2.0 * np.pi * cycles + 2.3))
    angle, metres = rng.uniform(-np.pi, np.pi), rng.uniform(0.0, 0.35)
    glide = scene.ease(0.15, 0.7)[:, None] * (metres * np.sin(angle), 0.0, metres * np.cos(angle))
    me.pelvis_shift[:, 1] += (air - crouch) * held
    me.pelvis_shift[:, 0] -= SIGN[side] * me.habits.stance * held
    me.pelvis_shift += glide
    settle(scene, scene.actors[0], BOTH)
    lifted = me.near("HipRight" if side == RIGHT else "HipLeft")
    lifted = lifted + me.direction(
        (0.0, -0.72 * (me.bones.thigh + me.bones.shin), float(rng.uniform(0.1, 0.28)))
    )
    standing = 1 - side
    rise = me.direction((0.0, 1.0, 0.0)) * (air * held)[:, None]
    me.feet[standing] = me.feet[standing] + rise + me.direction(glide)
    me.feet[side] = me.feet[side] + me.direction(glide)
    me.move_foot(side, lifted, held)
    for arm, name in ((LEFT, "ShoulderLeft"), (RIGHT, "ShoulderRight")):
        balance = me.near(name, scene.across(arm, scene.about((0.22, -0.35, -0.1), 0.06)))
        me.move_hand(arm, balance, held * rng.uniform(0.2, 0.9))

"""A take: people, an action and a moment, acted out in the world's axes."""

from __future__ import annotations

import numpy as np

from skelact.sources.ntu import FPS
from skelact.sources.synthetic.actions import Action
from skelact.sources.synthetic.actor import LEFT, RIGHT, Actor, Offset
from skelact.sources.synthetic.idle import hold_posture
from skelact.sources.synthetic.kinematics import Array
from skelact.sources.synthetic.performer import Performer
from skelact.sources.synthetic.scene import Scene

MIN_FRAMES = 30
MAX_FRAMES = 150

_SITTING_SHARE = 0.25
"""Share of the takes of an action that may be done sitting which are."""
_WEAK_HAND_SHARE = 0.15
"""Share of the takes in which the other hand acts than usual."""
_TEMPO_RANGE = (0.7, 1.4)
"""Slowest and fastest a take can be."""


def act_out(action: Action, people: tuple[Performer, ...], rng: np.random.Generator) -> Array:
    """Return the joints (M, T, 25, 3) of the people who do ``action``, in metres.

    The scene's middle is the origin, the floor y = 0. One person looks along -z; two stand along x.
    """
    performer = people[0]
    tempo = float(np.clip(performer.habits.tempo * np.exp(rng.normal(0.0, 0.12)), *_TEMPO_RANGE))
    seconds = action.seconds / tempo
    start, rest = rng.uniform(0.1, 0.6, 2).tolist()
    num_frames = int(np.clip(round((start + seconds + rest) * FPS), MIN_FRAMES, MAX_FRAMES))
    seconds = min(seconds, num_frames / FPS - start - 0.05)
    dominant = LEFT if performer.habits.left_handed else RIGHT
    hand = dominant if rng.random() >= _WEAK_HAND_SHARE else LEFT + RIGHT - dominant
    size = performer.habits.size * float(np.exp(rng.normal(0.0, 0.10)))
    actors = _place(action, people, num_frames, rng)
    scene = Scene(rng, actors, start, seconds, size, hand)
    if action.may_sit and rng.random() < _SITTING_SHARE:
        actors[0].seated += 1.0
    for actor in actors:
        hold_posture(actor, scene.times, rng)
    action.act(scene)
    return np.stack([actor.joints() for actor in actors])


def _place(
    action: Action, people: tuple[Performer, ...], num_frames: int, rng: np.random.Generator
) -> tuple[Actor, ...]:
    """Put the people on the floor, one at the middle or two at the action's distance."""
    aside, behind = rng.normal(0.0, 0.10, 2).tolist()
    if action.distance is None:
        return (Actor(people[0], num_frames, (aside, 0.0, behind), float(rng.normal(0.0, 0.15))),)
    side = float(rng.choice((-1.0, 1.0)))
    half = float(rng.uniform(*action.distance)) / 2.0
    places: tuple[Offset, Offset] = ((side * half + aside, 0.0, behind), (-side * half + aside, 0.0, behind))
    own = side * np.pi / 2 + action.performer_turn + float(rng.normal(0.0, 0.08))
    away = float(rng.choice((-1.0, 1.0))) * float(rng.uniform(*action.other_turn))
    others = -side * np.pi / 2 + away + float(rng.normal(0.0, 0.08))
    return Actor(people[0], num_frames, places[0], own), Actor(people[1], num_frames, places[1], others)

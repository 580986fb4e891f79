"""The table of actions, by the numbers of NTU RGB+D 60, and a take of one: people who act it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from skelact.errors import ConfigurationError, suggest
from skelact.formats.ntu import FPS
from skelact.synthetic import hand_actions as hand
from skelact.synthetic import pair_actions as pair
from skelact.synthetic import solo_actions as solo
from skelact.synthetic.actor import LEFT, RIGHT, Actor, Offset
from skelact.synthetic.kinematics import Array
from skelact.synthetic.performer import Performer
from skelact.synthetic.scene import Scene, hold_posture

MIN_FRAMES = 30
MAX_FRAMES = 150

_SITTING_SHARE = 0.25
"""Share of the takes of an action that may be done sitting which are."""
_WEAK_HAND_SHARE = 0.15
"""Share of the takes in which the other hand acts than usual."""
_TEMPO_RANGE = (0.7, 1.4)
"""Slowest and fastest a take can be."""


@dataclass(frozen=True)
class Action:
    """An action of one person, or of two."""

    number: int
    """Number in NTU RGB+D, from 1."""
    name: str
    act: Callable[[Scene], None]
    """Tells the actors of a scene what to do and lets them settle."""
    seconds: float
    """Usual duration."""
    may_sit: bool = False
    """Whether some takes are done sitting."""
    distance: tuple[float, float] | None = None
    """Range of the distance of the two people at the start, metres; None for one person."""
    other_turn: tuple[float, float] = (0.0, 0.0)
    """Range of the other person's turn away from the performer, rad."""
    performer_turn: float = 0.0
    """Turn of the performer away from the other person, rad."""

    @property
    def code(self) -> str:
        """The action as file names write it, ``Aaaa``."""
        return f"A{self.number:03d}"

    @property
    def num_people(self) -> int:
        """One or two."""
        return 1 if self.distance is None else 2


ACTIONS = (
    Action(1, "drink water", hand.drink, 2.6, may_sit=True),
    Action(6, "pick up", solo.pick_up, 2.1),
    Action(7, "throw", solo.throw, 1.7),
    Action(8, "sit down", solo.sit_down, 1.7),
    Action(9, "stand up", solo.stand_up, 1.6),
    Action(10, "clapping", hand.clap, 2.2, may_sit=True),
    Action(11, "reading", hand.read, 2.6, may_sit=True),
    Action(22, "cheer up", solo.cheer, 2.2, may_sit=True),
    Action(23, "hand waving", solo.wave, 2.4, may_sit=True),
    Action(24, "kicking something", solo.kick, 1.7),
    Action(26, "hopping", solo.hop, 2.2),
    Action(28, "phone call", hand.phone_call, 2.6, may_sit=True),
    Action(31, "pointing to something", solo.point, 1.9, may_sit=True),
    Action(33, "check time", hand.check_time, 2.0, may_sit=True),
    Action(34, "rub two hands", hand.rub_hands, 2.2, may_sit=True),
    Action(38, "salute", hand.salute, 1.9),
    Action(39, "put palms together", hand.palms_together, 2.0, may_sit=True),
    Action(40, "cross hands in front", hand.cross_hands, 1.9, may_sit=True),
    Action(44, "touch head", hand.touch_head, 2.2, may_sit=True),
    Action(45, "touch chest", hand.touch_chest, 2.2, may_sit=True),
    Action(46, "touch back", hand.touch_back, 2.2),
    Action(47, "touch neck", hand.touch_neck, 2.2, may_sit=True),
    Action(50, "punch other person", pair.punch, 1.7, distance=(0.55, 0.75)),
    Action(51, "kicking other person", pair.kick_other, 1.7, distance=(0.70, 0.90)),
    Action(52, "pushing other person", pair.push, 1.9, distance=(0.50, 0.65)),
    Action(
        53, "pat on back", pair.pat_back, 2.1, distance=(0.45, 0.60), other_turn=(0.5 * np.pi, 1.1 * np.pi)
    ),
    Action(54, "point finger at other person", pair.point_at_other, 2.0, distance=(0.95, 1.5)),
    Action(55, "hugging", pair.hug, 2.9, distance=(0.60, 1.2)),
    Action(58, "handshaking", pair.handshake, 2.2, distance=(0.70, 0.95)),
    Action(59, "walking towards", pair.walk_towards, 2.2, distance=(1.9, 2.4)),
    Action(
        60,
        "walking apart",
        pair.walk_apart,
        2.2,
        distance=(0.45, 0.8),
        other_turn=(np.pi, np.pi),
        performer_turn=np.pi,
    ),
)
"""All actions, by number. Reading, palms together, rubbing, clapping and crossing hands differ less in what
moves than in what comes near what; so do drinking, calling, saluting and touching head or neck."""

ACTION_NAMES: dict[int, str] = {action.number: action.name for action in ACTIONS}
"""Number in NTU RGB+D, from 1, to name."""

BY_NUMBER: dict[int, Action] = {action.number: action for action in ACTIONS}


def choose_actions(codes: Sequence[str] | None) -> list[int]:
    """Return the numbers of the actions with these codes (``A010``), all of them for None.

    Raises:
        ConfigurationError: no code, one twice, or one that the generator does not know.
    """
    if codes is None:
        return list(ACTION_NAMES)
    known = {action.code: action.number for action in ACTIONS}
    if not codes:
        raise ConfigurationError(f"actions: none given, expected codes such as {ACTIONS[0].code}")
    for code in codes:
        if code not in known:
            raise ConfigurationError(f"actions: no action {code!r}{suggest(code, known)}")
    if len(set(codes)) != len(codes):
        raise ConfigurationError(f"actions: {', '.join(codes)} names an action twice; give each once")
    return [known[code] for code in codes]


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

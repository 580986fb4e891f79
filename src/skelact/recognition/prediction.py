"""What a recogniser says of recordings, people together and one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from skelact.models.card import MEASURES
from skelact.models.fitting import Taker
from skelact.recognition.answers import Answer, Guess, Prediction, check_top
from skelact.recognition.description import Recognition
from skelact.recognition.prime import prime_stretches
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.view import Axis, centre
from skelact.store.in_memory import store_in_memory
from skelact.store.store import Store

TOP = 3
"""Classes that are told."""
Floats = npt.NDArray[np.floating[Any]]


class Asked(Protocol):
    """What tells classes apart, whatever it computes with."""

    @property
    def class_names(self) -> list[str]:
        """What the classes are called."""

    @property
    def about(self) -> Recognition:
        """What its card says of them."""

    @property
    def takes(self) -> Taker:
        """What it says of the recordings that it takes."""

    def ask(self, store: Store, title: str = "") -> tuple[Floats, Floats | None]:
        """Return (N, K) probabilities of the sequences of a store, and (N,) distances to the examples."""


def taught_up(recogniser: Asked) -> Axis | None:
    """Return the axis that is up in the recordings that taught a model, or else its encoder; None: not known.

    Positions that do not tell their axis are taken to have this one.
    """
    prepared = recogniser.about.preparation
    up: Axis | None = (prepared and prepared.up) or recogniser.takes.card.get(MEASURES, {}).get("up")
    return up


def predict_store(
    recogniser: Asked, store: Store, recorded: Store | None = None, *, top: int = TOP, title: str = ""
) -> list[Prediction]:
    """Say what the sequences of a store show.

    Args:
        recogniser: what tells the classes apart.
        store: sequences in the skeleton of its encoder.
        recorded: the same sequences as they were recorded, whose joints are named; default: ``store``.
        top: classes to tell of each.
        title: what the progress line on a terminal calls it; none without a title.

    Returns:
        One for each sequence, in the store's order.

    Raises:
        ConfigurationError: ``top`` is below 1.
    """
    check_top(top)
    recorded = store if recorded is None else recorded
    # a conversion may have left sequences out; otherwise all are there, whatever they are called
    place_of = {name: place for place, name in enumerate(recorded.names)}
    are_all = len(store) == len(recorded)
    places = range(len(store)) if are_all else [place_of[name] for name in store.names]
    together = _answers(recogniser, store, top, title)
    several = np.flatnonzero(np.asarray(store.array("num_bodies")) > 1).tolist()
    alone = {index: _one_by_one(store.sequence(index)) for index in several}
    everybody = [person for people in alone.values() for person in people]
    apart = iter(
        _answers(recogniser, store_in_memory(everybody, store.up, store.unit), top, "") if everybody else []
    )
    found = []
    for index, answer in enumerate(together):
        as_recorded = recorded.sequence(places[index])
        own = prime_stretches(as_recorded)
        whole = replace(answer, prime_joints=own)
        people: tuple[Answer, ...] = (whole,)
        if index in alone:
            theirs = _one_by_one(as_recorded)
            if len(theirs) != len(alone[index]):  # a conversion left nothing of somebody
                theirs = alone[index]
            people = tuple(replace(next(apart), prime_joints=prime_stretches(person)) for person in theirs)
        rest = (as_recorded.name, as_recorded.num_frames, as_recorded.fps, people)
        found.append(Prediction(whole.top, whole.unfamiliar, own, *rest))
    return found


def _answers(recogniser: Asked, store: Store, top: int, title: str) -> list[Answer]:
    """Return what each sequence shows, without its prime joints."""
    chances, distances = recogniser.ask(store, title)
    answers = []
    for row, shares in enumerate(chances):
        guesses = guesses_of(recogniser, shares, top)
        far = None if distances is None else recogniser.about.is_unfamiliar(float(distances[row]))
        answers.append(Answer(guesses, far, ()))
    return answers


def guesses_of(recogniser: Asked, chances: Floats, top: int) -> tuple[Guess, ...]:
    """Return the likeliest of (K,) classes, as many as are asked for, of those that were taught at all."""
    taught = np.array(recogniser.about.taught)
    best = taught[np.argsort(-chances[taught], kind="stable")][:top].tolist()
    return tuple(Guess(recogniser.class_names[label], float(chances[label])) for label in best)


def _one_by_one(sequence: SkeletonSequence) -> list[SkeletonSequence]:
    """Return each body of a sequence as a sequence of its own, centred on itself."""
    found = []
    for body in range(sequence.num_bodies):
        part = slice(body, body + 1)
        seen = sequence.joint_present
        alone = replace(
            sequence,
            name=f"{sequence.name}, person {body + 1}",
            positions=sequence.positions[part],
            present=sequence.present[part],
            joint_present=None if seen is None else seen[part],
        )
        found.append(centre(alone))
    return found

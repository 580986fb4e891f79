"""What a model that knows classes says of one recording, for its page: over time, and what carries it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from skelact.recognition.answers import StillJoints
from skelact.recognition.occlusion import explain
from skelact.recognition.prediction import Asked
from skelact.reports.player import Decision, Layer, Played
from skelact.skeleton.sequence import stretch
from skelact.skeleton.view import Unit, centre
from skelact.store.in_memory import store_in_memory

MOST_WINDOWS = 200
"""Stretches of a recording that a classifier is asked about."""
TOP = 5
"""Classes that are drawn."""


def with_classes(played: Played, recogniser: Asked) -> Played:
    """Return a recording with the classes over time, and with what carries the likeliest one.

    Args:
        played: the recording; somebody is seen in it.
        recogniser: what tells the classes apart.
    """
    store = store_in_memory([centre(played.sequence)], played.up, cast(Unit | None, played.unit))
    told = explain(recogniser, store, 0)
    decision = replace(decide(played, recogniser), explanation=told)
    layers = [_layer(played, told.joints, "joint"), _layer(played, told.limbs, "limb")]
    return replace(played, decision=decision, layers=[*played.layers, *(each for each in layers if each)])


def decide(played: Played, recogniser: Asked) -> Decision:
    """Return what a model that knows classes says of a recording, stretch by stretch and on the whole.

    A stretch has as many frames as the shortest crops that the model learned from, or half of the recording
    where that is shorter.
    """
    sequence, settings = centre(played.sequence), recogniser.takes.clips
    length = max(1, min(settings.min_crop_frames, -(-sequence.num_frames // 2)))
    last = sequence.num_frames - length
    starts = np.unique(np.linspace(0, last, min(MOST_WINDOWS, last + 1)).astype(int))
    stretches = [(start, stretch(sequence, slice(start, start + length))) for start in starts.tolist()]
    stretches = [(start, one) for start, one in stretches if one.present.any()]
    numbered = [
        replace(one, name=str(number))
        for number, one in enumerate([sequence, *(one for _, one in stretches)])
    ]
    chances, _ = recogniser.ask(store_in_memory(numbered, played.up, cast(Unit | None, played.unit)))
    whole, parts = chances[0], chances[1:]
    names = recogniser.class_names
    shown = np.argsort(-np.maximum(whole, parts.mean(0)), kind="stable")[:TOP]
    best = ", ".join(f"{names[place]} {whole[place]:.0%}" for place in np.argsort(-whole, kind="stable")[:3])
    seconds = "" if sequence.fps is None else f" ({length / sequence.fps:.1f} s)"
    return Decision(
        classes=names,
        middles=[start + (length - 1) / 2 for start, _ in stretches],
        shares=parts,
        shown=shown.tolist(),
        about=f"Of the whole recording: {best}. The curves: of {length} frames{seconds} around each moment.",
    )


def _layer(played: Played, parts: Sequence[StillJoints], word: str) -> Layer | None:
    """Return how much each joint, or the limb it belongs to, carries; nothing where nothing is told."""
    if not parts:
        return None
    topology = played.sequence.topology
    values = np.full((played.sequence.num_bodies, 1, topology.num_joints), np.nan)
    for each in parts:
        values[..., [topology.index(joint) for joint in each.joints]] = max(each.log_odds_loss, 0.0)
    return Layer(
        f"carries-{word}",
        f"Worth of each {word}",
        f"How much the odds of the likeliest class fall (natural logarithm) when the {word} holds still as "
        "it was at first, in everybody at once; 0 where they do not fall.",
        values,
        float(np.nanmax(values)) or 1.0,
        np.zeros(played.sequence.num_frames, np.int32),
    )

"""From labelled recordings to a recogniser: compare, choose, calibrate, learn what is unfamiliar."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skelact.clips.source import ClipSource
from skelact.errors import DataError
from skelact.evaluation.features import extract_features, extract_poolings, labels_of
from skelact.evaluation.folds import Folds, make_folds
from skelact.evaluation.settings import FinetuneConfig
from skelact.models.pretrained import Pretrained, load_pretrained
from skelact.models.sizes import Pooling
from skelact.recognition.calibration import (
    calibration_error,
    fewest_false_alarms,
    fit_temperature,
    probabilities,
    temperature_of_others,
    threshold_of,
)
from skelact.recognition.choice import (
    Measured,
    best_of,
    fit_linear,
    measure,
    share_interval,
)
from skelact.recognition.description import Accuracy, Calibration, Recognition
from skelact.recognition.finetuned import measure_finetuned, run
from skelact.recognition.neighbours import Examples, Neighbours
from skelact.recognition.recogniser import Recogniser, read_recogniser
from skelact.skeleton.sequence import stretch, without_unseen_bodies
from skelact.skeleton.view import centre
from skelact.store.in_memory import store_in_memory
from skelact.store.protocols import Indices, Split
from skelact.store.store import Store

MOST_NUMBERS = 1 << 24
"""Numbers in all features up to which joints are taken apart, and their moments, and pieces teach as well."""

PIECES = ((0.0, 0.75), (0.25, 1.0))
"""Parts of each recording, from and to which share of it, that teach as the whole does: what is asked begins
and ends elsewhere, in a stream above all. Among training people alone streams are told best so, better than
without them or with halves as well (``benchmarks/stream_actions.py --choose``), and whole recordings too."""

COPIES = 1e-4
"""Distance up to which recordings are copies, but for rounding; another class is usually at 1."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What was learned, and how it was found."""

    recogniser: Recogniser
    candidates: list[Measured]
    chosen: Measured
    folds: Folds


def learn(
    pretrained: Pretrained,
    source: ClipSource,
    indices: Indices,
    people: Mapping[str, npt.NDArray[Any]],
    *,
    false_alarms: float,
    finetuning: FinetuneConfig | None = None,
    about: Mapping[str, Any],
    title: str = "",
) -> Lesson:
    """Teach an encoder the classes of a store's sequences.

    Nearest neighbours and a linear layer are compared on folds, by the moments of the joints' features, of
    recordings of two people also with the people apart; with ``finetuning`` also the trained encoder. The
    best one learns from all.

    Args:
        pretrained: the encoder; it is not changed.
        source: where the clips come from.
        indices: (N,) the labelled sequences of its store.
        people: (N,) numbers that tell who was recorded, -1 where unknown, by their names.
        false_alarms: share of recordings of the classes that may be called unfamiliar, in (0, 1).
        finetuning: how to fine-tune; None: not at all.
        about: what the cards of the fine-tuning say of it.
        title: what the progress line on a terminal calls it; none without a title.

    Raises:
        DataError: no recording can be tested by others of its class, or features that are not finite.
    """
    labels = labels_of(source, indices)
    folds = make_folds(labels.numpy(), people)
    examples = examples_of(pretrained, source, indices, labels, title)
    candidates = [one for pooling, each in examples.items() for one in measure(pooling, each, folds)]
    if not candidates[0].tested.any():
        raise DataError(f"{source.store.path}: no recording can be tested by others of its class; add some")
    with tempfile.TemporaryDirectory(prefix="skelact-") as name:
        scratch = Path(name)
        if finetuning is not None:
            found = measure_finetuned(pretrained, source, indices, folds, finetuning, scratch, about)
            candidates.append(found)
        chosen = best_of(candidates)
        recognition = _recognition(source.store.class_names, candidates, chosen, folds, false_alarms)
        if chosen.kind == "finetune" and finetuning is not None:
            sides = Split(indices, indices)
            run(pretrained, source, sides, finetuning, scratch / "all", about, title and "fine-tuning on all")
            tuned = load_pretrained(scratch / "all")
            known, _ = extract_features(tuned.encoder, source, indices, title=title)
            bare = read_recogniser(scratch / "all", tuned)
            own = Examples(known, labels, len(bare.class_names))
            made = replace(bare, about=recognition, neighbours=Neighbours.of(own))
            return Lesson(made, candidates, chosen, folds)
    own = examples[chosen.pooling]
    layer = fit_linear(own) if chosen.kind == "linear" else None
    recogniser = Recogniser(pretrained, recognition, Neighbours.of(own), layer)
    return Lesson(recogniser, candidates, chosen, folds)


def examples_of(
    pretrained: Pretrained, source: ClipSource, indices: Indices, labels: Tensor, title: str
) -> dict[Pooling, Examples]:
    """Return the sequences' features by the ways to pool them that are tried; equal ones once."""
    numbers = 2 * len(indices) * pretrained.encoder.config.width * pretrained.topology.num_joints
    ways: list[Pooling] = ["moments" if numbers <= MOST_NUMBERS else "mean"]
    is_of_two = np.median(np.asarray(source.store.array("num_bodies"))[indices]) > 1
    if is_of_two and source.settings.max_bodies > 1 and 2 * numbers <= MOST_NUMBERS:
        ways.append("moments-and-bodies")
    found = extract_poolings(pretrained.encoder, source, indices, ways, title=title)
    cut: list[Tensor] = []
    in_all = sum(2 if way.endswith("bodies") else 1 for way in ways) * (1 + len(PIECES)) * numbers
    if PIECES and in_all <= MOST_NUMBERS and source.settings.scale != "image":  # which pieces do not know
        short = ClipSource(pieces_of(source.store, indices), source.settings)
        each = extract_poolings(pretrained.encoder, short, np.arange(len(short)), ways, title=title)
        cut = [features.view(len(indices), len(PIECES), -1) for features in each]
    if not all(features.isfinite().all() for features in (*found, *cut)):
        raise DataError("a recording has a feature that is not finite; did the pre-training diverge?")
    made: dict[Pooling, Examples] = {}
    for number, (pooling, features) in enumerate(zip(ways, found, strict=True)):
        if not any(torch.equal(features, other.features) for other in made.values()):  # of some encoders
            pieces = cut[number] if cut else None
            made[pooling] = Examples(features, labels, len(source.store.class_names), pieces)
    return made


def pieces_of(store: Store, indices: Indices) -> Store:
    """Return the :data:`PIECES` of each sequence as recordings of their own.

    Where nobody is seen in a piece, the whole takes its place.
    """
    made = []
    for index in indices.tolist():
        whole = store.sequence(index)
        num = whole.num_frames
        for begin, end in PIECES:
            piece = stretch(whole, slice(int(begin * num), math.ceil(end * num)))
            shown = piece.joint_present
            seen = piece.present if shown is None else piece.present & shown.any(2)
            made.append(centre(without_unseen_bodies(piece)) if seen.any() else whole)
    return store_in_memory(made, store.up, store.unit)


def _recognition(
    class_names: list[str], candidates: list[Measured], chosen: Measured, folds: Folds, false_alarms: float
) -> Recognition:
    """Return what a card says: how well each candidate does, and temperature and threshold of the chosen."""
    tested = chosen.tested
    scores, truth = chosen.scores[tested], chosen.labels[tested]
    temperature, calibration = calibrated(scores, truth, torch.from_numpy(folds.number)[tested])
    threshold = threshold_of(chosen.distances[tested], false_alarms)
    return Recognition(
        classifier=chosen.kind,
        class_names=class_names,
        temperature=temperature,
        pooling=chosen.pooling,
        num_examples=np.bincount(chosen.labels.numpy(), minlength=len(class_names)).tolist(),
        threshold=threshold if threshold > COPIES else None,  # all that is no copy would be unfamiliar
        false_alarms=max(false_alarms, fewest_false_alarms(chosen.num_tested)),
        accuracy=_accuracy(chosen, folds),
        candidates=[_accuracy(each, folds) for each in candidates],
        calibration=calibration,
    )


def calibrated(scores: Tensor, truth: Tensor, numbers: Tensor) -> tuple[float, Calibration]:
    """Return the temperature, and the errors without and with it: 1 where another does not help other folds.

    Args:
        scores: (N, K) of recordings that were tested.
        truth: (N,) their classes.
        numbers: (N,) the fold of each.
    """
    before = calibration_error(probabilities(scores, 1.0), truth)
    after = calibration_error(temperature_of_others(scores, truth, numbers), truth)
    if after >= before:
        return 1.0, Calibration(before, before)
    return fit_temperature(scores, truth), Calibration(before, after)


def _accuracy(measured: Measured, folds: Folds) -> Accuracy:
    low, high = share_interval(measured.num_right, measured.num_tested)
    return Accuracy(measured.name, measured.accuracy, low, high, measured.num_tested, folds.rule)

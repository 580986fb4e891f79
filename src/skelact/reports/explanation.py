"""What a model makes of one recording, for its page: what is hidden, what is prime, and classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from skelact.clips.sampling import centre_windows
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError
from skelact.evaluation.prime_joints import definition, load_detector, prime_joints
from skelact.models.backbone import frozen
from skelact.models.card import CHECKSUM
from skelact.models.embedding import patchify
from skelact.models.pretrained import Pretrained
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.methods import CONTRASTIVE, MASKED, family_of_card
from skelact.recognition.description import knows_classes
from skelact.recognition.recogniser import read_recogniser
from skelact.reports.decision import with_classes
from skelact.reports.player import Layer, Played
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.view import Unit, centre
from skelact.store.in_memory import store_in_memory

DRAWS = 256
"""Draws of what is hidden, of which the page shows how often."""
FOLLOWED = {"density": "change of joint density", "motion": "motion"}
"""What steers masking, in words; nothing steers what is uniform."""


def explained(played: Played, run: Path, pretrained: Pretrained) -> Played:
    """Return the recording with what a run's model makes of it.

    A masked run tells how often each joint is hidden, a contrastive one with a detector which joints are
    prime, and one that knows classes what it says of every stretch.

    Args:
        played: the recording.
        run: the run folder, or a package.
        pretrained: its encoder.

    Raises:
        ConfigurationError: a skeleton, an axis or a unit that the model does not know.
        DataError: a model that cannot be read.
    """
    sequence = played.sequence
    if not sequence.present.any():
        return replace(played, notes=[*played.notes, "Nobody is seen, so the model is not asked."])
    store = store_in_memory([centre(sequence)], played.up, cast(Unit | None, played.unit))
    try:
        pretrained.check(store)
    except ConfigurationError as error:
        place = played.place or sequence.name
        raise ConfigurationError(str(error).replace(str(store.path), place)) from error
    told = played
    num_seen, num_kept = int(sequence.present.any(1).sum()), pretrained.clips.max_bodies
    if num_seen > num_kept:
        told = replace(
            told, notes=[*told.notes, f"Of {num_seen} people the model sees the first {num_kept}."]
        )
    if knows_classes(pretrained.card):
        return with_classes(told, read_recogniser(run, pretrained))
    family = family_of_card(pretrained.card)
    is_masked = family is MASKED and MASKED.objective in pretrained.card.get("config", {})
    if CHECKSUM in pretrained.card and (is_masked or family is CONTRASTIVE):
        what = "hides" if is_masked else "takes for prime"
        note = (
            f"{run} is a package, which keeps the encoder alone: what {pretrained.card.get('method')} {what} "
            "its run folder tells."
        )
        return replace(told, notes=[*told.notes, note])
    if family is CONTRASTIVE:
        return _with_prime_mask(told, run, ClipSource(store, pretrained.clips))
    if is_masked:
        layers = masking(
            MASKED.load(run),
            str(pretrained.card.get("method")),
            ClipSource(store, pretrained.clips),
            sequence,
        )
        return replace(told, layers=[*told.layers, *layers])
    note = "The model tells neither classes nor what it hides, so the page shows the recording alone."
    return replace(told, notes=[*told.notes, note])


@torch.no_grad()
def masking(model: MaskedModel, method: str, source: ClipSource, sequence: SkeletonSequence) -> list[Layer]:
    """Return how often a masked method hides each joint at each time step, and the signal that it follows.

    Args:
        model: of a finished run.
        method: its name.
        source: of the one recording.
        sequence: the recording as it is shown.
    """
    clips, config = source.test([0]), model.config
    bodies = clips.positions[clips.present]  # (B, T, V, C)
    patches = patchify(bodies, model.encoder.config.patch_frames)
    is_present = torch.ones(len(patches), dtype=torch.bool)
    num_steps, num_joints = patches.shape[1:3]
    uniform = torch.rand(DRAWS, num_steps * num_joints, generator=torch.Generator().manual_seed(0))
    shares = []
    logits = model.logits(patches, is_present, 1.0)
    for body in range(len(patches)):
        own = None if logits is None else logits[body].expand(DRAWS, -1)
        hidden = model.select(uniform, own).is_hidden.float().mean(0)
        shares.append(hidden.view(num_steps, num_joints))
    steps = step_of_frames(source, num_steps, sequence.num_frames)
    found = [
        Layer(
            "hidden",
            "Hidden by the method",
            f"How often {method} hides each joint at each time step of the clip, in {DRAWS} draws: "
            f"{config.mask_ratio:.0%} of all, {steering(config.masking, config.tau)}. Dark: mostly kept "
            "visible.",
            _for_all(torch.stack(shares).numpy(), clips.present[0].numpy(), sequence),
            1.0,
            steps,
            is_share=True,
        )
    ]
    signal = model.signal(patches, is_present)
    if signal is not None and config.masking in FOLLOWED:
        values = _for_all(signal.numpy(), clips.present[0].numpy(), sequence)
        largest = float(np.nanquantile(values, 0.99)) or float(np.nanmax(values)) or 1.0
        about = f"What {method} follows when it hides: {FOLLOWED[config.masking]}, as the run measures it."
        found.append(Layer("signal", "What the method follows", about, values, largest, steps))
    return found


def steering(masking: str, tau: float) -> str:
    """Return by what a masked method chooses what it hides, for the end of a sentence."""
    if masking not in FOLLOWED:
        return "by chance"
    return f"those of large {FOLLOWED[masking]} {'more' if tau > 0 else 'less'} often"


def _with_prime_mask(played: Played, run: Path, source: ClipSource) -> Played:
    """Return the recording with the prime joints of a contrastive run."""
    model = load_detector(run)
    if model is None:
        note = "The run has no density of its own; prime joints are those by the density of positions."
        return replace(played, notes=[*played.notes, note])
    joints = ClipSource(source.store, replace(source.settings, stream="joint"))
    clips = source.test([0])
    with frozen(model, source.device):
        mask = prime_joints(model, clips, joints.test([0]).positions)[0]  # (M, T', V)
    sequence, steps = played.sequence, step_of_frames(source, mask.shape[1], played.sequence.num_frames)
    values = _for_all(mask[clips.present[0]].numpy(), clips.present[0].numpy(), sequence)
    prime = np.nan_to_num(values)[:, np.maximum(steps, 0)] > 0.5
    prime &= (steps >= 0)[:, None] & sequence.seen
    about = "; ".join(definition(model).capitalize().split("\n")) + "."
    layer = Layer("prime", "Prime joints of the run", about, values, 1.0, steps, is_share=True)
    return replace(played, layers=[*played.layers, layer], prime=prime, prime_about="those of the run")


def step_of_frames(source: ClipSource, num_steps: int, num_frames: int) -> npt.NDArray[np.int32]:
    """Return (T,) the time step of a recording's test clip that shows each frame, -1 for none.

    Args:
        source: of the one recording.
        num_steps: time steps T' of the clip.
        num_frames: frames T of the recording.
    """
    frames = source.frame_numbers(0)
    window = centre_windows(np.array([len(frames)]), source.settings.test_crop_share)
    start, length = int(window.start[0]), int(window.length[0])
    steps = np.full(num_frames, -1, np.int32)
    within = np.arange(length)
    steps[frames[start : start + length]] = (2 * within + 1) * num_steps // (2 * length)
    return steps


def _for_all(
    values: npt.NDArray[Any], is_in_clip: npt.NDArray[np.bool_], sequence: SkeletonSequence
) -> npt.NDArray[np.float64]:
    """Return (M, T', V) for all bodies of a recording, NaN for those that the clip does not hold.

    Args:
        values: (B, T', V) of the bodies that are in the clip.
        is_in_clip: (M',) which of the first bodies that are ever seen these are.
        sequence: the recording.
    """
    seen = np.flatnonzero(sequence.present.any(1))[: len(is_in_clip)]
    found = np.full((sequence.num_bodies, *values.shape[1:]), np.nan)
    found[seen[is_in_clip[: len(seen)]]] = values
    return found

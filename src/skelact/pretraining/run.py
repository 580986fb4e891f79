"""A pre-training run from a configuration to a run folder.

The folder holds ``config.yaml``, ``metrics.jsonl``, ``checkpoints/`` and, once finished, ``card.json`` and
``weights.safetensors``.

The bandwidths of a learned density, as numbers for the log.

What the user of a run will want to know before it starts, and that does not stop it.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from skelact.clips.mixture import MixedSource
from skelact.clips.sampling import Whole
from skelact.clips.source import ClipSource
from skelact.density.learned import LearnedDensity
from skelact.errors import DataError, SkelactError, SkelactWarning
from skelact.models.pretrained import CARD, WEIGHTS, load_pretrained, model_card
from skelact.models.sizes import EncoderConfig, MaskedSizes
from skelact.pretraining.config import ContrastiveRun, MaskedRun, RunConfig
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.masked.initialisation import ReadStart, Start, initialise
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.pretraining.methods import build_learner, source_settings
from skelact.provenance import code_version, package_versions
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.training.checkpoints import write_safetensors
from skelact.training.log import writing
from skelact.training.loop import Drawing, Monitor, fit, make_fabric
from skelact.training.run_folder import open_folder, read_settings


def log_bandwidths(epoch: int, model: nn.Module) -> dict[str, float]:
    """Return the smallest, mean and largest bandwidth, in body sizes; nothing where none is learned.

    Args:
        epoch: epochs done.
        model: the model that is trained.
    """
    densities = (part for part in model.modules() if isinstance(part, LearnedDensity))
    density = next(densities, None)
    if density is None or not density.log_bandwidth.requires_grad:
        return {}
    bandwidth = density.bandwidth.detach()
    return {
        "bandwidth_min": float(bandwidth.min()),
        "bandwidth_mean": float(bandwidth.mean()),
        "bandwidth_max": float(bandwidth.max()),
    }


def warn_of_whole_sequences(sources: Sequence[ClipSource], sides: Sequence[Whole]) -> None:
    """Warn of training sequences that are mostly too short to be cropped, so that they look alike every time.

    Args:
        sources: a source for each store.
        sides: for each store, (N_s,) the sequences that train.
    """
    settings, total = sources[0].settings, sum(len(side) for side in sides)
    whole = sum(source.num_taken_whole(side) for source, side in zip(sources, sides, strict=True))
    if settings.min_crop_share < 1 and 2 * whole > total:
        warnings.warn(
            f"{whole:,} of {total:,} training sequences have no more than clips.min_crop_frames = "
            f"{settings.min_crop_frames} frames and are taken whole every time; with a smaller "
            "--clips.min_crop_frames they are cropped as well, which short recordings may need",
            SkelactWarning,
            stacklevel=2,
        )


def warn_of_own_keys(bank: int, num_training: int) -> None:
    """Warn of a memory bank that always holds each sequence's own earlier keys, as false negatives.

    Args:
        bank: keys in the bank.
        num_training: sequences of an epoch.
    """
    if bank >= num_training:
        warnings.warn(
            f"contrast.bank is {bank}, but an epoch has {num_training} sequences: most of them are compared "
            f"with an earlier embedding of their own as if it were another's; --contrast.bank "
            f"{max(1, num_training // 2)} or less avoids most of it",
            SkelactWarning,
            stacklevel=2,
        )


INIT = "init_weights"
"""Key of configuration and card that tells which weights a run started from, and how those were trained."""
TELLING = ("method", "config", "data_set", "data_hash", INIT)
"""Keys of a card that say how its weights were trained."""


def read_run(run: str) -> Start:
    """Read the weights of a finished run, to start another from them.

    Raises:
        DataError: the folder holds no finished model with a decoder.
    """
    model = load_model(Path(run))
    with (Path(run) / WEIGHTS).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    pretrained = load_pretrained(run)
    about = {key: pretrained.card[key] for key in TELLING if key in pretrained.card}
    return Start(run, sha256, model, pretrained.topology, about)


def pretrain(
    config: MaskedRun | ContrastiveRun,
    out: Path,
    *,
    resume: bool = False,
    read_start: ReadStart = read_run,
    monitors: Sequence[Monitor] = (),
    drawings: Sequence[Drawing] = (),
    quiet: bool = False,
) -> MaskedModel | ContrastiveModel:
    """Train a model and leave it in ``out``.

    Args:
        config: what to train, on what, how.
        out: the run folder; new, or with ``resume`` that of the interrupted run.
        resume: go on from the newest checkpoint; the configuration must be the run's own, but for settings
            that change no number.
        read_start: reads ``config.init``; by default that is a run folder, with ``read_start`` of
            ``skelact.compat.published_weights`` also a published checkpoint. Not called where ``resume``
            finds a checkpoint.
        monitors: called after every epoch; their numbers go into the log.
        drawings: called with every checkpoint; their figures go to TensorBoard, if it is on.
        quiet: no progress line.

    Raises:
        DataError: the folder is taken, or holds nothing to resume; or the weights to start from cannot be
            read, or are of other sizes.
        ConfigurationError: the configuration does not fit the data, or configuration or data are not those of
            the run to resume.
        RunStoppedError: the run was asked to stop; a checkpoint was written.
    """
    fabric = make_fabric(config.training)
    stores = [Store.open(path) for path in config.data]
    clips = source_settings(config)
    sources = [ClipSource(store, clips, fabric.device) for store in stores]
    source = MixedSource(sources, config.mixing)
    sides = [split(store, name).train for store, (_, name) in zip(stores, config.sides, strict=True)]
    train = source.joined(sides)
    learner = build_learner(config, source)
    if fabric.global_rank == 0:
        if isinstance(config, ContrastiveRun):
            warn_of_own_keys(config.contrast.bank, len(train))
        else:  # contrastive methods crop in their augmentation
            warn_of_whole_sequences(sources, sides)
    model = learner.model
    has_checkpoint = resume and any((out / "checkpoints").glob("step-*.safetensors"))
    settings = {**_plain(config), "data_hash": source.content_hash}
    init = config.init if isinstance(config, MaskedRun) else None
    if init is not None and has_checkpoint:
        settings[INIT] = read_settings(out).get(INIT)
    elif init is not None:
        assert isinstance(model, MaskedModel)  # only masked methods start from other weights
        start = read_start(init)
        parts = initialise(model, start, source.topology)
        of = {"of": dict(start.about)} if start.about else {}  # a checkpoint does not say
        settings[INIT] = {"sha256": start.sha256, "parts": parts, **of}
    problem: SkelactError | None = None
    if fabric.global_rank == 0:
        try:
            open_folder(out, settings, resume, _plain(type(config)(config.data, config.protocol)))
        except SkelactError as error:
            problem = error
    problem = fabric.broadcast(problem)  # all processes stop, or none
    if problem is not None:
        raise problem
    fit(
        learner.task,
        train,
        config.training,
        fabric,
        title=config.method,
        folder=out,
        resume=has_checkpoint,
        order=lambda generator: source.epoch_order(train, generator),
        after_step=learner.after_step,
        monitors=[*learner.monitors, log_bandwidths, *monitors],
        drawings=drawings,
        quiet=quiet,
    )
    if fabric.global_rank == 0:
        weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
        write_safetensors(out / WEIGHTS, weights)
        about = {
            "method": config.method,
            "config": _plain(config),
            **({INIT: settings[INIT]} if INIT in settings else {}),
            "data_set": source.data_set,
            "data_hash": source.content_hash,
            "num_training_sequences": len(train),
            "code": code_version(),
            "packages": package_versions(),
        }
        card = model_card(model.encoder, source.topology, config.clips, about)
        with writing(out / CARD):
            (out / CARD).write_text(json.dumps(card, indent=1) + "\n")
    return model


def load_model(run: Path) -> MaskedModel:
    """Load the whole model of a finished run, decoder and density included, in evaluation mode.

    Raises:
        DataError: the folder holds no finished model, an encoder alone, or weights that do not fit its card.
    """
    pretrained = load_pretrained(run)
    config = pretrained.card.get("config", {})
    if "contrast" in config:
        raise DataError(f"{run}: {pretrained.card['method']} is no masked method; it has no decoder")
    if "objective" not in config:
        raise DataError(f"{run}: holds an encoder alone, not the decoder of its pre-training")
    assert isinstance(pretrained.encoder.config, EncoderConfig)  # masked methods have no other encoder
    try:
        model = MaskedModel(
            pretrained.encoder.config,
            MaskedSizes(**config["model"]).decoder(),
            MaskedObjective(**config["objective"]),
        )
        model.load_state_dict(load_file(run / WEIGHTS))
    except (KeyError, TypeError, RuntimeError) as error:
        raise DataError(f"{run}: weights and card do not fit ({' '.join(str(error).split())})") from error
    return model.eval()


def _plain(config: RunConfig) -> dict[str, Any]:
    """Return a configuration as files hold it: tables, lists, numbers and names."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return plain

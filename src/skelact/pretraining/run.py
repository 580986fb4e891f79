"""A pre-training run from a configuration to a run folder.

The folder holds ``config.yaml``, ``metrics.jsonl``, ``checkpoints/`` and, once finished, ``card.json`` and
``weights.safetensors``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

from skelact.batches.dataset import ClipSource
from skelact.batches.mixture import MixedSource
from skelact.errors import ConfigurationError, DataError, SkelactError
from skelact.models.pretrained import CARD, WEIGHTS, load_pretrained, model_card
from skelact.models.registry import ModelConfig
from skelact.preparation.protocols import split
from skelact.preparation.store import Store
from skelact.pretraining.bandwidths import log_bandwidths
from skelact.pretraining.config import PretrainConfig
from skelact.pretraining.initialisation import ReadStart, Start, initialise
from skelact.pretraining.masked_motion import MaskedMotionConfig, MaskedMotionModel
from skelact.pretraining.masked_task import MaskedMotionTask
from skelact.provenance import code_version, package_versions
from skelact.training.checkpoints import write_safetensors
from skelact.training.log import writing
from skelact.training.loop import Drawing, Monitor, fit, make_fabric
from skelact.training.randomness import derive_seed

CONFIG = "config.yaml"
FREE = {f"training.{name}" for name in ("workers", "checkpoint_every", "keep_checkpoints", "tensorboard")}
"""Settings that change no number, so that a resumed run may have others."""
INIT = "init_weights"
"""Key of configuration and card that tells which weights a run started from."""


def build_model(config: PretrainConfig, source: MixedSource) -> MaskedMotionModel:
    """Return the untrained model of ``config`` for the skeletons of ``source``; the seed decides its weights.

    Raises:
        ConfigurationError: sizes that do not fit each other.
    """
    num_coordinates = source.stores[0].array("joints").shape[2]
    num_joints = source.topology.num_joints
    encoder = config.model.encoder(num_joints, num_coordinates, config.clips.num_frames)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.training.seed, "start"))
        return MaskedMotionModel(encoder, config.model.decoder(), config.objective)


def read_run(run: str) -> Start:
    """Read the weights of a finished run, to start another from them.

    Raises:
        DataError: the folder holds no finished model with a decoder.
    """
    model = load_model(Path(run))
    with (Path(run) / WEIGHTS).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Start(run, sha256, model, load_pretrained(run).topology)


def pretrain(
    config: PretrainConfig,
    out: Path,
    *,
    resume: bool = False,
    read_start: ReadStart = read_run,
    monitors: Sequence[Monitor] = (),
    drawings: Sequence[Drawing] = (),
    quiet: bool = False,
) -> MaskedMotionModel:
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
    source = MixedSource([ClipSource(store, config.clips, fabric.device) for store in stores], config.mixing)
    sides = [split(store, name).train for store, (_, name) in zip(stores, config.sides, strict=True)]
    train = source.joined(sides)
    model = build_model(config, source)
    has_checkpoint = resume and any((out / "checkpoints").glob("step-*.safetensors"))
    settings = {**asdict(config), "data_hash": source.content_hash}
    if config.init is not None and has_checkpoint:
        settings[INIT] = _read_settings(out).get(INIT)
    elif config.init is not None:
        start = read_start(config.init)
        parts = initialise(model, start, source.topology)
        settings[INIT] = {"sha256": start.sha256, "parts": parts}
    problem: SkelactError | None = None
    if fabric.global_rank == 0:
        try:
            open_folder(out, settings, resume)
        except SkelactError as error:
            problem = error
    problem = fabric.broadcast(problem)  # all processes stop, or none
    if problem is not None:
        raise problem
    task = MaskedMotionTask(model, source)
    fit(
        task,
        train,
        config.training,
        fabric,
        title=config.method,
        folder=out,
        resume=has_checkpoint,
        order=lambda generator: source.epoch_order(train, generator),
        monitors=[log_bandwidths, *monitors],
        drawings=drawings,
        quiet=quiet,
    )
    if fabric.global_rank == 0:
        weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
        write_safetensors(out / WEIGHTS, weights)
        about = {
            "method": config.method,
            "config": asdict(config),
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


def load_model(run: Path) -> MaskedMotionModel:
    """Load the whole model of a finished run, decoder and density included, in evaluation mode.

    Raises:
        DataError: the folder holds no finished model, an encoder alone, or weights that do not fit its card.
    """
    pretrained = load_pretrained(run)
    config = pretrained.card.get("config", {})
    if "objective" not in config:
        raise DataError(f"{run}: holds an encoder alone, not the decoder of its pre-training")
    try:
        model = MaskedMotionModel(
            pretrained.encoder.config,
            ModelConfig(**config["model"]).decoder(),
            MaskedMotionConfig(**config["objective"]),
        )
        model.load_state_dict(load_file(run / WEIGHTS))
    except (KeyError, TypeError, RuntimeError) as error:
        raise DataError(f"{run}: weights and card do not fit ({' '.join(str(error).split())})") from error
    return model.eval()


def open_folder(out: Path, config: Mapping[str, Any], resume: bool) -> None:
    """Make the run folder and write its configuration, or with ``resume`` check the one that is there.

    Raises:
        DataError: it holds a run and ``resume`` is off, it holds none and ``resume`` is on, or it cannot be
            written.
        ConfigurationError: the run in it has another configuration; the message names the key.
    """
    if not resume:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise DataError(
                f"{out}: exists already; choose another --out, or --resume to go on with that run"
            )
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / CONFIG).write_text(yaml.safe_dump(dict(config), sort_keys=False))
        except OSError as error:
            raise DataError(f"{out}: cannot be written ({error.strerror}); choose another --out") from error
        return
    for key, (old, new) in _differences(_read_settings(out), config).items():
        if key not in FREE:
            raise ConfigurationError(
                f"{out}: was started with {key} = {old}, not {new}; resume with the same settings"
            )


def _read_settings(out: Path) -> dict[str, Any]:
    try:
        settings = yaml.safe_load((out / CONFIG).read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"{out}: holds no run to resume ({' '.join(str(error).split())})") from error
    if not isinstance(settings, dict):
        raise DataError(f"{out}: holds no run to resume ({CONFIG} is no table of settings)")
    return settings


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found |= _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found[prefix + key] = (old, new)
    return found

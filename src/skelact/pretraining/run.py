"""A pre-training run from a configuration to a run folder.

The folder holds ``config.yaml``, ``metrics.jsonl``, ``checkpoints/`` and, once finished, ``card.json`` and
``weights.safetensors``.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from skelact.clips.mixture import MixedSource
from skelact.clips.sampling import IntArray
from skelact.clips.scale import measures
from skelact.clips.source import ClipSource
from skelact.errors import SkelactWarning
from skelact.files import sha256, write_json
from skelact.models.card import CARD, MEASURES
from skelact.models.pretrained import WEIGHTS, load_pretrained, model_card
from skelact.models.tensor_file import write_tensors
from skelact.pretraining.config import Run, RunConfig
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.distilled.model import DistilledModel
from skelact.pretraining.identity import IDENTITY, LEFT_OUT, SEEDS, with_identity
from skelact.pretraining.masked.initialisation import InitialWeights, LoadInitialWeights, initialise
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.methods import MASKED, family_of, family_of_card
from skelact.processor import choose_threads
from skelact.provenance import code_version, package_versions
from skelact.store.left_out import LeftOut
from skelact.store.protocols import Split, training_side
from skelact.store.store import Store
from skelact.training.config import Resume
from skelact.training.devices import check_same_data, other_arithmetic
from skelact.training.log import GO_ON
from skelact.training.loop import Callback, FigureCallback, Task, fit, make_fabric
from skelact.training.run_folder import beginning, read_settings, run_folder


class PretrainingTask(Task[Any], Protocol):
    """What a family gives the training loop, and what the loop calls beside it."""

    def after_step(self) -> None:
        """Let what follows the weights advance; called after every step of the optimiser."""

    def monitor(self, epoch: int, model: nn.Module) -> dict[str, float]:
        """Return the family's own numbers for the log, after ``epoch`` epochs."""

    def warn(self, sides: Sequence[IntArray]) -> None:
        """Warn of what in the settings does not suit the training sequences, (N_s,) of each store."""


INIT_WEIGHTS_KEY = "init_weights"
"""Key of configuration and card that tells which weights a run started from, and how those were trained."""
TRAINING_KEYS = ("method", "config", "data_set", "data_hash", INIT_WEIGHTS_KEY, IDENTITY, SEEDS)
"""Keys of a card that say how its weights were trained."""


def load_run_weights(run: str) -> InitialWeights:
    """Load the weights of a finished run, to start another from them.

    Raises:
        DataError: the folder holds no finished model of a masked method.
    """
    model = MASKED.load(run)
    pretrained = load_pretrained(run)
    provenance = {key: pretrained.card[key] for key in TRAINING_KEYS if key in pretrained.card}
    return InitialWeights(run, sha256(Path(run) / WEIGHTS), model, pretrained.topology, provenance)


def pretrain(
    config: Run,
    out: str | Path,
    *,
    resume: Resume = False,
    left_out: LeftOut | None = None,
    load_initial: LoadInitialWeights = load_run_weights,
    callbacks: Sequence[Callback] = (),
    figure_callbacks: Sequence[FigureCallback] = (),
    title: str | None = None,
) -> MaskedModel | ContrastiveModel | DistilledModel:
    """Train a model and leave it in ``out``.

    Args:
        config: what to train, on what, how.
        out: the run folder; new, or with ``resume`` that of the interrupted run.
        resume: go on from the newest checkpoint; the configuration must be the run's own, but for settings
            that change no number, or only in which order numbers are added. ``auto``: do so if it has begun.
        left_out: the list that ``config.without`` names, where it has been read; None: it is read here.
        load_initial: loads what ``config.init`` names; by default that is a run folder, with
            ``load_initial_weights`` of ``skelact.compat.published_weights`` also a published checkpoint. Not
            called where ``resume`` finds a checkpoint.
        callbacks: called after every epoch; their numbers go into the log.
        figure_callbacks: called with every checkpoint; their figures go to TensorBoard, if it is on.
        title: what the progress line calls it, default the method's name; none with an empty title.

    Raises:
        DataError: the folder is taken, or holds nothing to resume; or the weights to start from cannot be
            read, or are of other sizes.
        ConfigurationError: the configuration does not fit its method or the data, or configuration or data
            are not those of the run to resume.
        RunStoppedError: the run was asked to stop; a checkpoint was written.
    """
    out = Path(out)
    fabric = make_fabric(config.training)
    stores = [Store.open(path) for path in config.data]
    family = family_of(config)
    clips = family.clips(config)
    sources = [ClipSource(store, clips, fabric.device) for store in stores]
    source = MixedSource(sources, config.mixing)
    if left_out is None and config.without is not None:
        left_out = LeftOut.read(config.without)
    if left_out is not None:
        left_out.check(stores)
    splits = [
        training_side(store, name, left_out) for store, (_, name) in zip(stores, config.sides, strict=True)
    ]
    sides = [each.train for each in splits]
    train = source.joined(sides)
    check_same_data(fabric, config.data[0], source.content_hash, train)
    model: MaskedModel | ContrastiveModel | DistilledModel = family.build(config, source)
    choose_threads(sum(parameter.numel() for parameter in model.parameters()))
    task = family.task(model, source)
    if fabric.global_rank == 0:
        task.warn(sides)
        warn_of_people_left_out(sources, sides)
        if left_out is not None:
            warn_of_left_out(left_out, splits)
    goes_on, has_checkpoint = beginning(out, resume, fabric)
    listed = {} if left_out is None else {LEFT_OUT: left_out.describe()}
    settings = {**_plain(config), "data_hash": source.content_hash, **listed}
    init: str | None = getattr(config, "init", None)  # not every family has it
    if init is not None and has_checkpoint:
        settings[INIT_WEIGHTS_KEY] = read_settings(out).get(INIT_WEIGHTS_KEY)
    elif init is not None:
        assert isinstance(model, MaskedModel)  # only masked methods start from other weights
        start = load_initial(init)
        parts = initialise(model, start, source.topology)
        of = {"of": dict(start.provenance)} if start.provenance else {}  # a checkpoint does not say
        settings[INIT_WEIGHTS_KEY] = {"sha256": start.sha256, "parts": parts, **of}
    defaults = _plain(type(config)(config.data, config.protocol, config.method))
    with run_folder(out, settings, goes_on, fabric, defaults):
        fit(
            task,
            train,
            config.training,
            fabric,
            title=config.method if title is None else title,
            folder=out,
            resume=has_checkpoint,
            order=lambda generator: source.epoch_order(train, generator),
            after_step=task.after_step,
            callbacks=[task.monitor, *callbacks],
            figure_callbacks=figure_callbacks,
        )
        if fabric.global_rank == 0:
            write_tensors(out / WEIGHTS, model.state_dict(), remedy=GO_ON)
            about = {
                "method": config.method,
                "config": _plain(config),
                **({INIT_WEIGHTS_KEY: settings[INIT_WEIGHTS_KEY]} if INIT_WEIGHTS_KEY in settings else {}),
                "data_set": source.data_set,
                "data_hash": source.content_hash,
                **listed,
                MEASURES: measures(source.stores),
                "num_training_sequences": len(train),
                **other_arithmetic(config.training),
                "code": code_version(),
                "packages": package_versions(),
            }
            card = model_card(model.encoder, source.topology, config.clips, with_identity(about))
            write_json(out / CARD, card, GO_ON)  # the mark of a finished run, so the last
    return model


def warn_of_left_out(left_out: LeftOut, splits: Sequence[Split]) -> None:
    """Say how many training sequences a list leaves out, given each store's split without them."""
    num_lost = sum(each.num_left_out[0] for each in splits)
    total = num_lost + sum(len(each.train) for each in splits)
    warnings.warn(
        f"{num_lost:,} of {total:,} training sequences are left out by {left_out.path}",
        SkelactWarning,
        stacklevel=2,
    )


def warn_of_people_left_out(sources: Sequence[ClipSource], sides: Sequence[IntArray]) -> None:
    """Warn of training sequences that show more people than a clip holds.

    Args:
        sources: a source for each store.
        sides: for each store, (N_s,) the sequences that train.
    """
    num_kept, total = sources[0].settings.max_bodies, sum(map(len, sides))
    num_bodies = [source.store.array("num_bodies")[side] for source, side in zip(sources, sides, strict=True)]
    crowded = sum(int((bodies > num_kept).sum()) for bodies in num_bodies)
    if crowded:
        warnings.warn(
            f"{crowded:,} of {total:,} training sequences show more people than clips.max_bodies = "
            f"{num_kept}; those beyond are left out of clips; a larger --clips.max_bodies makes room",
            SkelactWarning,
            stacklevel=2,
        )


def load_model(run: str | Path) -> MaskedModel | ContrastiveModel | DistilledModel:
    """Load the whole model of a finished run, in evaluation mode.

    Of a masked method that is encoder, decoder and density, of a contrastive one also the momentum copies and
    the memory bank, of a distilled one student and teacher.

    Raises:
        DataError: the folder holds no finished model, an encoder alone, or weights that do not fit its card.
    """
    model: MaskedModel | ContrastiveModel | DistilledModel = family_of_card(load_pretrained(run).card).load(
        run
    )
    return model


def _plain(config: RunConfig) -> dict[str, Any]:
    """Return a configuration as files hold it: tables, lists, numbers and names."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return plain

"""Trainings of the whole encoder from labels, each in a run folder: finetune, semi, transfer, supervised."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, Unpack

from skelact.api.evaluations.folds import over_folds
from skelact.api.evaluations.inputs import (
    LabelOptions,
    choose_labelled,
    read_left_out,
    training_settings,
    warn_of_seen,
)
from skelact.api.evaluations.result import Result, accuracy_lines
from skelact.api.model import Run, as_model
from skelact.clips.settings import IN_THE_PLANE, ClipSettings
from skelact.configuration import Fields, Option, PathLike, Table, checked_arguments
from skelact.errors import ConfigurationError
from skelact.evaluation.settings import Balance, FinetuneConfig, SupervisedConfig
from skelact.files import sha256
from skelact.models.sizes import MaskedSizes
from skelact.pretraining.identity import LEFT_OUT
from skelact.store.protocols import labelled, split, without
from skelact.store.store import Data, Store, as_store
from skelact.training.config import Resume, TrainingConfig

if TYPE_CHECKING:
    from skelact.models.pretrained import Pretrained

SUBSET = "subset.txt"


class ClassifierOptions(TypedDict, total=False):
    """What all trainings of a classifier have in common."""

    epochs: int
    """short for --training.epochs"""
    seed: int
    """short for --training.seed"""
    layer_decay: float
    """learning rate of an encoder layer by that of the one after it"""
    stochastic_depth: float
    """how often a body skips the last block while training; earlier blocks less, the first never"""
    dropout: float
    """share of the features that the head does not see while training"""
    label_smoothing: float
    """share of the probability that is spread over all classes"""
    hidden_width: int
    """size of the head's hidden layer"""
    test_every: int
    """epochs from one look at the test side to the next; the last epoch is the result whatever they show"""
    balance: Balance
    """make classes of unequal size count alike, by sampling or by the loss (default: none)"""
    config: PathLike
    """YAML file with any of these settings"""
    without: PathLike
    """CSV with a column 'name' of recordings that neither train nor test, as 'skelact browse' saves it"""
    resume: Resume
    """go on with the interrupted run in --out; auto: if it has begun, else begin it"""
    training: Annotated[Table, Fields(TrainingConfig, shipped=("evaluate", "finetune"))]
    """how long and how fast"""


class SubsetOptions(ClassifierOptions, LabelOptions, total=False):
    """Which training sequences keep their labels, beside :class:`ClassifierOptions`."""


@dataclass(frozen=True)
class StartingEncoder:
    """Where the training starts."""

    pretrained: Pretrained
    settings: Mapping[str, Any]
    """What decides it, for the run's configuration."""
    trained: bool = True
    """Whether the result counts as that of a trained encoder."""


@checked_arguments
@over_folds
def finetune(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    out: PathLike,
    untrained: bool = False,
    **options: Unpack[ClassifierOptions],
) -> Result:
    """Train the whole encoder and a head from labels, as published; report the last epoch.

    Args:
        run: run folder of 'skelact pretrain'
        data: store to learn from and to test on
        protocol: protocol, e.g. xsub
        out: folder for the run and its result
        untrained: start from the same encoder before any training, with the settings of 'evaluate supervised'

    Raises:
        ConfigurationError: an unknown setting, a protocol or skeletons that do not fit, or an encoder of
            other data.
        DataError: no model or no store at the place named, or a folder that is taken.
    """
    config = _settings("supervised" if untrained else "finetune", options)

    def start(store: Store) -> StartingEncoder:
        begin = _load_start(run, untrained, config.training.seed)
        data_set = begin.pretrained.card.get("data_set")
        if data_set is not None and store.data_set not in str(data_set).split("+"):
            raise ConfigurationError(
                f"{_folder(run)}: was pre-trained on {data_set}, not on {store.data_set}; "
                "'skelact evaluate transfer' takes it to other data"
            )
        return begin

    return _train("finetune", config, data, protocol, out, start, options)


@checked_arguments
def semi(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    out: PathLike,
    untrained: bool = False,
    **options: Unpack[SubsetOptions],
) -> Result:
    """Fine-tune with few labels: a class-balanced subset of the training side, drawn once and written down.

    The list goes into the run folder, its hash into the result. Subsets of one seed are nested.

    Args:
        run: run folder of 'skelact pretrain'
        data: store to learn from and to test on
        protocol: protocol, e.g. xsub
        out: folder for the run and its result
        untrained: start from the same encoder before any training, with the settings of 'evaluate supervised'

    Raises:
        ConfigurationError, DataError: as of :func:`finetune`; or nothing says which labels are kept.
    """
    config = _settings("supervised" if untrained else "finetune", options)
    if not {"share", "count", "subset"} & {key for key, value in options.items() if value is not None}:
        raise ConfigurationError("evaluate semi: give --share, --count or --subset")
    seed = config.training.seed
    return _train(
        "semi", config, data, protocol, out, lambda store: _load_start(run, untrained, seed), options
    )


@checked_arguments
@over_folds
def transfer(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    out: PathLike,
    num_frames: int | None = None,
    **options: Unpack[SubsetOptions],
) -> Result:
    """Fine-tune on another data set than the encoder was pre-trained on: other classes, other clip length.

    The skeletons must be the encoder's, unless it knows joints by their names, as distilled and shipped ones
    do; 'skelact data convert' brings a store there.

    Args:
        run: run folder, package, or name of a shipped model
        data: store to learn from and to test on
        protocol: protocol, e.g. xsub
        out: folder for the run and its result
        num_frames: frames of a clip; default: those of the pre-training

    Raises:
        ConfigurationError, DataError: as of :func:`finetune`; or the store is that of the pre-training.
    """

    def start(store: Store) -> StartingEncoder:
        begin = _load_start(run, False, 0)
        if begin.pretrained.card.get("data_hash") == store.content_hash:
            raise ConfigurationError(
                f"{_folder(run)}: was pre-trained on {store.path} itself; that is 'skelact evaluate finetune'"
            )
        if num_frames is None:
            return begin
        resampled = begin.pretrained.with_num_frames(num_frames)
        return StartingEncoder(resampled, {**begin.settings, "num_frames": num_frames})

    return _train("transfer", _settings("finetune", options), data, protocol, out, start, options)


@checked_arguments
@over_folds
def supervised(
    data: Data,
    protocol: str,
    *,
    out: PathLike,
    size: str | None = None,
    clips: Annotated[Table | None, Fields(ClipSettings, varying="those of the size")] = None,
    model: Annotated[
        Table | None,
        Fields(MaskedSizes, skip=("decoder_width", "decoder_depth"), varying="those of the size"),
    ] = None,
    **options: Unpack[SubsetOptions],
) -> Result:
    """Train the encoder and a head from labels alone, from scratch: what pre-training is measured against.

    Args:
        data: store to learn from and to test on
        protocol: protocol, e.g. xsub
        out: folder for the run and its result
        size: of the encoder, as for pre-training (default: base)
        clips: how sequences become clips
        model: sizes of the encoder

    Raises:
        ConfigurationError, DataError: as of :func:`finetune`.
    """
    from skelact.configuration import instantiate, merge, named_config, read_config

    file = read_config(Path(options["config"]), SupervisedConfig) if options.get("config") else {}
    named = size or str(file.get("size", SupervisedConfig.size))
    shipped = {key: value for key, value in named_config("size", named).items() if key in ("clips", "model")}
    own = {key: value for key, value in {"clips": clips, "model": model}.items() if value is not None}
    flat = {"clips": IN_THE_PLANE} if as_store(data).num_coordinates == 2 else {}
    tables = merge(shipped, flat, {key: file[key] for key in ("clips", "model") if key in file}, own)
    clip_settings = instantiate(ClipSettings, tables["clips"], "clips")
    sizes = instantiate(MaskedSizes, tables["model"], "model")
    config = _settings("supervised", options, SupervisedConfig)

    def start(store: Store) -> StartingEncoder:
        import torch

        from skelact.models.encoder import SkeletonEncoder
        from skelact.models.pretrained import Pretrained
        from skelact.training.randomness import derive_seed

        joints = store.array("joints")
        encoder_sizes = sizes.encoder(joints.shape[1], joints.shape[2], clip_settings.num_frames)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.training.seed, "start"))
            encoder = SkeletonEncoder(encoder_sizes)
        about = {"size": named, "clips": asdict(clip_settings), "encoder": asdict(encoder_sizes)}
        card = {"method": "from scratch", "config": about}
        return StartingEncoder(Pretrained(encoder, store.topology, clip_settings, card), about)

    return _train("supervised", config, data, protocol, out, start, options)


def _settings(
    name: str, options: Mapping[str, Any], schema: type[FinetuneConfig] = FinetuneConfig
) -> FinetuneConfig:
    """Return the settings of a training: published, under those of the file, under those given."""
    names = {field.name for field in fields(FinetuneConfig)}
    given = {key: value for key, value in options.items() if key in names}
    config = training_settings(
        name, schema, options.get("config"), given, options.get("epochs"), options.get("seed")
    )
    return FinetuneConfig(**{key: getattr(config, key) for key in names})


def _folder(run: Run) -> Path:
    return as_model(run).run


def _load_start(run: Run, untrained: bool, seed: int) -> StartingEncoder:
    """Load the encoder of a run, or one of its sizes that has learned nothing and that the seed decides."""
    from skelact.models.pretrained import WEIGHTS, load_pretrained

    folder = _folder(run)
    pretrained = load_pretrained(folder)  # anew: the training changes it
    if untrained:
        settings = {"run": str(folder), "untrained": True}
        return StartingEncoder(pretrained.untrained(seed), settings, trained=False)
    return StartingEncoder(pretrained, {"run": str(folder), "run_weights": sha256(folder / WEIGHTS)})


def _train(
    evaluation: str,
    config: FinetuneConfig,
    data: Data,
    protocol: str,
    out: PathLike,
    start: Callable[[Store], StartingEncoder],
    options: Mapping[str, Any],
) -> Result:
    """Train a classifier; write its run folder and its result.

    Args:
        evaluation: name of the protocol in the result.
        config: its settings.
        data: what it learns from.
        protocol: name of the split.
        out: the run folder.
        start: gives the encoder for the store, and refuses where they do not fit.
        options: those given; which labels are kept, and whether to resume.
    """
    from skelact.clips.source import ClipSource
    from skelact.evaluation.finetune import finetune as fit
    from skelact.evaluation.finetune import left_over
    from skelact.results.files import FOLDER, result, result_name, write_result
    from skelact.training.devices import make_fabric

    fabric = make_fabric(config.training)
    store, folder = as_store(data), Path(out)
    left_out = read_left_out(options.get("without"), store)
    sides, seed = without(store, labelled(store, split(store, protocol)), left_out), config.training.seed
    subset = choose_labelled(options, store, protocol, sides, seed)
    if subset is not None:
        sides = replace(sides, train=subset.indices)
    begin = start(store)
    pretrained = begin.pretrained.fitted(store.topology)
    pretrained.check(store)
    if begin.trained:
        warn_of_seen(pretrained.card, store, protocol, sides)
    described = None if subset is None else subset.describe()
    method = pretrained.card["method"] if begin.trained else "untrained"
    about = {
        "method": f"{method}, {evaluation}",
        "evaluation": evaluation,
        "data": str(store.path),
        "protocol": protocol,
        "start": dict(begin.settings),
        "subset": described,
        **({} if left_out is None else {LEFT_OUT: left_out.describe()}),
    }
    started = time.perf_counter()
    metrics = fit(
        pretrained,
        ClipSource(store, pretrained.clips, fabric.device),
        sides,
        config,
        folder,
        fabric,
        about=about,
        texts=None if subset is None else {SUBSET: subset.text()},
        resume=options.get("resume", False),
        title=evaluation,
    )
    content = result(
        evaluation,
        pretrained,
        store,
        protocol,
        sides,
        trained=begin.trained,
        config={"seed": seed, "clips": asdict(pretrained.clips), **asdict(config)},
        metrics=metrics.to_dict(),
        seconds=time.perf_counter() - started,
        device=fabric.device,
        subset=described,
    )
    path = folder / FOLDER / f"{result_name(content)}.json"
    if fabric.global_rank == 0:
        path = write_result(folder, content, [store.names[index] for index in sides.test], {"": metrics})
    side = "training" if subset is None else f"labelled ({100 * subset.share:.3g} %)"
    best = metrics.best_epoch
    lines = [
        f"{method} on {store.data_set} {protocol}: "
        f"{len(sides.train)} {side}, {len(sides.test)} test sequences",
        *sides.line(),
        *left_over(len(sides.train), config.training.batch_size),
        f"{evaluation}, last of {config.training.epochs} epochs, seed {config.training.seed}",
        *accuracy_lines(metrics),
        f"  best epoch by test data, not a result: {best.epoch} with top-1 {100 * best.top1:.1f} %",
        f"  {path}",
    ]
    return Result(path, content, "\n".join(lines))

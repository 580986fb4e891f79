"""Pre-training: from stores to a run folder with a model."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from skelact.api.model import Model
from skelact.clips.settings import ClipSettings
from skelact.configuration import (
    Fields,
    IdleSettingError,
    Option,
    PathLike,
    Table,
    check_keys,
    checked_arguments,
    flatten,
    merge,
    name_file,
    nested,
    read_table,
    refuse_two_values,
)
from skelact.errors import ConfigurationError, DataError, suggest
from skelact.models.sizes import ContrastiveSizes, MaskedSizes
from skelact.models.token_sizes import DistilledSizes
from skelact.pretraining.config import Run
from skelact.pretraining.contrastive.objective import ContrastiveObjective
from skelact.pretraining.distilled.objective import DistilledObjective
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.pretraining.methods import DEFAULT_METHOD, DEFAULT_SIZE, find_method
from skelact.store.left_out import LeftOut
from skelact.store.protocols import ALL, training_side
from skelact.store.store import Store
from skelact.training.config import Resume, TrainingConfig

if TYPE_CHECKING:
    from skelact.evaluation.knn_monitor import KnnMonitor

Stores = Store | str | Path | Sequence[Store | str | Path]


_BY_METHOD = "those of the method and the size; config.yaml in the run folder holds all"


@checked_arguments
def pretrain(
    data: Annotated[Stores | None, Option(str, repeat=True)] = None,
    protocol: Annotated[str | Sequence[str] | None, Option(str, repeat=True)] = None,
    *,
    out: PathLike,
    method: str | None = None,
    size: str | None = None,
    init: PathLike | Model | None = None,
    mixing: str | None = None,
    without: PathLike | None = None,
    density: Literal["fixed", "learned"] | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    devices: int | None = None,
    nodes: Annotated[int | None, Option(special=True)] = None,
    precision: Literal["32", "bf16"] | None = None,
    accumulate: int | None = None,
    clip_grad: float | None = None,
    compile: bool = False,
    logger: Annotated[Literal["wandb", "mlflow"] | None, Option(special=True)] = None,
    monitor_knn_every: int = 0,
    config: PathLike | None = None,
    resume: Resume = False,
    quiet: bool = False,
    clips: Annotated[Table | None, Fields(ClipSettings, varying=_BY_METHOD)] = None,
    model: Annotated[
        Table | None, Fields(MaskedSizes, ContrastiveSizes, DistilledSizes, varying=_BY_METHOD)
    ] = None,
    objective: Annotated[Table | None, Fields(MaskedObjective, varying=_BY_METHOD)] = None,
    contrast: Annotated[Table | None, Fields(ContrastiveObjective, varying=_BY_METHOD)] = None,
    distil: Annotated[Table | None, Fields(DistilledObjective, varying=_BY_METHOD)] = None,
    training: Annotated[Table | None, Fields(TrainingConfig, varying=_BY_METHOD)] = None,
) -> Model:
    """Learn a representation of actions from skeletons without labels.

    Method and size decide the settings; what is given here, or in the file, wins. Several stores are one data
    set.

    Args:
        data: store to learn from, repeatable
        protocol: learn from its training side: one for all stores, or one for each; default: all,
            every sequence
        out: folder for the run
        method: stjd-mp-visible (default), stjd-mp, mamp, mae; contrastive: stjd-cl-positions, stjd-cl,
            random-cl, moco; distilled: stjd-d, slim
        size: tiny, small or base (default); masked methods also have demo and compact
        init: masked methods: weights to start from, a run folder (no package: it has no decoder) or a
            published .pth file
        mixing: with several stores: size (default) or equal shares of each
        without: CSV with a column 'name' of recordings that are not learned from, as 'skelact browse'
            saves it
        density: how the joint density comes about; short for --objective.density or
            --contrast.detector.density
        epochs: short for --training.epochs
        seed: short for --training.seed
        devices: short for --training.devices
        nodes: short for --training.nodes
        precision: short for --training.precision
        accumulate: short for --training.accumulate
        clip_grad: short for --training.clip_grad
        compile: short for --training.compile true
        logger: short for --training.logger
        monitor_knn_every: epochs from one look at nearest neighbours within the training side to the next;
            0 for none
        config: YAML file with any of these settings
        resume: go on with the interrupted run in --out; auto: if it has begun, else begin it
        quiet: no progress line
        clips: how sequences become clips
        model: sizes of the networks
        objective: masked methods: what is hidden and what is predicted
        contrast: contrastive methods: what is compared with what
        distil: distilled methods: what a student must tell of what its teacher sees
        training: how long and how fast

    Returns:
        The trained model.

    Raises:
        ConfigurationError: no data, an unknown setting (the closest is named) or one that does
            not fit the method or the data.
        DataError: no such store, a run folder that is taken, or weights that cannot be started from.
        RunStoppedError: the run was asked to stop; ``resume`` goes on.

    Example:
        >>> skelact.pretrain("stores/msr", "xsub", out="runs/a", size="small", epochs=480,
        ...                  clips={"min_crop_frames": 16})
    """
    short = {
        "epochs": epochs,
        "seed": seed,
        "devices": devices,
        "nodes": nodes,
        "precision": precision,
        "accumulate": accumulate,
        "clip_grad": clip_grad,
        "compile": compile or None,
        "logger": logger,
    }
    tables = {
        "clips": clips,
        "model": model,
        "objective": objective,
        "contrast": contrast,
        "distil": distil,
        "training": training,
    }
    given = {
        "data": _names("data", data),
        "protocol": _names("protocol", protocol),
        "mixing": mixing,
        "without": None if without is None else str(without),
        "method": method,
        "size": size,
        "init": str(init.run if isinstance(init, Model) else init) if init is not None else None,
        **tables,
    }
    run = compose(config, given, short, density)
    from skelact.compat.published_weights import load_initial_weights
    from skelact.pretraining.run import pretrain as train

    left_out = None if run.without is None else LeftOut.read(run.without)
    train(
        run,
        Path(out),
        resume=resume,
        left_out=left_out,
        load_initial=load_initial_weights,
        callbacks=_monitors(run, monitor_knn_every, left_out),
        figure_callbacks=_drawings(run, left_out),
        title="" if quiet else None,
    )
    return Model(out)


_FOUND = ("data_hash", "left_out", "init_weights")
"""What ``config.yaml`` of a run tells beside its settings: it may be the file of another one."""


def compose(
    config: PathLike | None, given: Table, short: Table | None = None, density: str | None = None
) -> Run:
    """Return the configuration of a run: its method's settings, under those of a file, under those given.

    Args:
        config: a YAML file.
        given: settings as such a file holds them; None is a setting that is not given.
        short: those of the training, likewise.
        density: how the density comes about, wherever the method has that setting.

    Raises:
        ConfigurationError: an unknown method, size or setting, a value that does not fit, or no data.
    """
    own = {key: value for key, value in given.items() if value is not None}
    file = {} if config is None else read_table(Path(config))
    is_of_run = any(key in file for key in _FOUND)
    file = {
        key: value for key, value in file.items() if key not in _FOUND and not (is_of_run and value is None)
    }
    method = own["method"] if "method" in own else str(file.get("method", DEFAULT_METHOD))
    size = own["size"] if "size" in own else str(file.get("size", DEFAULT_SIZE))
    family = find_method(method).family
    schema, where = family.settings, f"method {method}"
    check_keys(file, schema, str(config))
    if "init" in own and not family.starts_from_weights:
        raise ConfigurationError(f"{where} does not start from other weights; leave out --init")
    for key in own.keys() - set(schema.__dataclass_fields__):
        (first, *_) = flatten({key: own[key]})
        raise ConfigurationError(f"{where} has no --{first}; leave it out")
    if density is not None:
        if family.density_setting is None:
            raise ConfigurationError(f"{where} has no --density: that of positions decides; leave it out")
        long = flatten(own).get(family.density_setting, density)
        if long != density:
            raise ConfigurationError(
                f"--density {density}, --{family.density_setting} {long}: give one of them"
            )
        own = merge(own, nested({family.density_setting: density}))
    shorts = {key: value for key, value in (short or {}).items() if value is not None}
    refuse_two_values(shorts, own.get("training", {}))
    typed = merge(own, {"training": shorts} if shorts else {})
    own = merge(file, typed)
    own["data"], own["protocol"] = (_names(name, own.get(name)) or [] for name in ("data", "protocol"))
    if not own["data"]:
        raise ConfigurationError("pretrain: --data is missing")
    own["protocol"] = own["protocol"] or [ALL]
    if own.get("mixing") not in (None, "size", "equal"):
        raise ConfigurationError(
            f"mixing: no way {own['mixing']!r}{suggest(str(own['mixing']), ['size', 'equal'])}"
        )
    needed = {key: own[key] for key in ("data", "protocol")}
    is_flat = _are_flat(own["data"])
    if is_of_run:
        of_file = flatten(file).keys() - flatten(typed).keys()
        own = dict(find_method(method).useful(size, own, of_file, flat=is_flat))
    try:
        return find_method(method).run(size, own, flat=is_flat)
    except IdleSettingError as error:
        if error.name in flatten(typed):
            raise
        raise ConfigurationError(
            f"{config}: {error.name} has no effect beside the other settings; remove it there"
        ) from error
    except ConfigurationError as error:
        name_file(error, config, lambda: find_method(method).run(size, {**file, **needed}, flat=is_flat))
        raise


def _are_flat(folders: Sequence[str]) -> bool:
    """Tell whether the stores hold 2-D positions; one that cannot be opened is told when it is used."""
    known = []
    for folder in folders:
        with contextlib.suppress(DataError):
            known.append(Store.open(folder).num_coordinates == 2)
    return bool(known) and all(known)


def _names(option: str, value: Any) -> list[str] | None:
    """Return what was given for an option that may be given several times: stores and names as text.

    Raises:
        ConfigurationError: something else than names.
    """
    if value is None:
        return None
    values = [value] if isinstance(value, str | Path | Store) else value
    if not isinstance(values, Sequence) or not all(isinstance(each, str | Path | Store) for each in values):
        raise ConfigurationError(f"{option}: got {value!r}, expected a name or a list of names")
    return [str(each.path if isinstance(each, Store) else each) for each in values]


def _monitors(config: Run, every: int, left_out: LeftOut | None) -> list[KnnMonitor]:
    """Return a kNN monitor for every store, or none where ``every`` is 0."""
    if every == 0:
        return []
    from skelact.evaluation.knn_monitor import KnnMonitor

    stores = [Store.open(folder) for folder in config.data]
    suffixes = [""] if len(stores) == 1 else [f"_{store.path.name}" for store in stores]
    return [
        KnnMonitor(store, protocol, config.clips, every, config.training.seed, suffix, left_out)
        for store, (_, protocol), suffix in zip(stores, config.sides, suffixes, strict=True)
    ]


def _drawings(config: Run, left_out: LeftOut | None) -> list[Any]:
    """Return what draws for TensorBoard, from the first training sequence, or nothing where it is off."""
    if not config.training.tensorboard:
        return []
    from skelact.reports.training_figures import TrainingFigures  # imports matplotlib

    folder, protocol = config.sides[0]
    store = Store.open(folder)
    (first, *_) = training_side(store, protocol, left_out).train.tolist()
    return [TrainingFigures(store, first, config.clips)]

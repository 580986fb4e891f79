"""Cross-validation: an evaluation under a protocol of several folds is that evaluation of every fold."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from skelact.api.evaluations.inputs import read_left_out
from skelact.api.evaluations.result import Result, mean_line
from skelact.api.model import Model, as_model
from skelact.configuration import read_table
from skelact.errors import ConfigurationError, SkelactWarning
from skelact.formats.protocol import Protocol
from skelact.store.protocols import folds_of, labelled, split, without
from skelact.store.store import Store, as_store

FOLD = "{fold}"
"""In the path of a run, stands for each fold's name."""
_SHOWN = 4
"""Values of the attribute that a fold's line names at most."""

F = TypeVar("F", bound=Callable[..., Result])


def over_folds(evaluate: F) -> F:
    """Let an evaluation take a protocol of several folds.

    It is then done for every fold, and the results are joined to one, which is returned: means over the folds
    and their spread. ``{fold}`` in the path of the run stands for the fold's name, so that every fold is
    evaluated with a run of its own; so does each training of the encoder get a folder of its own below
    ``out``.
    """

    @wraps(evaluate)
    def call(*arguments: Any, **settings: Any) -> Result:
        given = dict(zip(names, arguments, strict=False)) | settings
        store = as_store(given["data"])
        folds = folds_of(store, given["protocol"])
        if len(folds) < 2:
            return evaluate(*arguments, **settings)
        return _each(evaluate, given, store, folds)

    names = list(inspect.signature(evaluate).parameters)
    return call  # type: ignore[return-value]


def _each(
    evaluate: Callable[..., Result], given: Mapping[str, Any], store: Store, folds: tuple[Protocol, ...]
) -> Result:
    from skelact.results.folds import join_folds

    protocol, run, out = given["protocol"], given.get("run"), given.get("out")
    if any(given.get(name) is not None for name in ("share", "count", "subset")):
        raise ConfigurationError(
            f"{protocol} has {len(folds)} folds, each with labels of its own; give one, e.g. {folds[0].name}"
        )
    if _num_processes(given) > 1:
        raise ConfigurationError(
            f"{protocol} has {len(folds)} folds, which are evaluated on one device; leave the devices out, "
            f"or give one fold, e.g. {folds[0].name}"
        )
    is_told = False
    if run is not None and FOLD not in str(run) and not given.get("untrained", False):
        is_told = _warn_of_seen(as_model(run), store, folds)
    if "k" in inspect.signature(evaluate).parameters and given.get("k") is None:
        from skelact.evaluation.knn import possible_ks

        left_out = read_left_out(given.get("without"), store)
        sides = [without(store, split(store, fold.name), left_out) for fold in folds]
        sizes = [len(labelled(store, each, warn=False).train) for each in sides]
        given = {**given, "k": list(possible_ks(min(sizes)))}  # the same neighbours in every fold
    results = []
    for fold in folds:
        own: dict[str, Any] = {"data": store, "protocol": fold.name}
        if run is not None:
            own["run"] = run if isinstance(run, Model) else str(run).replace(FOLD, fold.name)
        if out is not None:
            own["out"] = Path(out) / fold.name
            resume = given.get("resume", False)
            own["resume"] = own["out"].exists() if resume is True else resume  # auto says so itself
        with warnings.catch_warnings() if is_told else nullcontext():
            if is_told:  # once for all folds
                warnings.filterwarnings("ignore", "the encoder was .*to keep them unseen", SkelactWarning)
            results.append(evaluate(**{**given, **own}))
    if out is None:
        assert run is not None  # an evaluation without a run has a folder
        of_each = not isinstance(run, Model) and FOLD in str(run)
        out = Path(str(run).replace(FOLD, protocol)) if of_each else as_model(run).results
    path, content = join_folds(protocol, [each.path for each in results], Path(out))
    method = content["model"].get("method", "unknown") if content["trained"] else "untrained"
    if run is not None and FOLD not in str(run) and content["trained"]:
        method = as_model(run).name  # of a shipped model that which it is known by
    tested = f"{len(folds)} folds, {content['num_test']} test sequences"
    lines = [f"{method} on {store.data_set} {protocol}: {tested}"]
    width = max(len(fold.name) for fold in folds)
    variants = {"": content["metrics"]} if "top1" in content["metrics"] else content["metrics"]
    first = next(iter(variants))  # what a result's numbers are where there are several variants
    for fold, each in zip(folds, results, strict=True):
        numbers = _fold_line(f"{fold.name:<{width}}  {f'{first}: ' if first else ''}", each)
        lines.append(f"{numbers}   {_tested(store, fold, each)}")
    for name, metrics in variants.items():
        lines.append(f"  {f'{name}: ' if name else ''}{mean_line(metrics)}")
    return Result(path, content, "\n".join([*lines, f"  {path}"]))


def _num_processes(given: Mapping[str, Any]) -> int:
    """Return the most processes that an option or a file of settings asks for."""
    file = {} if given.get("config") is None else read_table(Path(given["config"])).get("training")
    tables = [table for table in (given, file, given.get("training")) if isinstance(table, Mapping)]
    told = [table.get(key) for table in tables for key in ("devices", "nodes")]
    return max((number for number in told if isinstance(number, int)), default=1)


def _fold_line(name: str, result: Result) -> str:
    top1, mean_class = 100 * result.top1, 100 * result.mean_class
    return f"  {name}top-1 {top1:5.1f} %   mean of classes {mean_class:5.1f} %"


def _tested(store: Store, fold: Protocol, result: Result) -> str:
    """Return how many sequences a fold tests, and of whom."""
    values = np.unique(np.asarray(store.attribute(fold.attribute))[split(store, fold.name).test])
    names = store.attribute_values(fold.attribute)
    words = [str(value) if names is None else names[value] for value in values.tolist()]
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{result.content['num_test']:,} of {fold.attribute} {', '.join(words[:_SHOWN])}{more}"


def _warn_of_seen(model: Model, store: Store, folds: tuple[Protocol, ...]) -> bool:
    """Warn where one model, which learned from the store, is evaluated on folds; return whether it did."""
    learned = model.card.get("data_hash") == store.content_hash
    if learned:
        warnings.warn(
            f"{model.run}: learned from this store, and so from sequences that folds test; to evaluate each "
            f"with a run that learned from its training side, write {FOLD} in --run for the fold's name "
            f"({', '.join(fold.name for fold in folds[:2])}, ...)",
            SkelactWarning,
            stacklevel=4,
        )
    return learned

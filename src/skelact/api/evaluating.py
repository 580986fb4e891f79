"""Evaluate a model by the name of the evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from skelact.api.evaluations.result import Result
from skelact.api.model import Run
from skelact.configuration import keywords_of
from skelact.errors import ConfigurationError, printable, suggest
from skelact.store.store import Data
from skelact.typed_values import fitted

EVALUATIONS = {
    "linear": "linear:linear",
    "linear-fast": "linear:linear_fast",
    "ridge": "linear:ridge",
    "knn": "neighbours:knn",
    "retrieval": "neighbours:retrieval",
    "one-shot": "neighbours:one_shot",
    "detection": "detection:detection",
    "finetune": "finetuning:finetune",
    "semi": "finetuning:semi",
    "transfer": "finetuning:transfer",
    "supervised": "finetuning:supervised",
    "ensemble": "ensemble:ensemble",
}
"""The evaluations by name: the module of :mod:`skelact.api.evaluations` and the function."""


def evaluate(
    evaluation: str,
    run: Run | Sequence[Run] | None = None,
    data: Data | None = None,
    protocol: str | None = None,
    /,
    **settings: Any,
) -> Result:
    """Evaluate a model: ``skelact.evaluate("linear", model, store, "xsub")``.

    Args:
        evaluation: linear, linear-fast, ridge, knn, retrieval, one-shot, detection (of a frozen encoder);
            finetune, semi, transfer, supervised (which train it, and need ``out``); ensemble (of several
            runs).
        run: a model or its run folder; of an ensemble a list of them; None for supervised.
        data: a store or its folder; none for an ensemble.
        protocol: e.g. ``xsub``; none for one-shot and an ensemble.
        settings: those of the evaluation, as on its command line; tables as mappings:
            ``training={"epochs": 20}``.

    Returns:
        The result, whose file is the one that the command writes.

    Raises:
        ConfigurationError: no such evaluation or setting (the closest is named), or a value that does not
            fit.
        DataError: no model or no store at the place named.

    Example:
        >>> skelact.evaluate("knn", "runs/a", "stores/msr", "xsub", k=[1]).top1
        0.79
    """
    function = find_evaluation(evaluation)
    known = keywords_of(function)
    given = {"runs" if "runs" in known else "run": run, "data": data, "protocol": protocol}
    given = {name: value for name, value in given.items() if value is not None}
    for name in {**given, **settings}:
        if name not in known:
            raise ConfigurationError(f"evaluate {evaluation}: no setting {name!r}{suggest(name, known)}")
    result = function(**given, **settings)
    assert isinstance(result, Result)
    return result


def find_evaluation(name: str) -> Callable[..., Result]:
    """Return the function of an evaluation.

    Raises:
        ConfigurationError: there is none of this name; the message names them all.
    """
    if fitted(name, str, "evaluation") not in EVALUATIONS:
        raise ConfigurationError(
            f"no evaluation {printable(name)[:60]!r}; choose one of {', '.join(EVALUATIONS)}"
        )
    module, function = EVALUATIONS[name].split(":")
    return getattr(import_module(f"skelact.api.evaluations.{module}"), function)  # type: ignore[no-any-return]

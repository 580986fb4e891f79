"""A linear layer on frozen features: linear, as published, linear-fast, and ridge."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Literal, Unpack

import numpy as np

from skelact.api.evaluations.folds import over_folds
from skelact.api.evaluations.frozen import Evaluation, FrozenOptions
from skelact.api.evaluations.inputs import LabelOptions, choose_labelled, read_left_out, training_settings
from skelact.api.evaluations.result import Result, accuracy_lines
from skelact.api.model import Run
from skelact.configuration import Fields, Option, PathLike, Table, checked_arguments
from skelact.errors import ConfigurationError
from skelact.evaluation.settings import Balance, FastLinearConfig, LinearConfig, RidgeConfig
from skelact.models.sizes import Pooling
from skelact.store.protocols import Indices, labelled, split, without
from skelact.store.store import Data, as_store
from skelact.training.config import TrainingConfig


class FewLabelOptions(FrozenOptions, LabelOptions, total=False):
    """Which training sequences keep their labels, beside :class:`FrozenOptions`."""


# nothing is kept on disk between epochs, and the layer that is trained is too small to compile
_WITHOUT_EFFECT = ("checkpoint_every", "keep_checkpoints", "tensorboard", "compile")


@checked_arguments
@over_folds
def linear(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    untrained: bool = False,
    epochs: int | None = None,
    seed: int | None = None,
    balance: Balance | None = None,
    pooling: Pooling | None = None,
    without: PathLike | None = None,
    config: PathLike | None = None,
    training: Annotated[
        Table | None, Fields(TrainingConfig, skip=_WITHOUT_EFFECT, shipped=("evaluate", "linear"))
    ] = None,
) -> Result:
    """Train a linear layer on frozen features, as published; report the last epoch.

    Args:
        run: run folder, package, or name of a shipped model
        data: store to evaluate on
        protocol: protocol, e.g. xsub, or one of several folds, e.g. by-subject
        untrained: evaluate the same encoder before any training, to compare
        epochs: short for --training.epochs
        seed: short for --training.seed
        balance: make classes of unequal size count alike, by sampling or by the loss (default: none)
        pooling: what stands side by side in an embedding: joints, their moments,
            bodies, or both (default: mean)
        without: CSV with a column 'name' of recordings that neither train nor test, as 'skelact browse'
            saves it
        config: YAML file with any of these settings
        training: how the layer is trained

    Raises:
        ConfigurationError: an unknown setting, or a protocol or skeletons that do not fit.
        DataError: no model or no store at the place named.
    """
    from skelact.evaluation.linear import evaluate_linear
    from skelact.training.devices import make_fabric

    given = {"training": training, "balance": balance, "pooling": pooling}
    chosen = training_settings("linear", LinearConfig, config, given, epochs, seed, _WITHOUT_EFFECT)
    settings = chosen.training
    subject = Evaluation.of(
        run,
        data,
        protocol,
        make_fabric(settings),
        untrained=untrained,
        seed=settings.seed,
        left_out=without,
    )
    metrics = evaluate_linear(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        settings,
        fabric=subject.fabric,
        balance=chosen.balance,
        pooling=chosen.pooling,
    )
    about = f"linear evaluation, last of {settings.epochs} epochs, seed {settings.seed}"
    about += subject.ways(chosen.pooling, chosen.balance)
    configuration = {"seed": settings.seed, **asdict(chosen)}
    return subject.write("linear", configuration, metrics, [about, *accuracy_lines(metrics)])


@checked_arguments
@over_folds
def linear_fast(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    crops: int = FastLinearConfig.crops,
    l2: list[float] = list(FastLinearConfig.l2),  # noqa: B006
    held_out: float = FastLinearConfig.held_out,
    max_iterations: int = FastLinearConfig.max_iterations,
    tolerance: float = FastLinearConfig.tolerance,
    pooling: Pooling = FastLinearConfig.pooling,
    balance: Literal["none", "loss"] = FastLinearConfig.balance,
    **options: Unpack[FrozenOptions],
) -> Result:
    """Linear evaluation in seconds: logistic regression on frozen features that are computed once.

    For quick comparisons; 'skelact evaluate linear' is the published recipe.

    Args:
        run: run folder, package, or name of a shipped model
        data: store to evaluate on
        protocol: protocol, e.g. xsub, or one of several folds, e.g. by-subject
        crops: random training crops of each sequence, beside its centre crop
        l2: strengths of the regularisation to choose from
        held_out: share of the training sequences on which the strength is chosen
        max_iterations: steps of L-BFGS for each strength
        tolerance: L-BFGS ends where no entry of the gradient is larger
        pooling: what stands side by side in an embedding: joints, their moments, bodies or both
        balance: make classes of unequal size count alike by the loss

    Raises:
        ConfigurationError, DataError: as of :func:`linear`.
    """
    from skelact.evaluation.fast_linear import evaluate_fast_linear

    settings = FastLinearConfig(
        crops, l2, held_out, max_iterations, tolerance, options.get("seed", 0), pooling, balance
    )
    subject = Evaluation.frozen(run, data, protocol, options)
    metrics = evaluate_fast_linear(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        settings,
        fabric=subject.fabric,
        title="features",
    )
    tried = len(metrics.held_out_accuracy) or 1
    about = f"logistic regression, l2 {metrics.l2:g} of {tried} strengths, seed {settings.seed}"
    lines = [about + subject.ways(pooling, balance)]
    if not metrics.converged:
        lines.append(f"  not converged after {settings.max_iterations} steps; try a larger --max-iterations")
    return subject.write("linear-fast", asdict(settings), metrics, [*lines, *accuracy_lines(metrics)])


@checked_arguments
@over_folds
def ridge(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    l2: list[float] = list(RidgeConfig.l2),  # noqa: B006
    pooling: Pooling = RidgeConfig.pooling,
    unlabelled: bool = False,
    **options: Unpack[FewLabelOptions],
) -> Result:
    """Fit a linear layer by ridge regression to frozen features that are computed once.

    The layer sees the moments of each joint's features over time: their mean and standard deviation. The
    strength is chosen on training people held out, where they are known. 'skelact evaluate linear' is the
    published recipe.

    Args:
        run: run folder, package, or name of a shipped model
        data: store to evaluate on
        protocol: protocol, e.g. xsub, or one of several folds, e.g. by-subject
        l2: strengths of the regularisation to choose from
        pooling: what stands side by side in an embedding: joints, their moments, bodies or both
        unlabelled: training sequences whose label is not known, or not kept, teach as well: in ten rounds
            ever more of them learn along, each as what the layer takes it for

    Raises:
        ConfigurationError, DataError: as of :func:`linear`; or every training sequence keeps its label.
    """
    from skelact.evaluation.folds import people_of
    from skelact.evaluation.ridge import evaluate_ridge

    settings = RidgeConfig(l2, pooling, unlabelled, options.get("seed", 0))
    subject, others = _with_few_labels(run, data, protocol, options, unlabelled)
    metrics = evaluate_ridge(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        settings,
        people_of(subject.store),
        unlabelled=others,
        fabric=subject.fabric,
        title="features",
    )
    about = f"ridge regression, l2 {metrics.l2:g}"
    if metrics.held_out_accuracy:
        held_out = 100 * metrics.held_out_accuracy[metrics.l2]
        about += f" of {len(settings.l2)} strengths ({metrics.folds}: {held_out:.1f} %)"
    if others is not None:
        about += f", {len(others):,} without a label taught as well"
    lines = [about + subject.ways(pooling), *accuracy_lines(metrics)]
    return subject.write("ridge", asdict(settings), metrics, lines)


def _with_few_labels(
    run: Run, data: Data, protocol: str, options: FewLabelOptions, unlabelled: bool
) -> tuple[Evaluation, Indices | None]:
    """Return what is evaluated, and the training sequences that teach without a label, if they do.

    Raises:
        ConfigurationError: none is without.
    """
    store = as_store(data)
    found = split(store, protocol)
    sides = labelled(store, found, warn=not unlabelled)
    if unlabelled:  # of the training side none is left out
        sides = labelled(store, replace(found, train=sides.train))
    subject = Evaluation.frozen(run, store, protocol, options, sides)
    subset = choose_labelled(options, store, protocol, subject.split, options.get("seed", 0))
    if subset is not None:
        subject = replace(subject, split=replace(subject.split, train=subset.indices), subset=subset)
    if not unlabelled:
        return subject, None
    left_out = read_left_out(options.get("without"), store)
    others = np.setdiff1d(without(store, found, left_out).train, subject.split.train)
    if not len(others):
        raise ConfigurationError(
            "--unlabelled has no effect: every training sequence keeps its label; --share, --count or "
            "--subset says which do, under a protocol of one fold"
        )
    return subject, others

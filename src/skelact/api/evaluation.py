"""Evaluations of a frozen encoder: each writes a result file into the run folder, and returns it.

:func:`evaluate` calls them by name, and those of :mod:`skelact.api.finetuning` too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Unpack

from skelact.api.evaluating import (
    Evaluation,
    FrozenOptions,
    Result,
    Run,
    accuracy_lines,
    training_settings,
)
from skelact.api.folds import over_folds
from skelact.api.model import Model, as_model
from skelact.configuration import (
    Fields,
    Option,
    PathLike,
    Table,
    checked_arguments,
    instantiate,
    keywords_of,
)
from skelact.detection.settings import DetectionConfig, LayerConfig, SegmentConfig, WindowConfig
from skelact.errors import ConfigurationError, suggest
from skelact.evaluation.settings import Balance, FastLinearConfig, LinearConfig, RidgeConfig
from skelact.models.sizes import Pooling
from skelact.store.protocols import Split, split
from skelact.store.store import Data, as_store
from skelact.training.config import TrainingConfig
from skelact.typed_values import fitted

if TYPE_CHECKING:
    pass

EVALUATIONS = {
    "linear": "evaluation:linear",
    "linear-fast": "evaluation:linear_fast",
    "ridge": "evaluation:ridge",
    "knn": "evaluation:knn",
    "retrieval": "evaluation:retrieval",
    "one-shot": "evaluation:one_shot",
    "detection": "evaluation:detection",
    "finetune": "finetuning:finetune",
    "semi": "finetuning:semi",
    "transfer": "finetuning:transfer",
    "supervised": "finetuning:supervised",
    "ensemble": "evaluation:ensemble",
}
"""The evaluations by name: the module of this folder and the function."""


# nothing is kept on disk between epochs, and the layer that is trained is too small to compile
_WITHOUT_EFFECT = ("checkpoint_every", "keep_checkpoints", "tensorboard", "compile")


def _ways(pooling: Pooling, balance: Balance = "none") -> str:
    """Return what the printed lines say of pooling and balance; nothing of the usual ones."""
    beside = "" if pooling == "mean" else f", {pooling.replace('-', ' ')} side by side"
    return beside + ("" if balance == "none" else f", classes balanced by {balance}")


def _recorded(pooling: Pooling) -> dict[str, str]:
    """Return what a result without a data class of settings tells of the pooling: nothing of the mean."""
    return {} if pooling == "mean" else {"pooling": pooling}


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
    training: Annotated[Table | None, Fields(TrainingConfig, skip=_WITHOUT_EFFECT)] = None,
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
    about += _ways(chosen.pooling, chosen.balance)
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
    about = f"logistic regression, l2 {metrics.l2:g} of {len(settings.l2)} strengths, seed {settings.seed}"
    lines = [about + _ways(pooling, balance)]
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
    **options: Unpack[FrozenOptions],
) -> Result:
    """Fit a linear layer by ridge regression to frozen features that are computed once.

    The layer sees the moments of each joint's features over time: their mean and standard deviation. The
    strength is chosen on training people held out, where they are known. 'skelact evaluate linear' is the
    published recipe.

    Args:
        run: run folder of 'skelact pretrain'
        data: store to evaluate on
        protocol: protocol, e.g. xsub, or one of several folds, e.g. by-subject
        l2: strengths of the regularisation to choose from
        pooling: what stands side by side in an embedding: joints, their moments, bodies or both

    Raises:
        ConfigurationError, DataError: as of :func:`linear`.
    """
    from skelact.evaluation.folds import people_of
    from skelact.evaluation.ridge import evaluate_ridge

    settings = RidgeConfig(l2, pooling, options.get("seed", 0))
    subject = Evaluation.frozen(run, data, protocol, options)
    metrics = evaluate_ridge(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        settings,
        people_of(subject.store),
        fabric=subject.fabric,
        title="features",
    )
    about = f"ridge regression, l2 {metrics.l2:g}"
    if metrics.held_out_accuracy:
        held_out = 100 * metrics.held_out_accuracy[metrics.l2]
        about += f" of {len(settings.l2)} strengths ({metrics.folds}: {held_out:.1f} %)"
    lines = [about + _ways(pooling), *accuracy_lines(metrics)]
    return subject.write("ridge", asdict(settings), metrics, lines)


@checked_arguments
@over_folds
def knn(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    k: list[int] | None = None,
    tau: float = 0.1,
    pooling: Pooling = "mean",
    standardise: bool = False,
    **options: Unpack[FrozenOptions],
) -> Result:
    """Classify test sequences by the nearest training sequences in the space of frozen features.

    Args:
        run: run folder, package, or name of a shipped model
        data: store to evaluate on
        protocol: protocol, e.g. xsub, or one of several folds, e.g. by-subject
        k: numbers of neighbours; default: 1, 10 and 20, as far as there are so many training sequences
        tau: temperature of the neighbours' votes
        pooling: what stands side by side in an embedding: joints, their moments, bodies or both
        standardise: measure each feature from its mean, in its standard deviation over the training side

    Raises:
        ConfigurationError, DataError: as of :func:`linear`.
    """
    from skelact.evaluation.knn import evaluate_knn, possible_ks

    subject = Evaluation.frozen(run, data, protocol, options)
    ks = possible_ks(len(subject.split.train)) if k is None else k
    metrics = evaluate_knn(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        ks=ks,
        tau=tau,
        fabric=subject.fabric,
        title="features",
        pooling=pooling,
        standardise=standardise,
    )
    scored = {f"k={number}": each for number, each in metrics.items()}
    lines = [
        f"  {number:>3} nearest: top-1 {100 * each.top1:5.1f} %, "
        f"mean of classes {100 * each.mean_class_accuracy:5.1f} %"
        for number, each in metrics.items()
    ]
    ways = (_ways(pooling) + (", standardised" if standardise else "")).removeprefix(", ")
    lines = [f"  {ways}", *lines] if ways else lines
    configuration = {"seed": options.get("seed", 0), "k": list(ks), "tau": tau, **_recorded(pooling)}
    configuration |= {"standardise": True} if standardise else {}
    numbers = {name: each.to_dict() for name, each in scored.items()}
    return subject.write("knn", configuration, numbers, lines, scored=scored)


@checked_arguments
@over_folds
def retrieval(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    pooling: Pooling = "mean",
    **options: Unpack[FrozenOptions],
) -> Result:
    """Rank the training sequences by cosine for every test sequence, in the space of frozen features.

    Args:
        run: run folder, package, or name of a shipped model
        data: store to evaluate on
        protocol: protocol, e.g. xsub, or one of several folds, e.g. by-subject
        pooling: what stands side by side in an embedding: joints, their moments, bodies or both

    Raises:
        ConfigurationError, DataError: as of :func:`linear`.
    """
    from skelact.evaluation.retrieval import evaluate_retrieval

    subject = Evaluation.frozen(run, data, protocol, options)
    metrics = evaluate_retrieval(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        fabric=subject.fabric,
        title="features",
        pooling=pooling,
    )
    lines = [
        f"  nearest has the right action   {100 * metrics.top1:5.1f} %",
        f"  mean of classes                {100 * metrics.mean_class_accuracy:5.1f} %",
        f"  mean average precision         {100 * metrics.mean_average_precision:5.1f} %",
    ]
    if metrics.num_without_answer:
        lines.append(
            f"  {metrics.num_without_answer} sequences of actions that the training side does not have"
        )
    return subject.write("retrieval", {"seed": options.get("seed", 0), **_recorded(pooling)}, metrics, lines)


@checked_arguments
def one_shot(
    run: Annotated[Run, Option(str)],
    data: Data,
    *,
    novel: list[str] | None = None,
    examples: list[str] | None = None,
    **options: Unpack[FrozenOptions],
) -> Result:
    """Recognise novel actions from one example each, by the nearest example in the space of frozen features.

    On NTU RGB+D 120 the 20 novel actions and their examples are the published ones.

    Args:
        run: run folder, package, or name of a shipped model
        data: store to evaluate on
        novel: names of the novel classes; default: those of NTU RGB+D 120
        examples: names of one sequence of each; default: the published ones, or the first by name

    Raises:
        ConfigurationError: as of :func:`linear`, or an encoder that was trained with labels of a novel class.
        DataError: as of :func:`linear`.
    """
    from skelact.evaluation.one_shot import SEEN_BEFORE, evaluate_one_shot, one_shot_task, refuse_labelled

    if "without" in options:
        raise ConfigurationError("one-shot has no split: name the --examples; leave --without out")
    store, model = as_store(data), as_model(run)
    task = one_shot_task(store, novel, examples)
    refuse_labelled(str(model.run), model.pretrained, task)
    sides = Split(task.examples, task.queries)
    subject = Evaluation.frozen(model, store, "one-shot", options, sides)
    metrics = evaluate_one_shot(
        subject.pretrained.encoder, subject.source, task, fabric=subject.fabric, title="features"
    )
    was_seen = subject.trained and store.data_set in str(model.card.get("data_set", "")).split("+")
    configuration = {
        "seed": options.get("seed", 0),
        "novel": list(task.novel),
        "examples": [store.names[place] for place in task.examples],
        "choice_of_examples": task.choice,
        "remark": SEEN_BEFORE if was_seen else None,
    }
    method = model.method if subject.trained else "untrained"
    head = f"{method} on {store.data_set}: {len(task.queries)} sequences of {len(task.novel)} novel actions"
    lines = [f"  one example each ({task.choice})", *accuracy_lines(metrics)]
    if was_seen:
        lines.append(f"  remark: {SEEN_BEFORE}")
    return subject.write("one-shot", configuration, metrics, lines, class_names=task.novel, head=head)


@checked_arguments
def detection(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    windows: Annotated[Table | None, Fields(WindowConfig)] = None,
    layer: Annotated[Table | None, Fields(LayerConfig)] = None,
    segments: Annotated[Table | None, Fields(SegmentConfig)] = None,
    **options: Unpack[FrozenOptions],
) -> Result:
    """Detect actions in untrimmed recordings: a linear layer on features of every frame, then segments.

    The store is one of 'skelact data prepare pku1 RAW STORE --untrimmed'. The result has the mAP over actions
    (mAP_a) and over videos (mAP_v) at overlaps 0.1 to 0.9; the detections stand in a CSV beside it.

    Args:
        run: run folder, package, or name of a shipped model
        data: store of untrimmed recordings
        protocol: protocol, e.g. xsub
        windows: how windows slide over a recording
        layer: the layer that says what a frame shows
        segments: how scores of frames become segments

    Raises:
        ConfigurationError, DataError: as of :func:`linear`; or a store without intervals.
    """
    from skelact.detection.detection import evaluate_detection
    from skelact.detection.metrics import detections_csv

    settings = DetectionConfig(
        instantiate(WindowConfig, windows or {}, "windows"),
        instantiate(LayerConfig, layer or {}, "layer"),
        instantiate(SegmentConfig, segments or {}, "segments"),
        options.get("seed", 0),
    )
    store = as_store(data)
    subject = Evaluation.frozen(run, store, protocol, options, split(store, protocol))
    found = evaluate_detection(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        settings,
        fabric=subject.fabric,
        title="features",
    )
    lines = [
        f"logistic regression on {found.num_frames:,} frames, l2 {found.l2:g}, seed {settings.seed}",
        *(f"  {remark}" for remark in found.remarks(subject.store.class_names)),
        found.metrics.table(),
    ]
    beside = {".csv": detections_csv(found.metrics.detections)}
    return subject.write("detection", asdict(settings), found.to_dict(), lines, scored={}, beside=beside)


@checked_arguments
def ensemble(
    runs: Annotated[Sequence[Run], Option(str, words=True)],
    *,
    out: PathLike,
    evaluation: str = "linear",
    weights: list[float] | None = None,
) -> Result:
    """Add up the class scores of several evaluated runs, such as joint, bone and motion streams.

    Args:
        runs: run folders that were evaluated, or result files
        out: folder for the result
        evaluation: in run folders, of which evaluation
        weights: one for each run; default: 1 each

    Raises:
        DataError: a run without such a result, or results of other test sequences.
    """
    from skelact.results.ensemble import combine, describe_member, ensemble_result, find_member
    from skelact.results.files import write_result

    started = time.perf_counter()
    folders = [each.run if isinstance(each, Model) else Path(each) for each in runs]
    members = [find_member(folder, evaluation) for folder in folders]
    factors = weights or [1.0] * len(members)
    metrics = combine(members, factors)
    content = ensemble_result(members, factors, metrics, time.perf_counter() - started)
    path = write_result(Path(out), content, members[0].scores.names, {"": metrics})
    lines = [f"{content['evaluation']} on {content['data_set']} {content['protocol']}: {len(members)} runs"]
    for factor, member in zip(factors, members, strict=True):
        top1 = 100 * member.content["metrics"]["top1"]
        lines.append(f"  {factor:g} x top-1 {top1:5.1f} %  {describe_member(member)}  {member.path}")
    return Result(path, content, "\n".join([*lines, *accuracy_lines(metrics), f"  {path}"]))


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
        ConfigurationError: there is none of this name; the closest is named.
    """
    if fitted(name, str, "evaluation") not in EVALUATIONS:
        raise ConfigurationError(f"no evaluation {name!r}{suggest(name, EVALUATIONS)}")
    module, function = EVALUATIONS[name].split(":")
    return getattr(import_module(f"skelact.api.{module}"), function)  # type: ignore[no-any-return]

"""Recognition by the nearest sequences in the space of frozen features: knn, retrieval, one-shot."""

from __future__ import annotations

from typing import Annotated, Unpack

from skelact.api.evaluations.folds import over_folds
from skelact.api.evaluations.frozen import Evaluation, FrozenOptions
from skelact.api.evaluations.result import Result, accuracy_lines
from skelact.api.model import Run, as_model
from skelact.configuration import Option, checked_arguments
from skelact.errors import ConfigurationError
from skelact.models.sizes import Pooling
from skelact.store.protocols import Split
from skelact.store.store import Data, as_store


def _recorded(pooling: Pooling) -> dict[str, str]:
    """Return what a result without a data class of settings tells of the pooling: nothing of the mean."""
    return {} if pooling == "mean" else {"pooling": pooling}


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
    ways = (subject.ways(pooling) + (", standardised" if standardise else "")).removeprefix(", ")
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
    method = model.name if subject.trained else "untrained"
    head = f"{method} on {store.data_set}: {len(task.queries)} sequences of {len(task.novel)} novel actions"
    lines = [f"  one example each ({task.choice})", *accuracy_lines(metrics)]
    if was_seen:
        lines.append(f"  remark: {SEEN_BEFORE}")
    return subject.write("one-shot", configuration, metrics, lines, class_names=task.novel, head=head)

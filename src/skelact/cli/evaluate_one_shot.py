"""Recognise novel actions from one example each, by the nearest example in the space of frozen features.

On NTU RGB+D 120 the 20 novel actions and their examples are the published ones.
"""

from __future__ import annotations

import time

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import evaluation
from skelact.errors import ConfigurationError
from skelact.evaluation.one_shot import OneShotTask, evaluate_one_shot, one_shot_task
from skelact.models.pretrained import Pretrained, load_pretrained
from skelact.store.protocols import Split
from skelact.store.store import Store

PROTOCOL = "one-shot"
SEEN = "the encoder met sequences of this data set, perhaps of the novel actions, in pre-training: unlabelled"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    evaluation.add_model_arguments(parser)
    parser.add_argument(
        "--novel", type=list[str] | None, help="names of the novel classes; default: those of NTU RGB+D 120"
    )
    parser.add_argument(
        "--examples",
        type=list[str] | None,
        help="names of one sequence of each; default: the published ones, or the first by name",
    )
    parser.add_argument("--seed", type=int, default=0, help="decides the weights of an untrained encoder")
    evaluation.add_device_arguments(parser)


def run(options: Namespace) -> None:
    """Evaluate, write the result file, print the accuracy and what the encoder may have seen."""
    store = Store.open(options.data)
    task = one_shot_task(store, options.novel, options.examples)
    pretrained = load_pretrained(options.run)
    refuse_labelled(options.run, pretrained, task)
    fabric = evaluation.fabric_of(options)
    sides = Split(task.examples, task.queries)
    subject = evaluation.Subject.load(options, store, PROTOCOL, sides, options.seed, fabric)
    started = time.perf_counter()
    metrics = evaluate_one_shot(
        subject.pretrained.encoder, subject.source, task, fabric=fabric, title="features"
    )
    if not subject.speaks:
        return
    seconds = time.perf_counter() - started
    seen = subject.trained and store.data_set in str(pretrained.card.get("data_set", "")).split("+")
    config = {
        "seed": options.seed,
        "novel": list(task.novel),
        "examples": [store.names[place] for place in task.examples],
        "choice_of_examples": task.choice,
        "remark": SEEN if seen else None,
    }
    path = subject.report("one-shot", config, metrics.to_dict(), {"": metrics}, seconds, task.novel)
    method = pretrained.card["method"] if subject.trained else "untrained"
    print(f"{method} on {store.data_set}: {len(task.queries)} sequences of {len(task.novel)} novel actions")
    print(f"  one example each ({task.choice})")
    print(evaluation.accuracy_lines(metrics))
    if seen:
        print(f"  remark: {SEEN}")
    print(f"  {path}")


def refuse_labelled(run: str, pretrained: Pretrained, task: OneShotTask) -> None:
    """Raise ConfigurationError where the encoder has been trained with labels of a novel class."""
    known = set(pretrained.card.get("class_names", ())) & set(task.novel)
    if known:
        raise ConfigurationError(
            f"{run}: was trained with labels of {len(known)} novel classes (one is {min(known)!r}), "
            "which are then not novel; give a run of 'skelact pretrain'"
        )

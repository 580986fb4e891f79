"""Rank the training sequences by cosine for every test sequence, in the space of frozen features."""

from __future__ import annotations

import time

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import evaluation
from skelact.evaluation.retrieval import evaluate_retrieval


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    evaluation.add_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="decides the weights of an untrained encoder")
    evaluation.add_device_arguments(parser)


def run(options: Namespace) -> None:
    """Evaluate, write the result file, print the numbers."""
    subject = evaluation.Subject.from_options(options, options.seed, evaluation.fabric_of(options))
    started = time.perf_counter()
    metrics = evaluate_retrieval(
        subject.pretrained.encoder, subject.source, subject.split, fabric=subject.fabric, title="features"
    )
    if not subject.speaks:
        return
    seconds = time.perf_counter() - started
    path = subject.report("retrieval", {"seed": options.seed}, metrics.to_dict(), {"": metrics}, seconds)
    print(subject.describe())
    print(f"  nearest has the right action   {100 * metrics.top1:5.1f} %")
    print(f"  mean average precision         {100 * metrics.mean_average_precision:5.1f} %")
    if metrics.num_without_answer:
        print(f"  {metrics.num_without_answer} sequences of actions that the training side does not have")
    print(f"  {path}")

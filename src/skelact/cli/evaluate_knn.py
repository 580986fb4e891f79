"""Classify test sequences by the nearest training sequences in the space of frozen features."""

from __future__ import annotations

import time

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import evaluation
from skelact.evaluation.knn import evaluate_knn


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    evaluation.add_arguments(parser)
    parser.add_argument("--k", type=list[int], default=[1, 10, 20], help="numbers of neighbours, e.g. [1,5]")
    parser.add_argument("--tau", type=float, default=0.1, help="temperature of the neighbours' votes")
    parser.add_argument("--seed", type=int, default=0, help="decides the weights of an untrained encoder")
    evaluation.add_device_arguments(parser)


def run(options: Namespace) -> None:
    """Evaluate, write the result file, print the accuracies."""
    subject = evaluation.Subject.from_options(options, options.seed, evaluation.fabric_of(options))
    started = time.perf_counter()
    metrics = evaluate_knn(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        ks=options.k,
        tau=options.tau,
        fabric=subject.fabric,
        title="features",
    )
    if not subject.speaks:
        return
    config = {"seed": options.seed, "k": options.k, "tau": options.tau}
    scored = {f"k={k}": each for k, each in metrics.items()}
    numbers = {name: each.to_dict() for name, each in scored.items()}
    path = subject.report("knn", config, numbers, scored, time.perf_counter() - started)
    print(subject.describe())
    for k, each in metrics.items():
        print(f"  {k:>3} nearest: top-1 {100 * each.top1:5.1f} %")
    print(f"  {path}")

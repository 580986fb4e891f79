"""Linear evaluation in seconds: logistic regression on frozen features that are computed once.

For quick comparisons; 'skelact evaluate linear' is the published recipe.
"""

from __future__ import annotations

import time
from dataclasses import asdict, fields

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import evaluation
from skelact.evaluation.fast_linear import evaluate_fast_linear
from skelact.evaluation.settings import FastLinearConfig


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    evaluation.add_arguments(parser)
    parser.add_class_arguments(FastLinearConfig)
    evaluation.add_device_arguments(parser)


def run(options: Namespace) -> None:
    """Evaluate, write the result file, print the accuracies."""
    config = FastLinearConfig(**{each.name: options[each.name] for each in fields(FastLinearConfig)})
    subject = evaluation.Subject.from_options(options, config.seed, evaluation.fabric_of(options))
    started = time.perf_counter()
    metrics = evaluate_fast_linear(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        config,
        fabric=subject.fabric,
        title="features",
    )
    if not subject.speaks:
        return
    seconds = time.perf_counter() - started
    path = subject.report("linear-fast", asdict(config), metrics.to_dict(), {"": metrics}, seconds)
    print(subject.describe())
    print(f"logistic regression, l2 {metrics.l2:g} of {len(config.l2)} strengths, seed {config.seed}")
    if not metrics.converged:
        print(f"  not converged after {config.max_iterations} steps; try a larger --max-iterations")
    print(evaluation.accuracy_lines(metrics))
    print(f"  {path}")

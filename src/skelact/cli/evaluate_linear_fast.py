"""Linear evaluation in seconds: logistic regression on frozen features that are computed once.

For quick comparisons; 'skelact evaluate linear' is the published recipe.
"""

from __future__ import annotations

import time
from dataclasses import asdict

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import evaluation
from skelact.evaluation.fast_linear import FastLinearConfig, evaluate_fast_linear


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    evaluation.add_arguments(parser)
    default = FastLinearConfig()
    parser.add_argument(
        "--crops", type=int, default=0, help="random crops a sequence, beside the centre crop"
    )
    parser.add_argument("--l2", type=list[float], default=list(default.l2), help="strengths to choose from")
    parser.add_argument(
        "--held-out", type=float, default=default.held_out, help="training share that chooses"
    )
    parser.add_argument(
        "--max-iterations", type=int, default=default.max_iterations, help="L-BFGS steps each"
    )
    parser.add_argument(
        "--tolerance", type=float, default=default.tolerance, help="largest gradient at the end"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides the crops and what is held out")
    evaluation.add_device_arguments(parser)


def run(options: Namespace) -> None:
    """Evaluate, write the result file, print the accuracies."""
    config = FastLinearConfig(
        crops=options.crops,
        l2=tuple(options.l2),
        held_out=options.held_out,
        max_iterations=options.max_iterations,
        tolerance=options.tolerance,
        seed=options.seed,
    )
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

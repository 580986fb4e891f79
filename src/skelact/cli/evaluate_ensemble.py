"""Add up the class scores of several evaluated runs, such as joint, bone and motion streams."""

from __future__ import annotations

import time
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from skelact.cli.evaluation import accuracy_lines
from skelact.results.ensemble import combine, describe_member, ensemble_result, find_member
from skelact.results.files import write_result


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--runs", type=str, nargs="+", required=True, help="run folders that were evaluated, or result files"
    )
    parser.add_argument(
        "--evaluation", type=str, default="linear", help="in run folders: linear, linear-fast, finetune ..."
    )
    parser.add_argument("--weights", type=list[float] | None, help="one for each run; default: 1 each")
    parser.add_argument("--out", type=str, required=True, help="folder for the result")


def run(options: Namespace) -> None:
    """Add the scores up, write the result file, print the accuracies."""
    started = time.perf_counter()
    members = [find_member(Path(name), options.evaluation) for name in options.runs]
    weights = options.weights or [1.0] * len(members)
    metrics = combine(members, weights)
    content = ensemble_result(members, weights, metrics, time.perf_counter() - started)
    path = write_result(Path(options.out), content, members[0].scores.names, {"": metrics})
    print(f"{content['evaluation']} on {content['data_set']} {content['protocol']}: {len(members)} runs")
    for weight, member in zip(weights, members, strict=True):
        top1 = 100 * member.content["metrics"]["top1"]
        print(f"  {weight:g} x top-1 {top1:5.1f} %  {describe_member(member)}  {member.path}")
    print(accuracy_lines(metrics))
    print(f"  {path}")

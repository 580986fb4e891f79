"""The class scores of several evaluated runs together: ensemble."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from skelact.api.evaluations.result import Result, accuracy_lines, mean_line
from skelact.api.model import Model, Run
from skelact.configuration import Option, PathLike, checked_arguments


@checked_arguments
def ensemble(
    runs: Annotated[Sequence[Run], Option(str, words=True)],
    *,
    out: PathLike,
    evaluation: str | None = None,
    weights: list[float] | None = None,
) -> Result:
    """Add up the class scores of several evaluated runs, such as joint, bone and motion streams.

    Args:
        runs: run folders that were evaluated, or result files
        out: folder for the result
        evaluation: of which evaluation (default: linear in run folders)
        weights: one for each run; default: 1 each

    Raises:
        DataError: a run without such a result, or results of other test sequences.
    """
    from skelact.results.ensemble import combine, describe_member, ensemble_result, find_member
    from skelact.results.files import write_result

    started = time.perf_counter()
    folders = [each.results if isinstance(each, Model) else Path(each) for each in runs]
    members = [find_member(folder, evaluation) for folder in folders]
    factors = [1.0] * len(members) if weights is None else weights
    metrics = combine(members, factors)
    content = ensemble_result(members, factors, metrics, time.perf_counter() - started)
    path = write_result(Path(out), content, members[0].scores.names, {"": metrics})
    lines = [f"{content['evaluation']} on {content['data_set']} {content['protocol']}: {len(members)} runs"]
    for factor, member in zip(factors, members, strict=True):
        top1 = 100 * member.content["metrics"]["top1"]
        lines.append(f"  {factor:g} x top-1 {top1:5.1f} %  {describe_member(member)}  {member.path}")
    over_folds = "spread" in content["metrics"]
    lines += [f"  {mean_line(content['metrics'])}"] if over_folds else accuracy_lines(metrics)
    return Result(path, content, "\n".join([*lines, f"  {path}"]))

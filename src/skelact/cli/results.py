"""Tabulate result files: mean and 95 % interval over seeds, and whether methods differ.

Results that differ in their seeds alone are one method. p is that of McNemar's paired test over the test
sequences, seed by seed (twice the median of several); it needs the scores that lie beside the results. Among
many comparisons some have a small p by chance. Detections are compared by mAP_a at overlap 0.5, with no test.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, Namespace

from skelact.results.statistics import MeanInterval
from skelact.results.tables import OVERLAP, Comparison, Method, compare, group, read_entries

Row = list[str]
MEASURES = {
    "top1": "top-1 %",
    "top5": "top-5 %",
    "map_a": f"mAP_a {OVERLAP} %",
    "map_v": f"mAP_v {OVERLAP} %",
}
DIFFERENCE_HEAD = ["first", "second", "difference, points", "p (McNemar)"]
CSV_NUMBERS = ["top1", "top1_half_width", "top5", "map_a", "map_a_half_width", "map_v", "p"]
CSV_HEAD = ["data_set", "protocol", "evaluation", "method", "against", "seeds", *CSV_NUMBERS]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("files", type=str, nargs="+", help="result files (.json) of 'skelact evaluate'")
    parser.add_argument(
        "--format", type=Literal["text", "markdown", "csv"], default="text", help="how the tables are written"
    )


def run(options: Namespace) -> None:
    """Print the tables."""
    methods = group(read_entries([Path(name) for name in options.files]))
    methods.sort(key=lambda method: method.table)
    comparisons = compare(methods)
    if options.format == "csv":
        write_csv(methods, comparisons)
        return
    draw = markdown if options.format == "markdown" else text
    parts = []
    for table, in_table in groupby(methods, key=lambda method: method.table):
        members, (data_set, protocol, evaluation) = list(in_table), table
        measures = [name for name in MEASURES if any(name in method.means for method in members)]
        head = ["method", "seeds", *(MEASURES[name] for name in measures)]
        title = f"{data_set} {protocol}, {evaluation}"
        parts.append(f"### {title}\n" if options.format == "markdown" else title)
        parts.append(draw(head, [method_row(method, measures) for method in members]))
        own = [comparison for comparison in comparisons if comparison.first.table == table]
        if own:
            parts.append(draw(DIFFERENCE_HEAD, [difference_row(comparison) for comparison in own]))
    print("\n".join(parts).rstrip())


def method_row(method: Method, measures: Sequence[str]) -> Row:
    """Return a method's cells."""
    cells = [interval(method.means[name]) if name in method.means else "-" for name in measures]
    return [method.label, str(len(method.entries)), *cells]


def difference_row(comparison: Comparison) -> Row:
    """Return the cells of a comparison."""
    difference = comparison.difference
    width = "" if difference.half_width is None else f" ± {difference.half_width:.1f}"
    p = "no scores" if comparison.p is None else f"{comparison.p:.2g}"
    return [comparison.first.label, comparison.second.label, f"{difference.mean:+.1f}{width}", p]


def interval(value: MeanInterval) -> str:
    """Return a mean with its interval, where there is one."""
    return f"{value.mean:.1f}" if value.half_width is None else f"{value.mean:.1f} ± {value.half_width:.1f}"


def text(head: Row, rows: Sequence[Row]) -> str:
    """Return aligned columns: words to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    words = 2 if head[1] == "second" else 1

    def line(row: Row) -> str:
        cells = [
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  " + "  ".join(cells).rstrip()

    return "\n".join([*map(line, [head, *rows]), ""])


def markdown(head: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table."""
    words = 2 if head[1] == "second" else 1
    rule = ["---"] * words + ["---:"] * (len(head) - words)
    return "\n".join([*("| " + " | ".join(row) + " |" for row in [head, rule, *rows]), ""])


def write_csv(methods: Sequence[Method], comparisons: Sequence[Comparison]) -> None:
    """Print one table: a row a method, and a row a comparison, with its second method in ``against``.

    The mean average precisions are those at overlap 0.5.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_HEAD)

    def write(method: Method, against: str, number: int, numbers: Mapping[str, float | None]) -> None:
        cells = [_number(numbers.get(column)) for column in CSV_NUMBERS]
        writer.writerow([*method.table, method.label, against, number, *cells])

    for method in methods:
        numbers = {name: mean.mean for name, mean in method.means.items()}
        widths = {f"{name}_half_width": mean.half_width for name, mean in method.means.items()}
        write(method, "", len(method.entries), {**numbers, **widths})
    for comparison in comparisons:
        first, difference = comparison.first, comparison.difference
        main = next(iter(first.means))
        differences = {main: difference.mean, f"{main}_half_width": difference.half_width}
        write(first, comparison.second.label, comparison.num_pairs, {**differences, "p": comparison.p})


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"

"""Tables as texts: for the terminal, as Markdown, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from skelact.errors import padded, spreadsheet_cell, width_of
from skelact.results.statistics import MeanInterval
from skelact.results.tables import OVERLAP, Comparison, Method

Format = Literal["text", "markdown", "csv"]
MEASURES = {
    "top1": "top-1 %",
    "mean_class": "mean class %",
    "top5": "top-5 %",
    "spread": "top-1 of the folds ±",
    "map_a": f"mAP_a {OVERLAP} %",
    "map_v": f"mAP_v {OVERLAP} %",
}
DIFFERENCE_HEAD = ("first", "second", "difference, points", "p (McNemar)")
CSV_NUMBERS = (
    "top1",
    "top1_half_width",
    "mean_class",
    "top5",
    "map_a",
    "map_a_half_width",
    "map_v",
    "p",
    "spread",
)
CSV_HEAD = ("data_set", "protocol", "evaluation", "method", "against", "seeds", *CSV_NUMBERS)


@dataclass(frozen=True)
class TextTable:
    """A table of texts."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_words: int = 1
    """The first so many columns are words; the others are numbers, which stand to the right."""

    def text(self) -> str:
        """Return aligned columns under the title."""
        lines = [self.columns, *self.rows]
        widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]

        def line(row: tuple[str, ...]) -> str:
            cells = [
                padded(cell, width) if column < self.num_words else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            return "  " + "  ".join(cells).rstrip()

        return "\n".join([*([self.title] if self.title else []), *map(line, lines)])

    def markdown(self) -> str:
        """Return a Markdown table, without the title."""
        rule = ["---"] * self.num_words + ["---:"] * (len(self.columns) - self.num_words)
        rows = [[cell.replace("|", "\\|") for cell in row] for row in self.rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in [self.columns, rule, *rows])


def render(methods: Sequence[Method], comparisons: Sequence[Comparison], style: Format) -> str:
    """Return tables of methods with their comparisons, one for each data set, protocol and evaluation.

    Args:
        methods: of :func:`.tables.group`.
        comparisons: of :func:`.tables.compare`.
        style: how they are written.
    """
    methods = sorted(methods, key=lambda method: method.table)
    if style == "csv":
        return _csv(methods, comparisons)
    parts = []
    for key, in_table in groupby(methods, key=lambda method: method.table):
        members, (data_set, protocol, evaluation) = list(in_table), key
        measures = [name for name in MEASURES if any(name in method.means for method in members)]
        head = ("method", "seeds", *(MEASURES[name] for name in measures))
        title = f"{data_set} {protocol}, {evaluation}"
        tables = [TextTable(title, head, tuple(_method_row(method, measures) for method in members))]
        own = [_difference_row(each) for each in comparisons if each.first.table == key]
        if own:
            tables.append(TextTable("", DIFFERENCE_HEAD, tuple(own), num_words=2))
        if style == "markdown":
            parts += [f"### {title}", *(table.markdown() for table in tables)]
        else:
            parts += [table.text() for table in tables]
    return "\n\n".join(parts)


def _method_row(method: Method, measures: Sequence[str]) -> tuple[str, ...]:
    cells = [_interval(method.means[name]) if name in method.means else "-" for name in measures]
    return (method.label, str(method.num_seeds), *cells)


def _difference_row(comparison: Comparison) -> tuple[str, ...]:
    difference = comparison.difference
    width = "" if difference.half_width is None else f" ± {difference.half_width:.1f}"
    p = "no scores" if comparison.p is None else f"{comparison.p:.2g}"
    return (comparison.first.label, comparison.second.label, f"{difference.mean:+.1f}{width}", p)


def _interval(value: MeanInterval) -> str:
    return f"{value.mean:.1f}" if value.half_width is None else f"{value.mean:.1f} ± {value.half_width:.1f}"


def _csv(methods: Sequence[Method], comparisons: Sequence[Comparison]) -> str:
    """Return one table: a row a method, and a row a comparison, with its second method in ``against``."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_HEAD)

    def write(method: Method, against: str, number: int, numbers: Mapping[str, float | None]) -> None:
        cells = [_number(numbers.get(column)) for column in CSV_NUMBERS]
        words = map(spreadsheet_cell, [*method.table, method.label, against])
        writer.writerow([*words, number, *cells])

    for method in methods:
        numbers = {name: mean.mean for name, mean in method.means.items()}
        widths = {f"{name}_half_width": mean.half_width for name, mean in method.means.items()}
        write(method, "", method.num_seeds, {**numbers, **widths})
    for comparison in comparisons:
        first, difference = comparison.first, comparison.difference
        main = next(iter(first.means))
        differences = {main: difference.mean, f"{main}_half_width": difference.half_width}
        write(first, comparison.second.label, comparison.num_pairs, {**differences, "p": comparison.p})
    return file.getvalue().rstrip("\n")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"

"""A table as people read it: mean and 95 % interval over the seeds, each seed, and the published number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from rich.table import Table as RichTable

from skelact.cli.composition import named_config
from skelact.cli.reproduction.cells import Cell, cells_of
from skelact.cli.reproduction.matching import Results
from skelact.cli.reproduction.recipes import Table
from skelact.evaluation.statistics import mean_interval

NOT_YET = "not yet"
NOTHING = "-"
"""Stands where a row has no such number: nearest neighbours of a sum of scores."""


@dataclass(frozen=True)
class TextTable:
    """A table of texts."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return it as Markdown, without the title."""
        lines = [f"| {' | '.join(line)} |" for line in (self.columns, *self.rows)]
        return "\n".join([lines[0], "|" + "---|" * len(self.columns), *lines[1:]])

    def rich(self) -> RichTable:
        """Return it for the terminal."""
        table = RichTable(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


def fill(table: Table, results: Results, seeds: Sequence[int] | None = None) -> TextTable:
    """Return a table with the numbers that are there.

    Args:
        table: the table.
        results: the results that are there.
        seeds: instead of the table's own.
    """
    columns: dict[tuple[str, str], str] = {}
    texts: dict[tuple[str, tuple[str, str]], list[Cell]] = {}
    for cell in cells_of(table, seeds):
        data, evaluation = cell.pretraining.data, cell.evaluation
        column = (data.name, evaluation.name)
        where = f"{data.title}, " if len(table.data) > 1 else ""
        columns[column] = f"{where}{evaluation.title}, %"
        texts.setdefault((cell.row.name, column), []).append(cell)
    published = published_numbers()
    rows = [
        (
            row.title,
            *(
                cell_text(texts[row.name, column], results, published)
                if (row.name, column) in texts
                else NOTHING
                for column in columns
            ),
        )
        for row in table.rows
    ]
    return TextTable(table.plan.title, ("encoder", *columns.values()), tuple(rows))


def cell_text(
    cells: Sequence[Cell], results: Results, published: Mapping[tuple[str, str, str], float]
) -> str:
    """Return what stands in one place of a table.

    Args:
        cells: one for each seed.
        results: the results that are there.
        published: see :func:`published_numbers`.
    """
    found = [results.find(cell) for cell in cells]
    values = [cells[0].evaluation.percent(each[1]) for each in found if each is not None]
    text = NOT_YET
    if values:
        summary, each = mean_interval(values), ", ".join(f"{value:.1f}" for value in values)
        spread = "" if summary.half_width is None else f" ± {summary.half_width:.1f}"
        missing = "" if len(values) == len(cells) else f"; {len(values)} of {len(cells)} seeds"
        inside = f"{each}{missing}" if len(values) > 1 else missing.removeprefix("; ")
        text = f"{summary.mean:.1f}{spread}" + (f" ({inside})" if inside else "")
    first = cells[0]
    number = published.get((first.row.name, first.evaluation.name, first.pretraining.data.name))
    return text if number is None else f"{text} [published {number:.1f}]"


def published_numbers() -> dict[tuple[str, str, str], float]:
    """Return the published accuracies in %, by row, evaluation and data set: ``configs/published``."""
    folder = files("skelact") / "configs" / "published"
    rows = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir())
    return {
        (row, evaluation, data): float(number)
        for row in rows
        for evaluation, numbers in named_config("published", row).items()
        for data, number in numbers.items()
    }

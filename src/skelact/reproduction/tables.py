"""A table as people read it: mean and 95 % interval over the seeds, each seed, and the published number.

Tables in Markdown documents, between two markers each, with the command that gives them.

::

    <!-- table small/msr-action3d -->
    (all of this is written)
    <!-- end of table small/msr-action3d -->
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import fmean

from skelact.configuration import named_config
from skelact.errors import DataError
from skelact.reproduction.cells import Cell, cells_of
from skelact.reproduction.pending import Results
from skelact.reproduction.recipes import Table
from skelact.results.rendering import TextTable
from skelact.results.statistics import mean_interval

NOT_YET = "not yet"
NOTHING = "-"
"""Stands where a row has no such number: nearest neighbours of a sum of scores."""


def render_table(table: Table, results: Results, seeds: Sequence[int] | None = None) -> TextTable:
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
        column = (data.column, evaluation.name)
        where = f"{data.title}, " if len({each.column for each in table.data}) > 1 else ""
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
        cells: one for each seed, or of a protocol with several folds one for each seed and fold; a seed
            counts with the mean over its folds, once all are there. Seeds that nothing of a cell depends on
            count once.
        results: the results that are there.
        published: see :func:`published_numbers`.
    """
    by_seed: dict[str, dict[tuple[str, str], Cell]] = {}
    for cell in cells:
        by_seed.setdefault(str(cell.seeds), {}).setdefault((cell.pretraining.data.name, cell.on.name), cell)
    found = [[results.find(cell) for cell in folds.values()] for folds in by_seed.values()]
    contents = [[each[1] for each in folds if each is not None] for folds in found if None not in folds]
    evaluation = cells[0].evaluation
    values = [fmean(map(evaluation.percent, folds)) for folds in contents]
    text = NOT_YET
    if values:
        summary, each = mean_interval(values), ", ".join(f"{value:.1f}" for value in values)
        spread = "" if summary.half_width is None else f" ± {summary.half_width:.1f}"
        missing = "" if len(values) == len(by_seed) else f"; {len(values)} of {len(by_seed)} seeds"
        inside = f"{each}{missing}" if len(values) > 1 else missing.removeprefix("; ")
        text = f"{summary.mean:.1f}{spread}" + (f" ({inside})" if inside else "")
        by_class = [evaluation.mean_class_percent(content) for folds in contents for content in folds]
        known = [each for each in by_class if each is not None]
        if len(known) == len(by_class):
            text += f", mean class {fmean(known):.1f}"
    first = cells[0]
    number = published.get((first.row.name, evaluation.name, first.pretraining.data.column))
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


def markers(suite: str, table: Table) -> tuple[str, str]:
    """Return the lines between which a table stands."""
    name = f"table {suite}/{table.name}"
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def with_tables(
    documents: Mapping[Path, str], where: Path, suite: str, tables: Sequence[Table], results: Results
) -> dict[Path, str]:
    """Return documents' texts with all tables of a suite written anew, each wherever it has a place.

    Args:
        documents: text of each document, by its path.
        where: the document or the folder of documents, for the message.
        suite: name of the suite.
        tables: its tables.
        results: the results that are there.

    Raises:
        DataError: no document has a place for one of the tables.
    """
    written = dict(documents)
    for table in tables:
        begin, end = markers(suite, table)
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        places = [path for path, text in documents.items() if pattern.search(text)]
        if not places:
            raise DataError(f"{where}: no place for table {table.name}; add the lines {begin!r} and {end!r}")
        content = f"{begin}\n{block(suite, table, results)}\n{end}"
        for path in places:
            written[path] = pattern.sub(lambda match, content=content: content, written[path])  # type: ignore[misc]
    return written


def block(suite: str, table: Table, results: Results) -> str:
    """Return a table under the command that prints its commands."""
    command = f"skelact reproduce {suite} --stores stores --out again --only-table {table.name} --dry-run"
    return f"```bash\n{command}\n```\n\n{render_table(table, results).markdown()}"

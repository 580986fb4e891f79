"""Tables in a Markdown document, between two markers each, with the commands that give them.

::

    <!-- table small/msr-action3d -->
    (all of this is written)
    <!-- end of table small/msr-action3d -->
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from skelact.cli.reproduction.cells import Cell, cells_of
from skelact.cli.reproduction.commands import Place, command_line, evaluate_words, pretrain_words
from skelact.cli.reproduction.matching import Results
from skelact.cli.reproduction.recipes import Table
from skelact.cli.reproduction.tables import fill
from skelact.errors import DataError

STAND_IN = 987654321
"""Seed of the cells whose commands become the body of a loop: its digits are replaced by ``$seed``."""


def markers(suite: str, table: Table) -> tuple[str, str]:
    """Return the lines between which a table stands."""
    name = f"table {suite}/{table.name}"
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def with_tables(text: str, where: Path, suite: str, tables: Sequence[Table], results: Results) -> str:
    """Return a document's text with all tables of a suite written anew.

    Args:
        text: the document.
        where: its path, for the message.
        suite: name of the suite.
        tables: its tables.
        results: the results that are there.

    Raises:
        DataError: the document has no place for one of the tables.
    """
    for table in tables:
        begin, end = markers(suite, table)
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise DataError(f"{where}: no place for table {table.name}; add the lines {begin!r} and {end!r}")
        written = f"{begin}\n{block(suite, table, results)}\n{end}"
        text = pattern.sub(lambda match, written=written: written, text)  # type: ignore[misc]
    return text


def block(suite: str, table: Table, results: Results) -> str:
    """Return a table with its commands, all at once and one by one."""
    place = Place(Path("stores"), Path("."))
    whole = f"skelact reproduce {suite} --stores stores --out . --only-table {table.name}"
    folded = [
        "<details><summary>the commands that this runs, where nothing is done yet</summary>",
        f"```bash\n{loop(table, place)}\n```",
    ]
    return "\n\n".join([f"```bash\n{whole}\n```", *folded, "</details>", fill(table, results).markdown()])


def loop(table: Table, place: Place) -> str:
    """Return the commands of a table as a shell loop over its seeds."""
    before: dict[str, None] = {}
    body: dict[str, None] = {}  # in order, each once
    for cell in cells_of(table, [STAND_IN]):
        for words in _words(cell, place):
            inside = any(str(STAND_IN) in word for word in words)
            (body if inside else before)[command_line(words).replace(str(STAND_IN), "$seed")] = None
    seeds = " ".join(map(str, table.plan.seeds))
    return "\n".join([*before, f"for seed in {seeds}; do", *(f"    {line}" for line in body), "done"])


def _words(cell: Cell, place: Place) -> list[list[str]]:
    return [
        *(pretrain_words(each, place) for each in cell.line),
        *(evaluate_words(each, place) for each in cell.members),
        evaluate_words(cell, place),
    ]

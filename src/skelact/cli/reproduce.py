"""Compute tables of results, cell by cell: ntu60, ntu120, pku, paper (these three), the same with -cl for
contrastive learning, small, or your own file.

A cell is computed by the commands that --dry-run shows. What is done is skipped, what was interrupted goes
on, and at the end the tables are printed beside the published numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console

from skelact.errors import ConfigurationError, DataError, suggest
from skelact.files import write_file
from skelact.reproduction.cells import Cell, cells_of, cells_of_suite, choose
from skelact.reproduction.commands import Accelerator, Place, command_line
from skelact.reproduction.estimate import Recorded, estimate
from skelact.reproduction.execution import collect, collect_result, run_all
from skelact.reproduction.matching import Results
from skelact.reproduction.measurement import Measurement
from skelact.reproduction.recipes import Table
from skelact.reproduction.remaining import (
    check_stores,
    left_to_do,
    missing_stores,
    not_collected,
    results_folder,
)
from skelact.reproduction.slurm import write_jobs
from skelact.reproduction.suite_files import read_suite
from skelact.reproduction.tables import fill, with_tables


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("suite", type=str, help="ntu60, ntu120, pku, paper, small; or a .yaml file")
    parser.add_argument(
        "--stores", type=str, default="stores", help="folder of stores, each called like its set"
    )
    parser.add_argument("--out", type=str, default=".", help="folder that gets runs/, results/ and jobs/")
    parser.add_argument(
        "--only", type=str, action="append", help="cells that fit, e.g. 'ntu60-xsub/*/linear/*'; repeatable"
    )
    parser.add_argument("--only-table", type=str, action="append", help="one of its tables; repeatable")
    parser.add_argument("--seeds", type=list[int] | None, help="instead of the suite's, e.g. [0,1,2]")
    parser.add_argument("--dry-run", action="store_true", help="show the commands and how long they take")
    parser.add_argument(
        "--launcher",
        type=Literal["here", "slurm"],
        default="here",
        help="slurm: write job scripts, run nothing",
    )
    parser.add_argument(
        "--sbatch", type=str, action="append", help="option for job scripts, e.g. --partition=gpu"
    )
    parser.add_argument("--devices", type=int, default=1, help="devices that share a run")
    parser.add_argument("--accelerator", type=Accelerator, default="auto", help="of what kind")
    parser.add_argument(
        "--collect",
        type=str | None,
        help="take over the results in this folder, e.g. of runs elsewhere, run nothing",
    )
    parser.add_argument(
        "--table",
        type=str | None,
        help="write the tables of the results into this document or folder of documents, run nothing",
    )


def run(options: Namespace) -> None:
    """Do, show or write what is left of a suite, and print its tables."""
    tables = chosen_tables(read_suite(options.suite), options.only_table)
    place = Place(Path(options.stores), Path(options.out), options.devices, options.accelerator)
    cells = choose(cells_of_suite(tables, options.seeds), options.only or [])
    writes = [f"--{name}" for name in ("collect", "table") if options[name] is not None]
    if writes and options.dry_run:
        raise ConfigurationError(f"{writes[0]} writes, --dry-run does not: give one of them")
    hashes = check_stores(cells, place)
    results = Results([results_folder(place)], hashes)
    for path in results.of_other_stores:
        print(f"{path}: of another store than {place.stores} holds, does not count", file=sys.stderr)
    if options.collect is not None:
        take_over(Path(options.collect), cells, place, results)
    if options.table is not None:
        write_documents(Path(options.table), options, tables, results)
    if options.collect is not None or options.table is not None:
        return
    if options.dry_run:
        show_plan(cells, place, results)
    elif options.launcher == "slurm":
        open_cells = [cell for cell in cells if results.find(cell) is None]
        paths = write_jobs(options.suite, open_cells, place, options.sbatch or [])
        print(f"{len(open_cells)} cells in {len(paths) - 1} jobs; submit them with: bash {paths[-1]}")
    else:
        compute(cells, place, results)
        show_tables(tables, results, cells, options.seeds)


def chosen_tables(tables: tuple[Table, ...], names: list[str] | None) -> tuple[Table, ...]:
    """Return the tables of these names; all without names.

    Raises:
        ConfigurationError: no table of this name.
    """
    known = [table.name for table in tables]
    for name in names or []:
        if name not in known:
            raise ConfigurationError(f"--only-table {name}: no such table{suggest(name, known)}")
    return tuple(table for table in tables if names is None or table.name in names)


def take_over(folder: Path, cells: list[Cell], place: Place, results: Results) -> None:
    """Copy the results in ``folder`` that are those of cells without one.

    Raises:
        DataError: no such folder, a result in it that cannot be read, or two of one cell that differ.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder to collect results from")
    others, num = Results([folder], results.hashes), 0
    for cell in cells:
        found = None if results.find(cell) else others.find(cell)
        if found is not None:
            results.add(collect(*found, place.out / cell.file))
            num += 1
    print(f"{folder}: {len(others.files)} results, {num} of them taken over to {results_folder(place)}")


def write_documents(path: Path, options: Namespace, tables: tuple[Table, ...], results: Results) -> None:
    """Rewrite the tables between their markers in a Markdown document, or in those of a folder.

    Raises:
        ConfigurationError: only a part of the suite was asked for.
        DataError: a document cannot be read or written, or there is no place for a table.
    """
    if options.only or options.only_table or options.seeds:
        raise ConfigurationError("--table writes all tables: leave out --only, --only-table and --seeds")
    try:
        paths = sorted(path.glob("*.md")) if path.is_dir() else [path]
        documents = {each: each.read_text() for each in paths}
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give a document with the tables' markers") from error
    for each, text in with_tables(documents, path, options.suite, tables, results).items():
        if text != documents[each]:
            write_file(each, text)
    print(f"{path}: {len(tables)} tables")


def show_plan(cells: list[Cell], place: Place, results: Results) -> None:
    """Print the commands that are left, and how long they take."""
    tasks = left_to_do(cells, place, results)
    for task in tasks:
        print(f"# {task.title}\n{command_line(task.words(place, results))}")
    for path in missing_stores(cells, place):
        print(f"# {path} is not there yet: skelact data prepare")
    computing = {task.title for task in tasks} & {cell.name for cell in cells}
    print(f"# {len(cells)} cells, {len(cells) - len(computing)} done; {len(tasks)} commands left")
    if tasks:
        print(f"# {estimate(tasks, Recorded(cells, place, results), Measurement(place))}")


def compute(cells: list[Cell], place: Place, results: Results) -> None:
    """Run what is left.

    Raises:
        DataError: a store is not there.
        SkelactError: a command failed, or was stopped.
    """
    for cell in cells:
        if results.find(cell) is None and not_collected(cell, place, results) is not None:
            collect_result(cell, place, results)
    tasks = left_to_do(cells, place, results)
    missing = missing_stores([task.what for task in tasks if isinstance(task.what, Cell)], place)
    if missing:
        raise DataError(
            f"{missing[0]}: there is no such store; make it with 'skelact data prepare', see docs/data.md"
        )
    run_all(tasks, place, results, Recorded(cells, place, results))


def show_tables(
    tables: tuple[Table, ...], results: Results, cells: list[Cell], seeds: list[int] | None
) -> None:
    """Print the tables in which the chosen cells stand."""
    chosen = {cell.name for cell in cells}
    for table in tables:
        if any(cell.name in chosen for cell in cells_of(table, seeds)):
            Console().print(fill(table, results, seeds).rich())

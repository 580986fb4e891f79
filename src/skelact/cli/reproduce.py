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

from skelact.errors import ConfigurationError, DataError, suggest
from skelact.files import write_file
from skelact.reproduction.cells import Cell, cells_of, cells_of_suite, choose
from skelact.reproduction.cluster import submit
from skelact.reproduction.commands import Accelerator, Workspace, command_line
from skelact.reproduction.execution import collect, run_all
from skelact.reproduction.pending import (
    Results,
    check_stores,
    expected_time,
    missing_stores,
    pending_commands,
)
from skelact.reproduction.recipes import Table
from skelact.reproduction.suite_files import read_suite
from skelact.reproduction.tables import render_table, with_tables


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
        type=Literal["here", "local", "slurm"],
        default="here",
        help="local, slurm: submit jobs, one for each pre-training with all that is evaluated of it",
    )
    parser.add_argument("--jobs", type=int | None, help="commands or jobs side by side; default: 1")
    parser.add_argument(
        "--sbatch", type=str, action="append", help="setting of SLURM's jobs, e.g. partition=gpu; repeatable"
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
    workspace = Workspace(Path(options.stores), Path(options.out), options.devices, options.accelerator)
    cells = choose(cells_of_suite(tables, options.seeds), options.only or [])
    writes = [f"--{name}" for name in ("collect", "table") if options[name] is not None]
    if writes and options.dry_run:
        raise ConfigurationError(f"{writes[0]} writes, --dry-run does not: give one of them")
    if options.jobs is not None and options.jobs < 1:
        raise ConfigurationError(f"--jobs {options.jobs}: expected 1 or more")
    if options.sbatch and options.launcher != "slurm":
        raise ConfigurationError("--sbatch is for --launcher slurm: leave it out")
    hashes = check_stores(cells, workspace)
    results = Results([workspace.results], hashes)
    for path in results.of_other_stores:
        print(f"{path}: of another store than {workspace.stores} holds, does not count", file=sys.stderr)
    if options.collect is not None:
        take_over(Path(options.collect), cells, workspace, results)
    if options.table is not None:
        write_documents(Path(options.table), options, tables, results)
    if options.collect is not None or options.table is not None:
        return
    if options.dry_run:
        show_plan(cells, workspace, results)
        return
    require_stores(cells, workspace, results)
    if options.launcher == "here":
        run_all(cells, workspace, results, options.jobs or 1)
    else:
        open_cells = [cell for cell in cells if results.find(cell) is None]
        numbers = submit(options.launcher, open_cells, workspace, options.sbatch or [], options.jobs)
        print(f"{len(open_cells)} cells in {len(numbers)} jobs; their logs are in {workspace.out / 'jobs'}")
        results.look_again()
    if options.launcher != "slurm":
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


def take_over(folder: Path, cells: list[Cell], workspace: Workspace, results: Results) -> None:
    """Copy the results in ``folder`` that are those of cells without one.

    Raises:
        DataError: no such folder, a result in it that cannot be read, or two of one cell that differ.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder to collect results from")
    others, num = Results([folder], results.known.hashes), 0
    for cell in cells:
        found = None if results.find(cell) else others.find(cell)
        if found is not None:
            results.add(collect(*found, workspace.out / cell.file))
            num += 1
    print(f"{folder}: {len(others.files)} results, {num} of them taken over to {workspace.results}")


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


def show_plan(cells: list[Cell], workspace: Workspace, results: Results) -> None:
    """Print the commands that are left, and how long they take."""
    pending = pending_commands(cells, workspace, results)
    for command in pending:
        print(f"# {command.title}\n{command_line(command.arguments(workspace, results))}")
    for path in missing_stores(cells, workspace):
        print(f"# {path} is not there yet: skelact data prepare")
    computing = {command.title for command in pending} & {cell.name for cell in cells}
    print(f"# {len(cells)} cells, {len(cells) - len(computing)} done; {len(pending)} commands left")
    if pending:
        print(f"# {expected_time(pending, cells, workspace, results)}")


def require_stores(cells: list[Cell], workspace: Workspace, results: Results) -> None:
    """Raise DataError where a store is not there that the cells without a result need."""
    pending = pending_commands(cells, workspace, results)
    missing = missing_stores([each.what for each in pending if isinstance(each.what, Cell)], workspace)
    if missing:
        raise DataError(
            f"{missing[0]}: there is no such store; make it with 'skelact data prepare', see docs/data.md"
        )


def show_tables(
    tables: tuple[Table, ...], results: Results, cells: list[Cell], seeds: list[int] | None
) -> None:
    """Print the tables in which the chosen cells stand."""
    chosen = {cell.name for cell in cells}
    for table in tables:
        if any(cell.name in chosen for cell in cells_of(table, seeds)):
            print(f"\n{render_table(table, results, seeds).text()}")

"""Tables of results: of any result files, and of whole suites, computed cell by cell."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, suggest, typed
from skelact.files import write_file
from skelact.formats.known import AUTO, data_sets
from skelact.reproduction.cells import Cell, cells_of, cells_of_suite, choose
from skelact.reproduction.commands import Accelerator, Workspace, check_devices, command_line
from skelact.reproduction.recipes import Table
from skelact.reproduction.suite_files import read_suite

if TYPE_CHECKING:
    from skelact.reproduction.pending import Results


@checked_arguments
def results(
    files: Annotated[Sequence[str | Path], Option(str, words=True)],
    *,
    format: Literal["text", "markdown", "csv"] = "text",
) -> str:
    """Tabulate result files: mean and 95 % interval over seeds, and whether methods differ.

    Results that differ in their seeds alone are one method. p is that of McNemar's paired test over the test
    sequences, seed by seed (twice the median of several); it needs the scores that lie beside the results.
    Among many comparisons some have a small p by chance. Detections are compared by mAP_a at overlap 0.5,
    with no test.

    Args:
        files: result files (.json) of 'skelact evaluate'
        format: how the tables are written

    Returns:
        The tables.

    Raises:
        DataError: a file that is no result.
    """
    from skelact.results.rendering import render
    from skelact.results.tables import compare, group, read_entries

    methods = group(read_entries([Path(name) for name in files]))
    methods.sort(key=lambda method: method.table)
    return render(methods, compare(methods), format)


@checked_arguments
def reproduce(
    suite: str,
    *,
    stores: PathLike = "stores",
    out: PathLike = ".",
    only: Annotated[list[str] | None, Option(str, repeat=True)] = None,
    only_table: Annotated[list[str] | None, Option(str, repeat=True)] = None,
    seeds: list[int] | None = None,
    dry_run: bool = False,
    launcher: Literal["here", "local", "slurm"] = "here",
    jobs: int | None = None,
    sbatch: Annotated[list[str] | None, Option(str, repeat=True)] = None,
    devices: int = 1,
    accelerator: Accelerator = "auto",
    collect: PathLike | None = None,
    table: PathLike | None = None,
) -> str:
    """Compute tables of results, cell by cell, and show them beside the published numbers.

    Suites: ntu60, ntu120, pku, paper (these three); ntu60-cl, ntu120-cl, pku-cl, contrastive alone; small,
    small-cl, public, successor; or your own file. A cell is computed by the commands that --dry-run shows.
    What is done is skipped, what was interrupted goes on; several of these commands share the work.

    Args:
        suite: name of a suite, or a .yaml file
        stores: folder of stores, each called like its set
        out: folder that gets runs/, results/ and jobs/
        only: cells that fit, e.g. 'ntu60-xsub/*/linear/*'; repeatable
        only_table: one of its tables; repeatable
        seeds: instead of the suite's, e.g. 0,1,2
        dry_run: show the commands and how long they take
        launcher: local, slurm: submit jobs, one for each pre-training with all that is evaluated of it
        jobs: commands or jobs side by side; default: one command, all jobs
        sbatch: setting of SLURM's jobs, e.g. partition=gpu; repeatable
        devices: devices that share a run
        accelerator: of what kind
        collect: take over the results in this folder, e.g. of runs elsewhere, run nothing
        table: write the tables of the results into this document or folder of documents, run nothing

    Returns:
        The tables; of a dry run the commands; else what was done.

    Raises:
        ConfigurationError: no such suite, table or cell, or options that contradict each other.
        DataError: a store or a folder that is not there, or a result that cannot be read.
        SkelactError: a command failed, or was stopped.
    """
    from skelact.reproduction.execution import run_all
    from skelact.reproduction.pending import Results, check_stores

    tables = chosen_tables(read_suite(suite), only_table)
    workspace = Workspace(Path(stores), Path(out), devices, accelerator)
    try:
        cells = cells_of_suite(tables, seeds)
    except ConfigurationError as error:
        raise ConfigurationError(f"{suite}: {error}") from error
    cells = choose(cells, only or [])
    if devices > 1:
        check_devices(cells, devices)
    writes = [f"--{name}" for name, value in (("collect", collect), ("table", table)) if value is not None]
    if writes and dry_run:
        raise ConfigurationError(f"{writes[0]} writes, --dry-run does not: give one of them")
    if table is not None and (only or only_table or seeds):
        raise ConfigurationError("--table writes all tables: leave out --only, --only-table and --seeds")
    if writes or dry_run:
        given = {"launcher": launcher != "here", "jobs": jobs is not None, "sbatch": bool(sbatch)}
        if name := next((name for name, is_given in given.items() if is_given), None):
            what = "--dry-run" if dry_run else writes[0]
            raise ConfigurationError(f"--{name} has no effect with {what}, which runs nothing: leave it out")
    if jobs is not None and jobs < 1:
        raise ConfigurationError(f"--jobs {jobs}: expected 1 or more")
    if sbatch and launcher != "slurm":
        raise ConfigurationError("--sbatch is for --launcher slurm: leave it out")
    found = Results([workspace.results], check_stores(cells, workspace))
    for path in found.of_other_stores:
        print(f"{path}: of another store than {workspace.stores} holds, does not count", file=sys.stderr)
    lines = []
    if collect is not None:
        lines.append(take_over(Path(collect), cells, workspace, found))
    if table is not None:
        lines.append(write_documents(Path(table), suite, tables, found))
    if lines:
        return "\n".join(lines)
    if dry_run:
        return plan_of(cells, workspace, found)
    require_stores(cells, workspace, found)
    if launcher == "here":
        run_all(cells, workspace, found, jobs or 1)
    else:
        from skelact.reproduction.cluster import submit

        waiting = [cell for cell in cells if found.find(cell) is None]
        numbers = submit(launcher, waiting, workspace, sbatch or [], jobs)
        lines.append(
            f"{len(waiting)} cells in {len(numbers)} jobs; their logs are in {workspace.out / 'jobs'}"
        )
        found.look_again()
    if launcher != "slurm":
        lines += tables_of(tables, found, cells, seeds)
    return "\n".join(lines)


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


def take_over(folder: Path, cells: list[Cell], workspace: Workspace, results: Results) -> str:
    """Copy the results in ``folder`` that are those of cells without one; return what was done.

    Raises:
        DataError: no such folder, a result in it that cannot be read, or two of one cell that differ.
    """
    from skelact.reproduction.execution import collect
    from skelact.reproduction.pending import Results

    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder to collect results from")
    others, num = Results([folder], results.known.hashes), 0
    for cell in cells:
        found = None if results.find(cell) else others.find(cell)
        if found is not None:
            results.add(collect(*found, workspace.out / cell.file))
            num += 1
    return f"{folder}: {len(others.files)} results, {num} of them taken over to {workspace.results}"


def write_documents(path: Path, suite: str, tables: tuple[Table, ...], results: Results) -> str:
    """Rewrite the tables between their markers in a Markdown document, or in those of a folder.

    Raises:
        DataError: a document cannot be read or written, or there is no place for a table.
    """
    from skelact.reproduction.tables import with_tables

    try:
        paths = sorted(path.glob("*.md")) if path.is_dir() else [path]
        documents = {each: each.read_bytes().decode() for each in paths}
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give a document with the tables' markers") from error
    except UnicodeDecodeError as error:
        wrong = next(each for each in paths if each.read_bytes() == error.object)
        raise DataError(f"{wrong}: byte {error.start} is not UTF-8; give documents that are") from error
    for each, text in with_tables(documents, path, suite, tables, results).items():
        if text != documents[each]:
            write_file(each, text)
    return f"{path}: {len(tables)} tables"


def plan_of(cells: list[Cell], workspace: Workspace, results: Results) -> str:
    """Return the commands that are left, and how long they take."""
    from skelact.reproduction.pending import missing_stores, pending_commands, what_is_left

    pending = pending_commands(cells, workspace, results)
    lines = [
        line
        for command in pending
        for line in (f"# {command.title}", command_line(command.arguments(workspace, results)))
    ]
    missing = missing_stores(cells, workspace)
    lines += [f"# {path} is not there yet: {_preparing(path)}" for path in missing]
    lines += [f"# {line}" for line in what_is_left(pending, cells, workspace, results)]
    return "\n".join(lines)


def require_stores(cells: list[Cell], workspace: Workspace, results: Results) -> None:
    """Raise DataError where a store is not there that the cells without a result need."""
    from skelact.reproduction.pending import missing_stores, pending_commands

    pending = pending_commands(cells, workspace, results)
    missing = missing_stores([each.what for each in pending if isinstance(each.what, Cell)], workspace)
    if missing:
        raise DataError(f"{missing[0]}: there is no such store; make it: {_preparing(missing[0])}")


def _preparing(store: Path) -> str:
    """Return the command that makes a store, which is called as its data set."""
    name = store.name if store.name in data_sets() else AUTO
    return f"skelact data prepare {name} RAW {typed(store)}"


def tables_of(
    tables: tuple[Table, ...], results: Results, cells: list[Cell], seeds: list[int] | None
) -> list[str]:
    """Return the tables in which the chosen cells stand."""
    from skelact.reproduction.tables import render_table

    chosen = {cell.name for cell in cells}
    return [
        f"\n{render_table(table, results, seeds).text()}"
        for table in tables
        if any(cell.name in chosen for cell in cells_of(table, seeds))
    ]

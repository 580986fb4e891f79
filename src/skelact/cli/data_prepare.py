"""Turn raw recordings into a store: read, clean, choose the actors, centre, and write.

Known data sets: ntu60, ntu120, msr-action3d. RAW is a folder (searched recursively) or a .zip, .tar, .tar.gz
or .tar.xz archive. Recordings that cannot be used are left out and listed, with the reason, in
STORE/excluded.csv.
"""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressLine

from skelact.preparation.account import FILE_NAME, count_by_reason
from skelact.preparation.pipeline import Outcome, Progress, prepare


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("data_set", type=str, help="name of the data set: ntu60, ntu120 or msr-action3d")
    parser.add_argument("raw", type=str, help="folder or archive with the raw recordings")
    parser.add_argument("store", type=str, help="folder to write; it appears when it is complete")
    parser.add_argument(
        "--no-centre", action="store_true", help="leave positions in the camera's coordinates"
    )
    parser.add_argument("--workers", type=int | None, default=None, help="processes (default: one a CPU)")
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first recording that cannot be used"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace STORE if it is a store already")


def run(options: Namespace) -> None:
    """Prepare the data set and print what became of its files."""
    console = Console(stderr=True)
    columns = (
        TextColumn("preparing {task.fields[data_set]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files, {task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[excluded]} set aside"),
    )
    with ProgressLine(*columns, console=console, disable=not console.is_terminal) as line:
        task = line.add_task("", total=None, data_set=options.data_set, rate="", excluded=0)

        def show(progress: Progress) -> None:
            speed = line.tasks[0].speed
            rate = f"{speed:,.0f} a second" if speed else ""
            line.update(
                task, completed=progress.done, total=progress.total, rate=rate, excluded=progress.excluded
            )

        outcome = prepare(
            options.data_set,
            Path(options.raw),
            Path(options.store),
            centred=not options.no_centre,
            num_workers=options.workers,
            strict=options.strict,
            overwrite=options.overwrite,
            on_progress=show,
        )
    print(summary(outcome))


def summary(outcome: Outcome) -> str:
    """Return what a preparation made, and why files were left out, in a few aligned lines."""
    store = outcome.store
    frames = int(store.array("num_frames").sum(dtype="int64"))
    lines = [
        f"{'store':<10}{store.path}",
        f"{'content':<10}{store.content_hash[:16]}",
        f"{'used':<10}{len(store):,} of {outcome.num_files:,} files, {frames:,} frames",
    ]
    reasons = count_by_reason(outcome.exclusions)
    if reasons:
        lines.append(f"{'left out':<10}{len(outcome.exclusions):,}, listed in {store.path / FILE_NAME}")
        width = max(len(f"{count:,}") for count in reasons.values())
        lines += [f"{'':<10}{count:>{width},}  {reason}" for reason, count in reasons.items()]
    return "\n".join(lines)

"""Turn raw recordings into a store: read, clean, choose the actors, centre, and write.

RAW is a folder (searched recursively), a .zip, .tar, .tar.gz, .tar.xz or .tar.bz2 archive, or a single file.
Recordings that cannot be used are left out and listed, with the reason, in STORE/excluded.csv. Stopped at any
moment, even by a kill or a power cut, the same command goes on where it was; until it ends, there is no STORE
but a STORE.partial.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressLine

from skelact.formats.exclusions import FILE_NAME, count_by_reason
from skelact.formats.known import data_sets
from skelact.store.fixed_point import FLOAT32
from skelact.store.prepare import Outcome, Progress, prepare


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("data_set", type=str, help=f"name of the data set: {', '.join(data_sets())}")
    parser.add_argument(
        "raw", type=str, help="folder or archive with the raw recordings; npz, pyskl: the file"
    )
    parser.add_argument("store", type=str, help="folder to write; it appears when it is complete")
    parser.add_argument(
        "--no-centre", action="store_true", help="leave positions in the camera's coordinates"
    )
    parser.add_argument(
        "--positions",
        type=Literal["float32", "int16"],
        default=FLOAT32,
        help="float32: exactly; int16: in half the space, off by at most 0.05 mm within 3.2 m of the origin",
    )
    parser.add_argument("--workers", type=int | None, default=None, help="processes (default: one a CPU)")
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first recording that cannot be used"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace STORE if it is a store already")
    parser.add_argument(
        "--max-frames", type=int | None, default=None, help="pku1, pku2: cut sequences to so many frames"
    )
    parser.add_argument(
        "--untrimmed",
        action="store_const",
        const=True,
        help="pku1, pku2: one sequence a recording, with its actions in STORE/intervals.csv",
    )
    parser.add_argument(
        "--topology",
        type=str | None,
        default=None,
        help="npz, pyskl, pose-json: name of the skeleton, or a .yaml file with one",
    )
    parser.add_argument("--fps", type=float | None, default=None, help="npz, pyskl: frames a second")
    parser.add_argument(
        "--class-names", type=str | None, default=None, help="npz, pyskl, pose-json: file with a name a line"
    )
    parser.add_argument(
        "--min-confidence",
        type=float | None,
        default=None,
        help="pyskl, pose-json: a joint with a confidence below it, or of 0, is missing",
    )
    parser.add_argument(
        "--scale", type=float | None, default=None, help="bvh: the files' unit in metres (default: 0.01)"
    )


SETTINGS = ("max_frames", "untrimmed", "scale", "topology", "fps", "class_names", "min_confidence")
"""The options that only some data sets know."""


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
            positions=options.positions,
            num_workers=options.workers,
            strict=options.strict,
            overwrite=options.overwrite,
            settings={name: options[name] for name in SETTINGS if options[name] is not None},
            on_progress=show,
            on_remark=lambda remark: console.print(remark, markup=False, highlight=False, soft_wrap=True),
        )
    print(summary(outcome))


def summary(outcome: Outcome) -> str:
    """Return what a preparation made, and why files were left out, in a few aligned lines."""
    store = outcome.store
    frames = int(store.array("num_frames").sum(dtype="int64"))
    lines = [
        f"{'store':<10}{store.path}",
        f"{'content':<10}{store.content_hash[:16]}",
        f"{'used':<10}{_used(outcome)}, {frames:,} frames",
        *[f"{'note':<10}{remark}" for remark in outcome.remarks],
    ]
    reasons = count_by_reason(outcome.exclusions)
    if reasons:
        lines.append(f"{'left out':<10}{len(outcome.exclusions):,}, listed in {store.path / FILE_NAME}")
        width = max(len(f"{count:,}") for count in reasons.values())
        lines += [f"{'':<10}{count:>{width},}  {reason}" for reason, count in reasons.items()]
    return "\n".join(lines)


def _used(outcome: Outcome) -> str:
    """Return how many sequences came of how many files."""
    num_sequences, num_files = len(outcome.store), outcome.num_files
    one_a_file = num_sequences + len(outcome.exclusions) == num_files
    noun = "file" if num_files == 1 else "files"
    return f"{num_sequences:,}{'' if one_a_file else ' sequences'} of {num_files:,} {noun}"

"""Write a store in a format that other programs read.

padded-npz is the file that CTR-GCN and MAMP train on: x_train, y_train, x_test, y_test of one protocol.
pyskl is PYSKL's pickle: all sequences, and the splits of one or more protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from skelact.errors import ConfigurationError, suggest
from skelact.store.export_npz import export_padded_npz
from skelact.store.export_pyskl import export_pyskl
from skelact.store.store import Store

FORMATS = ("padded-npz", "pyskl")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("store", type=str, help="folder of a prepared store")
    parser.add_argument("out", type=str, help="file to write; it appears when it is complete")
    parser.add_argument("--format", type=str, required=True, help="padded-npz or pyskl")
    parser.add_argument("--protocol", type=str, required=True, help="e.g. xsub; pyskl: also xsub,xview")
    parser.add_argument(
        "--frames", type=int | None, default=None, help="padded-npz: pad to so many (default: the longest)"
    )
    parser.add_argument("--bodies", type=int | None, default=None, help="padded-npz: bodies (default: 2)")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")


def run(options: Namespace) -> None:
    """Write the file and print what it holds."""
    if options.format not in FORMATS:
        raise ConfigurationError(f"--format {options.format!r}: not known{suggest(options.format, FORMATS)}")
    store, out = Store.open(Path(options.store)), Path(options.out)
    if options.format == "pyskl":
        for name in ("frames", "bodies"):
            if options[name] is not None:
                raise ConfigurationError(f"--{name} means nothing to pyskl, only to padded-npz")
        protocols = options.protocol.split(",")
        with _progress() as show:
            num = export_pyskl(store, protocols, out, overwrite=options.overwrite, on_progress=show)
        content = [f"{num:,} sequences with the splits of {', '.join(protocols)}"]
    else:
        with _progress() as show:
            made = export_padded_npz(
                store,
                options.protocol,
                out,
                num_frames=options.frames,
                num_bodies=2 if options.bodies is None else options.bodies,
                overwrite=options.overwrite,
                on_progress=show,
            )
        sides = f"{made.num_train:,} training and {made.num_test:,} test sequences"
        content = [f"{sides}, {made.num_frames:,} frames each"]
        if made.num_missing_joints:
            content.append(f"{made.num_missing_joints:,} joints that were not seen are zeros in it")
    print(f"{'file':<10}{out}  ({out.stat().st_size / 1e6:,.1f} MB)")
    for line in content:
        print(f"{'':<10}{line}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show a line of progress on a terminal; yield what moves it on."""
    console = Console(stderr=True)
    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as line:
        task = line.add_task("", total=None)
        yield lambda done, total: line.update(task, completed=done, total=total)

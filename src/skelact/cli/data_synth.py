"""Write a synthetic data set in the raw text format of NTU RGB+D: people before a faulty depth camera.

The files are prepared like the real ones (skelact data prepare ntu60). The same seed gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.progress import Progress

from skelact.formats.ntu import parse_name
from skelact.synthetic import ACTION_NAMES, write_data_set


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("out", type=str, help="folder to write; empty or not yet there")
    parser.add_argument("--sequences", type=int, default=1200, help="number of recordings, a file each")
    parser.add_argument("--seed", type=int, default=0, help="decides people, cameras and takes")
    parser.add_argument(
        "--actions",
        type=str | None,
        default=None,
        help=f"codes of the actions, as A010,A023; all {len(ACTION_NAMES)} by default",
    )


def run(options: Namespace) -> int:
    """Write the data set and print what it holds."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("writing recordings", total=options.sequences)
        files = write_data_set(
            Path(options.out),
            sequences=options.sequences,
            seed=options.seed,
            actions=None if options.actions is None else options.actions.split(","),
            on_progress=lambda done: progress.update(task, completed=done),
        )
    names = [parse_name(path.stem) for path in files]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    rows = (
        ("folder", options.out),
        ("files", f"{len(files)}"),
        ("size", f"{megabytes:.1f} MB"),
        ("actions", f"{len({name.action for name in names})}"),
        ("performers", f"{len({name.performer for name in names})}"),
        ("cameras", f"{len({name.camera for name in names})}"),
        ("setups", f"{len({name.setup for name in names})}"),
        ("seed", f"{options.seed}"),
    )
    for key, value in rows:
        print(f"{key:<12}{value}")
    return 0

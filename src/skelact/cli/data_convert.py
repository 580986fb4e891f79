"""Write a store's sequences as skeletons of another topology, joint by joint of the same meaning.

TOPOLOGY is a known one (ntu-25, kinect-20, coco-17, openpose-18, openpose-25, mediapipe-33, h36m-17) or a
.yaml file. Joints that neither the source has nor a rule makes are marked as missing, and all is reported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from skelact.formats.exclusions import FILE_NAME, count_by_reason
from skelact.skeleton.topology_file import find_topology
from skelact.store.convert import ConvertedStore, convert_store
from skelact.store.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("store", type=str, help="folder of a prepared store")
    parser.add_argument("out", type=str, help="folder to write; it appears when it is complete")
    parser.add_argument(
        "--topology", type=str, required=True, help="name of the new topology, or a .yaml file with one"
    )
    parser.add_argument(
        "--positions",
        type=Literal["float32", "int16"] | None,
        default=None,
        help="how to keep positions, exactly or in half the space (default: as in STORE)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is a store already")


def run(options: Namespace) -> None:
    """Convert the store and print what became of the joints."""
    target = find_topology(options.topology)
    store = Store.open(Path(options.store))
    console = Console(stderr=True)
    columns = (
        TextColumn("converting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("sequences"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as line:
        task = line.add_task("", total=len(store))
        converted = convert_store(
            store,
            Path(options.out),
            target,
            positions=options.positions,
            overwrite=options.overwrite,
            on_progress=lambda done: line.update(task, completed=done),
        )
    print(summary(converted))


def summary(converted: ConvertedStore) -> str:
    """Return what a conversion made, in a few aligned lines."""
    store = converted.store
    lines = [
        converted.conversion.report(),
        f"{'store':<10}{store.path}",
        f"{'content':<10}{store.content_hash[:16]}",
        f"{'used':<10}{len(store):,} sequences",
    ]
    if converted.exclusions:
        left_out = f"{len(converted.exclusions):,}, listed in {store.path / FILE_NAME}"
        lines.append(f"{'left out':<10}{left_out}")
        reasons = count_by_reason(converted.exclusions)
        lines += [f"{'':<10}{count:,}  {reason}" for reason, count in reasons.items()]
    return "\n".join(lines)

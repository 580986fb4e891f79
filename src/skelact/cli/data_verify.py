"""Check that a store is complete and unchanged: hashes, indices, positions, and the published split counts.

Exit status 0 for a sound store, 1 for a damaged one.
"""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from skelact.store.store import Store
from skelact.store.verify import compare_counts, find_problems

DAMAGED = 1
"""Exit status for a store with problems."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("store", type=str, help="folder of a prepared store")


def run(options: Namespace) -> int:
    """Print a verdict, and every problem on a line of its own; return the exit status."""
    store = Store.open(Path(options.store))
    problems = find_problems(store)
    remarks: list[str] = []
    if not problems:
        remarks, problems = compare_counts(store)
    for line in (*remarks, *problems):
        print(line)
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        print(f"{store.path}: DAMAGED, {len(problems)} {noun}; prepare the data set again")
        return DAMAGED
    print(f"{store.path}: sound, {len(store):,} sequences, content {store.content_hash[:16]}")
    return 0

"""Going on with a store whose preparation was stopped: what its journal says and its arrays hold."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skelact.formats.exclusions import Exclusion
from skelact.store.inventory import Inventory, bin_file
from skelact.store.journal import Entry, Journal
from skelact.store.store import META, Store

ARRAYS = "arrays"
"""Folder under construction that becomes the store."""


@dataclass
class Resumed:
    """What an unfinished preparation left."""

    num_files: int = 0
    """Raw files done."""
    exclusions: list[Exclusion] = field(default_factory=list)
    """What is not used of them."""
    changed: list[str] = field(default_factory=list)
    """What of its source differs now, so that nothing of it is of use."""


def partial_of(path: Path) -> Path:
    """Return the folder in which the store ``path`` is under construction."""
    return path.with_name(path.name + ".partial")


def resume(journal: Journal, folder: Path, inventory: Inventory, source: Mapping[str, str] | None) -> Resumed:
    """Take over what an unfinished preparation of the same source left; drop any other.

    Args:
        journal: its journal, or a new one; afterwards it ends behind the last entry that is of use.
        folder: its arrays; afterwards they end there, too.
        inventory: empty; afterwards it holds what was taken over.
        source: what the store is made of; None takes nothing over.
    """
    found = Resumed()
    lines = journal.read()
    header, end = next(lines, (None, 0))
    if source is not None and header == source:
        for entry, entry_end in lines:
            if not isinstance(entry, Entry) or not _is_on_disk(folder, inventory, entry):
                break
            for row in entry.rows:
                inventory.add(row)
            found.exclusions += entry.exclusions
            found.num_files += 1
            end = entry_end
        journal.cut(end)
    else:
        if isinstance(header, dict) and header:
            found.changed = [key for key in source or {} if header.get(key) != (source or {})[key]]
        journal.start(source or {})
    num_bytes = inventory.num_bytes_after([])
    for file in folder.iterdir():
        if file.stem in num_bytes:
            os.truncate(file, num_bytes[file.stem])
        else:
            file.unlink()
    return found


def _is_on_disk(folder: Path, inventory: Inventory, entry: Entry) -> bool:
    """Tell whether the arrays hold an entry's sequences whole."""
    if not entry.rows:
        return True
    files = {bin_file(folder, name): size for name, size in inventory.num_bytes_after(entry.rows).items()}
    return all(file.is_file() and file.stat().st_size >= size for file, size in files.items())


def finished_store(path: Path, source: Mapping[str, str]) -> Store | None:
    """Return the store at ``path`` if a writer of ``source`` had but to tidy up when it was killed."""
    partial = partial_of(path)
    if not partial.is_dir() or (partial / ARRAYS).exists() or not (path / META).is_file():
        return None
    journal = Journal(partial)
    header, _ = next(journal.read(), (None, 0))
    if header == source:
        shutil.rmtree(partial)
    journal.close()
    return Store.open(path) if header == source else None

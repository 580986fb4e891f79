"""Synthetic recordings sorted by class, as people have them who teach a model."""

import re
from collections.abc import Mapping
from pathlib import Path

from skelact.synthetic import write_data_set


def in_class_folders(folder: Path, num: int, actions: Mapping[str, str], seed: int) -> Path:
    """Write ``num`` recordings of actions (names by their codes), each into the folder of its class."""
    raw = folder.parent / f"{folder.name}-raw"
    for file in write_data_set(raw, sequences=num, seed=seed, actions=list(actions)):
        found = re.search(r"A\d{3}", file.name)
        assert found
        place = folder / actions[found[0]]
        place.mkdir(parents=True, exist_ok=True)
        file.rename(place / file.name)
    raw.rmdir()
    return folder

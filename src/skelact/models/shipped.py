"""The models that come with the package: found by their names, without a network."""

from __future__ import annotations

from pathlib import Path

from skelact.models.card import CARD

FOLDER = Path(__file__).parents[1] / "weights"
"""Holds a package for each: weights, card, and the card for people."""

UNIVERSAL = "universal-small"
"""The encoder that is taken where nobody names one."""


def shipped_models() -> list[str]:
    """Return the names of the shipped models."""
    return sorted(card.parent.name for card in FOLDER.glob(f"*/{CARD}"))


def find_model(run: Path | str) -> Path:
    """Return the folder of a shipped model's name, or the path itself; a model on disk comes first."""
    path = Path(run)
    if str(run) in shipped_models() and not (path / CARD).is_file():
        return FOLDER / path
    return path


def place_of_results(run: Path) -> Path:
    """Return the folder that results of a model go to: its own, of a shipped one the same name here."""
    return Path(run.name) if run.parent == FOLDER else run

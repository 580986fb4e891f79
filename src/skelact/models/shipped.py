"""The models that come with the package: found by their names, without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from skelact.files import read_json
from skelact.models.card import CARD

FOLDER = Path(__file__).parents[1] / "weights"
"""Holds a package for each: weights, card, and the card for people."""

UNIVERSAL = "universal-small"
"""The encoder that is taken where nobody names one,"""
UNIVERSAL_2D = "universal-2d"
"""and where positions are in the plane."""


def shipped_models() -> list[str]:
    """Return the names of the shipped models."""
    return sorted(card.parent.name for card in FOLDER.glob(f"*/{CARD}"))


def find_model(run: Path | str) -> Path:
    """Return the folder of a shipped model's name, or the path itself; a model on disk comes first."""
    path = Path(run)
    if str(run) in shipped_models() and not (path / CARD).is_file():
        return FOLDER / path
    return path


def shipped_name(card: Mapping[str, Any]) -> str | None:
    """Return the name of the shipped model whose encoder a card is of; None of any other."""
    return _names().get(_mark(card))


@cache
def _names() -> Mapping[str, str]:
    return {_mark(read_json(FOLDER / name / CARD)): name for name in shipped_models()}


def _mark(card: Mapping[str, Any]) -> str:
    """Return what tells an encoder from others: how, from what and with which seeds it learned."""
    return json.dumps([card.get(key) for key in ("method", "data_hash", "identity", "seeds")])


def place_of_results(run: Path) -> Path:
    """Return the folder that results of a model go to: its own, of a shipped one the same name here."""
    return Path(run.name) if run.parent == FOLDER else run

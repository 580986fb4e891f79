"""What a card says of the classes that a model was taught; nothing here needs a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from skelact.errors import ConfigurationError
from skelact.files import checked
from skelact.models.card import TRAIN_AGAIN
from skelact.models.shipped import place_of_results
from skelact.models.sizes import Pooling
from skelact.skeleton.view import Axis

RECOGNITION = "recognition"
"""Key of what a card says of the classes that a model was taught."""
HEAD = "head"
"""Key of what the card of a fine-tuning says of its classifier."""
Kind = Literal["neighbours", "linear", "finetune"]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Number = Annotated[int, Meta(ge=0)]


class Accuracy(Struct, frozen=True):
    """What a classifier makes of recordings that it did not learn from."""

    name: str
    share: Share
    low: Share
    high: Share
    """The ends of the 95 % interval."""
    num_tested: Number
    rule: str
    """On whom it was tested."""


class Calibration(Struct, frozen=True):
    """Expected calibration error, measured on the same recordings; equal where no temperature helped."""

    before: Share
    after: Share


class Preparation(Struct, frozen=True):
    """How the recordings were prepared that taught a model; what it is asked is prepared alike."""

    data_set: str
    options: dict[str, Any]
    up: Axis | None = None
    unit: str | None = None


class Recognition(Struct, frozen=True):
    """What a card says of the classes that a model was taught."""

    classifier: Kind
    class_names: Annotated[list[str], Meta(min_length=2)]
    temperature: Positive = 1.0
    pooling: Pooling = "mean"
    num_examples: list[Number] = []
    """Of each class."""
    threshold: Positive | None = None
    """Distance to the nearest example beyond which a recording is unfamiliar; None: not known."""
    false_alarms: Share | None = None
    """Share of known recordings that were to lie beyond it; no less than the tested ones can promise."""
    accuracy: Accuracy | None = None
    candidates: list[Accuracy] = []
    """All that was compared, the chosen one among them."""
    calibration: Calibration | None = None
    preparation: Preparation | None = None
    seconds: Positive | None = None
    """How long the recordings are that taught it, in the median; None: not known."""
    encoder: str = ""
    """Name of the run folder, package or shipped model that was taught."""
    data: str = ""
    """Name of the folder or store that taught it."""
    data_hash: str = ""

    def __post_init__(self) -> None:
        if self.num_examples and len(self.num_examples) != len(self.class_names):
            raise ValueError(f"num_examples has {len(self.num_examples)} numbers, one a class is expected")

    @property
    def taught(self) -> list[int]:
        """The numbers of the classes that have examples; all of them where examples were not counted."""
        counts = self.num_examples or [1] * len(self.class_names)
        return [number for number, count in enumerate(counts) if count]

    def is_unfamiliar(self, distance: float) -> bool | None:
        """Tell whether something so far from all examples is none of the classes; None: not known."""
        return None if self.threshold is None else distance > self.threshold


def told(about: Recognition) -> dict[str, Any]:
    """Return what a card holds of it, ready for JSON."""
    table: dict[str, Any] = msgspec.to_builtins(about)
    return table


def knows_classes(card: Mapping[str, Any]) -> bool:
    """Tell whether the card is that of a model that recognises classes."""
    return RECOGNITION in card or (HEAD in card and "class_names" in card)


def read_recognition(card: Mapping[str, Any], where: str, model: str) -> Recognition:
    """Return what a card says of classes.

    Args:
        card: it.
        where: its file, for messages.
        model: the model, as one types it.

    Raises:
        ConfigurationError: a model that was not taught any classes.
        DataError: the card says what cannot be.
    """
    if not knows_classes(card):
        model = str(place_of_results(Path(model)))  # of a shipped one its name
        raise ConfigurationError(
            f"{model}: knows no classes; teach it some: skelact teach FOLDER --from {model} --out MODEL"
        )
    if RECOGNITION in card:
        return checked(card[RECOGNITION], Recognition, f"{where}: {RECOGNITION}", TRAIN_AGAIN)
    told = {"classifier": "finetune", "class_names": card["class_names"]}
    return checked(told, Recognition, where, TRAIN_AGAIN)

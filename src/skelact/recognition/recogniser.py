"""What a taught model is made of: encoder, classifier, temperature, and the examples that it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from msgspec import Meta, Struct
from torch import Tensor

from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.features import batch_size_of, extract_features, several_in_batches
from skelact.evaluation.linear_layer import LinearLayer
from skelact.files import checked
from skelact.models.backbone import frozen
from skelact.models.card import CARD, TRAIN_AGAIN
from skelact.models.heads import Classifier, FinetuneHead, encode_clips
from skelact.models.pretrained import WEIGHTS, Pretrained
from skelact.models.tensor_file import difference
from skelact.recognition.calibration import probabilities
from skelact.recognition.choice import L2
from skelact.recognition.description import HEAD, Recognition, read_recognition
from skelact.recognition.neighbours import Neighbours
from skelact.store.store import Store

Floats = npt.NDArray[np.floating[Any]]
NEIGHBOURS = ("mean", "axes", "points", "labels")
"""Tensors of the examples."""
LINEAR = ("weight", "bias", "mean", "scale")
"""Tensors of a linear layer."""


class Recognised(NamedTuple):
    """What a recogniser makes of N sequences."""

    chances: Tensor
    """(N, K) probabilities."""
    distances: Tensor | None
    """(N,) to the nearest example, see :meth:`Neighbours.distances`; None where no examples are known."""


@dataclass(frozen=True, eq=False)
class Recogniser:
    """A model that knows classes."""

    pretrained: Pretrained
    about: Recognition
    neighbours: Neighbours | None
    """The recordings that taught it; None of a fine-tuned run, which does not keep them."""
    layer: LinearLayer | None = None
    """Of the linear classifier."""
    head: Classifier | None = None
    """Of the fine-tuned one: encoder and head."""

    @property
    def class_names(self) -> list[str]:
        """What the classes are called."""
        return self.about.class_names

    def recognise(self, source: ClipSource, indices: npt.NDArray[np.int64], *, title: str = "") -> Recognised:
        """Return how likely each class is for sequences of a store, and how far they are from all examples.

        Args:
            source: where the clips come from.
            indices: (N,) sequences of its store.
            title: what the progress line on a terminal calls it; none without a title.
        """
        scores = None
        if self.head is not None:
            scores, features = self._ask_head(self.head, source, indices, title)
        else:
            encoder, pooling = self.pretrained.encoder, self.about.pooling
            features, _ = extract_features(encoder, source, indices, title=title, pooling=pooling)
        return self.answer(features, scores)

    def answer(self, features: Tensor, scores: Tensor | None = None) -> Recognised:
        """Return what (N, D) features of sequences say.

        Args:
            features: pooled as the card says.
            scores: (N, K) where a fine-tuned head has given them already.
        """
        with torch.autocast("cpu", enabled=False):  # whoever computes features in bfloat16 decides in float32
            features = features.float()
            if self.layer is not None:
                scores = self.layer(features)
            nearest = None if self.neighbours is None else self.neighbours.distances(features)
        if scores is None:
            assert nearest is not None  # read_recogniser sees to it
            scores = -nearest
        distances = None if nearest is None else nearest.min(1).values
        return Recognised(probabilities(scores, self.about.temperature), distances)

    @torch.no_grad()
    def _ask_head(
        self, model: Classifier, source: ClipSource, indices: npt.NDArray[np.int64], title: str
    ) -> tuple[Tensor, Tensor]:
        """Return (N, K) scores of the fine-tuned head and (N, D) embeddings, of clips encoded once."""

        def answer(part: slice) -> list[Tensor]:
            clips = source.test(indices[part])
            features, embeddings = encode_clips(
                model.encoder, clips.positions, clips.present, clips.seen, [self.about.pooling]
            )
            return [model.head(features, clips.present).float(), *embeddings]

        with frozen(model, source.device):
            scores, embeddings = several_in_batches(answer, len(indices), batch_size_of(source), title=title)
        return scores, embeddings

    @property
    def takes(self) -> Pretrained:
        """What it says of the recordings that it takes."""
        return self.pretrained

    def ask(self, store: Store, title: str = "") -> tuple[Floats, Floats | None]:
        """Return (N, K) probabilities of a store's sequences, and (N,) distances, None where not known."""
        source = ClipSource(store, self.pretrained.clips)
        chances, distances = self.recognise(source, np.arange(len(store)), title=title)
        return chances.numpy(), None if distances is None else distances.numpy()

    def tensors(self) -> dict[str, Tensor]:
        """Return all that its weights file holds."""
        network = self.pretrained.encoder if self.head is None else self.head
        prefix = "encoder." if self.head is None else ""
        found = {f"{prefix}{name}": value for name, value in network.state_dict().items()}
        if self.neighbours is not None:
            found |= {f"neighbours.{name}": getattr(self.neighbours, name) for name in NEIGHBOURS}
        if self.layer is not None:
            found |= {f"linear.{name}": getattr(self.layer, name) for name in LINEAR}
        return found


def read_recogniser(folder: Path | str, pretrained: Pretrained) -> Recogniser:
    """Return the recogniser in a package, or in the run of a fine-tuning.

    Args:
        folder: it.
        pretrained: what :func:`~skelact.models.pretrained.load_pretrained` made of it.

    Raises:
        ConfigurationError: a model that was not taught any classes.
        DataError: card or weights do not fit each other.
    """
    folder, card = Path(folder), pretrained.card
    about = read_recognition(card, str(folder / CARD), str(folder))
    num_classes, tensors = len(about.class_names), pretrained.classifier
    neighbours, layer, head = _neighbours(folder, tensors, num_classes), None, None
    if about.classifier == "finetune":
        head = _head(folder, pretrained, num_classes)
        own = {name: value for name, value in tensors.items() if name.startswith("head.")}
        problem = difference(own, {f"head.{name}": value for name, value in head.head.state_dict().items()})
        if problem:
            raise DataError(f"{folder / WEIGHTS}: of the classifier {problem}; this is not the card's model")
        head.head.load_state_dict({name.removeprefix("head."): value for name, value in own.items()})
    elif neighbours is None:
        raise DataError(f"{folder / WEIGHTS}: 'neighbours.points' is missing; this is not the card's model")
    elif about.classifier == "linear":
        width = len(neighbours.mean)
        shapes = ((num_classes, width), (num_classes,), (width,), (width,))
        expected = {f"linear.{name}": torch.empty(shape) for name, shape in zip(LINEAR, shapes, strict=True)}
        own = {name: value for name, value in tensors.items() if name.startswith("linear.")}
        problem = difference(own, expected, "the card and the examples say")
        if problem:
            raise DataError(
                f"{folder / WEIGHTS}: of the linear layer {problem}; this is not the card's model"
            )
        weight, bias, mean, scale = (own[name] for name in expected)
        layer = LinearLayer(weight, bias, mean, scale, L2)
    return Recogniser(pretrained, about, neighbours, layer, head)


def _neighbours(folder: Path, tensors: Mapping[str, Tensor], num_classes: int) -> Neighbours | None:
    """Return the examples among the weights, or None where there are none.

    Raises:
        DataError: they do not fit each other or the classes.
    """
    own = {name: tensors[f"neighbours.{name}"] for name in NEIGHBOURS if f"neighbours.{name}" in tensors}
    if not own:
        return None
    where = f"{folder / WEIGHTS}: its examples"
    if (
        len(own) < len(NEIGHBOURS)
        or own["axes"].ndim != 2
        or own["labels"].ndim != 1
        or 0 in own["axes"].shape
    ):
        raise DataError(f"{where} are not complete; {TRAIN_AGAIN}")
    (width, size), num = own["axes"].shape, len(own["labels"])
    shapes = {"mean": (width,), "axes": (width, size), "points": (num, size)}
    expected = {name: torch.empty(shape) for name, shape in shapes.items()}
    problem = difference(own, {**expected, "labels": torch.empty(num, dtype=torch.int64)})
    if problem or not num or not all(own[name].isfinite().all() for name in shapes):
        raise DataError(f"{where}: {problem or 'none, or numbers that are not finite'}; {TRAIN_AGAIN}")
    if int(own["labels"].min()) < 0 or int(own["labels"].max()) >= num_classes:
        raise DataError(f"{where}: one of no class of the card; {TRAIN_AGAIN}")
    return Neighbours(**own, num_classes=num_classes)


class _Head(Struct):
    hidden_width: Annotated[int, Meta(ge=1)]
    dropout: Annotated[float, Meta(ge=0, lt=1)]


def _head(folder: Path, pretrained: Pretrained, num_classes: int) -> Classifier:
    """Return the classifier that a card describes, without its weights."""
    told = checked(pretrained.card.get(HEAD), _Head, f"{folder / CARD}: {HEAD}", TRAIN_AGAIN)
    encoder = pretrained.encoder
    try:
        head = FinetuneHead(
            pretrained.topology.num_joints,
            encoder.config.width,
            num_classes,
            told.hidden_width,
            told.dropout,
            encoder.absent,
        )
    except ConfigurationError as error:
        raise DataError(f"{folder / CARD}: the card says what does not fit ({error})") from error
    return Classifier(encoder, head).eval()

"""How well features tell actions apart while pre-training goes on, without a look at the test side.

Numbers that are seen during training steer it: people stop early, or change a setting and start again. So
they come from the training side alone. Some of its people (cameras, styles: whatever the protocol splits by)
are classified by their nearest neighbours among the others. Pre-training sees no label of either, and the
test side stays unseen until the run is finished.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.features import extract_sides
from skelact.evaluation.knn import knn_scores
from skelact.store.left_out import LeftOut
from skelact.store.protocols import ALL, Split, find_protocol, training_side
from skelact.store.store import Store
from skelact.training.randomness import generator_for

KS = (1, 10)
HELD_OUT = 0.2
"""Share of the people (or cameras, ...) whose sequences are classified; at least one of them."""
MOST_REFERENCES, MOST_QUERIES = 8192, 2048
"""Sequences of each kind, drawn where there are more: a monitor is looked at often, so it is quick."""


class KnnMonitor:
    """Called after every epoch; every ``every`` epochs it returns the top-1 accuracies of k = 1 and 10.

    The weights, the mode and the random numbers of the run stay as they are.

    Args:
        store: a store that the run learns from.
        protocol: the protocol whose training side it learns from.
        clips: how sequences become clips.
        every: epochs from one look to the next.
        seed: decides who is held out, and what is drawn of large sets.
        suffix: follows the names of the numbers, ``knn_top1_k1`` and ``knn_top1_k10``.
        left_out: a list of recordings that the run does not learn from.

    Raises:
        ConfigurationError: ``every`` below 1, or no such protocol.
        DataError: not one labelled sequence on either side of the division.
    """

    def __init__(
        self,
        store: Store,
        protocol: str,
        clips: ClipSettings,
        every: int,
        seed: int = 0,
        suffix: str = "",
        left_out: LeftOut | None = None,
    ) -> None:
        if every < 1:
            raise ConfigurationError(f"the kNN monitor looks every {every} epochs, expected 1 or more")
        self.store, self.clips, self.every, self.suffix = store, clips, every, suffix
        self.sides = hold_out(store, protocol, seed, left_out)
        self._source: ClipSource | None = None

    def __call__(self, epoch: int, model: nn.Module) -> dict[str, float]:
        """Classify after ``epoch`` epochs, if it is time, with the encoder of ``model``."""
        if epoch % self.every:
            return {}
        encoder = model.get_submodule("encoder")
        device = next(encoder.parameters()).device
        if self._source is None or self._source.device != device:
            self._source = ClipSource(self.store, self.clips, device)
        (references, labels), (queries, wanted) = extract_sides(encoder, self._source, self.sides)  # type: ignore[arg-type]
        num_classes = len(self.store.class_names)
        ks = [k for k in KS if k <= len(labels)]
        scores = knn_scores(references, labels, queries, num_classes, ks)
        return {
            f"knn_top1_k{k}{self.suffix}": float((each.argmax(1) == wanted).float().mean())
            for k, each in scores.items()
        }


def hold_out(store: Store, protocol: str, seed: int, left_out: LeftOut | None = None) -> Split:
    """Divide the labelled training sequences of a protocol by the attribute that it splits by.

    Args:
        store: the prepared data set.
        protocol: name of the protocol.
        seed: decides which values are held out.
        left_out: a list of recordings that are on neither side.

    Returns:
        Of the training side, the sequences that are known (``train``) and those to classify (``test``), at
        most 8,192 and 2,048. Where all have one value, a fifth of the sequences is held out.

    Raises:
        ConfigurationError: no such protocol.
        DataError: a side without a labelled sequence.
    """
    rows = training_side(store, protocol, left_out).train
    rows = rows[np.asarray(store.labels)[rows] >= 0]
    values = np.arange(len(rows), dtype=np.int32)
    if protocol != ALL:
        of_protocol = np.asarray(store.attribute(find_protocol(store, protocol).attribute))[rows]
        if len(np.unique(of_protocol)) > 1:
            values = of_protocol
    generator = generator_for(seed, "knn monitor")
    distinct = np.unique(values)
    chosen = distinct[torch.randperm(len(distinct), generator=generator).numpy()]
    is_query = np.isin(values, chosen[: max(1, round(HELD_OUT * len(distinct)))])
    sides = Split(
        _some(rows[~is_query], MOST_REFERENCES, generator), _some(rows[is_query], MOST_QUERIES, generator)
    )
    if not len(sides.train) or not len(sides.test):
        raise DataError(
            f"{store.path}: {len(rows)} labelled training sequences under {protocol} are too few for the kNN "
            "monitor; leave --monitor-knn-every out"
        )
    return sides


def _some(rows: npt.NDArray[np.int64], most: int, generator: torch.Generator) -> npt.NDArray[np.int64]:
    places: Sequence[int] = sorted(torch.randperm(len(rows), generator=generator)[:most].tolist())
    return rows[places]

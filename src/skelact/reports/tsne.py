"""Features of sequences on a plane, by t-SNE: neighbours stay neighbours, other distances mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from skelact.errors import ConfigurationError, DataError
from skelact.reports.canvas import INK, PALETTE, SHAPES, new_figure

NUM_SHAPES = 3
MOST_CLASSES = len(PALETTE) * NUM_SHAPES
"""Classes that colour and shape tell apart."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Where t-SNE puts sequences, and how it was asked."""

    places: npt.NDArray[np.float64]
    """(N, 2) places, without unit."""
    perplexity: float
    """Number of neighbours that a sequence is to keep, softly counted."""
    seed: int
    """What decided the descent's random numbers."""
    divergence: float
    """Kullback-Leibler divergence that is left: what the plane does not show of the neighbourhoods."""

    def settings(self) -> str:
        """Return what a reader needs to judge the picture."""
        return (
            f"t-SNE of {len(self.places):,} sequences, cosine, PCA start, perplexity {self.perplexity:g}, "
            f"seed {self.seed}, KL divergence {self.divergence:.2f}"
        )


def project(features: Tensor, *, perplexity: float = 30.0, seed: int = 0) -> Plane:
    """Lay features out on a plane by their cosine similarity.

    Source: van der Maaten & Hinton, Journal of Machine Learning Research 9, 2008; scikit-learn's TSNE.

    Args:
        features: (N, D); their lengths do not matter.
        perplexity: above 0, below N.
        seed: decides the random numbers.

    Raises:
        ConfigurationError: a perplexity out of its range.
        DataError: fewer than 3 sequences, or a feature that is not finite.
    """
    if len(features) < 3:
        raise DataError(f"t-SNE of {len(features)} sequences: expected 3 or more")
    if not 0 < perplexity < len(features):
        raise ConfigurationError(
            f"perplexity {perplexity:g} for {len(features)} sequences: expected above 0, below their number; "
            "give a smaller --perplexity"
        )
    if not features.isfinite().all():
        row = int((~features.isfinite()).any(1).nonzero()[0])
        raise DataError(f"the feature of sequence {row} is not finite; did the training diverge?")
    from sklearn.manifold import TSNE  # takes its time to load

    # between vectors of length 1 the squared distance is twice the cosine distance
    unit = F.normalize(features.double(), dim=1).numpy()
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    places = np.asarray(tsne.fit_transform(unit), np.float64)
    return Plane(places, perplexity, seed, float(tsne.kl_divergence_))


def plane_figure(
    plane: Plane,
    labels: npt.NDArray[np.int64],
    class_names: Sequence[str],
    *,
    title: str = "",
    about: str = "",
) -> Figure:
    """Return the plane, each class in a colour and shape of its own; the settings stand under it.

    Args:
        plane: N places.
        labels: (N,) classes, in [0, K); classes without a sequence are not in the legend.
        class_names: K names.
        title: heading of the figure.
        about: what the features are, for the line above the settings.

    Raises:
        DataError: more classes than can be told apart.
    """
    shown = np.unique(labels).tolist()
    check_classes_fit(len(shown))
    figure, axes = new_figure(8.5, 6)
    axes.spines[:].set_visible(False)
    for number, label in enumerate(shown):
        own = plane.places[labels == label]
        axes.scatter(
            own[:, 0],
            own[:, 1],
            s=18,
            color=PALETTE[number % len(PALETTE)],
            marker=SHAPES[number // len(PALETTE)],
            edgecolors=INK,
            linewidths=0.2,
            label=f"{class_names[label]} ({len(own)})",
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("\n".join(line for line in (about, plane.settings()) if line), fontsize=8)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False, title="class (sequences)")
    return figure


def check_classes_fit(num: int) -> None:
    """Raise DataError unless ``num`` classes can be told apart in one picture."""
    if num > MOST_CLASSES:
        raise DataError(
            f"{num} classes cannot be told apart in one picture; name up to {MOST_CLASSES} with --classes"
        )

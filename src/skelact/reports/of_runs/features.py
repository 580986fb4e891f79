"""What a model makes of test sequences, for a page: a map of features, prime joints on a body, bandwidths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.density.learned import START, LearnedDensity
from skelact.evaluation.features import extract_features
from skelact.evaluation.prime_joints import class_prime_joints, definition
from skelact.models.pretrained import Pretrained
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.reports.page import packed
from skelact.reports.player import Played, player_data
from skelact.reports.skeletons import CLIPS, limb_order
from skelact.reports.tsne import project
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology
from skelact.store.store import Store

PERPLEXITY = 30.0
"""Of the map where there are enough sequences; of fewer a third of them."""
POSES = 600
"""Body-frames among which the one is looked for that shows the prime joints."""
Indices = npt.NDArray[np.int64]


def map_data(pretrained: Pretrained, store: Store, sequences: Indices, title: str) -> dict[str, Any]:
    """Return where t-SNE puts the features of test sequences, as the figure of the same name does.

    Args:
        pretrained: the encoder.
        store: the data, of the encoder's skeleton.
        sequences: (N,) its sequences, 3 or more.
        title: what the progress line on a terminal calls it.

    Raises:
        ConfigurationError: a store that the encoder does not know.
        DataError: fewer than 3 sequences, or features that are not finite.
    """
    pretrained.check(store)
    source = ClipSource(store, pretrained.clips)
    features, _ = extract_features(pretrained.encoder, source, sequences, title=title)
    plane = project(features, perplexity=min(PERPLEXITY, max(1.0, (len(sequences) - 1) / 3)))
    low, high = plane.places.min(0), plane.places.max(0)
    shares = (plane.places - (low + high) / 2) / (float((high - low).max()) or 1.0) + 0.5
    return {"about": plane.settings(), "places": packed(shares.astype(np.float32))}


def prime_data(
    model: ContrastiveModel | None,
    store: Store,
    sequences: Indices,
    clips: ClipSettings | None = None,
) -> dict[str, Any]:
    """Return how prime each joint is in each class, and what makes a joint prime.

    Args:
        model: a contrastive run's, with a detector of its own; None: the density of positions tells.
        store: the data.
        sequences: (N,) its sequences, with labels.
        clips: how the run makes clips; of None as the figure of the same name does.

    Returns:
        ``means``: of every class (K) and joint (V) the share of time steps in which it is prime, None where
        it was never seen; ``classes``, ``counts`` of sequences, and ``about``.
    """
    labels = np.unique(np.asarray(store.labels)[sequences]).tolist()
    source = ClipSource(store, CLIPS if clips is None else clips)
    found = class_prime_joints(model, source, sequences, labels, title="prime joints")
    return {
        "about": definition(model).replace("\n", "; "),
        "classes": list(found.class_names),
        "counts": found.num_sequences.tolist(),
        "means": [[None if np.isnan(each) else round(float(each), 4) for each in row] for row in found.means],
    }


def pose_data(store: Store, sequences: Indices, played: Played) -> dict[str, Any] | None:
    """Return a usual pose, as the player is given a recording of one frame; None where no body is seen whole.

    It is the body-frame that is nearest to the median of many, joint by joint, each about its own centre.

    Args:
        store: the data.
        sequences: (N,) the sequences among which it is looked for.
        played: any recording of the store, for the axis and the unit that it tells.
    """
    found: list[npt.NDArray[np.float32]] = []
    for number in sequences[:: max(1, len(sequences) // 100)].tolist():
        sequence = store.sequence(number)
        positions = sequence.with_nan()
        whole = positions[~np.isnan(positions).any((2, 3))]
        found += list(whole[:: max(1, len(whole) // 6)][:6])
    if not found:
        return None
    poses = np.stack(found[:POSES])  # (F, V, C)
    centred = poses - poses[:, [store.topology.centre]]
    far = np.square(centred - np.median(centred, 0)).sum((1, 2))
    pose = centred[int(far.argmin())]
    sequence = SkeletonSequence(
        "pose", pose[None, None].astype(np.float32), np.ones((1, 1), bool), store.topology, fps=None
    )
    return player_data(replace(played, sequence=sequence, facts=[], notes=[]), bare=True)


def bandwidth_data(density: LearnedDensity, topology: Topology) -> dict[str, Any]:
    """Return the bandwidths of a learned density, limb by limb, in body sizes."""
    order = limb_order(topology)
    values: Sequence[float] = density.bandwidth.detach().cpu()[order].tolist()
    return {"joints": [topology.joints[joint] for joint in order], "values": values, "start": START}

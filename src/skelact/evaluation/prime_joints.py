"""Which joints are prime in which action: the prime mask of test clips, averaged over each class.

Two kinds of runs have one. In a contrastive run the detector gives it, from the momentum encoder's features.
A masked run has the change of its joint density, which is turned into a mask in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from skelact.clips.source import Clips, ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.features import BATCH_SIZE, Indices, in_batches, labels_of
from skelact.models.backbone import frozen
from skelact.models.embedding import patchify
from skelact.models.pretrained import load_pretrained
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.contrastive.objective import DetectorConfig
from skelact.pretraining.contrastive.prime_detector import prime_mask
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.run import load_model
from skelact.skeleton.topology import Topology

PrimeModel = ContrastiveModel | MaskedModel
"""A model with a joint density."""


@dataclass(frozen=True, eq=False)
class ClassPrimeJoints:
    """How prime each joint is in each of K classes."""

    class_names: tuple[str, ...]
    """K names."""
    num_sequences: npt.NDArray[np.int64]
    """(K,) sequences of each class."""
    means: npt.NDArray[np.float64]
    """(K, V) mean prime mask in [0, 1]; NaN where the joint was never seen in the class."""

    def most_prime(self, number: int) -> npt.NDArray[np.int64]:
        """Return (K, number) joints, the most prime first; joints that were never seen come last."""
        return np.argsort(-self.means, axis=1, kind="stable")[:, :number]

    def table(self, topology: Topology, number: int) -> list[str]:
        """Return aligned lines: each class with its ``number`` most prime joints and their mean masks."""
        class_width = max(map(len, ("class", *self.class_names)))
        joint_width = max(map(len, topology.joints))
        lines = [f"  {'class':<{class_width}}  most prime joints (mean mask)"]
        for name, means, joints in zip(self.class_names, self.means, self.most_prime(number), strict=True):
            seen = joints[~np.isnan(means[joints])]
            cells = [f"{topology.joints[joint]:<{joint_width}} {means[joint]:.2f}" for joint in seen]
            lines.append("  ".join([f"  {name:<{class_width}}", *cells]))
        return lines


def load_prime_model(run: str | Path) -> PrimeModel:
    """Load the model of a finished run whose joint density says which joints are prime.

    Raises:
        DataError: the folder holds no finished model, or an encoder alone.
        ConfigurationError: the run has no joint density.
    """
    model = load_model(run)
    if model.density is not None:
        return model
    card = load_pretrained(run).card
    raise ConfigurationError(
        f"{run}: a run of {card['method']}, without the joint density that makes joints prime; give one of "
        "stjd-cl, stjd-cl-positions, stjd-mp or stjd-mp-visible"
    )


def definition(model: PrimeModel) -> str:
    """Return two lines that say what makes a joint prime in ``model``."""
    detector = DetectorConfig()
    if isinstance(model, ContrastiveModel):
        detector = model.config.detector
        of_what = "features of the momentum encoder" if detector.source == "features" else "joint positions"
        density = f"density: {detector.density}, of {of_what}"
    else:
        config = model.config
        of_features = config.density == "learned" and config.density_source == "features"
        density = f"density: {config.density}, of {'features of the encoder' if of_features else 'its input'}"
    if detector.threshold is None:
        change = f"is in the highest {100 * detector.share:g} % of the sequence"
    else:
        change = f"is above {detector.threshold:g} of the sequence's largest"
    return f"prime (mask above 1/2): its change of density {change}\n{density}"


@torch.no_grad()
def prime_joints(model: PrimeModel, clips: Clips, positions: Tensor) -> Tensor:
    """Return how prime each joint is at each time step.

    Of a contrastive run it is what its own detector gives, with the share or threshold it was trained with.
    Of a masked run the change of density gets the soft border that detectors have by default: the quarter of
    the sequence's joints, over all time steps, whose density changes most gets more than 1/2. That is
    :func:`.prime_detector.prime_mask` and not the set of :func:`skelact.density.hard_prime_mask`, which
    counts by the body and takes joints that were not seen for others: so both kinds of runs mean the same.
    As published, a fixed density has no change in its first time step, where therefore no joint is prime.

    Args:
        model: in evaluation mode, on the clips' device.
        clips: N clips.
        positions: (N, M, T, V, C) joint positions of the same clips, whatever stream they show.

    Returns:
        (N, M, T', V) in [0, 1]; 0 where nothing was seen, 1/2 in a sequence without motion.

    Raises:
        ConfigurationError: clips of other sizes than the model's.
        DataError: features or a density that are not finite.
    """
    counts = seen_joints(clips)
    model.encoder.check(clips.positions)
    if isinstance(model, ContrastiveModel):
        assert model.detector is not None  # as loaded
        features = model.key_encoder(clips.positions, clips.present)
        _check_finite(features, clips)
        mask: Tensor = model.detector(features, counts, positions=positions)
        return mask
    of_bodies = model.signal(patchify(clips.positions[clips.present], model.encoder.config.patch_frames))
    assert of_bodies is not None  # as loaded
    change = of_bodies.new_zeros(*clips.present.shape, *of_bodies.shape[1:])
    change[clips.present] = of_bodies
    _check_finite(change, clips)
    detector = DetectorConfig()
    places = counts.unsqueeze(2).expand(change.shape)
    return prime_mask(change, places, share=detector.share, tau=detector.tau)


def seen_joints(clips: Clips) -> Tensor:
    """Return (N, M, V) bool, True for joints of bodies that are there and were seen."""
    seen = clips.present.unsqueeze(-1).expand(*clips.present.shape, clips.positions.shape[3])
    return seen if clips.joint_present is None else seen & clips.joint_present


def joint_sums(mask: Tensor, seen: Tensor) -> Tensor:
    """Return what means are made of, sequence by sequence.

    Args:
        mask: (N, M, T', V) how prime each joint is.
        seen: (N, M, V) bool, True for joints that count.

    Returns:
        (N, 2, V): the sum of each joint's mask over bodies and time steps, and how many there were.
    """
    counts = seen.unsqueeze(2).expand(mask.shape)
    return torch.stack([(mask * counts).sum((1, 2)), counts.sum((1, 2)).to(mask.dtype)], 1)


def class_means(sums: Tensor, labels: Tensor, classes: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the mean over all sequences, bodies and time steps of each class.

    Args:
        sums: (N, 2, V) of :func:`joint_sums`.
        labels: (N,) classes.
        classes: the K classes that are wanted.

    Returns:
        (K, V); NaN where a joint was never seen.
    """
    totals = torch.stack([sums[labels == label].double().sum(0) for label in classes])  # (K, 2, V)
    return (totals[:, 0] / totals[:, 1]).numpy()


def class_prime_joints(
    model: PrimeModel,
    source: ClipSource,
    indices: Indices,
    classes: Sequence[int],
    *,
    fabric: Fabric | None = None,
    title: str = "",
) -> ClassPrimeJoints:
    """Return how prime each joint is in each class, over the test clips (centre crop) of sequences.

    Args:
        model: it is not changed.
        source: where the clips come from.
        indices: (N,) sequences of the store.
        classes: the K classes, in the order that is wanted.
        fabric: the processes that share the work; default: this one does it all.
        title: what the progress line on a terminal calls it; none without a title.

    Raises:
        ConfigurationError: clips of other sizes than the model's.
        DataError: features or a density that are not finite.
    """

    shows_joints = source.settings.stream == "joint"
    joints = ClipSource(source.store, replace(source.settings, stream="joint"), source.device)

    def sums_of(part: slice) -> Tensor:
        clips = source.test(indices[part])
        positions = clips.positions if shows_joints else joints.test(indices[part]).positions
        return joint_sums(prime_joints(model, clips, positions), seen_joints(clips))

    with frozen(model, source.device):
        sums = in_batches(sums_of, len(indices), BATCH_SIZE, fabric=fabric, title=title)
    labels = labels_of(source, indices)
    return ClassPrimeJoints(
        class_names=tuple(source.store.class_names[label] for label in classes),
        num_sequences=np.array([int((labels == label).sum()) for label in classes]),
        means=class_means(sums, labels, classes),
    )


def _check_finite(values: Tensor, clips: Clips) -> None:
    """Raise DataError if (N, ...) values are not finite: a mask would hide it."""
    wrong = ~values.isfinite().flatten(1).all(1)
    if wrong.any():
        sequence = int(clips.indices[wrong][0])
        raise DataError(
            f"what the model sees in sequence {sequence} is not finite; did the training diverge?"
        )

"""Which joints are prime in which action: the prime mask of test clips, averaged over each class.

A contrastive run's own detector gives the mask, from the density it learned with. For other runs, and for
data alone, the density of joint positions does, in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from skelact.clips.source import Clips, ClipSource
from skelact.density import kernel
from skelact.density.arrays import BANDWIDTH, MOTIONLESS_CHANGE
from skelact.density.positions import joint_density
from skelact.errors import DataError, padded, width_of
from skelact.evaluation.features import Indices, batch_size_of, in_batches, labels_of
from skelact.models.backbone import frozen
from skelact.models.pretrained import load_pretrained
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.contrastive.objective import DetectorConfig
from skelact.pretraining.contrastive.prime_detector import prime_mask
from skelact.pretraining.methods import CONTRASTIVE, family_of_card
from skelact.skeleton.topology import Topology


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
        class_width = max(map(width_of, ("class", *self.class_names)))
        joint_width = max(map(len, topology.joints))
        lines = [f"  {'class':<{class_width}}  most prime joints (mean mask)"]
        for name, means, joints in zip(self.class_names, self.means, self.most_prime(number), strict=True):
            seen = joints[~np.isnan(means[joints])]
            cells = [f"{topology.joints[joint]:<{joint_width}} {means[joint]:.2f}" for joint in seen]
            lines.append("  ".join([f"  {padded(name, class_width)}", *cells]))
        return lines


def load_detector(run: str | Path) -> ContrastiveModel | None:
    """Load the model of a finished run whose own detector says which joints are prime, by their density.

    Returns:
        None where the run has none: the density of positions tells.

    Raises:
        DataError: the folder holds no finished model.
    """
    if family_of_card(load_pretrained(run).card) is not CONTRASTIVE:
        return None
    model = CONTRASTIVE.load(run)
    return model if model.density is not None else None


def definition(model: ContrastiveModel | None) -> str:
    """Return two lines that say what makes a joint prime in ``model``, or by the density of positions."""
    detector = DetectorConfig() if model is None else model.config.detector
    if model is None:
        density = f"density: of joint positions, bandwidth {BANDWIDTH:g} body sizes"
    elif detector.source == "features":
        density = f"density: {detector.density}, of features of the run's momentum encoder"
    else:
        density = f"density: {detector.density} by the run, of joint positions"
    if detector.threshold is None:
        change = f"is in the highest {100 * detector.share:g} % of the sequence"
    else:
        change = f"is above {detector.threshold:g} of the sequence's largest"
    return f"prime (mask above 1/2): its change of density {change}\n{density}"


@torch.no_grad()
def prime_joints(model: ContrastiveModel | None, clips: Clips, positions: Tensor) -> Tensor:
    """Return how prime each joint is at each time step.

    Of a contrastive run it is what its own detector gives, with the share or threshold it was trained with.
    The change of the density of positions gets the soft border that detectors have by default: the quarter of
    the sequence's joints, over all frames, whose density changes most gets more than 1/2.

    Args:
        model: in evaluation mode, on the clips' device; None: the density of positions tells.
        clips: N clips.
        positions: (N, M, T, V, C) joint positions of the same clips, whatever stream they show.

    Returns:
        (N, M, T', V) in [0, 1], of positions T' = T; 0 where nothing was seen, 1/2 in a sequence without
        motion.

    Raises:
        ConfigurationError: clips of other sizes than the model's.
        DataError: positions or features that are not finite.
    """
    seen = clips.seen_joints
    if model is not None:
        model.encoder.check(clips.positions)
        assert model.detector is not None  # as loaded
        features = model.key_encoder(clips.positions, clips.present)
        _check_finite(features, clips)
        mask: Tensor = model.detector(features, seen, positions=positions)
        return mask
    _check_finite(positions, clips)
    places = seen.unsqueeze(2).expand(positions.shape[:-1])  # (N, M, T, V)
    density = torch.zeros_like(positions[..., 0])
    if clips.present.any():
        bodies = torch.where(places[..., None], positions, torch.nan)[clips.present]
        density[clips.present] = joint_density(bodies).nan_to_num()
    detector = DetectorConfig()
    return prime_mask(
        kernel.density_change(density, first="copy"),
        places,
        share=detector.share,
        tau=detector.tau,
        smallest=MOTIONLESS_CHANGE * density.flatten(1).sum(1) / places.flatten(1).sum(1).clamp(min=1),
    )


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
    model: ContrastiveModel | None,
    source: ClipSource,
    indices: Indices,
    classes: Sequence[int],
    *,
    fabric: Fabric | None = None,
    title: str = "",
) -> ClassPrimeJoints:
    """Return how prime each joint is in each class, over the test clips (centre crop) of sequences.

    Args:
        model: it is not changed; None: the density of positions tells.
        source: where the clips come from.
        indices: (N,) sequences of the store.
        classes: the K classes, in the order that is wanted.
        fabric: the processes that share the work; default: this one does it all.
        title: what the progress line on a terminal calls it; none without a title.

    Raises:
        ConfigurationError: clips of other sizes than the model's.
        DataError: positions or features that are not finite.
    """
    shows_joints = source.settings.stream == "joint"
    joints = ClipSource(source.store, replace(source.settings, stream="joint"), source.device)

    def sums_of(part: slice) -> Tensor:
        clips = source.test(indices[part])
        positions = clips.positions if shows_joints else joints.test(indices[part]).positions
        return joint_sums(prime_joints(model, clips, positions), clips.seen_joints)

    with nullcontext() if model is None else frozen(model, source.device):
        sums = in_batches(sums_of, len(indices), batch_size_of(source), fabric=fabric, title=title)
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
            f"what is seen in sequence {sequence} is not finite; is the store damaged, or did the training "
            "diverge?"
        )

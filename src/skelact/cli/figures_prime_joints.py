"""Draw which joints are prime in which action: the mean prime mask of each class's test sequences.

A joint is prime where its density changes most. The run is one with a joint density: of a contrastive run its
own detector tells, of a masked run the change of the density that steers what is hidden. Bodies and joints
that were not seen do not count. The three most prime joints of each class are printed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jsonargparse import ArgumentParser, Namespace

from skelact.cli import class_choice, evaluation, result_figures
from skelact.clips.source import ClipSource
from skelact.evaluation.prime_joints import ClassPrimeJoints, PrimeModel, class_prime_joints, load_prime_model
from skelact.models.pretrained import load_pretrained
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.contrastive.objective import DetectorConfig
from skelact.reports.canvas import check_name
from skelact.reports.skeletons import check_classes_fit, prime_joint_figure
from skelact.skeleton.topology import Topology
from skelact.store.protocols import split
from skelact.store.store import Store

NUM_PRINTED = 3
"""Most prime joints of each class that are printed."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    evaluation.add_run_arguments(parser)
    evaluation.add_protocol_argument(parser)
    result_figures.add_out_argument(parser)
    class_choice.add_argument(parser)
    evaluation.add_device_arguments(parser)


def run(options: Namespace) -> None:
    """Find the prime joints, print the first of each class, draw them all."""
    check_name(Path(options.out))
    fabric = evaluation.fabric_of(options)
    store = Store.open(options.data)
    test = split(store, options.protocol).test
    chosen = class_choice.of_classes(store, test, options.classes)
    check_classes_fit(len(chosen.classes))
    pretrained = load_pretrained(options.run)
    pretrained.check(store)
    model = load_prime_model(Path(options.run)).to(fabric.device)
    source = ClipSource(store, pretrained.clips, fabric.device)
    found = class_prime_joints(
        model, source, chosen.sequences, chosen.classes, fabric=fabric, title="prime joints"
    )
    if fabric.global_rank != 0:
        return
    title = f"{options.run}: {pretrained.card['method']}\n{store.data_set} {options.protocol}"
    about = f"{definition(model)}\n{len(chosen.sequences):,} of {len(test):,} test sequences"
    figure = prime_joint_figure(found, store.topology, title=title, about=about)
    print("\n".join(table(found, store.topology)))
    result_figures.write(figure, options)


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


def table(found: ClassPrimeJoints, topology: Topology) -> list[str]:
    """Return aligned lines: each class with its most prime joints and their mean masks."""
    class_width = max(map(len, ("class", *found.class_names)))
    joint_width = max(map(len, topology.joints))
    lines = [f"  {'class':<{class_width}}  most prime joints (mean mask)"]
    for name, means, joints in zip(
        found.class_names, found.means, found.most_prime(NUM_PRINTED), strict=True
    ):
        seen = joints[~np.isnan(means[joints])]
        cells = [f"{topology.joints[joint]:<{joint_width}} {means[joint]:.2f}" for joint in seen]
        lines.append("  ".join([f"  {name:<{class_width}}", *cells]))
    return lines

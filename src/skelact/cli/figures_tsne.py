"""Draw the features of a run's test sequences on a plane by t-SNE, coloured by class.

The features are those of the other evaluations: centre crop, mean over bodies, time and joints. What decides
the picture stands under it. Neighbours mean something; the sizes of groups and the space between them do not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from jsonargparse import ArgumentParser, Namespace

from skelact.cli import class_choice, evaluation, result_figures
from skelact.errors import ConfigurationError
from skelact.evaluation.features import extract_features
from skelact.reports.canvas import check_name
from skelact.reports.tsne import check_classes_fit, plane_figure, project
from skelact.training.randomness import derive_seed


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    evaluation.add_arguments(parser)
    result_figures.add_out_argument(parser)
    class_choice.add_argument(parser)
    parser.add_argument(
        "--num-sequences", type=int, default=2000, help="test sequences at most, drawn by chance"
    )
    parser.add_argument("--perplexity", type=float, default=30.0, help="neighbours to keep, softly counted")
    parser.add_argument("--seed", type=int, default=0, help="decides the draw and t-SNE's random numbers")
    evaluation.add_device_arguments(parser)


def run(options: Namespace) -> None:
    """Compute the features, lay them out, draw them."""
    check_name(Path(options.out))
    subject = evaluation.Subject.from_options(options, options.seed, evaluation.fabric_of(options))
    store = subject.store
    wanted = class_choice.of_classes(store, subject.split.test, options.classes)
    chosen = draw(wanted.sequences, options.num_sequences, options.seed)
    check_classes_fit(len(np.unique(np.asarray(store.labels)[chosen])))
    features, labels = extract_features(
        subject.pretrained.encoder, subject.source, chosen, fabric=subject.fabric, title="features"
    )
    if not subject.speaks:
        return
    plane = project(features, perplexity=options.perplexity, seed=options.seed)
    about = (
        f"{features.shape[1]} features of the frozen encoder (mean over bodies, time, joints), "
        f"{len(chosen):,} of {len(subject.split.test):,} test sequences"
    )
    title = f"{options.run}: {subject.pretrained.card['method'] if subject.trained else 'untrained'}"
    title += f"\n{store.data_set} {subject.protocol}"
    figure = plane_figure(plane, labels.numpy(), store.class_names, title=title, about=about)
    print(f"  {plane.settings()}")
    result_figures.write(figure, options)


def draw(indices: npt.NDArray[np.int64], num: int, seed: int) -> npt.NDArray[np.int64]:
    """Return ``num`` of the sequences in their order, or all where there are no more."""
    if num < 3:
        raise ConfigurationError(f"--num-sequences is {num}, expected 3 or more")
    if len(indices) <= num:
        return indices
    random = np.random.default_rng(derive_seed(seed, "t-SNE"))
    return np.sort(random.choice(indices, num, replace=False))

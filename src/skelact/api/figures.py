"""Figures of result files and of what a model sees; each is written to a file, .png, .svg or .pdf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt

from skelact.api.evaluations.frozen import Evaluation, FrozenOptions, fabric_of
from skelact.api.model import Run, as_model
from skelact.api.recordings import find_sequence
from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, suggest
from skelact.store.protocols import split
from skelact.store.store import Data, Store, as_store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from skelact.results.classes import ClassResult
    from skelact.results.tables import ResultEntry

NUM_PRINTED = 3
"""Most prime joints of each class that are printed."""
Files = Annotated[Sequence[str | Path], Option(str, words=True)]
Columns = Annotated[Literal["one", "two"] | None, Option(special=True)]


@dataclass(frozen=True)
class Drawn:
    """A figure on disk; ``print`` shows where, and what it says in words."""

    path: Path
    lines: Sequence[str] = ()

    def __str__(self) -> str:
        return "\n".join([*self.lines, f"  {self.path}"])


@checked_arguments
def confusion(files: Files, *, out: PathLike, variant: str | None = None, width: Columns = None) -> Drawn:
    """Draw which classes a method takes for which, as shares of the true class.

    The result files are one method's; several seeds are added up.

    Args:
        files: result files (.json) of 'skelact evaluate'
        out: the figure, .png, .svg or .pdf
        variant: which numbers, where a file has several, e.g. k=1 of kNN
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)

    Raises:
        DataError: a file that is no result, files of several methods, or a figure that cannot be written.
    """
    from skelact.reports.figures import confusion_figure

    result = _one_method(_read(files, variant, out))
    figure = confusion_figure(result.confusions.sum(0), result.class_names, title=_heading(result))
    return _write(figure, out, width=width)


@checked_arguments
def classes(files: Files, *, out: PathLike, variant: str | None = None, width: Columns = None) -> Drawn:
    """Draw the accuracy of every class, the best on top.

    Args:
        files: result files (.json) of 'skelact evaluate', of one method
        out: the figure, .png, .svg or .pdf
        variant: which numbers, where a file has several, e.g. k=1 of kNN
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)

    Raises:
        DataError: as of :func:`confusion`.
    """
    from skelact.reports.results import class_accuracy_figure

    result = _one_method(_read(files, variant, out))
    return _write(class_accuracy_figure(result, title=_heading(result)), out, width=width)


@checked_arguments
def differences(files: Files, *, out: PathLike, variant: str | None = None, width: Columns = None) -> Drawn:
    """Draw in which classes two methods differ, and test each class over its test sequences.

    Give the files of two methods, each with one or several seeds; the first file's method is the first. The
    test is McNemar's, exact, on the class's sequences; p values are adjusted for the number of classes
    (Holm). It needs the class scores that lie beside the results. A class of few sequences can hardly show a
    difference.

    Args:
        files: result files (.json) of 'skelact evaluate', of two methods
        out: the figure, .png, .svg or .pdf
        variant: which numbers, where a file has several, e.g. k=1 of kNN
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)

    Raises:
        DataError: as of :func:`confusion`; or the files are not those of two methods.
    """
    from skelact.reports.results import LEVEL, class_difference_figure, is_different
    from skelact.results.classes import class_differences

    results = _read(files, variant, out)
    labels = _labels_of(results)
    if len(results) != 2:
        found = f"{len(results)} methods ({', '.join(labels)})"
        if len(results) == 1:
            found = f"one method ({labels[0]}): its files differ in their seeds at most"
        raise DataError(f"{files[0]}: {found}; expected the results of two to compare")
    first, second = results
    found_differences = class_differences(first, second)
    entry = first.method.entries[0]
    title = f"{_tested_on(entry)}, {first.num_sequences.sum():,} test sequences"
    figure = class_difference_figure(found_differences, *labels, title=title)
    tested = [each for each in found_differences if each.adjusted_p is not None]
    if not tested:
        lines = ["  not tested: a result without class scores beside it; evaluate again to have them"]
    else:
        clear = [each for each in found_differences if is_different(each)]
        level = f"McNemar, p < {LEVEL} after Holm's correction"
        lines = [f"  {len(clear)} of {len(tested)} classes differ ({level})"]
        lines += [
            f"    {each.name}: {each.difference:+.1f} points, p {each.adjusted_p:.2g}" for each in clear
        ]
    return _write(figure, out, lines, width=width)


@checked_arguments
def learning_curve(files: Files, *, out: PathLike, width: Columns = None) -> Drawn:
    """Draw accuracy by the share of labels, from results of 'evaluate semi', 'supervised' and 'finetune'.

    Results that differ in labels and seeds alone are one curve; finetune and supervised without a subset
    count as 100 %. A point is the mean over seeds with its 95 % interval (Student's t).

    Args:
        files: result files (.json) of 'skelact evaluate'
        out: the figure, .png, .svg or .pdf
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)

    Raises:
        DataError: as of :func:`confusion`; or results that make no curve.
    """
    from skelact.reports.canvas import check_name
    from skelact.reports.results import learning_curve_figure
    from skelact.results.curves import learning_curves
    from skelact.results.tables import read_entries

    check_name(Path(out))
    entries = read_entries([Path(name) for name in files])
    return _write(
        learning_curve_figure(learning_curves(entries), title=_tested_on(entries[0])), out, width=width
    )


@checked_arguments
def tsne(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    out: PathLike,
    classes: list[str] | None = None,
    num_sequences: int = 2000,
    perplexity: float = 30.0,
    width: Columns = None,
    **options: Unpack[FrozenOptions],
) -> Drawn:
    """Draw the features of a run's test sequences on a plane by t-SNE, coloured by class.

    The features are those of the other evaluations: centre crop, mean over bodies, time and joints. What
    decides the picture stands under it. Neighbours mean something; the sizes of groups and the space between
    them do not.

    Args:
        run: run folder, package, or name of a shipped model
        data: store whose test sequences are drawn
        protocol: protocol, e.g. xsub
        out: the figure, .png, .svg or .pdf
        classes: names of the classes to show; default: all
        num_sequences: test sequences at most, drawn by chance
        perplexity: neighbours to keep, softly counted
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)

    Raises:
        ConfigurationError: an unknown class, protocol or setting, or a number out of range.
        DataError: no model or store at the place named, or a figure that cannot be written.
    """
    from skelact.evaluation.features import extract_features
    from skelact.reports.canvas import check_name
    from skelact.reports.tsne import check_classes_fit, plane_figure, project

    check_name(Path(out))
    subject = Evaluation.frozen(run, data, protocol, options)
    store, seed = subject.store, options.get("seed", 0)
    wanted = select_classes(store, subject.split.test, classes)
    chosen = draw_sequences(wanted.sequences, num_sequences, seed)
    check_classes_fit(len(np.unique(np.asarray(store.labels)[chosen])))
    features, labels = extract_features(
        subject.pretrained.encoder, subject.source, chosen, fabric=subject.fabric, title="features"
    )
    if not subject.is_first_process:
        return Drawn(Path(out))
    plane = project(features, perplexity=perplexity, seed=seed)
    about = (
        f"{features.shape[1]} features of the frozen encoder (mean over bodies, time, joints), "
        f"{len(chosen):,} of {len(subject.split.test):,} test sequences"
    )
    title = f"{subject.model.run}: {subject.model.method if subject.trained else 'untrained'}"
    title += f"\n{store.data_set} {subject.protocol}"
    figure = plane_figure(plane, labels.numpy(), store.class_names, title=title, about=about)
    return _write(figure, out, [f"  {plane.settings()}"], width=width)


@checked_arguments
def prime_joints(
    data: Data,
    protocol: str,
    *,
    out: PathLike,
    run: Annotated[Run | None, Option(str | None)] = None,
    classes: list[str] | None = None,
    width: Columns = None,
    devices: int = 1,
    accelerator: Literal["auto", "cpu", "gpu"] = "auto",
) -> Drawn:
    """Draw which joints are prime in which action: the mean prime mask of each class's test sequences.

    A joint is prime where its density changes most. Of a contrastive run its own detector tells; of other
    runs, and of a store alone, the density of joint positions. The picture says which. Bodies and joints that
    were not seen do not count. The three most prime joints of each class are printed.

    Args:
        data: store whose test sequences are looked at
        protocol: protocol, e.g. xsub
        out: the figure, .png, .svg or .pdf
        run: run folder of 'skelact pretrain'; default: the store alone
        classes: names of the classes to show; default: all
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)
        devices: devices that share the sequences
        accelerator: of what kind

    Raises:
        ConfigurationError: an unknown class or protocol.
        DataError: no model or store at the place named, or a figure that cannot be written.
    """
    from skelact.clips.source import ClipSource
    from skelact.evaluation.prime_joints import class_prime_joints, definition, load_detector
    from skelact.reports.canvas import check_name
    from skelact.reports.skeletons import CLIPS, check_classes_fit, prime_joint_figure

    check_name(Path(out))
    fabric = fabric_of(devices, accelerator)
    store, model = as_store(data), None if run is None else as_model(run)
    test = split(store, protocol).test
    chosen = select_classes(store, test, classes)
    check_classes_fit(len(chosen.classes))
    detecting, clips = None, CLIPS
    if model is not None:
        model.pretrained.check(store)
        detecting, clips = load_detector(model.run), model.pretrained.clips
    source = ClipSource(store, clips, fabric.device)
    found = class_prime_joints(
        detecting, source, chosen.sequences, chosen.classes, fabric=fabric, title="prime joints"
    )
    if fabric.global_rank != 0:
        return Drawn(Path(out))
    title = f"{store.data_set} {protocol}"
    if model is not None:
        title = f"{model.run}: {model.method}\n{title}"
    about = f"{definition(detecting)}\n{len(chosen.sequences):,} of {len(test):,} test sequences"
    figure = prime_joint_figure(found, store.topology, title=title, about=about)
    return _write(figure, out, found.table(store.topology, NUM_PRINTED), width=width)


@checked_arguments
def loss(run: Annotated[Run, Option(str)], *, out: PathLike, width: Columns = None) -> Drawn:
    """Draw the mean loss of every epoch of a run, finished or not.

    Args:
        run: run folder of 'skelact pretrain', or of an evaluation that trains
        out: the figure, .png, .svg or .pdf
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)

    Raises:
        DataError: the folder holds no log, or one without an epoch; or a figure that cannot be written.
    """
    from skelact.reports.canvas import check_name
    from skelact.reports.figures import loss_figure
    from skelact.training.log import read_metrics

    check_name(out)
    folder = run if isinstance(run, str | Path) else run.run
    path = Path(folder) / "metrics.jsonl"
    history = [line for line in read_metrics(path) if "loss" in line]
    if not history:
        raise DataError(f"{path}: not there, or no epoch is done; give the folder of a run")
    return _write(loss_figure(history, title=str(folder)), out, width=width)


@checked_arguments
def strip(data: Data, *, out: PathLike, sequence: str = "0", width: Columns = None) -> Drawn:
    """Draw a few moments of a recording side by side, with its prime joints marked.

    A joint is prime where the density of joint positions around it changes most. The first body is drawn.

    Args:
        data: store that holds the recording
        out: the figure, .png, .svg or .pdf
        sequence: its name, or its number in the store
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)

    Raises:
        DataError: no store at the place named, nobody in the recording, or a figure that cannot be written.
        ConfigurationError: no such sequence.
    """
    from skelact.reports.canvas import check_name
    from skelact.reports.skeletons import Recording, strip_figure

    check_name(out)
    store = as_store(data)
    return _write(strip_figure(Recording.of(store, find_sequence(store, sequence))), out, width=width)


@checked_arguments
def density(data: Data, *, out: PathLike, sequence: str = "0", width: Columns = None) -> Drawn:
    """Draw how the density of joint positions changes over a recording, joint by joint.

    Args:
        data: store that holds the recording
        out: the figure, .png, .svg or .pdf
        sequence: its name, or its number in the store
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)

    Raises:
        DataError: as of :func:`strip`.
        ConfigurationError: no such sequence.
    """
    from skelact.reports.canvas import check_name
    from skelact.reports.skeletons import Recording, density_figure

    check_name(out)
    store = as_store(data)
    return _write(density_figure(Recording.of(store, find_sequence(store, sequence))), out, width=width)


@checked_arguments
def bodies(data: Data, *, out: PathLike, classes: list[str] | None = None, width: Columns = None) -> Drawn:
    """Draw the prime joints of classes on bodies, by density and, beside it, by plain motion.

    A quarter of the joints of a recording, over 32 moments of it, is prime: those where the density of joint
    positions changes most. By motion it is those that move most. Discs say in what share of moments; the body
    is the middle of the class's most usual recording. The three most prime joints are named, and it is
    printed how much of what is prime by density is so by motion; by chance it would be a quarter.

    Args:
        data: store whose recordings are looked at, all of each class
        out: the figure, .png, .svg or .pdf
        classes: names of the classes to show; default: all
        width: columns of a paper that it is wide, 3.5 or 7.16 inches (default: for screens)

    Raises:
        ConfigurationError: an unknown class.
        DataError: no store at the place named, no recording of a class, more classes than can be seen, or a
            figure that cannot be written.
    """
    from skelact.reports.bodies import MOST_CLASSES, bodies_figure, prime_bodies
    from skelact.reports.canvas import check_name

    check_name(out)
    store = as_store(data)
    chosen = select_classes(store, np.arange(len(store)), classes).classes
    if len(chosen) > MOST_CLASSES:
        raise DataError(
            f"{len(chosen)} classes cannot be seen in one picture; name up to {MOST_CLASSES} with --classes"
        )
    found = prime_bodies(store, chosen)
    names = [[", ".join(each.most(part, store.topology)) for part in each.shares] for each in found]
    lines = [
        f"  {each.name}: {said}; by motion {other}; {each.overlap:.0%} alike"
        for each, (said, other) in zip(found, names, strict=True)
    ]
    return _write(bodies_figure(found, store.topology, store.data_set), out, lines, width=width)


def draw_sequences(indices: npt.NDArray[np.int64], num: int, seed: int) -> npt.NDArray[np.int64]:
    """Return ``num`` of the sequences (N,) in their order, or all where there are no more.

    Raises:
        ConfigurationError: fewer than 3, of which no map can be made.
    """
    from skelact.training.randomness import derive_seed

    if num < 3:
        raise ConfigurationError(f"--num-sequences is {num}, expected 3 or more")
    if len(indices) <= num:
        return indices
    random = np.random.default_rng(derive_seed(seed, "t-SNE"))
    return np.sort(random.choice(indices, num, replace=False))


class ClassSelection(NamedTuple):
    """What is to be shown."""

    sequences: npt.NDArray[np.int64]
    """(N,) sequences of the store, in the order in which they were given."""
    classes: list[int]
    """Their classes, in the order in which they were named; else in the store's."""


def select_classes(store: Store, test: npt.NDArray[np.int64], names: list[str] | None) -> ClassSelection:
    """Return the test sequences of the classes named, or all that have a label.

    Raises:
        ConfigurationError: a class that the store does not have, or a list that names none.
        DataError: no test sequence of a class, or none with a label.
    """
    labels = np.asarray(store.labels)[test]
    if names is None:
        wanted = labels >= 0
        if not wanted.any():
            raise DataError(f"{store.path}: no test sequence has a label, so there is no class to show")
        return ClassSelection(test[wanted], np.unique(labels[wanted]).tolist())
    if not names:
        raise ConfigurationError("--classes names no class; leave it out to show all")
    for name in names:
        if name not in store.class_names:
            raise ConfigurationError(f"{store.path}: no class {name!r}{suggest(name, store.class_names)}")
        if store.class_names.index(name) not in labels:
            raise DataError(f"{store.path}: no test sequence of {name!r}; leave it out of --classes")
    chosen = [store.class_names.index(name) for name in dict.fromkeys(names)]
    return ClassSelection(test[np.isin(labels, chosen)], chosen)


def _read(files: Sequence[str | Path], variant: str | None, out: PathLike) -> list[ClassResult]:
    """Return the methods that the files are about."""
    from skelact.reports.canvas import check_name
    from skelact.results.classes import read_class_results

    check_name(Path(out))
    return read_class_results([Path(name) for name in files], variant)


def _one_method(results: Sequence[ClassResult]) -> ClassResult:
    """Return the only method; raise DataError where the files are of several."""
    if len(results) > 1:
        raise DataError(
            f"{results[1].method.entries[0].path}: of another method than "
            f"{results[0].method.entries[0].path} ({', '.join(_labels_of(results))}); "
            "draw one at a time, or compare two with 'skelact figures differences'"
        )
    return results[0]


def _write(
    figure: Figure, out: PathLike, lines: Sequence[str] = (), *, width: Literal["one", "two"] | None
) -> Drawn:
    from skelact.reports.canvas import write_figure

    write_figure(figure, Path(out), width)
    return Drawn(Path(out), lines)


def _labels_of(results: Sequence[ClassResult]) -> list[str]:
    """Return the methods' names; with the evaluation where it is not the same."""
    evaluations = [result.method.table[2] for result in results]
    if len(set(evaluations)) == 1:
        return [result.method.label for result in results]
    return [
        f"{result.method.label}, {evaluation}"
        for result, evaluation in zip(results, evaluations, strict=True)
    ]


def _tested_on(entry: ResultEntry) -> str:
    """Return the data set and the protocol, e.g. ``ntu60 xsub``."""
    return " ".join(entry.table[:2])


def _heading(result: ClassResult) -> str:
    """Return what was tested how, with the number of seeds and sequences."""
    first, num = result.method.entries[0], len(result.method.entries)
    seeds = f"{num} seeds" if num > 1 else "1 seed"
    return (
        f"{result.method.label}, {first.table[2]}\n"
        f"{_tested_on(first)}, {result.num_sequences.sum():,} test sequences, {seeds}"
    )

"""Teaching a model classes of one's own with a few recordings of each, and packing what it learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import structs

from skelact.api.evaluations.inputs import training_settings
from skelact.api.model import Model, Run, as_model
from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, padded, printable, typed, width_of
from skelact.evaluation.settings import FinetuneConfig
from skelact.formats.class_folders import ADVICE, ALIKE, plain_name
from skelact.formats.exclusions import count_by_reason
from skelact.formats.known import data_sets
from skelact.models.shipped import UNIVERSAL, UNIVERSAL_2D, place_of_results
from skelact.store.metadata import META
from skelact.store.protocols import Indices
from skelact.store.recordings import counted
from skelact.store.store import Data, Store

if TYPE_CHECKING:
    from skelact.api.reading import Readable
    from skelact.clips.settings import ClipSettings
    from skelact.recognition.description import Accuracy, Recognition
    from skelact.recognition.lesson import Lesson
    from skelact.recognition.recogniser import Recogniser

FEW = 5
"""Recordings of a class below which the account says so."""
MOST_LISTED = 5
"""Recordings left out that are named one by one."""
_TRAINED = ("finetune", "semi", "transfer", "supervised")
"""Evaluations that leave a classifier in their run folder."""


@dataclass(frozen=True)
class Package:
    """A model in one folder; ``print(package)`` tells what it is worth."""

    path: Path
    """The folder."""
    card: Mapping[str, Any]
    """What its card says."""
    text: str
    """The lines that the command prints."""

    def __str__(self) -> str:
        return self.text

    @property
    def model(self) -> Model:
        """The model in it."""
        return Model(self.path)

    @property
    def accuracy(self) -> float | None:
        """Share of the recordings held out that it recognised, in [0, 1]; None where nothing was measured."""
        measured = self.card.get("recognition", {}).get("accuracy")
        return None if measured is None else float(measured["share"])


@checked_arguments
def teach(
    recordings: Annotated[Data, Option(str)],
    *,
    out: PathLike,
    from_: Annotated[Run | None, Option(str)] = None,
    finetune: bool = False,
    epochs: int | None = None,
    false_alarms: float = 0.05,
    overwrite: bool = False,
) -> Package:
    """Teach a model your classes with a few recordings of each, and write it into one folder.

    RECORDINGS has a sub-folder for each class, with files of any format that 'data prepare auto' knows; or
    classes are named by a manifest.csv or the files; or it is a store. Nearest neighbours and a linear layer
    on features of the encoder are compared on people who did not teach them (on recordings, where people are
    not known), the better one is kept, its probabilities are calibrated, and what is like none of the classes
    is learned to be told.

    Args:
        recordings: folder with a sub-folder a class, or a store
        out: folder to write the model into
        from_: run folder, model, or name of a shipped model, whose encoder is taken (default:
            universal-small; of 2-D positions universal-2d)
        finetune: try to fine-tune the encoder, too; this takes minutes to hours
        epochs: of the fine-tuning (default: 100)
        false_alarms: share of recordings of the classes that may be called unfamiliar
        overwrite: replace OUT if it is such a folder, with nothing else in it

    Returns:
        The package, and what was found.

    Raises:
        DataError: recordings that cannot be read, fewer than two classes, or no class with two recordings; or
            OUT is taken, or lies in what it is made of.
        ConfigurationError: skeletons that cannot be brought to the encoder's, or a share outside (0, 1).

    Example:
        >>> package = skelact.teach("gestures", out="my-model", from_="runs/a")
        >>> package.accuracy
        0.94
    """
    from skelact.api.reading import readable
    from skelact.clips.source import ClipSource
    from skelact.evaluation.folds import people_of
    from skelact.recognition.lesson import learn
    from skelact.recognition.package import TERMS, check_apart, check_free

    if not 0 < false_alarms < 1:
        raise ConfigurationError(f"--false-alarms is {false_alarms:g}; expected a share between 0 and 1")
    if epochs is not None and not finetune:
        raise ConfigurationError("--epochs is of the fine-tuning; give --finetune with it, or leave it out")
    check_free(out, overwrite)
    given = None if from_ is None else as_model(from_)
    config = _finetuning(epochs) if finetune else None
    named = recordings.path if isinstance(recordings, Store) else Path(recordings)
    if given is not None:
        check_apart(out, given.run, "--from")
    check_apart(out, named, "RECORDINGS")
    with readable(
        lambda store: (given or _shipped_for(store)).pretrained,
        recordings,
        class_folders=True,
        as_recorded=True,
    ) as found:
        store = found.store
        model = given or _shipped_for(store)
        pretrained = model.pretrained.fitted(store.topology)
        indices = _labelled(found, named)
        lesson = learn(
            pretrained,
            ClipSource(store, pretrained.clips),
            indices,
            {name: column[indices] for name, column in people_of(store).items()},
            false_alarms=false_alarms,
            finetuning=config,
            about={"method": f"{model.method}, fine-tuned", "start": {"run": str(model.run)}},
            title="features",
        )
        about = structs.replace(
            lesson.recogniser.about,
            preparation=found.preparation,
            seconds=_seconds(found.recorded),
            data=named.name,
            encoder=place_of_results(model.run).name,
            data_hash=found.recorded.content_hash,
        )
        recogniser = replace(lesson.recogniser, about=about)
        path, card = _write(recogniser, Path(out), overwrite)
        lines = [
            *_account(found, named, len(indices)),
            *_untold_rate(found.recorded, about, pretrained.clips),
            f"{'encoder':<12}{about.encoder}",
            *([f"{'terms':<12}{model.card[TERMS]}"] if model.card.get(TERMS) else []),
            *_found(lesson, about),
            f"{'model':<12}{path}",
        ]
        return Package(path, card, "\n".join(lines))


@checked_arguments
def package(
    run: Annotated[Run, Option(str)], out: PathLike, *, terms: str | None = None, overwrite: bool = False
) -> Package:
    """Write a model into one folder, to be handed on: weights, a card with a checksum, a page for people.

    The run is one of a pre-training, which knows no classes and can be taught some, or of 'evaluate
    finetune', 'semi', 'transfer' or 'supervised', which recognises those it learned. 'skelact teach' writes
    such a folder itself.

    Args:
        run: run folder, or model
        out: folder to write
        terms: on which terms the data may be used that it learned from; the card tells them on
        overwrite: replace OUT if it is such a folder, with nothing else in it

    Raises:
        DataError: no model at the place named, or OUT is taken or lies in RUN.
    """
    from skelact.models.pretrained import PREFIX
    from skelact.recognition.description import RECOGNITION, knows_classes, told
    from skelact.recognition.package import TERMS, check_apart, check_free, write_package
    from skelact.recognition.recogniser import read_recogniser

    check_free(out, overwrite)
    model = as_model(run)
    check_apart(out, model.run, "RUN")
    pretrained, card = model.pretrained, dict(model.card)
    if terms is not None:
        card[TERMS] = terms
    lines = [f"{'encoder':<12}{model.method}, {model.topology.name}"]
    if knows_classes(card):
        recogniser = read_recogniser(model.run, pretrained)
        about = recogniser.about
        if about.accuracy is None:
            about = structs.replace(about, accuracy=_accuracy_of(model.run))
        card[RECOGNITION], tensors = told(about), recogniser.tensors()
        lines.append(f"{'classes':<12}{len(model.classes)}: {', '.join(model.classes)}")
    else:
        tensors = {f"{PREFIX}{name}": value for name, value in pretrained.encoder.state_dict().items()}
        lines.append(
            f"{'classes':<12}none; teach it some: skelact teach FOLDER --from {typed(out)} --out MODEL"
        )
    path = write_package(Path(out), card, tensors, overwrite=overwrite)
    return Package(path, card, "\n".join([*lines, f"{'model':<12}{path}"]))


def _finetuning(epochs: int | None) -> FinetuneConfig:
    config = training_settings("finetune", FinetuneConfig, None, {}, epochs, None)
    training = replace(config.training, tensorboard=False, checkpoint_every=config.training.epochs)
    return replace(config, training=training, test_every=config.training.epochs)


def _shipped_for(store: Store) -> Model:
    return as_model(UNIVERSAL_2D if store.num_coordinates == 2 else UNIVERSAL)


def _labelled(found: Readable, named: Path) -> Indices:
    """Return the sequences with a class.

    Raises:
        DataError: there is too little to learn from; the message says what to add.
    """
    store = found.store
    labels = np.asarray(store.labels)
    indices = np.flatnonzero(labels >= 0)
    counts = {name: int((labels == number).sum()) for number, name in enumerate(store.class_names)}
    taught = [name for name, count in counts.items() if count]
    if len(taught) < 2:
        told = f"one class, {taught[0]!r}" if taught else "no class"
        remedy = f"{ADVICE}, and prepare them again" if (named / META).is_file() else ADVICE
        if found.exclusions:
            others = counted(len(found.exclusions), "other")
            remedy = f"{others} cannot be used, as {found.exclusions[0]}; mend or remove them"
        used = counted(len(store), "recording")
        raise DataError(f"{named}: {told} in {used} that can be used; expected two classes or more: {remedy}")
    by_name: dict[str, str] = {}
    for name in taught:
        other = by_name.setdefault(plain_name(name), name)
        if other != name:
            raise DataError(f"{named}: {other!r} and {name!r}: {ALIKE}; rename one")
    if named.is_dir():
        inside = [path for path in named.iterdir() if path.is_dir() and not path.name.startswith(".")]
        folders = {printable(path.name) for path in inside}  # as classes are called
        if len(folders & set(taught)) > 1 and (without := sorted(folders - set(taught))):
            raise DataError(
                f"{named / without[0]}: no recording in it can be used (copies of those in another folder "
                "count there), so there is nothing to teach the class with; add some, or remove the folder"
            )
    if max(counts.values()) < 2:
        raise DataError(
            f"{named}: one recording of every class; give two or more, so that what is learned can be tested"
        )
    return indices


def _seconds(store: Store) -> float | None:
    """Return how long recordings are in the median; None where no rate is known."""
    rates = [store.fps_of(index) for index in range(len(store))]
    lengths = store.array("num_frames").tolist()
    known = [frames / rate for frames, rate in zip(lengths, rates, strict=True) if rate]
    return float(np.median(known)) if known else None


def _write(recogniser: Recogniser, out: Path, overwrite: bool) -> tuple[Path, Mapping[str, Any]]:
    """Write a package; of a frozen encoder the card tells what it told before."""
    from skelact.recognition.description import HEAD, RECOGNITION, told
    from skelact.recognition.package import write_package

    card = {key: value for key, value in recogniser.pretrained.card.items() if key != RECOGNITION}
    if recogniser.head is None:
        card.pop(HEAD, None)
    card[RECOGNITION] = told(recogniser.about)
    return write_package(out, card, recogniser.tensors(), overwrite=overwrite), card


def _accuracy_of(run: Path) -> Accuracy | None:
    """Return what the result files in a run say of its classifier; None where there is none."""
    from skelact.recognition.choice import share_interval
    from skelact.recognition.description import Accuracy
    from skelact.results.files import FOLDER, read_result

    for path in sorted((run / FOLDER).glob("*.json")):
        content = read_result(path)
        if content["evaluation"] in _TRAINED and "confusion" in content["metrics"]:
            confusion = np.array(content["metrics"]["confusion"])
            right, num = int(confusion.trace()), int(confusion.sum())
            low, high = share_interval(right, num)
            rule = f"the test side of {content['protocol']} of {content['data_set']}"
            return Accuracy(content["evaluation"], right / num, low, high, num, rule)
    return None


def _account(found: Readable, named: Path, num_used: int) -> list[str]:
    """Return what was read and what was left out, a line each."""
    store = found.recorded
    people = "2-D" if store.num_coordinates == 2 else "3-D"
    lines = [f"{'recordings':<12}{named}: {num_used:,} used; {store.topology.name}, {people}"]
    lines += [f"{'note':<12}{remark}" for remark in found.remarks]
    without = len(found.store) - num_used
    if without:
        lines.append(f"{'left out':<12}{without:,} without a class")
    lines += [f"{'left out':<12}{each}" for each in found.exclusions[:MOST_LISTED]]
    if len(found.exclusions) > MOST_LISTED:
        rest = count_by_reason(found.exclusions[MOST_LISTED:])
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in rest.items())
        lines.append(f"{'left out':<12}and others: {reasons}")
    seen = store.seen_joints(slice(None))
    if not seen.all():
        shares = seen.mean(0)
        worst = int(shares.argmin())
        told = (
            f"{store.topology.joints[worst]} most often, in {100 * (1 - shares[worst]):.0f} % of the frames"
        )
        if never := [store.topology.joints[joint] for joint in np.flatnonzero(shares == 0)]:
            told = f"never {', '.join(never)}"
        lines.append(f"{'missing':<12}{100 * (1 - seen.mean()):.1f} % of the joints were not seen; {told}")
    return lines


def _untold_rate(store: Store, about: Recognition, clips: ClipSettings) -> list[str]:
    """Return a line where no recording tells its rate, by which streams are looked at."""
    from skelact.recognition.stream import usual_window

    if about.seconds is not None:
        return []
    known = data_sets().get(store.data_set)
    remedy = "write it into the recordings"
    if known is not None and "fps" in known.settings:
        remedy = "--fps of 'skelact data prepare' says it"
    window = f"'predict --follow' will look at {usual_window(about, clips):.1f} s at a time"
    return [f"{'note':<12}no recording tells its frame rate, so {window}; {remedy}"]


def _found(lesson: Lesson, about: Recognition) -> list[str]:
    """Return what was learned of each class, how the classifier was chosen, and what it is worth."""
    from skelact.recognition.calibration import fewest_false_alarms
    from skelact.recognition.choice import table

    chosen, lines = lesson.chosen, [f"{'classes':<12}recordings, recognised when held out"]
    width = max(map(width_of, about.class_names))
    guesses = chosen.scores.argmax(1)
    empty = about.num_examples.count(0)
    for number, (name, count) in enumerate(zip(about.class_names, about.num_examples, strict=True)):
        if not count:
            continue
        own = (chosen.labels == number) & chosen.tested
        right, tested = int((guesses[own] == number).sum()), int(own.sum())
        said = (
            f"{right:>4} of {tested}" if tested else "   not tested, for one recording or one person is all"
        )
        few = "   few: five or more make it surer" if count < FEW else ""
        lines.append(f"  {padded(name, width)}  {count:>4} {said}{few}")
    if empty:
        lines.append(f"  {empty:,} without a recording are never recognised")
    assert about.calibration is not None  # whatever is taught is calibrated
    before, after = about.calibration.before, about.calibration.after
    calibrated = f"expected calibration error {before:.3f} -> {after:.3f}"
    if about.temperature == 1:
        calibrated = f"not: on the other folds it does not help; expected calibration error {before:.3f}"
    is_tied = sum(each.num_right == chosen.num_right for each in lesson.candidates) > 1
    why = "of equals the simplest" if is_tied else "it recognised most"
    unfamiliar = "cannot be told, for the recordings are copies of each other"
    if about.threshold is not None:
        share = f"{100 * (about.false_alarms or 0):.3g} % false alarms"
        if about.false_alarms == fewest_false_alarms(chosen.num_tested):
            share += f", the fewest that {chosen.num_tested} tested recordings can promise"
        unfamiliar = f"farther than {about.threshold:.3g} from all that taught it ({share})"
    return [
        *lines,
        f"{'compared':<12}{lesson.folds.rule}",
        *(f"  {line}" for line in table(lesson.candidates, chosen)),
        f"{'chosen':<12}{chosen.name}: {why}",
        f"{'calibrated':<12}{calibrated}",
        f"{'unfamiliar':<12}{unfamiliar}",
    ]

"""Asking a taught model: what recordings in files show."""

from __future__ import annotations

import csv as csv_module
import io
import json as json_module
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from skelact.api.model import Run, as_taught, is_onnx
from skelact.api.video import write_poses
from skelact.configuration import Fields, Option, PathLike, Table, checked_arguments
from skelact.errors import (
    ConfigurationError,
    DataError,
    SkelactError,
    padded,
    printable,
    spreadsheet_cell,
    typed,
    width_of,
)
from skelact.limits import beyond, limit
from skelact.models.card import CARD
from skelact.models.shipped import find_model
from skelact.recognition.answers import Answer, Explanation, Prediction, PrimeJoint, check_top
from skelact.recognition.stream_settings import StreamSettings
from skelact.store.remote import is_remote
from skelact.store.store import Store

if TYPE_CHECKING:
    from skelact.api.model import Model
    from skelact.api.reading import Readable
    from skelact.formats.exclusions import Exclusion

STANDARD_INPUT = "-"
_COLUMNS = ("file", "recording", "person", "label", "probability", "unfamiliar", "prime_joints")
_SHOWN_JOINTS = 3
_NO_RECORDING = ("not a ",)
"""How reasons begin of files in a folder that are no recordings, as a page of notes; they are no fault."""

_FOUND = "found "
"""How the remark begins that tells a file's format, which is no news to who asks about it."""


@dataclass(frozen=True)
class Predictions:
    """What recordings show; ``print(predictions)`` tells it as the command does."""

    found: list[tuple[str, Prediction]]
    """The file of each recording, and what it shows."""
    problems: list[str]
    """Why others could not be asked about, a line each."""
    form: str = "table"
    """``table``, ``json`` or ``csv``."""
    annotated: Path | None = None
    """The page or film that was written."""
    notes: list[str] = field(default_factory=list)
    """How the files were understood, each with its file: units, axes, joints that are missing."""

    @property
    def exit_status(self) -> int:
        """That of the command: 2 where a file could not be used."""
        return SkelactError.exit_status if self.problems else 0

    def __str__(self) -> str:
        if self.form == "json":
            return "\n".join(json_module.dumps({"file": file, **one.to_dict()}) for file, one in self.found)
        return self._csv() if self.form == "csv" else self._table()

    def _csv(self) -> str:
        text = io.StringIO()
        table = csv_module.writer(text, lineterminator="\n")
        table.writerow(_COLUMNS)
        for file, one in self.found:
            rows: list[tuple[Any, Answer]] = [("", one)]
            rows += list(enumerate(one.people, 1)) if len(one.people) > 1 else []
            for person, answer in rows:
                joints = " ".join(each.joint for each in answer.prime_joints)
                told = "" if answer.unfamiliar is None else str(answer.unfamiliar).lower()
                share = f"{answer.probability:.4f}"
                names = [_cell(file), _cell(one.recording), person, _cell(answer.label)]
                table.writerow([*names, share, told, _cell(joints)])
        return text.getvalue().rstrip("\n")

    def _table(self) -> str:
        names = [
            file if file == STANDARD_INPUT or _is_called(file, one.recording) else f"{file}: {one.recording}"
            for file, one in self.found
        ]
        width = max(map(width_of, names), default=0)
        lines = []
        for name, (_, one) in zip(names, self.found, strict=True):
            lines.append(f"{padded(name, width)}  {_guesses(one)}")
            lines += [f"{'':<{width}}  prime joints: {_joints(one.prime_joints, one.fps)}"] * bool(
                one.prime_joints
            )
            if len(one.people) > 1:
                lines += [
                    f"{'':<{width}}  person {number}: {_guesses(answer)}"
                    for number, answer in enumerate(one.people, 1)
                ]
            if one.explanation is not None:
                lines += [f"{'':<{width}}  {each}" for each in one.explanation.sentences(one.fps)]
        lines += [f"written to {self.annotated}"] * (self.annotated is not None)
        return "\n".join(lines)


def _is_called(file: str, recording: str) -> bool:
    """Tell whether a recording has the name of its file, or the end of its path where several have that."""
    whole = file.removesuffix(Path(file).suffix)
    return Path(file).stem == recording or whole == recording or whole.endswith(f"/{recording}")


def _cell(text: str) -> str:
    """Return a name for a cell of CSV."""
    return text if text == STANDARD_INPUT else spreadsheet_cell(text)


def _guesses(answer: Answer) -> str:
    said = "   ".join(f"{guess.label} {100 * guess.probability:.0f} %" for guess in answer.top)
    return f"unfamiliar; nearest: {said}" if answer.unfamiliar else said


def _joints(joints: Sequence[PrimeJoint], fps: float | None) -> str:
    """Return joints with their stretches, in seconds where the rate is known."""
    shown = joints[:_SHOWN_JOINTS]
    if fps is None:
        return ", ".join(f"{each.joint} (frames {each.first_frame} to {each.last_frame})" for each in shown)
    return ", ".join(
        f"{each.joint} ({each.first_frame / fps:.1f} to {(each.last_frame + 1) / fps:.1f} s)"
        for each in shown
    )


@checked_arguments
def predict(
    model: Annotated[Run, Option(str)],
    files: Annotated[Sequence[PathLike], Option(str, words=True)],
    *,
    top: int | None = None,
    json: bool = False,
    csv: bool = False,
    explain: bool = False,
    save_annotated: PathLike | None = None,
    follow: bool = False,
    stream: Annotated[Table | None, Fields(StreamSettings)] = None,
) -> Predictions:
    """Say what recordings show, of the classes that a model was taught.

    FILES are recordings in any format that 'data prepare auto' knows, folders or archives of such, stores,
    STORE:7 or STORE:NAME for one of its recordings, or videos; - is one pose-JSON on the standard input. For
    each recording: the likeliest classes with their probabilities, whether it is unfamiliar, the joints that
    it turns on and when, and where there are several people, what each of them does. What cannot be used is
    told in one line; the others go on, and the exit status is 2 in the end.

    Args:
        model: folder of a model that was taught, or an .onnx file of 'skelact export'
        files: recordings, folders, stores or videos; - for the standard input
        top: classes to tell of each recording (default: 3)
        json: print one JSON object a line for each recording
        csv: print CSV, a line for each recording and person
        explain: tell which limbs, joints and stretches of time carry the likeliest class: what it loses when
            they hold still
        save_annotated: write the recording, there must be one, as a page (.html) or film (.gif, .mp4) with
            its classes over time and what carries them
        follow: FILE, or -, is a stream of frames, one JSON object a line; print what begins, goes on and ends
            as soon as it is known, one JSON object a line
        stream: how a stream is looked at

    Returns:
        What they show; of a stream nothing, for it is printed.

    Raises:
        DataError: no such model.
        ConfigurationError: a model that was not taught any classes.
    """
    if json and csv:
        raise ConfigurationError("--json and --csv are two forms of one output; give one")
    if csv and top is not None:
        raise ConfigurationError("--csv tells the likeliest class alone; leave --top out, or give --json")
    from skelact.recognition.prediction import TOP

    top = TOP if top is None else top
    check_top(top, "--top")
    if stream is not None and not follow:
        raise ConfigurationError("--stream.* are of a stream of frames; give --follow with them")
    if follow and (csv or len(files) != 1):
        raise ConfigurationError("--follow takes one file, or -, and prints JSON; leave the others out")
    if follow and (explain or save_annotated is not None):
        name = "--explain" if explain else "--save-annotated"
        raise ConfigurationError(f"{name} looks at whole recordings; leave it out, or --follow")
    if csv and explain:
        raise ConfigurationError("--csv has no room for what --explain tells; give --json instead")
    if save_annotated is not None:
        _check_annotated(save_annotated, files)
    _check_order(model, files)
    asked = as_taught(model)
    _ = asked.recogniser  # a model without classes is told before anything is read
    found: list[tuple[str, Prediction]] = []
    problems: list[str] = []
    notes: dict[str, str] = {}

    def tell(problem: str) -> None:
        problems.append(problem)
        print(f"skelact: {printable(problem)}", file=sys.stderr)

    def note(remark: str, name: str = "") -> None:
        if remark not in notes:  # as with the files before
            notes[remark] = f"{name}: {remark}" if name else remark
            print(f"note: {printable(notes[remark])}", file=sys.stderr)

    if follow:
        from skelact.api.following import follow_stream

        (name,) = map(str, files)
        looks = asked.stream(top=top, **(stream or {}))
        if looks.is_guess:
            note(
                "the recordings that taught this model tell no frame rate, and so not how long they are: a "
                f"window is {looks.window:.1f} s; --stream.window says another"
            )
        for event in follow_stream(asked, name, looks, tell):
            print(json_module.dumps(event.to_dict()), flush=True)
        return Predictions([], problems, notes=list(notes.values()))
    for name in map(str, files):
        try:
            with _on_disk(name) as path:
                told, refused, remarks = ask(
                    asked, path, name, top, explain=explain, annotated=save_annotated
                )
        except SkelactError as error:
            tell(str(error))
            continue
        found += sorted(told, key=lambda each: Path(each[0]).parts)
        for each in remarks:
            note(each, name)
        for each in refused:
            tell(each)
    written = Path(save_annotated) if save_annotated is not None and found else None
    form = "json" if json else "csv" if csv else "table"
    return Predictions(found, problems, form, written, list(notes.values()))


def _check_order(model: Run, files: Sequence[PathLike]) -> None:
    """Raise DataError where recordings stand in the model's place, and a model among the recordings."""
    if isinstance(model, str | Path) and not _is_model(find_model(model)):
        for each in files:
            if _is_model(each):
                raise DataError(
                    f"{model}: is no model, and {each} is one; the model comes first: "
                    f"skelact predict {typed(each)} {typed(model)}"
                )


def _is_model(path: PathLike) -> bool:
    return (Path(path) / CARD).is_file() or (is_onnx(Path(path)) and Path(path).is_file())


def _check_annotated(out: PathLike, files: Sequence[PathLike]) -> None:
    """Raise where no page or film of what is asked about can be written, before anything is read."""
    from skelact.api.viewing import check_view_name

    if len(files) != 1:
        raise ConfigurationError(
            f"--save-annotated shows one recording, and {len(files)} are given; give one"
        )
    if find_spec("torch") is None:
        raise ConfigurationError("--save-annotated draws with PyTorch: pip install torch; or take --explain")
    check_view_name(out)
    if os.path.exists(out) and any(os.path.exists(each) and os.path.samefile(out, each) for each in files):
        raise ConfigurationError(f"--save-annotated {out}: is what is asked about; choose another name")


def _annotate(
    model: Model, found: Readable, named: str, out: PathLike, one: Prediction
) -> Explanation | None:
    """Write a page or a film of the only recording; return what carries the decision, which it shows."""
    from skelact.api.recordings import recording_of_store
    from skelact.api.viewing import View
    from skelact.reports.decision import with_classes
    from skelact.reports.player import player_page

    played = recording_of_store(found.store, 0)
    facts = [fact for fact in played.facts if fact[0] != "store"]
    notes = [*played.notes, *found.remarks]
    if one.unfamiliar:
        notes.append("The model calls it unfamiliar: it is like none of the recordings that taught it.")
    told = replace(played, facts=[*facts, ("file", named), ("model", str(model.run))], notes=notes)
    told = with_classes(told, model.recogniser)
    View(told.sequence.name, player_page(told), played=told).save(out)
    return None if told.decision is None else told.decision.explanation


def ask(
    model: Model,
    path: Path,
    named: str,
    top: int,
    *,
    explain: bool = False,
    annotated: PathLike | None = None,
) -> tuple[list[tuple[str, Prediction]], list[str], list[str]]:
    """Return what recordings at a path show, each with its file, what could not be used, and remarks.

    Args:
        model: that was taught classes.
        path: a file, a folder, an archive or a store.
        named: what it is called in answers.
        top: classes to tell.
        explain: whether to tell what carries the likeliest class.
        annotated: a page or film of the recording, which must be the only one, goes there.

    Raises:
        SkelactError: nothing there can be used.
    """
    from skelact.api.reading import readable
    from skelact.recognition.occlusion import explain_all
    from skelact.recognition.prediction import predict_store
    from skelact.store.prepare import NO_CLASS

    recogniser = model.recogniser
    with readable(model.takes, path, as_before=recogniser.about.preparation) as found:
        files = _files(path, named)
        if annotated is not None and len(found.store) != 1:
            raise ConfigurationError(
                f"--save-annotated shows one recording, and {named} holds {len(found.store)}; give one"
            )
        predictions = predict_store(recogniser, found.store, found.recorded, top=top, title="recognising")
        if annotated is not None:
            told = _annotate(model, found, named, annotated, predictions[0])
            predictions = [replace(predictions[0], explanation=told)] if explain else predictions
        elif explain:
            predictions = explain_all(recogniser, found.store, predictions, title="explaining")
        refused = [each for each in found.exclusions if not each.reason.startswith(_NO_RECORDING)]
        return (
            [(files.get(one.recording, named), one) for one in predictions],
            [_at(path, named, each) for each in refused],
            [remark for remark in found.remarks if not remark.startswith((_FOUND, NO_CLASS))],
        )


def _at(path: Path, named: str, exclusion: Exclusion) -> str:
    return f"{Path(named) / str(exclusion)}" if path.is_dir() else f"{named}: {exclusion}"


def _files(path: Path, named: str) -> Mapping[str, str]:
    """Return the files in a folder by what their recordings are called; nothing for what is no folder."""
    from skelact.formats.archives import raw_files
    from skelact.store.metadata import META

    if not path.is_dir() or (path / META).is_file():
        return {}
    found = {}
    with raw_files(path) as files:
        for file in files:
            place = str(Path(named) / file.name)
            found[file.path_stem] = place
            found.setdefault(file.stem, place)
    return found


@contextmanager
def _on_disk(name: str) -> Iterator[Path]:
    """Give the path of what was named: of a store elsewhere that of its copy here; of one recording of a
    store, of a video and of the standard input one that is soon gone.

    Raises:
        DataError: no such store; the standard input has more bytes than a recording may have; or a video
            shows nobody.
        ConfigurationError: no such recording of a store; or a video, and the packages for it are missing.
    """
    from skelact.api.recordings import split_source
    from skelact.formats.video import is_video

    if is_remote(name):
        yield Store.open(name).path
        return
    place, recording = split_source(name)
    if name != STANDARD_INPUT and recording is None and not is_video(name):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="skelact-") as folder:
        if name == STANDARD_INPUT:
            path = Path(folder) / "standard-input.json"
            path.write_bytes(_standard_input())
        elif recording is not None:
            path = Path(folder) / f"{Path(folder).name}-store"  # in no name of what was given
            _write_one(Store.open(place), recording, path)
        else:
            path = Path(folder) / f"{Path(name).stem}.json"
            write_poses(name, path)
        try:
            yield path
        except SkelactError as error:
            raise DataError(str(error).replace(str(path), name).replace(path.name, name)) from error


def _write_one(store: Store, recording: str, path: Path) -> None:
    """Write a store of one recording, with all that this one says of it but attributes."""
    from skelact.api.recordings import find_sequence
    from skelact.store.writer import StoreWriter

    sequence = store.sequence(find_sequence(store, recording))
    with StoreWriter(
        path,
        data_set=store.data_set,
        topology=store.topology,
        class_names=store.class_names,
        fps=None,
        options={},
        up=store.up,
        unit=store.unit,
    ) as writer:
        writer.add(replace(sequence, attributes={}))
        writer.finish()


def _standard_input() -> bytes:
    most = limit("recording")
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise DataError(f"{STANDARD_INPUT}: has {beyond('recording')}")
    if not data.strip():
        raise DataError(f"{STANDARD_INPUT}: nothing came on the standard input; expected one pose-JSON")
    return data

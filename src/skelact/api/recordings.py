"""The recording that a file, a store, a run or an array of positions holds, and what pages say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skelact.api.model import as_model
from skelact.errors import ConfigurationError, DataError, printable, typed
from skelact.models.card import CARD
from skelact.models.shipped import shipped_name
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology
from skelact.skeleton.topology_file import find_topology, topology_argument
from skelact.store.metadata import META
from skelact.store.overview import grouping_attributes
from skelact.store.packing import check_reach
from skelact.store.remote import is_remote
from skelact.store.store import Store, as_store

if TYPE_CHECKING:
    from skelact.reports.player import Played


def run_of(source: Any) -> tuple[Path, str | None] | None:
    """Return the run folder, and the recording, that ``RUN`` or ``RUN:RECORDING`` names; None: no run."""
    if not isinstance(source, str | Path):
        return None
    path, index = split_source(source)
    return (path, index) if (path / CARD).is_file() else None


def recording_of(run: Path, index: str | None) -> str:
    """Return ``STORE:RECORDING`` of the first store that a run learned from.

    Raises:
        DataError: it does not say which, the store is not there, or its encoder comes with the package.
    """
    card = as_model(run).card
    if shipped_name(card) is not None:  # where its data was, is no place here
        raise DataError(
            f"{run}: its encoder comes with the package, without recordings; give one, and the model "
            f"with it: skelact view FILE --model {typed(run)}"
        )
    told = card.get("config", {}).get("data")
    store = told[0] if isinstance(told, list) and told else told
    if not isinstance(store, str) or not (is_remote(store) or (Path(store) / META).is_file()):
        where = (
            "does not say where its data is"
            if not isinstance(store, str)
            else f"learned from {store}, not there"
        )
        raise DataError(f"{run}: {where}; name the recording: skelact view STORE:0 --model {typed(run)}")
    return f"{store}:{index or 0}"


def find_recording(source: Any, options: Mapping[str, Any]) -> Played:
    """Return the recording that ``source`` names or is, as :func:`skelact.view` takes it.

    Raises:
        DataError: as of :func:`skelact.view`.
        ConfigurationError: as of :func:`skelact.view`.
    """
    of_files = {"data_set", "scale", "image_size"} & options.keys()
    if isinstance(source, str | Path):
        if is_remote(source):
            _refuse(of_files | {"topology", "fps"} & options.keys(), "a store, which tells it")
            address, colon, name = str(source).rpartition(":")
            has_name = bool(colon) and "/" not in name  # behind the colon after the last slash
            return _of_store(Store.open(address if has_name else str(source)), name if has_name else None)
        path, index = split_source(source)
        if (path / META).is_file() or (index is not None and not path.is_file()):
            _refuse(of_files | {"topology", "fps"} & options.keys(), "a store, which tells it")
            return _of_store(as_store(path), index)
        if index is not None:
            raise ConfigurationError(
                f"{source}: only recordings of a store are chosen by name or number, and {path} is none; "
                f"prepare it first (skelact data prepare), or leave out ':{printable(index)[:60]}'"
            )
        return _of_file(path, options)
    _refuse(of_files, "positions")
    if isinstance(source, Store):
        return _of_store(source, None)
    if isinstance(source, SkeletonSequence):
        _refuse({"topology"} & options.keys(), "a sequence, which tells it")
        found = source if "fps" not in options else replace(source, fps=float(options["fps"]))
        return _of_sequence(found)
    return _of_sequence(_of_positions(source, options))


def split_source(source: str | Path) -> tuple[Path, str | None]:
    """Return the path of ``PATH`` or ``PATH:RECORDING``, and the recording.

    Raises:
        DataError: a name too long for any file.
        ConfigurationError: nothing after the colon.
    """
    text = str(source)
    if not text or "\0" in text:
        raise DataError(f"'{printable(text)[:60]}': cannot be the path of a file; check it")
    if not _is_there(text) and ":" in text:
        place = text.rpartition(":")[0]
        while ":" in place and not _is_there(place):  # a recording may be called a:b
            place = place.rpartition(":")[0]
        if place and _is_there(place):
            name = text[len(place) + 1 :]
            if not name:
                raise ConfigurationError(f"{text}: no recording after the colon; name one, as {place}:0")
            return Path(place), name
    try:
        Path(text).exists()
    except PermissionError as error:
        raise DataError(
            f"{text}: cannot be read ({error.strerror}); check the path, and that you may read it"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{printable(text)[:60]}: cannot be the path of a file; check it") from error
    return Path(text), None


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a file
        return False


def _refuse(names: set[str], what: str) -> None:
    if names:
        name = sorted(names)[0].replace("_", "-")
        raise ConfigurationError(f"--{name} says how a file is read, and this is {what}; leave it out")


def _of_store(store: Store, index: str | None) -> Played:
    """Return the recording of this name or number, the first where none is named."""
    return recording_of_store(store, 0 if index is None else find_sequence(store, index))


def recording_of_store(store: Store, place: int) -> Played:
    """Return the recording with this number, and what a page says of it."""
    from skelact.reports.player import Played

    sequence = store.sequence(place)
    facts = []
    if sequence.label is not None:
        facts.append(("class", store.class_names[sequence.label]))
    facts.append(("data set", store.data_set))
    for name in grouping_attributes(store):
        value = sequence.attributes.get(name)
        if value is not None:
            names = store.attribute_values(name)
            facts.append((name, str(value) if names is None else names[value]))
    return Played(
        replace(sequence, name=printable(sequence.name)),
        place=str(store.path),
        up=store.up,
        unit=store.unit,
        facts=[
            *facts,
            *_facts(sequence),
            *_measures(store.unit, store.up),
            ("store", f"{store.path.name}, number {place}"),
        ],
    )


def _of_file(path: Path, options: Mapping[str, Any]) -> Played:
    from skelact.api.checking import check
    from skelact.reports.player import Played

    told = check(path, **{name: value for name, value in options.items() if name != "frames"})
    facts = [(word, str(value)) for word, value in told.names.items()]
    label = told.sequence.label
    if "label" not in told.names and label is not None:
        classes = told.data_set.class_names
        facts.append(("class", classes[label] if classes and label < len(classes) else str(label)))
    facts = [("class" if word == "label" else word, value) for word, value in facts]
    for name, number in told.sequence.attributes.items():
        if name not in told.names:
            values = told.data_set.attribute_values.get(name)
            facts.append((name, str(number) if values is None else values[number]))
    notes = list(told.notes)
    if told.num_sequences > 1:
        notes.append(f"The first of {told.num_sequences} recordings in the file.")
    return Played(
        replace(told.sequence, name=printable(told.sequence.name)),
        place=str(path),
        up=told.data_set.up,
        unit=told.unit or None,
        facts=[
            *((word, printable(value)) for word, value in facts),
            ("format", told.data_set.name),
            *_facts(told.sequence),
            *_measures(told.unit, told.data_set.up),
            ("file", told.file),
        ],
        notes=[printable(note) for note in notes],
    )


def _of_sequence(sequence: SkeletonSequence) -> Played:
    from skelact.reports.player import Played

    check_reach(sequence, sequence.name)
    return Played(sequence, facts=_facts(sequence))


def _of_positions(positions: Any, options: Mapping[str, Any]) -> SkeletonSequence:
    """Return positions as a sequence; where they are not finite, nothing was seen."""
    try:
        array = np.asarray(positions, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"positions are no array of numbers ({printable(str(error))})") from error
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[3] not in (2, 3) or 0 in array.shape:
        raise DataError(
            f"positions have shape {np.shape(positions)}, expected (frames, joints, 2 or 3 coordinates) or "
            "(bodies, frames, joints, coordinates)"
        )
    seen = np.asarray(np.isfinite(array).all(3))  # (M, T, V)
    present = np.asarray(seen.any(2))
    return SkeletonSequence(
        name="positions",
        positions=np.where(seen[..., None], array, 0),
        present=present,
        topology=_skeleton(array.shape[2], options.get("topology")),
        joint_present=None if (seen | ~present[..., None]).all() else seen,
        fps=options.get("fps"),
    )


def _skeleton(num_joints: int, name: str | Path | None) -> Topology:
    if name is not None:
        found = find_topology(name)
        if found.num_joints != num_joints:
            raise ConfigurationError(
                f"positions have {num_joints} joints, and the topology {found.name} has {found.num_joints}"
            )
        return found
    known = [topology for topology in TOPOLOGIES.values() if topology.num_joints == num_joints]
    if len(known) != 1:
        which = topology_argument(num_joints)
        raise ConfigurationError(f"positions have {num_joints} joints; say which with {which}")
    return known[0]


def _facts(sequence: SkeletonSequence) -> list[tuple[str, str]]:
    return [
        ("skeleton", f"{sequence.topology.name}, {sequence.topology.num_joints} joints"),
        ("people", str(sequence.num_bodies)),
        ("frames", f"{sequence.num_frames:,}"),
        ("rate", "not told, played at 30 a second" if sequence.fps is None else f"{sequence.fps:g} a second"),
    ]


def _measures(unit: str | None, up: str | None) -> list[tuple[str, str]]:
    """Return the unit of positions and the axis that points up, as far as they are told."""
    return [(name, value) for name, value in (("unit", unit), ("up", up)) if value]


def chosen_frames(sequence: SkeletonSequence, frames: str) -> slice:
    """Return the frames START:END of a sequence, counted from 0, the last not included.

    Raises:
        ConfigurationError: not written so, or no frame of the sequence.
    """
    start, colon, end = frames.partition(":")
    numbers = [part for part in (start, end) if part]
    if not colon or not all(part.isascii() and part.isdecimal() and len(part) < 12 for part in numbers):
        raise ConfigurationError(f"--frames is {frames[:60]!r}, expected START:END in frames, as 0:300")
    part = slice(int(start or 0), int(end or sequence.num_frames))
    if not len(range(sequence.num_frames)[part]):
        raise ConfigurationError(
            f"--frames {frames}: {sequence.name} has the frames 0 to {sequence.num_frames - 1}; give "
            "START:END, the first and the one after the last"
        )
    return part


def find_sequence(store: Store, name: str) -> int:
    """Return the place of a sequence in its store, which is named by its name or its number.

    Raises:
        ConfigurationError: there is none; the message names the closest.
    """
    if name in store.names:
        return store.names.index(name)
    if name.isascii() and name.isdecimal() and len(name) < 12 and int(name) < len(store):
        return int(name)
    close = get_close_matches(name[:200], store.names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"its {len(store):,} are numbered from 0"
    raise ConfigurationError(f"{store.path}: no sequence {name[:60]!r} ({hint})")

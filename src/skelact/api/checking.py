"""What the package understands of one raw file, before anybody prepares anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from skelact.configuration import PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, printable
from skelact.formats.archives import RawFile, raw_files
from skelact.formats.class_folders import with_class_folders
from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.exclusions import Exclusion, UnusableRecordingError
from skelact.formats.known import AUTO, hint
from skelact.formats.manifest import is_manifest
from skelact.formats.notes import Note
from skelact.formats.notes import summary as notes_summary
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.view import METRES, Axis, centre, in_the_plane
from skelact.store.conventions import estimated_up
from skelact.store.fixed_point import FLOAT32
from skelact.store.in_memory import store_in_memory
from skelact.store.packing import check_reach, pack
from skelact.store.recordings import recordings_of
from skelact.store.remarks import crowded, far, remarks_on
from skelact.store.units import found_unit

MOST = 100
"""Sequences of a file that are read at most; a file of one recording has one."""
MOST_FILES = 5_000
"""Files of a folder that are looked at before that is refused: one of them is what is meant."""
_ABOVE = 3
"""Folders, from that of a file upwards, in which a manifest may name it."""
_WIDTH, _HEIGHT = 38, 18


@dataclass(frozen=True)
class Check:
    """What was understood of a file; ``print(check)`` tells."""

    file: str
    """The recording that was read."""
    data_set: DataSet
    """Its format, with what the files beside it say."""
    sequence: SkeletonSequence
    """The first one in the file."""
    names: Mapping[str, str]
    """The class (``label``) and attributes of it that are known by name."""
    beside: tuple[str, ...]
    """Names of the files beside it that say something of it: manifests, labels."""
    num_sequences: int
    """Sequences in the file that were read, up to :data:`MOST`."""
    num_recordings: int
    """Files of recordings beside it, itself included."""
    notes: list[str]
    """What else the user should know, a line each."""
    picture: Path | None = None
    """Where it is drawn."""

    def __str__(self) -> str:
        one = self.sequence
        seen = self.sequence.seen
        share = float(seen[one.present].mean())
        label = self.names.get("label")
        if label is None and one.label is not None:
            classes = self.data_set.class_names
            label = classes[one.label] if classes and one.label < len(classes) else str(one.label)
        frames = one.present.any(0).sum()
        points = one.positions[seen]
        spans = ", ".join(f"{span:.3g}" for span in np.ptp(points, 0))
        several = f"; the first of {self.num_sequences}" if self.num_sequences > 1 else ""
        more = "+" if self.num_sequences == MOST else ""
        moment, numbers = self._moment()
        those = "all" if len(numbers) == one.num_bodies else f"{len(numbers)} of them"
        drawn = f", {those} drawn, in frame {moment + 1}" if one.num_bodies > 1 else ""
        rows = [
            ("file", self.file + (f" (one of {self.num_recordings:,})" if self.num_recordings > 1 else "")),
            ("format", f"{self.data_set.name}: {self.data_set.summary}"),
            ("recording", f"{one.name}{several}{more}"),
            ("skeleton", f"{one.topology.name}: {one.topology.num_joints} joints, {points.shape[1]}-D"),
            ("people", f"{one.num_bodies}{drawn}"),
            ("frames", f"{one.num_frames:,}, {frames:,} with somebody"),
            ("rate", "not told" if one.fps is None else f"{one.fps:g} frames a second"),
            ("unit", self.data_set.unit or self._found(self._unit(), "by the size of people")),
            ("up", self.data_set.up or self._found(self._up(), "by how people stand")),
            ("spans", f"{spans} along {', '.join('xyz'[: points.shape[1]])}"),
            ("seen", f"{100 * share:.1f} % of the joints of people who are there"),
            ("class", label or "none"),
            *([("known", known)] if (known := ", ".join(self._known())) else []),
            *([("beside it", ", ".join(self.beside))] if self.beside else []),
            *(("note", note) for note in self.notes),
            *([("picture", str(self.picture))] if self.picture else []),
        ]
        lines = [f"{key:<10}{value}" for key, value in rows]
        return "\n".join([*lines, "", *self._drawing()])

    def _found(self, value: str | None, how: str) -> str:
        return f"{value}, {how}" if value else "not told"

    def _unit(self) -> str:
        return found_unit([pack(self.sequence, position_type=FLOAT32)])[0]

    @property
    def unit(self) -> str:
        """The unit of positions as they were read, told or found; empty where neither."""
        return self.data_set.unit or self._unit()

    def _up(self) -> Axis | None:
        return estimated_up(store_in_memory([self.sequence]))

    def _known(self) -> Iterator[str]:
        """Yield what is known of the recording beside its class: subject, side of a split."""
        sides = {protocol.attribute: protocol.name for protocol in reversed(self.data_set.given_protocols)}
        for name, number in self.sequence.attributes.items():
            words = self.data_set.attribute_values.get(name)
            known = words[number] if words else str(number)
            yield f"{name} {known}" if name not in sides else f"side of {sides[name]}: {known}"
        for name, word in self.names.items():
            if name != "label":
                yield f"{name} {word}"

    def upright(self) -> npt.NDArray[np.float64]:
        """Return all bodies: (M, T, V, 2) to the right and upwards; NaN is unseen."""
        return in_the_plane(self.sequence.with_nan(), self.shown_up)

    @property
    def shown_up(self) -> Axis | None:
        """The axis that points up, as the data set tells it or the people stand."""
        return self.data_set.up or self._up()

    def _moment(self) -> tuple[int, npt.NDArray[np.intp]]:
        """Return the middle one of the frames that show the most people, and the numbers of those."""
        shown: npt.NDArray[np.bool_] = np.any(self.sequence.seen, 2)
        counts = shown.sum(0)
        frames = np.flatnonzero(counts == counts.max())
        moment = int(frames[len(frames) // 2])
        return moment, np.flatnonzero(shown[:, moment])

    def _drawing(self) -> list[str]:
        """Return the people of one moment, drawn with letters: o, or the number of each of several."""
        moment, numbers = self._moment()
        poses = self.upright()[numbers, moment]
        seen = ~np.isnan(poses).any(2)
        low, high = poses[seen].min(0), poses[seen].max(0)
        scale = max((high[0] - low[0]) / (_WIDTH - 1), (high[1] - low[1]) / (_HEIGHT - 1) / 2, 1e-12)
        places = np.full(poses.shape, -1)
        places[seen] = np.round((poses[seen] - low) / scale / (1, 2)).astype(int)
        grid = [[" "] * _WIDTH for _ in range(_HEIGHT)]

        def draw(column: int, row: int, sign: str) -> None:
            grid[min(row, _HEIGHT - 1)][min(column, _WIDTH - 1)] = sign

        for place, is_seen in zip(places, seen, strict=True):
            for joint, parent in self.sequence.topology.bones:
                if is_seen[joint] and is_seen[parent]:
                    steps = int(np.abs(place[joint] - place[parent]).max())
                    for column, row in (
                        np.linspace(place[joint], place[parent], steps + 1).round().astype(int)
                    ):
                        draw(column, row, ".")
        for number, place, is_seen in zip(numbers, places, seen, strict=True):
            for column, row in place[is_seen]:
                draw(column, row, "o" if self.sequence.num_bodies == 1 else str((number + 1) % 10))
        drawn = ["".join(row).rstrip() for row in reversed(grid)]
        return [f"{'':<10}{line}".rstrip() for line in drawn if line]


@checked_arguments
def check(
    file: PathLike,
    *,
    data_set: str = AUTO,
    topology: PathLike | None = None,
    fps: float | None = None,
    scale: float | None = None,
    image_size: str | None = None,
    picture: PathLike | None = None,
) -> Check:
    """Show what is understood of one raw file, before anything is prepared.

    That is its format, skeleton, people, frames, rate, unit, which axis is up, how much of it was seen, and a
    drawing of the people in the middle of the recording. Of a folder or an archive the first recording is
    read. What a manifest, or a file of labels, beside the file says of it is shown, too. A file that cannot
    be read gives the line that a preparation would give.

    Args:
        file: a raw file; or a folder or archive
        data_set: the format, as for data prepare; auto: told by the content
        topology: name of the skeleton, or a .yaml file with one, for formats that do not tell it
        fps: frames a second, for formats that do not tell it
        scale: bvh: the file's unit in metres (default: 0.01)
        image_size: WIDTHxHEIGHT in pixels, for positions that are shares of the image
        picture: draw some moments of it, too, into this file (.png, .svg, .pdf)

    Returns:
        What was understood.

    Raises:
        DataError: no known format, or a file that cannot be read.
        ConfigurationError: a setting that the format does not have.

    Example:
        >>> print(skelact.check("jump-01.json"))
    """
    given = {
        "topology": None if topology is None else str(topology),
        "fps": fps,
        "scale": scale,
        "image_size": image_size,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    path = Path(file)
    with raw_files(path, MOST_FILES) as files:
        found, wanted, beside = _understood(data_set, path, files, settings)
        first: LabelledSequence | None = None
        num_sequences, notes, refused = 0, [], []
        try:
            for item in islice(found.read(wanted[0]), 4 * MOST):
                if isinstance(item, Note):
                    notes.append(item)
                elif isinstance(item, Exclusion):
                    refused.append(item)
                elif num_sequences < MOST:
                    num_sequences += 1
                    first = first or (item if isinstance(item, LabelledSequence) else LabelledSequence(item))
        except UnusableRecordingError as error:
            instead = hint(wanted[0], found.name)
            if not instead:
                raise
            raise DataError(f"{wanted[0].name}: {instead}") from error
        if first is None:
            raise DataError(str(refused[0]) if refused else f"{wanted[0].name}: holds no recording")
    check_reach(first.sequence, wanted[0].name)
    remarks = [*found.remarks, *notes_summary([*notes, *first.notes]), *_remarks(found, first.sequence)]
    if refused:
        remarks.append(f"{len(refused):,} others in it cannot be used, e.g. {refused[0]}")
    made = Check(
        file=wanted[0].name,
        data_set=found,
        sequence=first.sequence,
        names=first.names,
        beside=beside,
        num_sequences=num_sequences,
        num_recordings=len(wanted),
        notes=remarks,
        picture=None if picture is None else Path(picture),
    )
    if made.picture is not None:
        _draw(made, made.picture)
    return made


def _remarks(data_set: DataSet, sequence: SkeletonSequence) -> list[str]:
    """Return what a preparation would say of how a recording is measured."""
    if not sequence.seen.any():
        return []
    unit = data_set.unit or found_unit([pack(sequence, position_type=FLOAT32)])[0]
    factor = np.float32(1 if data_set.unit else METRES.get(unit, 1))
    moved = centre(replace(sequence, positions=sequence.positions * factor))
    store = store_in_memory([moved], data_set.up, data_set.unit)
    store = replace(store, meta={**store.meta, "data_set": data_set.name, "options": dict(data_set.settings)})
    return [*crowded(store), *(remarks_on(store) if data_set.up is None else far(store))]


def _understood(
    data_set: str, path: Path, files: Sequence[RawFile], settings: Mapping[str, object]
) -> tuple[DataSet, list[RawFile], tuple[str, ...]]:
    """Return the data set, its recordings, and the names of files beside a single one that tell of it."""
    if path.is_dir() or files[0].is_packed:
        found, wanted, _ = recordings_of(data_set, path, files, settings)
        return with_class_folders(found, path, files, wanted, teaching=False), wanted, ()
    tables, file = _tables_beside(path, files[0])
    found, wanted, _ = recordings_of(data_set, path, files, settings)
    if not tables or file.name in [table.name for table in tables]:
        return found, wanted, ()
    try:
        told, recordings, _ = recordings_of(found.name, path, [file, *tables], settings)
    except (DataError, ConfigurationError) as error:
        names = " and ".join(table.name for table in tables)
        remark = f"what {names} may say of it was not looked at: {error}"
        return replace(found, remarks=(*found.remarks, remark)), wanted, ()
    mine = [recording for recording in recordings if recording.container == file.container]
    used = tuple(table.name for table in tables if table.name in told.side_files)
    if not mine or not used:
        return found, wanted, ()
    how = found.remarks[:1] if data_set == AUTO else ()
    return replace(told, remarks=(*how, *told.remarks)), mine, used


def _manifest_in(folder: Path) -> Path | None:
    """Return the manifest in a folder; None where there is none, or it cannot be listed."""
    with suppress(OSError), os.scandir(folder) as entries:
        named = (entry for entry in islice(entries, MOST_FILES) if is_manifest(entry.name))
        return next((folder / entry.name for entry in named if entry.is_file()), None)
    return None


def _tables_beside(path: Path, file: RawFile) -> tuple[list[RawFile], RawFile]:
    """Return the manifest that may name a file, labels beside it, and the file under its path there."""
    folder = path.absolute().parent
    above = [folder, *folder.parents][:_ABOVE]
    manifest = next((found for each in above if (found := _manifest_in(each))), None)
    root = folder if manifest is None else manifest.parent
    tables = [] if manifest is None else [RawFile(manifest.name, manifest)]
    prefix = "".join(f"{part}/" for part in folder.relative_to(root).parts)
    with suppress(OSError), os.scandir(folder) as entries:
        labels = [
            entry.name
            for entry in islice(entries, MOST_FILES)
            if "label" in entry.name.lower() and entry.name != path.name and entry.is_file()
        ]
        tables += [RawFile(printable(prefix + name), folder / name) for name in sorted(labels)]
    return tables, replace(file, name=f"{prefix}{file.name}")


def _draw(made: Check, path: Path) -> None:
    from skelact.reports.canvas import check_name, write_figure  # matplotlib takes its time to load
    from skelact.reports.skeletons import Recording, strip_figure

    check_name(path)
    shown = made.sequence.present[body := int(np.argmax(made.sequence.present.any(1)))]
    positions = made.sequence.with_nan()[body, shown].astype(np.float64)
    fps, num = made.sequence.fps, made.sequence.num_bodies
    title = made.sequence.name + (f", person {body + 1} of {num}" if num > 1 else "")
    seconds = None if fps is None else 1 / fps
    recording = Recording(positions, made.sequence.topology, title, seconds, made.shown_up, made.unit)
    write_figure(strip_figure(recording), path)

"""The way from raw files to a store: list, read and clean in parallel, write in order.

The store depends on the raw files alone: sequences stand in the order of their names, however many processes
worked, in one run or in parts. A recording that cannot be used goes to the account; the others go on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Literal

from skelact.errors import ConfigurationError, DataError, printable
from skelact.formats import notes as notes_table
from skelact.formats import ntu_cleaning
from skelact.formats.archives import raw_files
from skelact.formats.class_folders import with_class_folders
from skelact.formats.class_numbers import ClassNumbers
from skelact.formats.exclusions import (
    FILE_NAME,
    Exclusion,
    UnusableRecordingError,
    count_by_reason,
    read_exclusions,
    to_csv,
)
from skelact.formats.known import AUTO, find_data_set, with_settings
from skelact.formats.notes import Note
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import METRES, Axis
from skelact.store.columns import LABEL
from skelact.store.conventions import estimated_up, stored_unit, with_conventions
from skelact.store.fixed_point import FLOAT32
from skelact.store.left_out import BY_LIST, LeftOut
from skelact.store.packing import PackedSequence
from skelact.store.parallel_reading import FileResult, ReadJob, read_files
from skelact.store.recordings import counted, fingerprint, recordings_of
from skelact.store.remarks import crowded, flat, measured
from skelact.store.shards import (
    PART_FILE,
    Part,
    Shard,
    describe_part,
    find_parts,
    finished_part,
    first_sequences,
    first_skeleton,
    refuse_mixed,
)
from skelact.store.store import Store
from skelact.store.units import found_unit, in_metres, unit_remarks
from skelact.store.writer import StoreWriter

ClassFolders = Literal["ignored", "found", "taught"]
NO_CLASS = "sequences without a class, which evaluations leave out"
_FILES_A_REPORT = 16


@dataclass(frozen=True)
class Progress:
    """How far a preparation is."""

    done: int
    """Files read."""
    total: int
    """Files to read."""
    excluded: int
    """Files not used so far, those that were not read included."""


@dataclass(frozen=True)
class PreparationResult:
    """What a preparation made."""

    store: Store
    num_files: int
    """Files in the raw folder or archive but the side files, or recordings of the part."""
    exclusions: list[Exclusion]
    """What was not used of them."""
    remarks: list[str] = field(default_factory=list)
    """What the user should know of the raw data, a line each."""


def default_workers() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(
    data_set_name: str,
    raw: Path | str,
    store: Path | str,
    *,
    centred: bool = True,
    positions: str = FLOAT32,
    num_workers: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
    shard: tuple[int, int] | None = None,
    link_parts: bool = False,
    up: Axis | None = None,
    unit: str | None = None,
    resample: float | None = None,
    class_folders: ClassFolders = "ignored",
    settings: Mapping[str, object] | None = None,
    left_out: LeftOut | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_remark: Callable[[str], None] | None = None,
) -> PreparationResult:
    """Turn the raw recordings in ``raw`` into a store.

    Stopped at any moment, even by a kill, and called again with the same arguments, it starts over and ends
    in the same store, byte for byte. Large data sets go in parts: with ``shard``, part I of N becomes the
    store ``<store>.part-I-of-N``, and a part that is finished is not made again. Once all parts lie beside
    ``store``, a call without ``shard`` joins them to the very store that one run gives.

    Args:
        data_set_name: one of the known data sets, or ``auto``: found by the files' content.
        raw: a folder, searched recursively, an archive, or a single file.
        store: folder to write; it appears when it is complete.
        centred: move every sequence's origin to its first body's centre joint.
        positions: how the store keeps positions, exactly (``float32``) or in half the space (``int16``).
        num_workers: processes that read and clean; default: one a CPU.
        strict: raise at the first recording that belongs to the data set, is not listed as missing, and still
            cannot be used.
        overwrite: replace a store, or a part, that is there already.
        shard: (I, N): make part I, from 1, of N parts only.
        link_parts: leave the positions in the parts that are joined; without, they are copied.
        up: the axis that points up, for data that does not tell it; None: found by how people stand.
        unit: of the raw positions, for data that does not tell it: m, cm, mm, or px (pixel) for pictures;
            None: found by the size of people. 3-D positions become metres.
        resample: frames a second to bring every recording to; None: as recorded.
        class_folders: whether the outermost folders may be the classes: where neither a manifest nor the
            files name any (``found``), of published data sets too, and hindrances are errors (``taught``).
        settings: what only some data sets know, see ``DataSet.settings``.
        left_out: a list of recordings, by the names that they would have in the store, that do not get in.
        on_progress: called after every few files.
        on_remark: called with one line when what a killed preparation left was removed.

    Raises:
        ConfigurationError: unknown data set, setting or type of positions, a number of workers below 1, no
            such part, or what is asked of a part concerns all.
        DataError: ``raw`` is missing, empty or without a recording of the data set; no recording can be used;
            ``store`` exists, is being prepared by another process or cannot be written; parts of it are
            missing or were made of something else; with ``strict``, a recording cannot be used.
    """
    raw, store = Path(raw), Path(store)
    part = None if shard is None else Shard(*shard)
    for option, is_given in (("--without", left_out is not None), ("--link-parts", link_parts)):
        if is_given and part is not None:
            raise ConfigurationError(
                f"{option}: give it to the command without --shard, which joins the parts"
            )
    if data_set_name != AUTO:
        with_settings(find_data_set(data_set_name), settings or {})
    num_workers = default_workers() if num_workers is None else num_workers
    if num_workers < 1:
        raise ConfigurationError(f"--workers is {num_workers}; expected 1 or more")
    try:
        with raw_files(raw) as files:
            data_set, wanted, exclusions = recordings_of(data_set_name, raw, files, settings or {})
            if class_folders != "ignored":
                data_set = with_class_folders(data_set, raw, files, wanted, class_folders == "taught")
            options = {"centred": centred, "cleaning": ntu_cleaning.VERSION, **data_set.settings}
            data_set, given = with_conventions(data_set, up, unit, resample)
            options |= given
            job = ReadJob(data_set, wanted, centred, positions, METRES.get(unit or "m", 1.0), resample)
            if data_set.unit is None and positions != FLOAT32:  # whole numbers cannot hold millimetres
                found, size = found_unit(first_sequences(replace(job, position_type=FLOAT32)))
                said = (*data_set.remarks, *unit_remarks(found, size))
                data_set = replace(data_set, unit=stored_unit(found), remarks=said)
                job = replace(job, data_set=data_set, factor=METRES.get(found, 1.0))
            preparation = _Preparation(
                raw,
                job,
                options,
                fingerprint(data_set, {**options, "positions": positions}, raw, files),
                num_workers,
                strict,
                overwrite,
                on_progress,
                on_remark,
                left_out,
                link_parts,
            )
            if part is None:
                return preparation.whole(store, len(files) - len(data_set.side_files), exclusions)
            return preparation.part(store, part)
    except OSError as error:
        raise DataError(
            f"{store}: cannot be written ({error.strerror or error}); make room or choose another place, and "
            "start the command again"
        ) from error


@dataclass(frozen=True)
class _Preparation:
    """What is to be prepared, and how."""

    raw: Path
    job: ReadJob
    """Reads all recordings of the data set."""
    options: Mapping[str, object]
    source: Mapping[str, str]
    num_workers: int
    strict: bool
    overwrite: bool
    on_progress: Callable[[Progress], None] | None
    on_remark: Callable[[str], None] | None
    left_out: LeftOut | None = None
    link_parts: bool = False

    def whole(self, path: Path, num_files: int, exclusions: list[Exclusion]) -> PreparationResult:
        """Write the whole store, from its parts where they lie beside it.

        Args:
            path: the store.
            num_files: raw files but the side files, recordings or not.
            exclusions: those that are not read, and why.
        """
        wanted, data_set = self.job.files, self.job.data_set
        with self._writer(path, None) as writer:
            parts = find_parts(path, self.source)
            found: list[str] = []
            if self.link_parts:
                if not parts:
                    raise DataError(f"{path}: no part lies beside it; make them with --shard I/N")
                writer.link([part.store for part in parts])
            if parts:
                writer.set_unit(parts[0].store.unit)
            results = self._joined(parts) if parts else self._read(self.job, writer, found)
            refused, _, notes = self._fill(writer, results, len(wanted), len(exclusions))
            if parts:
                refuse_mixed(path, refused)
            if len(writer) == 0:
                reason, count = next(iter(count_by_reason(refused).items()))
                raise DataError(
                    f"{self.raw}: none of {counted(len(wanted), 'recording')} can be used; "
                    f"{counted(count, 'time')}: {reason}, e.g. {refused[-1]}"
                )
            store = self._finish(writer, exclusions + refused, notes)
        remarks = [*data_set.remarks, *found, *notes_table.summary(notes), *crowded(store), *measured(store)]
        if parts:
            then = "which hold its positions" if self.link_parts else "which may be removed now"
            remarks.append(f"joined from {path.name}.part-*-of-{len(parts)}, {then}")
        return PreparationResult(store, num_files, sorted(exclusions + refused, key=astuple), remarks)

    def part(self, store: Path, shard: Shard) -> PreparationResult:
        """Write one part of ``store``, if it is not there."""
        path, files = shard.path(store), shard.block(self.job.files)
        remarks = list(self.job.data_set.remarks)
        if not self.overwrite and (done := finished_part(path, shard, self.source)):
            remarks.append(f"part {shard} was finished before, and is left as it is")
            return PreparationResult(done.store, len(files), read_exclusions(path), remarks)
        skeleton = first_skeleton(self.job)
        if skeleton is None:
            num_files = counted(len(self.job.files), "recording")
            raise DataError(f"{self.raw}: none of {num_files} can be used; leave out --shard to hear why")
        with self._writer(path, skeleton) as writer:
            first = first_sequences(self.job) if self.job.data_set.unit is None else None  # all have one unit
            results = self._read(replace(self.job, files=files), writer, remarks, first)
            refused, num_sequences, notes = self._fill(writer, results, len(files), 0)
            writer.attach(PART_FILE, describe_part(shard, self.source, num_sequences, writer.fps_of_each))
            finished = self._finish(writer, refused, notes, may_be_empty=True)
        remarks += [*notes_table.summary(notes), *crowded(finished), *flat(finished)]
        remarks.append(f"part {shard}; once all are there, the command without --shard joins them")
        return PreparationResult(finished, len(files), sorted(refused, key=astuple), remarks)

    def _writer(self, path: Path, skeleton: tuple[Topology, int] | None) -> StoreWriter:
        data_set = self.job.data_set
        topology, num_coordinates = skeleton or (data_set.topology, None)
        writer = StoreWriter(
            path,
            data_set=data_set.name,
            topology=topology,
            class_names=data_set.class_names,
            fps=data_set.fps,
            options=self.options,
            positions=self.job.position_type,
            num_coordinates=num_coordinates,
            attribute_values=data_set.attribute_values,
            protocols=[protocol.to_dict() for protocol in data_set.given_protocols],
            up=data_set.up,
            unit=data_set.unit,
            overwrite=self.overwrite,
        )
        if writer.had_leftover and self.on_remark:
            self.on_remark(f"an unfinished preparation of {path.name} was found and removed: starting over")
        return writer

    def _read(
        self,
        job: ReadJob,
        writer: StoreWriter,
        found: list[str],
        first: Sequence[PackedSequence] | None = None,
    ) -> Generator[FileResult, None, None]:
        """Yield what each file gave, in metres where the unit was neither given nor known, and say so.

        Args:
            job: reads the files.
            writer: told the unit.
            found: gets the line that says so, before the first result.
            first: sequences that tell the unit; None: the first ones of the files.
        """
        results = read_files(job, self.num_workers)
        if job.data_set.unit is not None:
            return results

        def say(unit: str, size: float) -> None:
            writer.set_unit(stored_unit(unit))
            found.extend(unit_remarks(unit, size))

        return in_metres(results, say, first)

    def _joined(self, parts: Sequence[Part]) -> Generator[FileResult, None, None]:
        """Yield what each file of all parts gave."""
        for part in parts:
            yield from part.results(self.job.data_set, part.shard.block(self.job.files))

    def _fill(
        self, writer: StoreWriter, results: Generator[FileResult, None, None], total: int, num_excluded: int
    ) -> tuple[list[Exclusion], list[int], list[Note]]:
        """Put the files' sequences into the store.

        Args:
            writer: the store.
            results: what the files gave.
            total: number of files.
            num_excluded: files not used that are not among them.

        Returns:
            What is not used of the files, how many sequences each of them gave, and notes on them.
        """
        exclusions: list[Exclusion] = []
        num_sequences: list[int] = []
        notes: list[Note] = []
        numbers, named = ClassNumbers(), set(self.left_out.names if self.left_out else ())
        try:
            for result in results:
                before = len(writer)
                refused = _take(writer, result, notes, numbers, named)
                faults = [entry for entry in refused if entry.reason != BY_LIST]
                if self.strict and faults:
                    raise DataError(f"{faults[0]} (stopped by --strict)")
                exclusions += refused
                num_sequences.append(len(writer) - before)
                done = len(num_sequences)
                if self.on_progress and (done % _FILES_A_REPORT == 0 or done == total):
                    self.on_progress(Progress(done, total, num_excluded + len(exclusions)))
        finally:
            results.close()
        if self.left_out is not None:
            self.left_out.check_names({entry.detail for entry in exclusions if entry.reason == BY_LIST})
        if self.job.data_set.attachments is not None:  # which tell the classes of intervals
            notes = [note for note in notes if note.what != NO_CLASS]
        return exclusions, num_sequences, notes

    def _finish(
        self,
        writer: StoreWriter,
        exclusions: Sequence[Exclusion],
        notes: Sequence[Note],
        may_be_empty: bool = False,
    ) -> Store:
        data_set = self.job.data_set
        writer.attach(FILE_NAME, to_csv(exclusions))
        if notes:
            writer.attach(notes_table.FILE_NAME, notes_table.to_csv(notes))
        if data_set.attachments is not None:
            for name, text in data_set.attachments(data_set, writer.names).items():
                writer.attach(name, text)
        return writer.finish(may_be_empty=may_be_empty, find_up=estimated_up)


def _take(
    writer: StoreWriter,
    result: FileResult,
    notes: list[Note],
    numbers: ClassNumbers,
    named: set[str],
) -> list[Exclusion]:
    """Put a file's sequences into the store and its notes into ``notes``; return what is not used of it.

    Sequences with a name in ``named`` are not.

    Raises:
        DataError: a class has another number, or a number another class, than in a file before.
    """
    exclusions = []
    num_unlabelled = 0
    for item in result.items:
        if isinstance(item, Exclusion):
            exclusions.append(item)
            continue
        if isinstance(item, Note):
            if item.what != NO_CLASS:  # of a part, counted again here
                notes.append(item)
            continue
        if named and (name := printable(item.record.name)) in named:
            exclusions.append(Exclusion(result.file, BY_LIST, "", name))
            continue
        if item.record.class_number is not None:
            numbers.check(result.file, item.record.names[LABEL], item.record.class_number)
        try:
            writer.append(item)
        except UnusableRecordingError as error:
            exclusions.append(Exclusion(result.file, error.reason, "", str(error)))
        else:
            num_unlabelled += not item.record.has_class
    if num_unlabelled:
        notes.append(Note(result.file, NO_CLASS, num_unlabelled))
    return exclusions

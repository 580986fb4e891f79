"""Large data sets in parts: each made by itself, on any machine; then joined to what one run would give.

Part I of N holds the I-th of N stretches of the sorted recordings. It is a store of its own beside the whole
one, ``STORE.part-I-of-N``, with a ``part.json`` that says what it was made of. Joining hands the sequences of
all parts to the writer of the whole store as if they had just been read. So what depends on all of them is
decided there, as in one run: the numbers of classes and attributes known by name, names that occur twice, the
frame rate.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from skelact.errors import ConfigurationError, DataError
from skelact.files import beside, read_json
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet
from skelact.formats.exclusions import Exclusion, UnusableRecordingError, read_exclusions
from skelact.formats.notes import Note, read_notes
from skelact.skeleton.topology import Topology
from skelact.store.columns import LABEL, MIXED, Columns, SequenceRecord
from skelact.store.metadata import Rate
from skelact.store.packing import PackedSequence
from skelact.store.parallel_reading import FileResult, ReadJob
from skelact.store.recordings import TIMES, counted
from skelact.store.store import Store

PART_FILE = "part.json"


@dataclass(frozen=True)
class Shard:
    """Part ``number`` (from 1) of ``count``."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ConfigurationError(f"--shard {self}: expected I/N, part I of N, with I from 1 to N")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def block(self, files: Sequence[RawFile]) -> Sequence[RawFile]:
        """Return the part's stretch of ``files``.

        Raises:
            ConfigurationError: there are fewer files than parts.
        """
        if len(files) < self.count:
            verb = "is" if len(files) == 1 else "are"
            raise ConfigurationError(
                f"--shard {self}: there {verb} {counted(len(files), 'recording')} to share; "
                "expected no more parts"
            )
        start, end = (len(files) * number // self.count for number in (self.number - 1, self.number))
        return files[start:end]

    def path(self, store: Path) -> Path:
        """Return the folder of the part of ``store``."""
        return beside(store, f".part-{self.number}-of-{self.count}")


def parse_shard(text: str) -> tuple[int, int]:
    """Return (I, N) of a shard written as ``I/N``.

    Raises:
        ConfigurationError: ``text`` is not of this form.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found:
        raise ConfigurationError(f"--shard {text!r}: expected I/N, part I of N, e.g. 1/4")
    return int(found[1]), int(found[2])


def describe_part(
    shard: Shard, source: Mapping[str, str], num_sequences: Sequence[int], fps: Sequence[float | None]
) -> str:
    """Return the content of ``part.json``.

    Args:
        shard: which part it is.
        source: what it was made of, by a few words each.
        num_sequences: how many sequences each file of its stretch gave.
        fps: frames a second of each sequence.
    """
    table = {"shard": str(shard), "source": source, "num_sequences": num_sequences, "fps": fps}
    return json.dumps(table) + "\n"


class PartTable(Struct):
    """What ``part.json`` must hold."""

    shard: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,8}/[1-9][0-9]{0,8}\Z")]
    source: dict[str, str]
    num_sequences: list[Annotated[int, Meta(ge=0)]]
    fps: list[Rate | None]


@dataclass(frozen=True)
class Part:
    """A finished part."""

    store: Store
    shard: Shard
    source: Mapping[str, str]
    num_sequences: Sequence[int]
    fps: Sequence[float | None]

    @classmethod
    def open(cls, path: Path, shard: Shard) -> Part:
        """Open the part in folder ``path``.

        Raises:
            DataError: it is not that part.
        """
        store = Store.open(path, may_be_empty=True)
        table = read_json(path / PART_FILE, _again(path, shard), schema=PartTable)
        made = Shard(*parse_shard(table.shard))
        part = cls(store, made, table.source, table.num_sequences, table.fps)
        if part.shard != shard or len(part.fps) != len(store) or sum(part.num_sequences) != len(store):
            raise DataError(f"{path}: is not part {shard}, as its name says; {_again(path, shard)}")
        return part

    def check_source(self, source: Mapping[str, str], ignored: Sequence[str] = ()) -> None:
        """Refuse a part that was made of something else.

        Raises:
            DataError: it was.
        """
        keys = [key for key in source if key not in ignored and self.source.get(key) != source[key]]
        if keys:
            path, changed = self.store.path, " and ".join(keys)
            raise DataError(f"{path}: {changed} changed since it was made; {_again(path, self.shard)}")

    def results(self, data_set: DataSet, files: Sequence[RawFile]) -> Iterator[FileResult]:
        """Yield what each file of the part's stretch gave, as :func:`.parallel_reading.read_files` does.

        Args:
            data_set: the data set.
            files: the files of the stretch.
        """
        with ExitStack() as opened:
            sequences = self._sequences(data_set, opened)
            of_all: Iterable[Exclusion | Note] = (  # of all files, told at once
                *read_exclusions(self.store.path),
                *read_notes(self.store.path),
            )
            for file, num in zip(files, self.num_sequences, strict=True):
                yield FileResult(file.name, chain(of_all, islice(sequences, num)))
                of_all = ()

    def _sequences(self, data_set: DataSet, opened: ExitStack) -> Iterator[PackedSequence]:
        """Yield the sequences, read from the arrays one after the other."""
        store = self.store
        num_joints, num_coordinates = store.array("joints").shape[1:]
        num_rows, num_frame_rows, num_kept = (
            np.diff(store.array(name)).tolist() for name in ("joint_start", "row_start", "frame_start")
        )
        num_bodies, num_frames = (store.array(name).tolist() for name in ("num_bodies", "num_frames"))
        labels = store.labels.tolist()
        attributes = {name: store.attribute(name).tolist() for name in store.attribute_names}
        named = {
            name: known
            for name in attributes
            if name not in data_set.attribute_values and (known := store.attribute_values(name)) is not None
        }
        row_bytes = num_joints * num_coordinates * np.dtype(store.position_type).itemsize
        lengths = {"joints": (num_rows, row_bytes), "frame_rows": (num_frame_rows, 4)}
        lengths |= {"frame_numbers": (num_kept, 4)}
        if "joint_scale" in store.meta["arrays"]:
            lengths["joint_scale"] = ([1] * len(store), 4)
        if "joint_present" in store.meta["arrays"]:
            lengths["joint_present"] = (num_rows, num_joints)
        files = {name: opened.enter_context((store.path / f"{name}.bin").open("rb")) for name in lengths}
        for index, name in enumerate(store.names):
            arrays = {array: files[array].read(num[index] * size) for array, (num, size) in lengths.items()}
            if b"\0" not in arrays.get("joint_present", b""):
                arrays.pop("joint_present", None)
            values = {attribute: column[index] for attribute, column in attributes.items()}
            names = {one: its_names[values[one]] for one, its_names in named.items() if values[one] >= 0}
            label = labels[index]
            if data_set.class_names is None and label >= 0:
                names[LABEL], label = store.class_names[label], -1
            record = SequenceRecord(
                name=name,
                num_rows=num_rows[index],
                num_bodies=num_bodies[index],
                num_kept=num_kept[index],
                num_frames=num_frames[index],
                joints_missing="joint_present" in arrays,
                fps=self.fps[index],
                label=None if label < 0 else label,
                attributes={one: number for one, number in values.items() if one not in named},
                names=names,
            )
            yield PackedSequence(record, store.topology, num_coordinates, arrays)


def finished_part(path: Path, shard: Shard, source: Mapping[str, str]) -> Part | None:
    """Return the part of this source in folder ``path``; None where there is none yet.

    Raises:
        DataError: it was made of something else.
    """
    if not path.exists():
        return None
    part = Part.open(path, shard)
    part.check_source(source)
    return part


def find_parts(store: Path, source: Mapping[str, str]) -> list[Part]:
    """Return all parts of ``store``, in order; none where no part lies beside it.

    Raises:
        DataError: some are missing, damaged or made of something else, or not all are of as many.
    """
    names = [path.name for path in store.parent.glob(f"{glob.escape(store.name)}.part-*-of-*")]
    found = [one for name in names if (one := re.search(r"\.part-(\d+)-of-(\d+)$", name))]
    counts = sorted({int(one[2]) for one in found})
    if not counts:
        return []
    if len(counts) > 1:
        numbers = " and of ".join(map(str, counts))
        raise DataError(f"{store}: parts of {numbers} lie beside it; remove those that are not wanted")
    shards = [Shard(number + 1, counts[0]) for number in range(counts[0])]
    missing = [shard for shard in shards if not shard.path(store).is_dir()]
    if missing:
        raise DataError(
            f"{missing[0].path(store)}: is missing ({len(missing)} of {counts[0]} parts are); make it with "
            f"--shard {missing[0]}, or remove the other parts to prepare all in one run"
        )
    parts = [Part.open(shard.path(store), shard) for shard in shards]
    for part in parts:
        part.check_source(source, ignored=[TIMES])
        damage = part.store.damage()
        if damage:
            raise DataError(f"{damage[0]}; {_again(part.store.path, part.shard)}")
    return parts


def refuse_mixed(store: Path, exclusions: Iterable[Exclusion]) -> None:
    """Refuse parts in which an attribute has names here and numbers there: which of them came first counts.

    Raises:
        DataError: a sequence was left out for that reason.
    """
    for exclusion in exclusions:
        if exclusion.reason == MIXED:
            raise DataError(f"{store}: its parts do not fit ({exclusion}), or prepare without --shard")


def first_sequences(job: ReadJob, most: int = 8) -> list[PackedSequence]:
    """Return the first sequences that can be used of those that a run over all files would take."""
    return list(islice(_usable(job), most))


def first_skeleton(job: ReadJob) -> tuple[Topology, int] | None:
    """Return the skeleton and the number of coordinates that a run over all files would take.

    They are those of the first sequence that can be used; None where none can.
    """
    first = first_sequences(job, 1)
    return (first[0].topology, first[0].num_coordinates) if first else None


def _usable(job: ReadJob) -> Iterator[PackedSequence]:
    data_set = job.data_set
    columns = Columns(data_set.class_names, data_set.attribute_values)
    for file in job.files:
        for item in job.read(file):
            if not isinstance(item, PackedSequence) or item.topology != (data_set.topology or item.topology):
                continue
            try:
                columns.check(item.record)
            except UnusableRecordingError:
                continue
            yield item


def _again(path: Path, shard: Shard) -> str:
    return f"remove {path.name} and make it again with --shard {shard}"

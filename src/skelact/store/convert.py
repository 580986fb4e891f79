"""A store in another topology, made from a finished store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skelact.errors import DataError
from skelact.files import read_file
from skelact.formats import intervals
from skelact.formats.exclusions import (
    FILE_NAME,
    Exclusion,
    UnusableRecordingError,
    count_by_reason,
    read_exclusions,
    to_csv,
)
from skelact.skeleton.conversion import Conversion, plan_conversion
from skelact.skeleton.topology import Topology
from skelact.store.fixed_point import FLOAT32
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

NOTHING_LEFT = "no joint of the new topology in any frame"


@dataclass(frozen=True)
class ConvertedStore:
    """What a conversion made."""

    store: Store
    conversion: Conversion
    """What became of each joint."""
    exclusions: list[Exclusion]
    """The sequences that the new topology leaves nothing of, or that int16 positions cannot hold."""

    def __str__(self) -> str:
        lines = [
            self.conversion.report(),
            f"{'store':<10}{self.store.path}",
            f"{'content':<10}{self.store.content_hash[:16]}",
            f"{'used':<10}{len(self.store):,} sequences",
        ]
        if self.exclusions:
            left_out = f"{len(self.exclusions):,}, listed in {self.store.path / FILE_NAME}"
            lines.append(f"{'left out':<10}{left_out}")
            reasons = count_by_reason(self.exclusions)
            lines += [f"{'':<10}{count:,}  {reason}" for reason, count in reasons.items()]
        return "\n".join(lines)


def convert_store(
    source: Store,
    path: Path | str,
    target: Topology,
    *,
    positions: str | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> ConvertedStore:
    """Write the sequences of ``source`` as skeletons of ``target``.

    Positions are not moved: a centred store keeps its origin, which is the centre joint of the old topology.
    Labels, attributes, protocols and the account go along, and the intervals of recordings that are left.

    Args:
        source: a finished store.
        path: folder to write; it appears when it is complete.
        target: the new topology; the old one again only changes how positions are kept.
        positions: how to keep positions, ``float32`` or ``int16``; None: as in ``source``.
        overwrite: replace a store that is there already.
        on_progress: called with the number of sequences done.

    Raises:
        ConfigurationError: the topologies have no joint in common, or ``positions`` is not known.
        DataError: ``path`` exists or cannot be written, or nothing is left of any sequence.
    """
    path, conversion = Path(path), plan_conversion(source.topology, target)
    try:
        return _write(source, path, conversion, positions or source.position_type, overwrite, on_progress)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place"
        ) from error


def _write(
    source: Store,
    path: Path,
    conversion: Conversion,
    positions: str,
    overwrite: bool,
    on_progress: Callable[[int], None] | None,
) -> ConvertedStore:
    rounded = "" if source.position_type == FLOAT32 else f", positions {source.position_type}"
    origin = f"{source.topology.name} (content {source.content_hash[:16]}{rounded})"
    names = source.attribute_names
    values = {name: found for name in names if (found := source.attribute_values(name)) is not None}
    options = {key: value for key, value in source.meta["options"].items() if key != "positions"}
    exclusions = []
    with StoreWriter(
        path,
        data_set=source.data_set,
        topology=conversion.target,
        class_names=source.class_names,
        fps=source.fps,
        options={**options, "converted_from": origin},
        positions=positions,
        num_coordinates=source.array("joints").shape[2],
        attribute_values=values,
        protocols=source.meta["protocols"],
        up=source.up,
        unit=source.unit,
        overwrite=overwrite,
    ) as writer:
        for index in range(len(source)):
            sequence = conversion.apply(source.sequence(index))
            try:
                if sequence.present.any():
                    writer.add(sequence)
                else:
                    exclusions.append(Exclusion(sequence.name, NOTHING_LEFT))
            except UnusableRecordingError as error:
                exclusions.append(Exclusion(sequence.name, error.reason, "", str(error)))
            if on_progress:
                on_progress(index + 1)
        for name in source.meta.get("attached", {}):
            if name == intervals.FILE_NAME:
                held = set(writer.names)
                kept = (one for one in intervals.read_intervals(source.path) if one.recording in held)
                writer.attach(name, intervals.to_csv(kept))
            elif name != FILE_NAME:
                writer.attach(name, _text(source.path / name))
        writer.attach(FILE_NAME, to_csv([*read_exclusions(source.path), *exclusions]))
        return ConvertedStore(writer.finish(), conversion, exclusions)


def _text(path: Path) -> str:
    try:
        return read_file(path, remedy="prepare the data set again").decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}); prepare the data set again") from error

"""Stores that are made from a finished one: in another topology, or as cameras would show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skelact.errors import ConfigurationError, DataError
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
from skelact.skeleton.projection import PICTURE, project, with_errors
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import Axis, Unit, centre
from skelact.store.fixed_point import FLOAT32
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

NOTHING_LEFT = "no joint of the new topology in any frame"
MOST_CAMERAS = 100
"""As many pictures of one sequence teach nothing more."""


@dataclass(frozen=True)
class DerivedStore:
    """What was made of a store."""

    store: Store
    report: str
    """What was done, for people."""
    exclusions: list[Exclusion]
    """The sequences of which nothing is left, or that int16 positions cannot hold."""

    def __str__(self) -> str:
        lines = [
            self.report,
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


@dataclass(frozen=True)
class ConvertedStore(DerivedStore):
    """What a conversion made."""

    conversion: Conversion
    """What became of each joint."""


@dataclass(frozen=True)
class _Making:
    """How sequences of a new store are made of an old one's."""

    make: Callable[[int], Iterable[SkeletonSequence | Exclusion]]
    """Gives the new sequences of an old one, by its index, or why there is none; one without a present body
    is left out."""
    nothing_left: str
    """Why such a sequence is left out."""
    topology: Topology
    num_coordinates: int
    unit: Unit | None
    up: Axis | None
    options: Mapping[str, str]
    """What the new store's options say of it beside the old one's."""


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

    A store whose sequences were moved to their first body's centre joint gives one whose sequences are at
    that of the new topology, where recordings would be that were prepared in it; else positions stay. Labels,
    attributes, protocols and the account go along, and the intervals of recordings that are left.

    Args:
        source: a finished store.
        path: folder to write; it appears when it is complete.
        target: the new topology; the old one again only changes how positions are kept.
        positions: how to keep positions, ``float32`` or ``int16``; None: as in ``source``.
        overwrite: replace a store that is there already.
        on_progress: called with the number of sequences done.

    Raises:
        ConfigurationError: the topologies have no joint in common, or ``positions`` is not known.
        DataError: ``path`` exists, is ``source`` or lies in it, or cannot be written, or nothing is left of
            any sequence.
    """
    conversion = plan_conversion(source.topology, target)
    rounded = "" if source.position_type == FLOAT32 else f", positions {source.position_type}"
    origin = f"{source.topology.name} (content {source.content_hash[:16]}{rounded})"
    moves = _is_centred(source) and target.joints != source.topology.joints

    def make(index: int) -> Iterator[SkeletonSequence]:
        converted = conversion.apply(source.sequence(index))
        yield centre(converted) if moves and converted.present.any() else converted

    making = _Making(
        make=make,
        nothing_left=NOTHING_LEFT,
        topology=conversion.target,
        num_coordinates=source.num_coordinates,
        unit=source.unit,
        up=source.up,
        options={"converted_from": origin},
    )
    store, exclusions = _write(source, Path(path), making, positions, overwrite, on_progress)
    return ConvertedStore(store, conversion.report(), exclusions, conversion)


def project_store(
    source: Store,
    path: Path | str,
    *,
    cameras: int = 1,
    turn: float = 90.0,
    jitter: float = 0.0,
    hidden: float = 0.0,
    seed: int = 0,
    positions: str | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> DerivedStore:
    """Write the sequences of ``source`` as cameras would show them, 2-D.

    Every sequence has cameras of its own, drawn as :func:`skelact.skeleton.projection.project` says. What is
    seen by the second is called ``NAME-camera2``. A store whose sequences were moved to their first body's
    centre joint gives one whose sequences are, too: an encoder that learns of them meets key points, which
    are centred as they are prepared. Labels, attributes, protocols and the account go along, and the
    intervals of recordings that are left.

    Args:
        source: a finished store of positions in space.
        path: folder to write; it appears when it is complete.
        cameras: how many there are of each sequence.
        turn: by how many degrees, at most, one stands beside the front of the first body, 0 to 180.
        jitter, hidden: the most that errors of key points are, as of
            :func:`skelact.skeleton.projection.with_errors`; 0 to 1.
        seed: decides where cameras stand, and the errors; a sequence's place in the store decides with it.
        positions: how to keep positions, ``float32`` or ``int16``; None: as in ``source``.
        overwrite: replace a store that is there already.
        on_progress: called with the number of sequences done.

    Raises:
        ConfigurationError: a number out of range, positions that are 2-D, a skeleton without left and right.
        DataError: a store that does not say which axis is up, ``path`` exists, is ``source`` or lies in it,
            or cannot be written, or nothing is left of any sequence.
    """
    if not 1 <= cameras <= MOST_CAMERAS:
        raise ConfigurationError(f"--cameras is {cameras}, expected 1 to {MOST_CAMERAS}")
    if not 0 <= turn <= 180:
        raise ConfigurationError(f"--turn is {turn:g}, expected 0 to 180 degrees")
    for name, share in (("jitter", jitter), ("hidden", hidden)):
        if not 0 <= share <= 1:
            raise ConfigurationError(f"--{name} is {share:g}, expected 0 to 1")
    if seed < 0:
        raise ConfigurationError(f"--seed is {seed}, expected 0 or more")
    if source.num_coordinates != 3:
        raise ConfigurationError(
            f"{source.path}: positions are 2-D already; only those in space are projected"
        )
    if source.up is None:
        raise DataError(f"{source.path}: does not say which axis is up; prepare it again with --up")
    _check_names(source, cameras)
    up, is_centred = source.up, _is_centred(source)
    num_joints = Counter[str]()

    def make(index: int) -> Iterator[SkeletonSequence | Exclusion]:
        sequence = source.sequence(index)
        for camera in range(cameras):
            name = _picture_name(sequence.name, camera)
            draws = np.random.default_rng((seed, index, camera))
            try:
                shown = project(sequence, up, turn, draws)
            except DataError as error:
                yield Exclusion(name, "front or size not told", "", str(error))
                continue
            num_joints["all"] += int(np.count_nonzero(sequence.seen))
            num_joints["before"] += int(np.count_nonzero(shown.seen))
            if jitter or hidden:
                shown = with_errors(shown, jitter, hidden, draws)
            if is_centred and shown.present.any():
                shown = centre(shown)
            yield replace(shown, name=name)

    origin = f"{source.topology.name} (content {source.content_hash[:16]}), cameras {cameras}"
    errors = f", jitter {jitter:g}, hidden {hidden:g}" if jitter or hidden else ""
    making = _Making(
        make=make,
        nothing_left="nobody before the camera",
        topology=source.topology,
        num_coordinates=2,
        unit="px",
        up="-y",
        options={"projected_from": f"{origin}, turn {turn:g}{errors}, seed {seed}"},
    )
    store, exclusions = _write(source, Path(path), making, positions, overwrite, on_progress)
    width, height = PICTURE
    lines = [
        f"{'pictures':<10}{width} x {height} pixels, {cameras} of each sequence, up to {turn:g} degrees aside"
        f"{errors and ', with errors'}"
    ]
    if behind := num_joints["all"] - num_joints["before"]:
        percent = f"{100 * behind / num_joints['all']:.2g} %"
        lines.append(f"{'not seen':<10}{behind:,} joints behind a camera, {percent} of those that were seen")
    return DerivedStore(store, "\n".join(lines), exclusions)


def _picture_name(name: str, camera: int) -> str:
    """Return what a recording as a camera sees it is called; cameras are numbered from 0."""
    return name if camera == 0 else f"{name}-camera{camera + 1}"


def _check_names(source: Store, cameras: int) -> None:
    """Raise DataError where a picture would be called as another recording is."""
    taken = set(source.names)
    for name in source.names:
        for camera in range(1, cameras):
            picture = _picture_name(name, camera)
            if picture in taken:
                raise DataError(
                    f"{source.path}: has a recording {picture!r}, and the picture of {name!r} by camera "
                    f"{camera + 1} would be called so too; give --cameras {camera}, or rename the recording"
                )


def _is_centred(store: Store) -> bool:
    """Return whether a store's sequences were moved to their first body's centre joint."""
    return bool(store.meta["options"].get("centred", False))


def _write(
    source: Store,
    path: Path,
    making: _Making,
    positions: str | None,
    overwrite: bool,
    on_progress: Callable[[int], None] | None,
) -> tuple[Store, list[Exclusion]]:
    if path.resolve().is_relative_to(source.path.resolve()):
        raise DataError(f"{path}: lies in STORE, {source.path}; choose a place outside it")
    try:
        return _write_files(source, path, making, positions or source.position_type, overwrite, on_progress)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place"
        ) from error


def _write_files(
    source: Store,
    path: Path,
    making: _Making,
    positions: str,
    overwrite: bool,
    on_progress: Callable[[int], None] | None,
) -> tuple[Store, list[Exclusion]]:
    names = source.attribute_names
    values = {name: found for name in names if (found := source.attribute_values(name)) is not None}
    options = {key: value for key, value in source.meta["options"].items() if key != "positions"}
    exclusions = []
    held: dict[str, list[str]] = {}  # what became of each sequence
    with StoreWriter(
        path,
        data_set=source.data_set,
        topology=making.topology,
        class_names=source.class_names,
        fps=source.fps,
        options={**options, **making.options},
        positions=positions,
        num_coordinates=making.num_coordinates,
        attribute_values=values,
        protocols=source.meta["protocols"],
        up=making.up,
        unit=making.unit,
        overwrite=overwrite,
    ) as writer:
        for index in range(len(source)):
            for sequence in making.make(index):
                if isinstance(sequence, Exclusion):
                    exclusions.append(sequence)
                elif sequence.present.any():
                    try:
                        writer.add(sequence)
                    except UnusableRecordingError as error:
                        exclusions.append(Exclusion(sequence.name, error.reason, "", str(error)))
                    else:
                        held.setdefault(source.names[index], []).append(sequence.name)
                else:
                    exclusions.append(Exclusion(sequence.name, making.nothing_left))
            if on_progress:
                on_progress(index + 1)
        for name in source.meta.get("attached", {}):
            if name == intervals.FILE_NAME:
                kept = [
                    replace(one, recording=made)
                    for one in intervals.read_intervals(source.path)
                    for made in held.get(one.recording, ())
                ]
                writer.attach(name, intervals.to_csv(kept))
            elif name != FILE_NAME:
                writer.attach(name, _text(source.path / name))
        writer.attach(FILE_NAME, to_csv([*read_exclusions(source.path), *exclusions]))
        return writer.finish(), exclusions


def _text(path: Path) -> str:
    try:
        return read_file(path, remedy="prepare the data set again").decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}); prepare the data set again") from error

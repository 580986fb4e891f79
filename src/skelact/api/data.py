"""Data: from raw recordings to a store, and what one does with stores."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from skelact.api.descriptions import describe_store
from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError, printable, suggest
from skelact.files import writing
from skelact.formats.exclusions import FILE_NAME, Exclusion, count_by_reason
from skelact.progress import progress
from skelact.skeleton.topology_file import find_topology
from skelact.skeleton.view import Axis, NamedUnit
from skelact.store.convert import ConvertedStore, DerivedStore, convert_store, project_store
from skelact.store.left_out import LeftOut
from skelact.store.prepare import prepare as prepare_store
from skelact.store.recordings import counted
from skelact.store.shards import parse_shard
from skelact.store.store import Data, Store, as_store
from skelact.store.verify import compare_counts, find_problems

PositionType = Literal["float32", "int16"]
EXPORTS = ("padded-npz", "pyskl")
DAMAGED = 1
"""Exit status of 'skelact data verify' for a store with problems."""
SPECIAL = Option(special=True)
"""Marks options that only some formats know."""


@dataclass(frozen=True, repr=False)
class PreparedStore(Store):
    """A store, and what its preparation found; ``print(store)`` tells."""

    num_files: int = 0
    """Files in the raw folder or archive, without tables that say something of the others."""
    exclusions: list[Exclusion] = field(default_factory=list)
    """What was not used of them, and why."""
    remarks: list[str] = field(default_factory=list)
    """What the user should know of the raw data, a line each."""

    def __str__(self) -> str:
        frames = int(self.array("num_frames").sum(dtype="int64"))
        num_sequences = len(self)
        one_a_file = num_sequences + len(self.exclusions) == self.num_files
        noun = "" if one_a_file else " sequence" if num_sequences == 1 else " sequences"
        used = f"{num_sequences:,}{noun} of {self.num_files:,} "
        lines = [
            f"{'store':<10}{self.path}",
            f"{'content':<10}{self.content_hash[:16]}",
            f"{'used':<10}{used}{'file' if self.num_files == 1 else 'files'}, {counted(frames, 'frame')}",
            *(f"{'note':<10}{remark}" for remark in self.remarks),
        ]
        return "\n".join([*lines, *_left_out(self, self.exclusions)])


@checked_arguments
def prepare(
    data_set: str,
    raw: PathLike,
    store: PathLike,
    *,
    centre: bool = True,
    positions: PositionType = "float32",
    workers: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
    shard: str | None = None,
    link_parts: Annotated[bool, SPECIAL] = False,
    max_frames: Annotated[int | None, SPECIAL] = None,
    untrimmed: Annotated[bool, SPECIAL] = False,
    topology: PathLike | None = None,
    fps: float | None = None,
    class_names: PathLike | None = None,
    min_confidence: Annotated[float | None, SPECIAL] = None,
    first_label: Annotated[int | None, SPECIAL] = None,
    scale: Annotated[float | None, SPECIAL] = None,
    image_size: Annotated[str | None, SPECIAL] = None,
    body_order: Annotated[str | None, SPECIAL] = None,
    landmarks: Annotated[str | None, SPECIAL] = None,
    up: Axis | None = None,
    unit: NamedUnit | None = None,
    resample: float | None = None,
    without: PathLike | None = None,
) -> PreparedStore:
    """Turn raw recordings into a store: read, clean, choose the actors, centre, and write.

    RAW is a folder (searched recursively), a .zip, .tar, .tar.gz, .tar.xz or .tar.bz2 archive, or a single
    file. Recordings that cannot be used are left out and listed, with the reason, in STORE/excluded.csv.
    STORE appears when it is complete; stopped at any moment, the same command starts over.

    Large data sets go in parts, on any machines: --shard I/N makes STORE.part-I-of-N. When all parts lie
    beside STORE, the command without --shard joins them to what one run gives.

    Args:
        data_set: auto (told by the files' content), ntu60, ntu120, pku1, pku2, msr-action3d, nw-ucla,
            sbu, bandai-namco-2, synthetic, bvh, npz, pyskl, pose-json, kinect-text, openpose,
            kinetics-skeleton, coco-keypoints, mediapipe, csv, npy, c3d or pose
        raw: folder or archive, of your own recordings with a sub-folder a class; npz, pyskl: the file
        store: folder to write
        centre: move the origin to the first body's centre joint (--no-centre: leave it)
        positions: float32: exactly; int16: half the space, to 0.05 mm within 3 m
        workers: processes that read and clean; default: one a CPU
        strict: stop at the first recording that cannot be used
        overwrite: replace STORE (or the part) if it is a store
        shard: I/N: make part I of N only, STORE.part-I-of-N
        link_parts: join parts without copying: positions stay in the parts, beside STORE
        max_frames: pku1, pku2: cut sequences to so many frames
        untrimmed: pku1, pku2: one sequence a recording, with its actions in STORE/intervals.csv
        topology: name of the skeleton, or a .yaml file with one, for formats that do not tell it
        fps: frames a second, for formats that do not tell it
        class_names: file with a name a line, for formats without the classes' names
        min_confidence: a joint with a confidence below it, or of 0, is missing
        first_label: npz, pyskl, npy: number of the first class in the files (default: 0)
        scale: bvh: the files' unit in metres (default: 0.01)
        image_size: WIDTHxHEIGHT in pixels, for positions that are shares of the image
            (kinetics-skeleton: 340x256)
        landmarks: mediapipe: world (metres) or image (2-D); default: world where there are
        body_order: of more than two people, main: those seen most of the time and moving most come
            first, for clips keep the first (default); given: as the files have them
        up: axis that points up, where the format does not tell it (default: found
            by how people stand)
        unit: of the raw positions, where neither format nor files tell it (default: found by the size of
            people); 3-D positions become metres
        resample: frames a second to be had (default: as recorded)
        without: CSV, as 'skelact browse' saves it, of recordings to leave out

    Returns:
        The store.

    Raises:
        ConfigurationError: unknown data set, or a setting that it does not have.
        DataError: no recording of the data set in RAW, or STORE exists or cannot be written.

    Example:
        >>> store = skelact.prepare("msr-action3d", "raw.tar.xz", "stores/msr")
    """
    given = {
        "max_frames": max_frames,
        "untrimmed": untrimmed or None,
        "scale": scale,
        "topology": None if topology is None else str(topology),
        "fps": fps,
        "class_names": None if class_names is None else str(class_names),
        "min_confidence": min_confidence,
        "image_size": image_size,
        "body_order": body_order,
        "first_label": first_label,
        "landmarks": landmarks,
    }
    with progress(f"preparing {data_set}", unit="files") as step:
        outcome = prepare_store(
            data_set,
            Path(raw),
            Path(store),
            centred=centre,
            positions=positions,
            num_workers=workers,
            strict=strict,
            overwrite=overwrite,
            shard=None if shard is None else parse_shard(shard),
            link_parts=link_parts,
            up=up,
            unit=unit,
            resample=resample,
            class_folders="found",
            settings={name: value for name, value in given.items() if value is not None},
            left_out=None if without is None else LeftOut.read(without),
            on_progress=lambda now: step(now.done, f"{now.excluded:,} set aside", total=now.total),
            on_remark=lambda remark: print(printable(remark), file=sys.stderr),
        )
    made = outcome.store
    return PreparedStore(made.path, made.meta, outcome.num_files, outcome.exclusions, outcome.remarks)


@checked_arguments
def convert(
    store: Annotated[Data, Option(str)],
    out: PathLike,
    *,
    topology: PathLike,
    positions: PositionType | None = None,
    overwrite: bool = False,
) -> ConvertedStore:
    """Write a store's sequences as skeletons of another topology, joint by joint of the same meaning.

    TOPOLOGY is a known one (ntu-25, kinect-20, sbu-15, coco-17, openpose-18, openpose-25, mediapipe-33,
    h36m-17) or a .yaml file. Joints that neither the source has nor a rule makes are marked as missing, and
    all is reported.

    Args:
        store: folder of a prepared store
        out: folder to write; it appears when it is complete
        topology: name of the new topology, or a .yaml file with one
        positions: how to keep positions, exactly or in half the space (default: as in STORE)
        overwrite: replace OUT if it is a store already

    Raises:
        ConfigurationError: the topologies have no joint in common.
        DataError: no such store, OUT exists, lies in STORE or cannot be written, or nothing is left of any
            sequence.
    """
    source = as_store(store)
    with progress("converting", len(source), "sequences") as step:
        return convert_store(
            source,
            Path(out),
            find_topology(str(topology)),
            positions=positions,
            overwrite=overwrite,
            on_progress=step,
        )


@checked_arguments
def project(
    store: Annotated[Data, Option(str)],
    out: PathLike,
    *,
    cameras: int = 1,
    turn: float = 90.0,
    jitter: float = 0.0,
    hidden: float = 0.0,
    seed: int = 0,
    positions: PositionType | None = None,
    overwrite: bool = False,
) -> DerivedStore:
    """Write a store's sequences as cameras would show them: 2-D, in pixels.

    Each sequence gets cameras of its own, drawn: in front of the first body or beside it, 2 to 5 m away,
    looking down by up to 30 degrees or up by 10. What an encoder learns of them holds for the key points
    that a pose estimator finds in a film.

    Args:
        store: folder of a prepared store of positions in space
        out: folder to write; it appears when it is complete
        cameras: how many there are of each sequence
        turn: by how many degrees, at most, one stands beside the front of the first body; 180 is anywhere
        jitter: the most that the standard deviation of key points' errors is, in sizes of the body (0.5 m)
        hidden: the largest share of its time for which a joint is missed, in stretches
        seed: decides where cameras stand, and the errors
        positions: how to keep positions, exactly or in half the space (default: as in STORE)
        overwrite: replace OUT if it is a store already

    Raises:
        ConfigurationError: a number out of range, positions that are 2-D, a skeleton without left and right.
        DataError: no such store, OUT exists, lies in STORE or cannot be written, or nothing is left of any
            sequence.
    """
    source = as_store(store)
    with progress("projecting", len(source), "sequences") as step:
        return project_store(
            source,
            Path(out),
            cameras=cameras,
            turn=turn,
            jitter=jitter,
            hidden=hidden,
            seed=seed,
            positions=positions,
            overwrite=overwrite,
            on_progress=step,
        )


@dataclass(frozen=True)
class ExportedFile:
    """A file that other programs read."""

    path: Path
    lines: list[str]
    """What it holds, for people."""

    def __str__(self) -> str:
        size = self.path.stat().st_size / 1e6
        return "\n".join(
            [f"{'file':<10}{self.path}  ({size:,.1f} MB)", *(f"{'':<10}{line}" for line in self.lines)]
        )


@checked_arguments
def export(
    store: Annotated[Data, Option(str)],
    out: PathLike,
    *,
    format: str,
    protocol: str,
    frames: int | None = None,
    bodies: int | None = None,
    overwrite: bool = False,
) -> ExportedFile:
    """Write a store in a format that other programs read.

    padded-npz is the file that CTR-GCN and MAMP train on: x_train, y_train, x_test, y_test of one protocol.
    pyskl is PYSKL's pickle: all sequences, and the splits of one or more protocols.

    Args:
        store: folder of a prepared store
        out: file to write; it appears when it is complete
        format: padded-npz or pyskl
        protocol: e.g. xsub; pyskl: also xsub,xview
        frames: padded-npz: pad to so many (default: the longest)
        bodies: padded-npz: bodies (default: 2)
        overwrite: replace OUT if it is there

    Raises:
        ConfigurationError: an unknown format or protocol, or an option that the format does not have.
        DataError: no such store, or OUT exists or cannot be written.
    """
    from skelact.store.export import export_padded_npz, export_pyskl

    if format not in EXPORTS:
        raise ConfigurationError(f"--format {format!r}: not known{suggest(format, EXPORTS)}")
    source, path = as_store(store), Path(out)
    if format == "pyskl":
        for name, value in (("frames", frames), ("bodies", bodies)):
            if value is not None:
                raise ConfigurationError(f"--{name} means nothing to pyskl, only to padded-npz")
        protocols = protocol.split(",")
        with progress("exporting", unit="sequences") as step:
            num = export_pyskl(
                source,
                protocols,
                path,
                overwrite=overwrite,
                on_progress=lambda done, total: step(done, total=total),
            )
        return ExportedFile(path, [f"{num:,} sequences with the splits of {', '.join(protocols)}"])
    with progress("exporting", unit="sequences") as step:
        made = export_padded_npz(
            source,
            protocol,
            path,
            num_frames=frames,
            num_bodies=2 if bodies is None else bodies,
            overwrite=overwrite,
            on_progress=lambda done, total: step(done, total=total),
        )
    sides = f"{made.num_train:,} training and {made.num_test:,} test sequences"
    lines = [f"{sides}, {made.num_frames:,} frames each"]
    if made.num_missing_joints:
        lines.append(f"{made.num_missing_joints:,} joints that were not seen are zeros in it")
    return ExportedFile(path, lines)


@checked_arguments
def synth(out: PathLike, *, sequences: int = 1200, seed: int = 0, actions: str | None = None) -> str:
    """Write a synthetic data set in the raw text format of NTU RGB+D: people before a faulty depth camera.

    The files are prepared like the real ones (skelact data prepare synthetic). The same seed gives the same
    bytes.

    Args:
        out: folder to write; empty or not yet there
        sequences: number of recordings, a file each
        seed: decides people, cameras and takes
        actions: codes of the actions, as A010,A023; default: all

    Returns:
        What was written, for people.

    Raises:
        ConfigurationError: an unknown action, or a number out of range.
        DataError: the folder is not empty, or cannot be written.
    """
    from skelact.formats.ntu import parse_name
    from skelact.synthetic import write_data_set

    with writing(out, "choose another folder"), progress("writing", sequences, "recordings") as step:
        files = write_data_set(
            Path(out),
            sequences=sequences,
            seed=seed,
            actions=None if actions is None else actions.split(","),
            on_progress=step,
        )
    names = [parse_name(path.stem) for path in files]
    rows = (
        ("folder", out),
        ("files", len(files)),
        ("size", f"{sum(path.stat().st_size for path in files) / 1e6:.1f} MB"),
        ("actions", len({name.action for name in names})),
        ("performers", len({name.performer for name in names})),
        ("cameras", len({name.camera for name in names})),
        ("setups", len({name.setup for name in names})),
        ("seed", seed),
    )
    return "\n".join(f"{key:<12}{value}" for key, value in rows)


@dataclass(frozen=True)
class Verification:
    """Whether a store is what it should be."""

    store: Store
    problems: list[str]
    """What is wrong, a line each; empty for a sound store."""
    remarks: list[str]
    """What was compared."""

    @property
    def exit_status(self) -> int:
        """That of the command."""
        return DAMAGED if self.problems else 0

    def __str__(self) -> str:
        if self.problems:
            noun = "problem" if len(self.problems) == 1 else "problems"
            verdict = f"DAMAGED, {len(self.problems)} {noun}; prepare the data set again"
        else:
            verdict = f"sound, {len(self.store):,} sequences, content {self.store.content_hash[:16]}"
        return "\n".join([*self.remarks, *self.problems, f"{self.store.path}: {verdict}"])


@checked_arguments
def verify(store: Annotated[Data, Option(str)]) -> Verification:
    """Check that a store is complete and unchanged: hashes, indices, positions, the published split counts.

    Exit status 0 for a sound store, 1 for a damaged one.

    Args:
        store: folder of a prepared store

    Raises:
        DataError: there is no store.
    """
    opened = store if isinstance(store, Store) else Store.open(store, check=False)
    problems = find_problems(opened)
    remarks: list[str] = []
    if not problems:
        remarks, problems = compare_counts(opened)
    return Verification(opened, problems, remarks)


@checked_arguments
def info(store: Annotated[Data, Option(str)], *, figure: PathLike | None = None) -> str:
    """Show what a store holds: its sequences, lengths, bodies, splits, and counts by attribute and class.

    Args:
        store: folder of a prepared store
        figure: draw it too, into this file (.png, .svg, .pdf)

    Raises:
        DataError: there is no store, or the figure cannot be written.
    """
    opened = as_store(store)
    if figure is not None:
        from skelact.reports.data import data_figure  # matplotlib takes its time to load

        data_figure(opened, Path(figure))
    return describe_store(opened)


def _left_out(store: Store, exclusions: list[Exclusion]) -> list[str]:
    """Return lines that say how many recordings were left out, and why."""
    if not exclusions:
        return []
    reasons = count_by_reason(exclusions)
    width = max(len(f"{count:,}") for count in reasons.values())
    return [
        f"{'left out':<10}{len(exclusions):,}, listed in {store.path / FILE_NAME}",
        *(f"{'':<10}{count:>{width},}  {reason}" for reason, count in reasons.items()),
    ]

"""Videos and cameras: who is in them, as a recording that everything else takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError
from skelact.files import check_new
from skelact.limits import check_limit
from skelact.progress import progress
from skelact.skeleton.sequence import SkeletonSequence

if TYPE_CHECKING:
    from skelact.formats.video import Seen, Video

STANDARD_OUTPUT = "-"
_MOST_LOST = 0.02
"""Share of the pictures told that may be missing before a line says so; files tell it roughly."""


@dataclass(frozen=True)
class Poses:
    """Who is in a video; ``print(poses)`` tells it as the command does."""

    sequence: SkeletonSequence | None
    """The recording; None where frames were printed as they came."""
    path: Path | None
    """The file that was written."""
    text: str
    """The lines that the command prints."""

    def __str__(self) -> str:
        return self.text


@checked_arguments
def video(
    source: Annotated[PathLike, Option(str)],
    *,
    out: PathLike,
    seconds: float | None = None,
    overwrite: bool = False,
) -> Poses:
    """Find who is in a video or before a camera, and write their joints as pose-JSON.

    One person is followed, by MediaPipe Pose: 33 joints in metres around the hips, y up. What other
    estimators write is read as it is: 'skelact data prepare --help' lists the formats. Pictures without
    anybody are kept as missing, and counted. Ctrl-C ends it, and what was seen until then is written.

    Args:
        source: video file, or number of a camera, as 0
        out: file to write; - prints frames as they come, for 'skelact predict MODEL --follow -'
        seconds: look for so long (default: to the end of the video, or Ctrl-C)
        overwrite: replace OUT if it exists

    Returns:
        The recording, and what was seen.

    Raises:
        DataError: no such file or camera, no video, nobody in it, or OUT is taken, is the video itself, or
            cannot be written.
        ConfigurationError: packages are missing.

    Example:
        >>> skelact.video("wave.mp4", out="gestures/wave/1.json")
    """
    if seconds is not None and not 0 < seconds < float("inf"):
        raise ConfigurationError(f"--seconds is {seconds:g}; expected more than 0")
    if str(out) == STANDARD_OUTPUT:
        for line in _lines(str(source), seconds):
            print(line, flush=True)
        return Poses(None, None, "")
    check_new(out, overwrite)
    if os.path.exists(out) and os.path.exists(source) and os.path.samefile(out, source):
        raise DataError(f"{out}: is the video itself; choose another name")
    return write_poses(str(source), Path(out), seconds, overwrite)


def write_poses(source: str, out: Path, seconds: float | None = None, overwrite: bool = False) -> Poses:
    """Write who is in a video to a file; the arguments are those of :func:`video`.

    Raises:
        DataError: as there.
        ConfigurationError: as there.
    """
    from skelact.formats.pose_json import write_pose_json
    from skelact.formats.video import recording_of

    film, seen, stopped = _open(source), list["Seen"](), None
    most: DataError | None = None
    try:
        for one in _look(film, seconds):
            try:
                check_limit("frames", len(seen) + 1, source)
            except DataError as error:
                most = error  # what was seen until then is written all the same
                break
            seen.append(one)
    except KeyboardInterrupt as stop:
        stopped = stop
    if not seen:
        if stopped is not None:
            raise stopped
        raise DataError(f"{source}: not one picture could be read")
    try:
        sequence, confidence, is_changing = recording_of(out.stem, seen)
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    write_pose_json(out, sequence, confidence[None], overwrite=overwrite)
    lines = [_account(source, seen, sequence, is_changing)]
    told = film.num_frames
    if stopped is not None and not film.is_camera:
        print("\n".join([*lines, f"{'poses':<12}{out}, until it was stopped"]))
        raise stopped
    if most is not None:
        lines.append(f"{'note':<12}the rest was not looked at: {most}")
    elif told is not None and seconds is None and len(seen) < (1 - _MOST_LOST) * told:
        lines.append(f"{'note':<12}the file tells of {told:,} pictures; the others could not be read")
    return Poses(sequence, out, "\n".join([*lines, f"{'poses':<12}{out}"]))


def _open(source: str) -> Video:
    from skelact.formats.video import Video

    is_camera = source.isdecimal() and len(source) < 4 and not Path(source).exists()
    return Video(int(source) if is_camera else source)


def _look(film: Video, seconds: float | None) -> Iterator[Seen]:
    from skelact.formats.video import look

    try:
        with progress(f"looking at {film.name}", film.num_frames, "pictures") as step:
            for number, one in enumerate(look(film), 1):
                if seconds is not None and one.time >= seconds:
                    return
                step(number)
                yield one
    finally:
        film.close()


def _lines(source: str, seconds: float | None) -> Iterator[str]:
    """Give the lines of a stream of frames, as ``skelact predict --follow`` takes them."""
    from skelact.formats.pose_json import body_of

    film = _open(source)
    yield json.dumps({"topology": "mediapipe-33", "unit": "m"})
    try:
        for one in _look(film, seconds):
            is_there = not np.isnan(one.positions).all()
            bodies = [{"id": 1, **body_of(one.positions, one.confidence)}] * is_there
            yield json.dumps({"time": round(one.time, 4), "bodies": bodies})
    except KeyboardInterrupt:
        if not film.is_camera:
            raise


def _account(source: str, seen: list[Seen], sequence: SkeletonSequence, is_changing: bool) -> str:
    rate = "of one picture" if sequence.fps is None else f"{seen[-1].time:.1f} s, {sequence.fps:g} a second"
    lines = [f"{'video':<12}{source}: {len(seen):,} pictures, {rate}"]
    if is_changing:
        lines.append(
            f"{'note':<12}pictures come at changing times; joints were brought to {sequence.num_frames:,} "
            f"frames at {sequence.fps:g} a second"
        )
    without = sum(bool(np.isnan(one.positions).all()) for one in seen)
    nobody = f"; {without:,} pictures without anybody" if without else ""
    lines.append(f"{'person':<12}one is followed, seen in {len(seen) - without:,} pictures{nobody}")
    assert sequence.joint_present is not None  # of estimated joints each is told
    outside = 1 - sequence.joint_present[sequence.present].mean()
    if outside > 0:
        lines.append(f"{'joints':<12}{100 * outside:.1f} % outside the picture, and missing")
    return "\n".join(lines)

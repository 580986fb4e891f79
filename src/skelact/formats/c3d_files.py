"""C3D, the format of optical motion capture: labelled points in frames, read by the library ``c3d``.

A point whose residual is negative was not seen. Positions are in the unit of the file (``POINT:UNITS``).
Labels may begin with who wears the point, ``Anna:LANK``; each such name whose points make up the skeleton is
a body. Points are told by their names (:mod:`skelact.formats.named_joints`); markers stand for joints only
where a topology says so, in a file of one's own.

The raw data of the data set ``c3d`` is a folder of such files, and a manifest where wanted.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from functools import partial

import numpy as np

from skelact.errors import ConfigurationError, install
from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.exclusions import MALFORMED, UnusableRecordingError, error_text
from skelact.formats.named_joints import POINTS_LEFT_OUT, NamedSkeleton, sequence_of_points, skeleton_of
from skelact.formats.notes import Note
from skelact.formats.own_recordings import read_content, survey_recordings
from skelact.formats.sample import Sample
from skelact.limits import check_limit
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import METRES

SUFFIX = ".c3d"
_MAGIC = 0x50  # the second byte of the file's header
_OTHERS = "other people's points, left out"


def read_c3d(file: str, name: str, data: bytes, *, topology: Topology | None = None) -> LabelledSequence:
    """Read one file.

    Args:
        file: how errors call the file.
        name: the sequence's name.
        data: the file's bytes.
        topology: the skeleton, whose joints are points of the file; None: that of the points' names.

    Returns:
        The sequence, in metres.

    Raises:
        UnusableRecordingError: the file is damaged, its unit or skeleton is not known, or nothing was seen.
        ConfigurationError: the library is not there.
    """
    try:
        import c3d
    except ImportError as error:
        raise ConfigurationError(f"{file}: reading C3D needs c3d; {install('c3d')}") from error
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            reader = c3d.Reader(io.BytesIO(data))
            labels = [str(label).strip() for label in reader.point_labels]
            num_points, num_frames = int(reader.point_used), int(reader.frame_count)
            rate = float(reader.point_rate)
            told = reader.get("POINT:UNITS")
            unit = "" if told is None else str(told.string_value).strip().lower()
            check_limit("frames", num_frames, file)
            if num_points * num_frames * 8 > len(data) or len(labels) < num_points:
                raise ValueError(f"{num_frames} frames of {num_points} points announced")
            frames = [points[:, :4] for _, points, _ in reader.read_frames(analog_transform=False)]
    except Exception as error:  # the library says what is wrong in any of Python's own ways
        found = f"not a whole C3D file ({error_text(error)})"
        raise UnusableRecordingError(MALFORMED, file, "", f"{found}; export it again") from error
    if len(frames) != num_frames or not frames or not num_points:
        detail = f"{len(frames)} frames of {num_points} points; expected {num_frames}; export it again"
        raise UnusableRecordingError(MALFORMED, file, "", detail)
    if unit not in METRES:
        detail = f"POINT:UNITS is {unit[:20]!r}; expected m, cm or mm"
        raise UnusableRecordingError(MALFORMED, file, "", detail)
    table = np.stack(frames)  # (T, points, x y z residual)
    points = np.where(table[..., 3:] < 0, np.nan, table[..., :3].astype(np.float64) * METRES[unit])
    labels = labels[:num_points]
    bodies, num_others = _bodies(file, labels, topology)
    skeleton = NamedSkeleton(bodies[0].topology, np.arange(bodies[0].topology.num_joints))
    sequence = sequence_of_points(
        file,
        name,
        np.stack([body.of(points, 1) for body in bodies]),
        skeleton,
        fps=rate if 0 < rate < 1e6 else None,
    )
    left_out = num_points - num_others - sum(int(np.count_nonzero(body.places >= 0)) for body in bodies)
    counted = ((POINTS_LEFT_OUT, left_out), (_OTHERS, num_others))
    notes = [Note(file, what, count) for what, count in counted if count]
    notes += [Note(file, remark) for remark in dict.fromkeys(body.remark for body in bodies) if remark]
    return LabelledSequence(sequence, notes=notes)


def _bodies(file: str, labels: Sequence[str], topology: Topology | None) -> tuple[list[NamedSkeleton], int]:
    """Return the points of each person's joints, and how many points belong to people without a skeleton."""
    people: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        people.setdefault(label.rpartition(":")[0], []).append(place)
    found: list[NamedSkeleton] = []
    others, first_error = 0, None
    for places in people.values():
        try:
            one = skeleton_of(file, [labels[place].rpartition(":")[2] for place in places], topology)
        except UnusableRecordingError as error:
            first_error = first_error or error
            others += len(places)
            continue
        if not found or one.topology == found[0].topology:
            there = np.where(one.places < 0, -1, np.array(places)[one.places])
            found.append(NamedSkeleton(one.topology, there))
    if not found:
        assert first_error is not None  # there is at least one group of points
        raise first_error
    check_limit("bodies", len(found), file)
    return found, others


def c3d_data_set() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="c3d",
        summary="motion capture in .c3d files, and manifest.csv where wanted",
        suffix=SUFFIX,
        example="walk-01.c3d",
        recognises=_recognises,
        unit="m",
        settings={"topology": None, "class_names": None, "body_order": None},
        survey=partial(survey_recordings, read=partial(read_content, read_c3d)),
    )


def _recognises(sample: Sample) -> bool:
    head = sample.head
    return len(head) >= 512 and head[1] == _MAGIC and 0 < head[0] < 128 and b"POINT" in head

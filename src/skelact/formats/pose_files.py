"""``.pose``, the binary format of the library ``pose-format``: components of named points, in frames.

A component is a body, a hand or a face; the one whose points make up the skeleton is read, the others are
left out and counted. Landmarks in an image are read as 2-D positions in pixels, those that are called WORLD
as 3-D positions in metres; the library itself writes their x and y multiplied by the image's size, which is
undone. A point with a confidence of 0 was not seen.

The raw data of the data set ``pose`` is a folder of such files, and a manifest where wanted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from skelact.errors import ConfigurationError, install
from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.exclusions import MALFORMED, UnusableRecordingError, error_text
from skelact.formats.named_joints import NamedSkeleton, sequence_of_points, skeleton_of
from skelact.formats.notes import Note
from skelact.formats.own_recordings import read_content, survey_recordings
from skelact.formats.pyskl import HEIGHT, WIDTH
from skelact.formats.sample import Sample
from skelact.limits import check_limit
from skelact.skeleton.topology import Topology

SUFFIX = ".pose"
COMPONENTS_LEFT_OUT = "components of points beside the body (hands, face), left out"
MULTIPLIED = "world landmarks multiplied by the image's size, as pose-format writes them, divided by it"
_WORLD = "WORLD"
_FAR = 10.0  # metres from between the hips; where most joints are beyond it, they are pixels
_VERSIONS = (0.0, 0.1, 0.2)


def read_pose(
    file: str, name: str, data: bytes, *, topology: Topology | None = None, min_confidence: float = 0.0
) -> LabelledSequence:
    """Read one file.

    Args:
        file: how errors call the file.
        name: the sequence's name.
        data: the file's bytes.
        topology: the skeleton; None: that of the first component with a known one.
        min_confidence: a joint with a confidence below it, or of 0, is missing.

    Raises:
        UnusableRecordingError: the file is damaged, no component is a known skeleton, or nothing was seen.
        ConfigurationError: the library is not there.
    """
    try:
        from pose_format import Pose
        from pose_format.pose_header import PoseHeaderCache
    except ImportError as error:
        raise ConfigurationError(f"{file}: needs pose-format; {install('pose')}") from error
    try:
        PoseHeaderCache.clear_cache()  # it would hand on the header of a file that was damaged later
        pose = Pose.read(data)
        points = np.asarray(pose.body.data.data)  # (T, people, points, C)
        confidence = np.asarray(pose.body.confidence)
        components = list(pose.header.components)
        size = (int(pose.header.dimensions.height), int(pose.header.dimensions.width))
        fps = float(pose.body.fps)
        if points.ndim != 4 or confidence.shape != points.shape[:3] or 0 in points.shape:
            raise ValueError(f"an array of shape {points.shape}")
    except Exception as error:  # the library says what is wrong in any of Python's own ways
        found = f"not a whole .pose file ({error_text(error)})"
        raise UnusableRecordingError(MALFORMED, file, "", f"{found}; export it again") from error
    check_limit("frames", len(points), file)
    check_limit("bodies", points.shape[1], file)
    start, chosen, skeleton = _component(file, components, topology)
    num_coordinates = 3 if _WORLD in str(chosen.name) else 2
    if points.shape[3] < num_coordinates:
        detail = f"{points.shape[3]} coordinates; expected {num_coordinates} or more"
        raise UnusableRecordingError(MALFORMED, file, "", detail)
    span = slice(start, start + len(chosen.points))
    positions = points[:, :, span, :num_coordinates].transpose(1, 0, 2, 3)
    places = np.abs(points[:, :, span, :2])[confidence[:, :, span] > 0]
    is_multiplied = num_coordinates == 3 and min(size) > 0 and places.size and np.nanmedian(places) > _FAR
    if is_multiplied:
        positions = positions / np.array([size[1], size[0], 1], np.float32)
    sequence = sequence_of_points(
        file,
        name,
        positions,
        skeleton,
        fps=fps if math.isfinite(fps) and 0 < fps < 1e6 else None,
        confidence=confidence[:, :, span].transpose(1, 0, 2),
        min_confidence=min_confidence,
    )
    if num_coordinates == 2 and min(size) > 0:
        sequence = replace(sequence, attributes=dict(zip((HEIGHT, WIDTH), size, strict=True)))
    others = len(components) - 1
    notes = [Note(file, COMPONENTS_LEFT_OUT, others)] if others else []
    notes += [Note(file, MULTIPLIED)] if is_multiplied else []
    return LabelledSequence(
        sequence, notes=notes + ([Note(file, skeleton.remark)] if skeleton.remark else [])
    )


def _component(
    file: str, components: Sequence[Any], topology: Topology | None
) -> tuple[int, Any, NamedSkeleton]:
    """Return where the points of the body begin, their component, and which joints they are."""
    start, error = 0, UnusableRecordingError(MALFORMED, file, "", "no component of points")
    for component in components:
        names = [str(point) for point in component.points]
        try:
            return start, component, skeleton_of(file, names, topology)
        except UnusableRecordingError as another:
            error = another if not start else error
        start += len(names)
    raise error


def pose_data_set() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="pose",
        summary="recordings in the .pose files of pose-format, and manifest.csv where wanted",
        suffix=SUFFIX,
        example="hello.pose",
        recognises=_recognises,
        up="-y",
        settings={"topology": None, "class_names": None, "min_confidence": 0.0, "body_order": None},
        survey=partial(survey_recordings, read=partial(read_content, read_pose)),
    )


def _recognises(sample: Sample) -> bool:
    """Tell by the version, with which a file begins, and the first component's name."""
    head = sample.head
    version = np.frombuffer(head[:4].ljust(4, b"\0"), "<f4")[0]
    length = int.from_bytes(head[12:14], "little")
    name = head[14 : 14 + length]
    is_name = 0 < length < 100 and len(name) == length and name.isascii() and name.decode().isprintable()
    return is_name and bool(np.isin(version, np.array(_VERSIONS, np.float32)))

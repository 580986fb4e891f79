"""PYSKL's pickle: a dict of ``split`` (name to list of sequences) and ``annotations`` (one dict a sequence).

==================  ===================  =====================================================================
key                 value                what
==================  ===================  =====================================================================
``frame_dir``       string               the sequence's name (``filename`` in some files)
``label``           integer              class from 0; may be missing
``keypoint``        (M, T, V, C) floats  positions: metres in 3-D, pixels in 2-D; zeros where a body is absent
``keypoint_score``  (M, T, V) floats     confidence of each joint; may be missing
``total_frames``    integer              T
``img_shape``       (height, width)      of the image in pixels; 2-D only, may be missing
==================  ===================  =====================================================================

Other keys are not read. Splits are called ``xsub_train`` and ``xsub_val`` (or ``_test``), which make the
protocol ``xsub``; ``train`` and ``val`` alone make the protocol ``given``, ``train1`` and ``test1`` protocol
``1``. The pickle is read whole; see :mod:`skelact.formats.plain_pickle` for what it may hold.

The raw data of the data set ``pyskl`` is that file, or a folder or an archive with it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import IO

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, any_name, not_surveyed
from skelact.formats.exclusions import MALFORMED, Exclusion, UnusableRecordingError, shown
from skelact.formats.plain_pickle import array_of, load_plain
from skelact.formats.protocol import GIVEN, SIDES, TEST, TRAIN, attribute_of, given_protocol
from skelact.formats.recognition import Sample
from skelact.formats.settings import (
    MAX_CLASSES,
    class_names_setting,
    fps_setting,
    min_confidence_setting,
    numbered_classes,
    recorded_settings,
    topology_setting,
)
from skelact.skeleton.sequence import SkeletonSequence, without_unseen_bodies
from skelact.skeleton.tables import COCO_17, NTU_25
from skelact.skeleton.topology import Topology

ALL_ZERO = "all joints zero"
BAD_POSITIONS = "positions that cannot be used"
UNKNOWN_NAME = "named in a split, but has no annotation"
HEIGHT, WIDTH = "image_height", "image_width"
"""Attributes that keep the image's size in pixels."""

_SPLIT = re.compile(r"(?:(?P<name>\w*?)_?)(?P<side>train|val|test)(?P<number>\d*)")


@dataclass(frozen=True)
class PysklPickle:
    """What a file holds; annotations are checked one by one, in :meth:`sequences`."""

    file: str
    """How errors call the file."""
    annotations: Sequence[object]
    sides: Mapping[str, Mapping[str, int]]
    """For each protocol, the side of each sequence by name."""
    num_joints: int
    """Joints of the first annotation that can be read."""
    num_coordinates: int
    """Coordinates of it."""
    num_classes: int
    """1 + the largest label."""

    def __len__(self) -> int:
        return len(self.annotations)

    @property
    def protocols(self) -> tuple[str, ...]:
        """Names of the protocols that the splits make."""
        return tuple(self.sides)

    def missing(self) -> list[str]:
        """Return the names that a split lists and no annotation has, in the splits' order."""
        known = {_name(annotation) for annotation in self.annotations}
        listed = dict.fromkeys(name for sides in self.sides.values() for name in sides)
        return [name for name in listed if name not in known]

    def sequences(
        self, topology: Topology, fps: float | None, min_confidence: float
    ) -> Iterator[SkeletonSequence | UnusableRecordingError]:
        """Yield every annotation's sequence, or why it cannot be used.

        Args:
            topology: what the joints are.
            fps: frames a second, which the file does not tell.
            min_confidence: a joint with a score below it, or of 0, is missing.
        """
        for number in range(len(self.annotations)):
            try:
                yield without_unseen_bodies(self._sequence(number, topology, fps, min_confidence))
            except UnusableRecordingError as error:
                yield error

    def _sequence(
        self, number: int, topology: Topology, fps: float | None, min_confidence: float
    ) -> SkeletonSequence:
        place, annotation = f"annotation {number}", self.annotations[number]
        name = _name(annotation)
        if name is None or not isinstance(annotation, Mapping):
            raise self._malformed(place, "no printable string under frame_dir")
        place += f" ({name})"
        positions = self._numbers(annotation, "keypoint", place)
        expected = (topology.num_joints, self.num_coordinates)
        if positions.ndim != 4 or positions.shape[2:] != expected or 0 in positions.shape:
            raise self._malformed(
                place, f"keypoint has shape {positions.shape}; expected (M, T, {expected[0]}, {expected[1]})"
            )
        frames = annotation.get("total_frames", positions.shape[1])
        if frames != positions.shape[1]:
            raise self._malformed(
                place, f"total_frames is {shown(frames)}, keypoint has {positions.shape[1]}"
            )
        present = (positions != 0).any((2, 3))
        joint_present = None
        if annotation.get("keypoint_score") is not None:
            score = self._numbers(annotation, "keypoint_score", place)
            if score.shape != positions.shape[:3]:
                raise self._malformed(
                    place, f"keypoint_score has shape {score.shape}, keypoint {positions.shape}"
                )
            joint_present = (score > 0) & (score >= np.float32(min_confidence)) & present[..., None]
            present = joint_present.any(2)
            positions = np.where(joint_present[..., None], positions, np.float32(0))
        if not present.any():
            detail = "expected a body in at least one frame"
            raise UnusableRecordingError(ALL_ZERO, self.file, place, detail)
        label = _label_of(annotation)
        if label is None and annotation.get("label") is not None:
            found = f"label is {shown(annotation['label'])}"
            raise self._malformed(place, f"{found}; expected an integer from 0 to {MAX_CLASSES - 1}")
        return SkeletonSequence(
            name=name,
            positions=positions,
            present=present,
            joint_present=joint_present,
            topology=topology,
            fps=fps,
            label=label,
            attributes={
                **{attribute_of(split): sides[name] for split, sides in self.sides.items() if name in sides},
                **self._image(annotation.get("img_shape"), place),
            },
        )

    def _numbers(self, annotation: Mapping[object, object], key: str, place: str) -> npt.NDArray[np.float32]:
        array = array_of(annotation.get(key))
        if array is None or array.dtype.kind not in "fiu":
            raise self._malformed(place, f"no array of numbers under {key}")
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = array.astype(np.float32)
        is_bad = ~np.isfinite(numbers)
        if is_bad.any():
            where = np.argwhere(is_bad)[0].tolist()
            detail = f"{key}{where} is {numbers[tuple(where)]}; expected finite numbers"
            raise UnusableRecordingError(BAD_POSITIONS, self.file, place, detail)
        return numbers

    def _image(self, shape: object, place: str) -> dict[str, int]:
        if shape is None or self.num_coordinates != 2:
            return {}
        sizes = shape if isinstance(shape, tuple | list) else ()
        if len(sizes) != 2 or not all(isinstance(size, int) and 0 < size < 1 << 20 for size in sizes):
            raise self._malformed(place, f"img_shape is {shown(shape)}; expected (height, width) in pixels")
        return dict(zip((HEIGHT, WIDTH), sizes, strict=True))

    def _malformed(self, place: str, detail: str) -> UnusableRecordingError:
        return UnusableRecordingError(MALFORMED, self.file, place, detail)


def read_pyskl(name: str, file: IO[bytes], size: int) -> PysklPickle:
    """Read a file and its splits.

    Args:
        name: how errors call the file.
        file: the file, at its beginning.
        size: its length in bytes.

    Raises:
        DataError: the file is no pickle of plain data, lacks ``split`` or ``annotations``, has no annotation
            with keypoints, or its splits have unknown names or overlap.
    """
    content = load_plain(name, file, size)
    if not isinstance(content, Mapping) or not {"split", "annotations"} <= content.keys():
        raise DataError(f"{name}: not PYSKL's format; expected a dict with the keys split and annotations")
    split, annotations = content["split"], content["annotations"]
    if not isinstance(split, Mapping) or not isinstance(annotations, list | tuple):
        raise DataError(f"{name}: expected a dict under split and a list under annotations")
    shapes = (
        array.shape
        for annotation in annotations
        if isinstance(annotation, Mapping)
        and (array := array_of(annotation.get("keypoint"))) is not None
        and array.ndim == 4
    )
    first = next(shapes, None)
    if first is None or first[3] not in (2, 3):
        raise DataError(
            f"{name}: no annotation has a keypoint array of shape (M, T, V, 2 or 3); expected at least one"
        )
    labels = [_label_of(annotation) for annotation in annotations]
    num_classes = 1 + max((label for label in labels if label is not None), default=-1)
    return PysklPickle(name, annotations, _sides(name, split), first[2], first[3], num_classes)


def _label_of(annotation: object) -> int | None:
    """Return the label of an annotation, or None where it has none that can be used."""
    label = annotation.get("label") if isinstance(annotation, Mapping) else None
    return label if type(label) is int and 0 <= label < MAX_CLASSES else None


def _name(annotation: object) -> str | None:
    """Return the name of an annotation, or None where it has none."""
    if not isinstance(annotation, Mapping):
        return None
    name = annotation.get("frame_dir", annotation.get("filename"))
    return name if isinstance(name, str) and name and name.isprintable() else None


def _sides(file: str, split: Mapping[object, object]) -> dict[str, dict[str, int]]:
    """Return each protocol's sequences, by name, with their side."""
    sides: dict[str, dict[str, int]] = {}
    come_from: dict[tuple[str, int], str] = {}
    for key, listed in split.items():
        match = _SPLIT.fullmatch(key) if isinstance(key, str) else None
        if match is None:
            raise DataError(
                f"{file}: split {shown(key)} is neither a training nor a test side; expected names like "
                "xsub_train and xsub_val, train and test"
            )
        array = array_of(listed)
        names = array.tolist() if array is not None and array.ndim == 1 else listed
        if not isinstance(names, list | tuple | set) or not all(
            isinstance(name, str) and name.isprintable() for name in names
        ):
            raise DataError(f"{file}: split {shown(key)}: expected a list of sequences' names")
        protocol = "_".join(part for part in (match["name"], match["number"]) if part).lower() or GIVEN
        side = TRAIN if match["side"] == "train" else TEST
        other = come_from.setdefault((protocol, side), str(key))
        if other != key:
            raise DataError(
                f"{file}: splits {other!r} and {key!r} are both a test side; leave one of them out"
            )
        members = sides.setdefault(protocol, {})
        for name in names:
            if members.setdefault(name, side) != side:
                raise DataError(f"{file}: {name} trains and tests under {protocol}; it can do one of them")
    return sides


SUFFIX = ".pkl"
SKELETONS = {(25, 3): NTU_25, (17, 2): COCO_17}
"""By joints and coordinates, the skeletons of the files that PYSKL's authors released."""


def pyskl_data_set() -> DataSet:
    """Return the data set as it is before its file is known."""
    return DataSet(
        name="pyskl",
        summary="any data set in PYSKL's .pkl with split and annotations",
        topology=None,
        fps=None,
        class_names=None,
        suffix=SUFFIX,
        example="ntu60_3danno.pkl",
        is_member=any_name,
        read=not_surveyed,
        recognises=_recognises,
        settings={
            "topology": None,
            "fps": None,
            "class_names": None,
            "min_confidence": 0.0,
            "body_order": None,
        },
        survey=_survey,
    )


def _recognises(sample: Sample) -> bool:
    keys = (b"split", b"annotations", b"keypoint", b"frame_dir")
    return sample.is_pickle and any(key in sample.head for key in keys)


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the one pickle among ``files``.

    Raises:
        DataError: there is no pickle or more than one, or it cannot be used.
        ConfigurationError: a setting that cannot be used, or the skeleton has to be told.
    """
    settings = data_set.settings
    pickles = [file for file in files if file.suffix == SUFFIX]
    if len(pickles) != 1:
        found = f"{len(pickles)} {SUFFIX} files" if pickles else f"no {SUFFIX} file"
        raise DataError(f"{files[0].container.parent}: {found}; give the path of the one pickle")
    content = _open(pickles[0])
    topology = topology_setting(settings) or _known(content)
    names = class_names_setting(settings, content.num_classes)
    min_confidence = min_confidence_setting(settings)
    return replace(
        data_set,
        topology=topology,
        fps=fps_setting(settings),
        class_names=names or numbered_classes(content.num_classes),
        read=partial(_read, content, topology, fps_setting(settings), min_confidence),
        settings=recorded_settings(settings, topology, names),
        attribute_values={attribute_of(name): SIDES for name in content.protocols},
        given_protocols=tuple(given_protocol(name) for name in content.protocols),
    )


def _open(file: RawFile) -> PysklPickle:
    if not file.is_packed:
        with file.container.open("rb") as stream:
            return read_pyskl(file.name, stream, file.container.stat().st_size)
    data = file.read()
    return read_pyskl(file.name, io.BytesIO(data), len(data))


def _known(content: PysklPickle) -> Topology:
    shape = (content.num_joints, content.num_coordinates)
    if shape not in SKELETONS:
        raise ConfigurationError(
            f"{content.file}: {shape[0]} joints in {shape[1]}-D, a skeleton that the file does not name; "
            "name it with --topology"
        )
    return SKELETONS[shape]


def _read(
    content: PysklPickle, topology: Topology, fps: float | None, min_confidence: float, file: RawFile
) -> Iterator[Item]:
    for item in content.sequences(topology, fps, min_confidence):
        yield Exclusion.of(item) if isinstance(item, UnusableRecordingError) else item
    for name in content.missing():
        yield Exclusion(file.name, UNKNOWN_NAME, name)

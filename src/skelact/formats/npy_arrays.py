"""Plain ``.npy`` arrays of shape (N, C, T, V, M), as ST-GCN and its relatives have them, and their labels.

An array holds N sequences of C = 2 or 3 coordinates, T frames, V joints and M bodies; zeros are an absent
body, and padding at the end. 2-D positions may come with a confidence as a third number, which lies within 0
and 1 where the others span more. Labels stand in a file beside it (:mod:`skelact.formats.label_files`). With
``train``, ``val`` or ``test`` in the files' names, each side has its array and its labels. A sequence is
called by its array and row, ``train_data-0``, or as the file of labels names it.

The raw data of the data set ``npy`` is a folder with these files, or the array alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, LabelledSequence
from skelact.formats.exclusions import BAD_POSITIONS, NO_BODY, Exclusion
from skelact.formats.label_files import Labels, read_labels
from skelact.formats.manifest import is_manifest
from skelact.formats.npy_rows import RowArray, open_array
from skelact.formats.protocol import (
    GIVEN,
    attribute_of,
    side_names,
    side_number,
    side_of,
    split_protocols,
    split_remarks,
)
from skelact.formats.sample import Sample
from skelact.formats.settings import (
    class_names_setting,
    first_label_setting,
    fps_setting,
    label_remarks,
    min_confidence_setting,
    numbered_classes,
    recorded_settings,
    topology_setting,
)
from skelact.skeleton.sequence import SkeletonSequence, without_unseen_bodies
from skelact.skeleton.tables import COCO_17, KINECT_20, NTU_25, OPENPOSE_18
from skelact.skeleton.topology import Topology

SUFFIX = ".npy"
SKELETONS = {(25, 3): NTU_25, (17, 2): COCO_17, (18, 2): OPENPOSE_18, (20, 3): KINECT_20}
"""By joints and coordinates, the skeletons of the arrays that are passed around."""
_SAMPLED = 64
_LABEL_FILE = re.compile(r"label|classes|_y$|^y(_|$)", re.IGNORECASE)


@dataclass(frozen=True)
class _Array:
    """An array of positions and what belongs to it."""

    array: RowArray
    labels: Labels | None
    side: str | None
    has_confidence: bool
    looks_flat: bool


def npy_data_set() -> DataSet:
    """Return the data set as it is before its files are known."""
    return DataSet(
        name="npy",
        summary="any data set in .npy arrays (N, C, T, V, M), with files of labels",
        suffix=SUFFIX,
        example="train_data.npy",
        recognises=_recognises,
        settings={
            "topology": None,
            "fps": None,
            "class_names": None,
            "min_confidence": 0.0,
            "first_label": None,
        },
        survey=_survey,
    )


def _recognises(sample: Sample) -> bool:
    shape = re.search(rb"'shape': \(([^)]*)\)", sample.head[:1024])
    return sample.head.startswith(b"\x93NUMPY") and shape is not None and shape[1].count(b",") == 4


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Find the arrays and their labels among ``files``.

    Raises:
        DataError: no array of positions, or an array or labels that cannot be used.
        ConfigurationError: a setting that cannot be used, or the skeleton has to be told.
    """
    settings = data_set.settings
    arrays = [file for file in files if file.suffix == SUFFIX and _recognises(Sample.of(file))]
    if not arrays:
        folder = files[0].container.parent
        raise DataError(
            f"{folder}: no {SUFFIX} array of shape (N, C, T, V, M); give the folder that holds it, or write "
            "an array a recording as pose-JSON (docs/own-data.md)"
        )
    others = {file.name for file in arrays}
    label_files = [
        file
        for file in files
        if file.name not in others
        and file.suffix in (SUFFIX, ".pkl", ".txt", ".csv")
        and (_LABEL_FILE.search(file.stem) or file.suffix == SUFFIX)
    ]
    found: dict[str, _Array] = {}
    used: list[RawFile] = []
    for file in arrays:
        labels_of = _labels_of(file, arrays, label_files)
        used += [] if labels_of is None else [labels_of]
        found[file.name] = _opened(file, None if labels_of is None else read_labels(labels_of), labels_of)
    first = next(iter(found.values()))
    num_coordinates = 2 if first.has_confidence else first.array.shape[1]
    topology = topology_setting(settings) or SKELETONS.get((first.array.shape[3], num_coordinates))
    if topology is None:
        found_in = f"{first.array.shape[3]} joints in {num_coordinates}-D"
        raise ConfigurationError(
            f"{first.array.path}: {found_in}, a skeleton that the file does not name; name it with --topology"
        )
    for one in found.values():
        expected = (first.array.shape[1], topology.num_joints)
        if (one.array.shape[1], one.array.shape[3]) != expected:
            raise DataError(
                f"{one.array.path}: shape {one.array.shape}; expected (N, {expected[0]}, T, {expected[1]}, "
                f"M) for {topology.name}; --topology names another skeleton"
            )
    min_confidence = min_confidence_setting(settings)
    if min_confidence > 0 and not any(one.has_confidence for one in found.values()):
        raise ConfigurationError(
            f"--min-confidence means nothing to {first.array.path}, which holds no confidences; leave it out"
        )
    manifests = [file.name for file in files if is_manifest(file.name)]
    values = [value for one in found.values() if one.labels for value in one.labels.values]
    numbers = [value for value in values if isinstance(value, int)]
    has_names = any(isinstance(value, str) for value in values)
    if numbers and has_names:
        raise DataError(f"{used[0].name}: labels that are numbers and names; expected either")
    first_label = first_label_setting(settings, has_names=has_names)
    if numbers and min(numbers) < first_label:
        found_label = f"a label of {min(numbers)}"
        raise DataError(f"{used[0].name}: {found_label}; expected {first_label} (--first-label) or more")
    num_classes = max(numbers, default=first_label - 1) + 1 - first_label
    names = class_names_setting(settings, num_classes)
    sides = [one.side for one in found.values()]
    values_of_side = side_names(side for side in sides if side) if any(sides) else ()
    remarks = [
        *(
            f"{name}: the third number of joints lies within 0 and 1; read as a confidence of 2-D positions"
            for name, one in found.items()
            if one.has_confidence
        ),
        *(
            f"{name}: three numbers a joint, all within 0 and 1, read as positions in 3-D; if they are x and "
            "y as shares of an image and a score, write an array of x and y in pixels and the score"
            for name, one in found.items()
            if one.looks_flat
        ),
        *(f"{name}: no file of labels beside it" for name, one in found.items() if one.labels is None),
        *(f"{name}: not read; labels of arrays stand in a file of labels" for name in manifests),
    ]
    return replace(
        data_set,
        topology=topology,
        fps=fps_setting(settings),
        class_names=names or (numbered_classes(num_classes) if numbers or not values else None),
        read=partial(
            _read,
            arrays=found,
            topology=topology,
            fps=fps_setting(settings),
            min_confidence=min_confidence,
            first_label=first_label,
            sides=values_of_side,
        ),
        settings=recorded_settings(settings, topology, names),
        side_files=frozenset({*(file.name for file in used), *manifests}),
        remarks=(
            *remarks,
            *(split_remarks(GIVEN, values_of_side) if values_of_side else ()),
            *label_remarks(min(numbers, default=0), first_label),
        ),
        attribute_values={attribute_of(GIVEN): values_of_side} if values_of_side else {},
        given_protocols=split_protocols(GIVEN, values_of_side) if values_of_side else (),
    )


def _side(name: str) -> str | None:
    """Return the side that a file's name tells, if it tells one."""
    words = re.findall(r"[a-z]+", PurePosixPath(name).stem.lower())
    told = {side for word in words if (side := side_of(word)) in ("train", "val", "test")}
    return told.pop() if len(told) == 1 else None


def _labels_of(file: RawFile, arrays: Sequence[RawFile], labels: Sequence[RawFile]) -> RawFile | None:
    """Return the labels of an array: those of its side, or the only ones of the only array."""
    if len(arrays) == 1 and len(labels) == 1:
        return labels[0]
    folder = file.name.rpartition("/")[0]
    side = _side(file.name)
    mine = [each for each in labels if side is not None and _side(each.name) == side]
    near = [each for each in mine if each.name.rpartition("/")[0] == folder] or mine
    if len(near) > 1:
        raise DataError(f"{file.name}: labels in {near[0].name} and in {near[1].name}; leave one of them out")
    return near[0] if near else None


def _opened(file: RawFile, labels: Labels | None, label_file: RawFile | None) -> _Array:
    if file.is_packed:
        raise DataError(f"{file.container}: holds {file.name}; unpack it and give the folder")
    array = open_array(file.container)
    if array.dtype.kind != "f" or array.shape[1] not in (2, 3):
        found = f"{array.dtype} of shape {array.shape}"
        raise DataError(f"{file.name}: {found}; expected floats of shape (N, 2 or 3, T, V, M)")
    if labels is not None and label_file is not None and len(labels.values) != array.shape[0]:
        raise DataError(
            f"{label_file.name}: {len(labels.values)} labels; expected {array.shape[0]}, one for each row of "
            f"{file.name}"
        )
    has_confidence, looks_flat = _third_numbers(array) if array.shape[1] == 3 else (False, False)
    return _Array(array, labels, _side(file.name), has_confidence, looks_flat)


def _third_numbers(array: RowArray) -> tuple[bool, bool]:
    """Tell whether the third number of joints is a confidence, within 0 and 1 where the others span more, and
    whether it may be one, for all three lie within 0 and 1.

    Shares of an image that are moved to its middle, as Kinetics-skeleton has them, span 1 and may be below 0.
    """
    lowest, highest, has_places = np.full(3, np.inf), np.full(3, -np.inf), False
    for number, row in enumerate(array.rows()):
        if number == _SAMPLED:
            break
        there = row.reshape(3, -1)[:, np.isfinite(row).all(0).reshape(-1) & (row != 0).any(0).reshape(-1)]
        if there.shape[1]:
            has_places = True
            lowest, highest = np.minimum(lowest, there.min(1)), np.maximum(highest, there.max(1))
    if not has_places or lowest[2] < 0 or highest[2] > 1:
        return False, False
    spans = highest - lowest
    is_centred_image = (lowest[:2] >= -0.5).all() and (highest[:2] <= 0.5).all()
    is_share = lowest.min() >= 0 and highest.max() <= 1
    has_confidence = bool((spans[:2] > 30).all() or is_centred_image)
    return has_confidence, bool(is_share and not has_confidence)


def _read(
    file: RawFile,
    *,
    arrays: Mapping[str, _Array],
    topology: Topology,
    fps: float | None,
    min_confidence: float,
    first_label: int,
    sides: tuple[str, ...],
) -> Iterator[Item]:
    one = arrays[file.name]
    attributes = {attribute_of(GIVEN): side_number(sides, one.side)} if one.side else {}
    for row, values in enumerate(one.array.rows()):
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = values.astype(np.float32).transpose(3, 1, 2, 0)  # M, T, V, C
        place = f"row {row}"
        if np.isinf(numbers).any():
            yield Exclusion(file.name, BAD_POSITIONS, place, "an infinite number; expected finite ones")
            continue
        positions = numbers[..., :2] if one.has_confidence else numbers
        is_there = (positions != 0).any((2, 3))  # NaN is not 0
        seen: npt.NDArray[np.bool_] = is_there[:, :, None] & ~np.isnan(positions).any(3)
        if one.has_confidence:
            seen &= (numbers[..., 2] > 0) & (numbers[..., 2] >= min_confidence)
        frames = np.flatnonzero(seen.any((0, 2)))
        if not frames.size:
            yield Exclusion(file.name, NO_BODY, place, "expected a body in at least one frame")
            continue
        end = int(frames[-1]) + 1
        seen = np.ascontiguousarray(seen[:, :end])
        present: npt.NDArray[np.bool_] = np.any(seen, 2)
        label = None if one.labels is None else one.labels.values[row]
        name = one.labels.names[row] if one.labels is not None and one.labels.names else f"{file.stem}-{row}"
        sequence = SkeletonSequence(
            name=name,
            positions=np.where(seen[..., None], positions[:, :end], np.float32(0)),
            present=present,
            joint_present=None if seen[present].all() else seen,
            topology=topology,
            fps=fps,
            label=label - first_label if isinstance(label, int) else None,
            attributes=attributes,
        )
        words = {"label": label} if isinstance(label, str) else {}
        yield LabelledSequence(without_unseen_bodies(sequence), words)

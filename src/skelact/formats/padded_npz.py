"""The padded ``.npz`` of CTR-GCN, MAMP and their relatives: one split of a data set in one file.

====================  ======================  ==============================================================
array                 shape                   what
====================  ======================  ==============================================================
``x_train, x_test``   (N, T, M·V·C) float32   frames of [body, joint, coordinate], zeros after the end
``y_train, y_test``   (N, K), or (N) whole    one-hot classes, or their numbers; -1 is none
====================  ======================  ==============================================================

The files hold no names, no subjects and no absence. A body-frame whose joints all lie in one point is an
absent one: in the origin, or where the published scripts moved the origin to when they centred a recording.
Frames without a body at the end are padding. A sequence is called by its side and row, ``train-0``.

The raw data of the data set ``npz`` is that file, or a folder with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError, SkelactError
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item
from skelact.formats.exclusions import BAD_POSITIONS, NO_BODY, Exclusion, UnusableRecordingError
from skelact.formats.npy_rows import RowArray, open_arrays
from skelact.formats.protocol import GIVEN, SIDES, attribute_of, given_protocol
from skelact.formats.sample import Sample
from skelact.formats.settings import (
    class_names_setting,
    first_label_setting,
    fps_setting,
    label_remarks,
    numbered_classes,
    recorded_settings,
    topology_setting,
)
from skelact.limits import check_limit, limit
from skelact.skeleton.sequence import SkeletonSequence, without_unseen_bodies
from skelact.skeleton.tables import NTU_25
from skelact.skeleton.topology import Topology

NUM_COORDINATES = 3

SUFFIX = ".npz"
ARRAYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class PaddedNpz:
    """An opened file; its positions are read row by row."""

    path: Path
    topology: Topology
    num_classes: int
    positions: tuple[RowArray, RowArray]
    """x of the training and the test side."""
    labels: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]
    """Classes of both sides' rows, from 0; -1 for none."""
    lowest_label: int
    """The smallest number of a class in the file; 0 where classes are one-hot."""

    def __len__(self) -> int:
        return sum(len(labels) for labels in self.labels)

    def sequences(self, fps: float | None) -> Iterator[SkeletonSequence | UnusableRecordingError]:
        """Yield the training side's sequences, then the test side's, or why one cannot be used.

        Raises:
            DataError: the file is damaged.
        """
        for side, (array, labels) in enumerate(zip(self.positions, self.labels, strict=True)):
            for row, values in enumerate(array.rows()):
                try:
                    positions, present, seen = self._unpadded(array.name, row, values)
                except UnusableRecordingError as error:
                    yield error
                    continue
                sequence = SkeletonSequence(
                    name=f"{SIDES[side]}-{row}",
                    positions=positions,
                    present=present,
                    joint_present=seen,
                    topology=self.topology,
                    fps=fps,
                    label=int(labels[row]) if labels[row] >= 0 else None,
                    attributes={attribute_of(GIVEN): side},
                )
                yield without_unseen_bodies(sequence)

    def _unpadded(
        self, array: str, row: int, values: npt.NDArray[np.floating]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.bool_] | None]:
        """Return the row's (M, T, V, C) positions, (M, T) presence, and (M, T, V) which joints were seen.

        NaN is a joint that was not seen; None where all were. Frames of the padding are left out.
        """
        file, place = self.path.name, f"{array}, row {row}"
        with np.errstate(over="ignore", invalid="ignore"):
            frames = values.astype(np.float32)
        is_bad = np.isinf(frames)
        if is_bad.any():
            frame, column = np.argwhere(is_bad)[0].tolist()
            detail = f"{values[frame, column]} in frame {frame}, column {column}; expected finite metres"
            raise UnusableRecordingError(BAD_POSITIONS, file, place, detail)
        bodies = frames.reshape(len(frames), -1, self.topology.num_joints, NUM_COORDINATES)
        seen = ~np.isnan(bodies).any(3)
        present = ((bodies != bodies[:, :, :1]).any(3) & seen).any(2)
        seen &= present[..., None]
        used = np.flatnonzero(present.any(1))
        if not used.size:
            raise UnusableRecordingError(NO_BODY, file, place, "expected a body in at least one frame")
        end = int(used[-1]) + 1
        positions = np.where(seen[..., None], bodies, np.float32(0))[:end].transpose(1, 0, 2, 3)
        joints = None if seen[present].all() else np.ascontiguousarray(seen[:end].transpose(1, 0, 2))
        return np.ascontiguousarray(positions), np.ascontiguousarray(present[:end].T), joints


def open_padded_npz(path: str | Path, topology: Topology, first_label: int = 0) -> PaddedNpz:
    """Open a file and read its classes; the positions stay where they are.

    Args:
        path: the ``.npz`` file.
        topology: what the columns stand for.
        first_label: the number of class 0, where classes are numbers.

    Raises:
        DataError: the file is missing or damaged, an array has another shape or type than in the module's
            table, both sides differ in them, or a row of classes is neither one-hot nor a class's number.
    """
    path = Path(path)
    arrays = open_arrays(path, ARRAYS)
    positions = arrays["x_train"], arrays["x_test"]
    classes = arrays["y_train"], arrays["y_test"]
    if topology.num_joints < 2:
        raise DataError(f"{path}: a skeleton of one joint cannot be told from an absent one here")
    body = topology.num_joints * NUM_COORDINATES
    for array in positions:
        if array.dtype.kind != "f" or len(array.shape) != 3 or array.shape[2] % body:
            raise DataError(
                f"{path}: {array.name}: {array.dtype} of shape {array.shape}; expected floats of shape "
                f"(sequences, frames, {body} a body) for {topology.name}; --topology names another skeleton"
            )
        check_limit("frames", array.shape[1], f"{path}: {array.name}")
    for x, y in zip(positions, classes, strict=True):
        is_one = len(y.shape) == 2 and y.dtype.kind in "biuf"
        if not (is_one or (len(y.shape) == 1 and y.dtype.kind in "iuf")) or y.shape[0] != x.shape[0]:
            raise DataError(
                f"{path}: {y.name}: {y.dtype} of shape {y.shape}; expected one-hot numbers of shape "
                f"({x.shape[0]}, classes), a row for each of {x.name}, or {x.shape[0]} whole numbers"
            )
    if positions[0].shape[2] != positions[1].shape[2] or classes[0].shape[1:] != classes[1].shape[1:]:
        raise DataError(f"{path}: x_train and x_test, or y_train and y_test, have rows of different widths")
    if len(classes[0].shape) == 1 or (classes[0].shape[1] == 1 and classes[0].dtype.kind in "iu"):
        numbers = _numbers(classes[0], first_label), _numbers(classes[1], first_label)
        given = np.concatenate(numbers)
        given = given[given >= 0]
        num_classes = int(given.max()) + 1 if len(given) else 0
        lowest = int(given.min()) + first_label if len(given) else 0
        return PaddedNpz(path, topology, num_classes, positions, numbers, lowest)
    num_classes = classes[0].shape[1]
    check_limit("classes", num_classes, str(path))
    labels = _labels(classes[0]), _labels(classes[1])
    return PaddedNpz(path, topology, num_classes, positions, labels, 0)


def _numbers(array: RowArray, first_label: int) -> npt.NDArray[np.int32]:
    """Return the classes, from 0, that stand as numbers in ``array``; -1 for none."""
    numbers = np.array([row.reshape(-1)[0].item() for row in array.rows()], object)
    is_none = numbers == -1
    is_bad = np.array([number != number or number % 1 != 0 for number in numbers], np.bool_)
    is_bad |= ~is_none & ((numbers < first_label) | (numbers >= first_label + limit("classes")))
    if is_bad.any():
        row = int(np.argmax(is_bad))
        raise DataError(
            f"{array.path}: {array.name}: row {row} is {numbers[row]}; expected a class from {first_label} "
            f"to {first_label + limit('classes') - 1}, or -1"
        )
    return np.where(is_none, -1, numbers - first_label).astype(np.int32)


def _labels(array: RowArray) -> npt.NDArray[np.int32]:
    labels = np.empty(array.shape[0], np.int32)
    for row, values in enumerate(array.rows()):
        label = int(np.argmax(values))
        if values[label] != 1 or np.count_nonzero(values) != 1:
            raise DataError(
                f"{array.path}: {array.name}: row {row} is not one-hot; expected one 1, else zeros"
            )
        labels[row] = label
    return labels


def padded_npz_data_set() -> DataSet:
    """Return the data set as it is before its file is known."""
    return DataSet(
        name="npz",
        summary="any data set in the padded .npz of CTR-GCN, MAMP and their relatives",
        suffix=SUFFIX,
        example="NTU60_CS.npz",
        recognises=_recognises,
        settings={"topology": NTU_25.name, "fps": None, "class_names": None, "first_label": None},
        survey=_survey,
    )


def _recognises(sample: Sample) -> bool:
    return {"x_train", "y_train"} <= sample.arrays


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Open the one file among ``files``.

    Raises:
        DataError: there is no such file or more than one, it lies in an archive, or it cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    settings = data_set.settings
    packed = [file for file in files if file.suffix == SUFFIX]
    if len(packed) != 1:
        found = f"{len(packed)} {SUFFIX} files" if packed else f"no {SUFFIX} file"
        raise DataError(f"{files[0].container.parent}: {found}; give the path of the one {SUFFIX} file")
    path = packed[0].container
    if packed[0].is_packed:
        raise DataError(f"{path}: holds {packed[0].name}; unpack it and give the {SUFFIX} file itself")
    topology = topology_setting(settings)
    assert topology is not None  # it has a default
    first_label = first_label_setting(settings)
    npz = open_padded_npz(path, topology, first_label)
    others = sorted(Sample.of(packed[0]).arrays - set(ARRAYS))
    names = class_names_setting(settings, npz.num_classes)
    return replace(
        data_set,
        topology=topology,
        fps=fps_setting(settings),
        class_names=names or numbered_classes(npz.num_classes),
        read=partial(_read, npz, fps_setting(settings)),
        settings=recorded_settings(settings, topology, names),
        remarks=(
            *([f"{packed[0].name}: {', '.join(others)}: not read"] if others else []),
            *label_remarks(npz.lowest_label, first_label),
        ),
        attribute_values={attribute_of(GIVEN): SIDES},
        given_protocols=(given_protocol(GIVEN),),
    )


def _read(npz: PaddedNpz, fps: float | None, file: RawFile) -> Iterator[Item]:
    """Yield all sequences of ``npz``, which ``file`` is."""
    try:
        for item in npz.sequences(fps):
            yield Exclusion.of(item) if isinstance(item, UnusableRecordingError) else item
    except DataError as error:  # the file ends in the middle: that is no bad recording but no data set
        raise SkelactError(str(error)) from error

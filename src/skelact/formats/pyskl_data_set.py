"""The data set of PYSKL's pickles: one file with its splits, or lists of annotations, a file for each side.

The raw data of the data set ``pyskl`` is such a file, or a folder or an archive with it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from skelact.errors import ConfigurationError, DataError
from skelact.files import open_regular
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item
from skelact.formats.exclusions import Exclusion, UnusableRecordingError
from skelact.formats.protocol import attribute_of, side_names, split_protocols, split_remarks
from skelact.formats.pyskl import PysklPickle, read_pyskl
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
from skelact.limits import check_limit
from skelact.skeleton.tables import COCO_17, NTU_25
from skelact.skeleton.topology import Topology

UNKNOWN_NAME = "named in a split, but has no annotation"
SUFFIX = ".pkl"
SKELETONS = {(25, 3): NTU_25, (17, 2): COCO_17}
"""By joints and coordinates, the skeletons of the files that PYSKL's authors released."""


def pyskl_data_set() -> DataSet:
    """Return the data set as it is before its file is known."""
    return DataSet(
        name="pyskl",
        summary="any data set in PYSKL's .pkl with split and annotations",
        suffix=SUFFIX,
        example="ntu60_3danno.pkl",
        recognises=_recognises,
        settings={
            "topology": None,
            "fps": None,
            "class_names": None,
            "min_confidence": 0.0,
            "first_label": None,
            "body_order": None,
        },
        survey=_survey,
    )


def _recognises(sample: Sample) -> bool:
    keys = (b"split", b"annotations", b"keypoint", b"frame_dir")
    return sample.is_pickle and any(key in sample.head for key in keys)


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the pickles among ``files``.

    Raises:
        DataError: there is no pickle, more than one with splits of its own, or one that cannot be used.
        ConfigurationError: a setting that cannot be used, or the skeleton has to be told.
    """
    settings = data_set.settings
    pickles = [file for file in files if file.suffix == SUFFIX]
    if not pickles:
        raise DataError(f"{files[0].container.parent}: no {SUFFIX} file; give the path of the one pickle")
    contents = [_open(file) for file in pickles]
    if len(contents) > 1 and not all(content.is_list for content in contents):
        raise DataError(
            f"{files[0].container.parent}: {len(pickles)} {SUFFIX} files; give the path of the one pickle"
        )
    values = _values(contents)
    contents = [replace(content, side_names=values) for content in contents]
    topology = topology_setting(settings) or _known(contents[0])
    has_names = any(content.has_names for content in contents)
    first_label = first_label_setting(settings, has_names=has_names)
    highest = max((content.labels.stop for content in contents), default=0)
    num_classes = max(highest - first_label, 0)
    names = class_names_setting(settings, num_classes)
    lowest = min((content.labels.start for content in contents if content.labels), default=0)
    read = partial(
        _read,
        {content.file: content for content in contents},
        topology,
        fps_setting(settings),
        min_confidence_setting(settings),
        first_label,
    )
    return replace(
        data_set,
        topology=topology,
        fps=fps_setting(settings),
        class_names=names or (None if has_names else numbered_classes(num_classes)),
        read=read,
        settings=recorded_settings(settings, topology, names),
        remarks=(
            *(remark for content in contents for remark in content.remarks),
            *(remark for name, sides in values.items() for remark in split_remarks(name, sides)),
            *(() if has_names else label_remarks(lowest, first_label)),
        ),
        attribute_values={attribute_of(name): sides for name, sides in values.items()},
        given_protocols=tuple(
            protocol for name, sides in values.items() for protocol in split_protocols(name, sides)
        ),
    )


def _values(contents: Sequence[PysklPickle]) -> dict[str, tuple[str, ...]]:
    """Return, for each protocol, the names of its sides' numbers in all files together."""
    found: dict[str, set[str]] = {}
    for content in contents:
        for split, sides in content.sides.items():
            found.setdefault(split, set()).update(sides.values())
    return {split: side_names(sides) for split, sides in found.items()}


def _open(file: RawFile) -> PysklPickle:
    if not file.is_packed:
        with open_regular(file.container) as stream:
            size = os.fstat(stream.fileno()).st_size
            check_limit("pickle", size, str(file.container))
            return read_pyskl(file.name, stream, size)
    data = file.read("pickle")
    return read_pyskl(file.name, io.BytesIO(data), len(data))


def _known(content: PysklPickle) -> Topology:
    shape = (content.num_joints, content.num_coordinates)
    if shape not in SKELETONS:
        raise ConfigurationError(
            f"{content.file}: {shape[0]} joints in {shape[1]}-D, a skeleton that the file does not name; "
            "name it with --topology"
            + (", or, if the third number is a confidence, keep it under keypoint_score" * (shape[1] == 3))
        )
    return SKELETONS[shape]


def _read(
    contents: Mapping[str, PysklPickle],
    topology: Topology,
    fps: float | None,
    min_confidence: float,
    first_label: int,
    file: RawFile,
) -> Iterator[Item]:
    content = contents[file.name]
    for item in content.sequences(topology, fps, min_confidence, first_label):
        yield Exclusion.of(item) if isinstance(item, UnusableRecordingError) else item
    for name in content.missing():
        yield Exclusion(file.name, UNKNOWN_NAME, name)

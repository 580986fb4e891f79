"""The data set ``pyskl``: whatever lies in PYSKL's pickle. The raw data is that file,
or a folder or an archive with it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from skelact.errors import ConfigurationError, DataError
from skelact.preparation.account import Exclusion
from skelact.preparation.data_set import DataSet, any_name, not_surveyed
from skelact.preparation.own_settings import (
    numbered_classes,
    own_class_names,
    own_fps,
    own_min_confidence,
    own_protocol,
    own_topology,
    recorded,
)
from skelact.preparation.reading import Item
from skelact.skeleton.tables import COCO_17, NTU_25
from skelact.skeleton.topology import Topology
from skelact.sources.archives import RawFile
from skelact.sources.own_splits import SIDES, attribute_of
from skelact.sources.pyskl_pickle import UNKNOWN_NAME, PysklPickle, read_pyskl
from skelact.sources.unusable import UnusableRecordingError

SUFFIX = ".pkl"
SKELETONS = {(25, 3): NTU_25, (17, 2): COCO_17}
"""By joints and coordinates, the skeletons of the files that PYSKL's authors released."""


def pyskl() -> DataSet:
    """Return the data set as it is before its file is known."""
    return DataSet(
        name="pyskl",
        topology=None,
        fps=None,
        class_names=None,
        suffix=SUFFIX,
        example="ntu60_3danno.pkl",
        belongs=any_name,
        read=not_surveyed,
        settings={"topology": None, "fps": None, "class_names": None, "min_confidence": 0.0},
        survey=survey,
    )


def survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
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
    topology = own_topology(settings) or _known(content)
    names = own_class_names(settings, content.num_classes)
    min_confidence = own_min_confidence(settings)
    return replace(
        data_set,
        topology=topology,
        fps=own_fps(settings),
        class_names=names or numbered_classes(content.num_classes),
        read=partial(_read, content, topology, own_fps(settings), min_confidence),
        settings=recorded(settings, topology, names),
        attribute_values={attribute_of(name): SIDES for name in content.protocols},
        own_protocols=tuple(own_protocol(name) for name in content.protocols),
    )


def _open(file: RawFile) -> PysklPickle:
    if file.member is None and file.span is None:
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

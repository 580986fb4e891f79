"""The data set ``npz``: whatever lies in the padded ``.npz`` of CTR-GCN, MAMP and their relatives.

The raw data is that file, or a folder with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from skelact.errors import DataError, SkelactError
from skelact.preparation.account import Exclusion
from skelact.preparation.data_set import DataSet, any_name, not_surveyed
from skelact.preparation.own_settings import (
    numbered_classes,
    own_class_names,
    own_fps,
    own_protocol,
    own_topology,
    recorded,
)
from skelact.preparation.reading import Item
from skelact.skeleton.tables import NTU_25
from skelact.sources.archives import RawFile
from skelact.sources.own_splits import GIVEN, SIDES, attribute_of
from skelact.sources.padded_npz import PaddedNpz, open_padded_npz
from skelact.sources.unusable import UnusableRecordingError

SUFFIX = ".npz"


def padded_npz() -> DataSet:
    """Return the data set as it is before its file is known."""
    return DataSet(
        name="npz",
        topology=None,
        fps=None,
        class_names=None,
        suffix=SUFFIX,
        example="NTU60_CS.npz",
        belongs=any_name,
        read=not_surveyed,
        settings={"topology": NTU_25.name, "fps": None, "class_names": None},
        survey=survey,
    )


def survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
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
    if packed[0].member is not None or packed[0].span is not None:
        raise DataError(f"{path}: holds {packed[0].name}; unpack it and give the {SUFFIX} file itself")
    topology = own_topology(settings)
    assert topology is not None  # it has a default
    npz = open_padded_npz(path, topology)
    names = own_class_names(settings, npz.num_classes)
    return replace(
        data_set,
        topology=topology,
        fps=own_fps(settings),
        class_names=names or numbered_classes(npz.num_classes),
        read=partial(_read, npz, own_fps(settings)),
        settings=recorded(settings, topology, names),
        attribute_values={attribute_of(GIVEN): SIDES},
        own_protocols=(own_protocol(GIVEN),),
    )


def _read(npz: PaddedNpz, fps: float | None, file: RawFile) -> Iterator[Item]:
    """Yield all sequences of ``npz``, which ``file`` is."""
    try:
        for item in npz.sequences(fps):
            yield Exclusion.of(item) if isinstance(item, UnusableRecordingError) else item
    except DataError as error:  # the file ends in the middle: that is no bad recording but no data set
        raise SkelactError(str(error)) from error

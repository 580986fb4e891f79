"""The data set ``npz``: whatever lies in the padded ``.npz`` of CTR-GCN, MAMP and their relatives.

The raw data is the ``.npz`` file itself, which is an archive of arrays, or a folder with one in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from skelact.errors import DataError, SkelactError
from skelact.preparation.account import Exclusion
from skelact.preparation.data_set import DataSet
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

_FIRST = "x_train"


def padded_npz() -> DataSet:
    """Return the data set as it is before its file is known."""
    return DataSet(
        name="npz",
        topology=None,
        fps=None,
        class_names=None,
        suffix=".npy",
        example="NTU60_CS.npz",
        belongs=_is_first,
        read=_not_surveyed,
        settings={"topology": NTU_25.name, "fps": None, "class_names": None},
        survey=survey,
    )


def survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Open the file among ``files``, or the one whose arrays ``files`` are.

    Raises:
        DataError: there is no such file or more than one, or it cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    settings = data_set.settings
    packed = [file for file in files if file.suffix == ".npz"]
    if len(packed) == 1:
        path, suffix = packed[0].container, ".npz"
        if packed[0].member is not None or packed[0].span is not None:
            raise DataError(f"{path}: holds {packed[0].name}; unpack it and give the .npz file itself")
    elif not packed and len({file.container for file in files}) == 1 and files[0].member is not None:
        path, suffix = files[0].container, ".npy"
    else:
        found = "several .npz files" if packed else "no .npz file"
        raise DataError(f"{files[0].container.parent}: {found}; give the path of the one .npz file")
    topology = own_topology(settings)
    assert topology is not None  # it has a default
    npz = open_padded_npz(path, topology)
    names = own_class_names(settings, npz.num_classes)
    return replace(
        data_set,
        topology=topology,
        fps=own_fps(settings),
        class_names=names or numbered_classes(npz.num_classes),
        suffix=suffix,
        belongs=_is_first if suffix == ".npy" else _is_any,
        read=partial(_read, npz, own_fps(settings)),
        settings=recorded(settings, topology, names),
        side_files=frozenset(file.name for file in files if suffix == ".npy" and file.stem != _FIRST),
        attribute_values={attribute_of(GIVEN): SIDES},
        own_protocols=(own_protocol(GIVEN),),
    )


def _is_first(stem: str) -> bool:
    return stem == _FIRST


def _is_any(stem: str) -> bool:
    return True


def _not_surveyed(file: RawFile) -> Iterator[Item]:
    raise DataError(f"{file.name}: cannot be read before the survey")


def _read(npz: PaddedNpz, fps: float | None, file: RawFile) -> Iterator[Item]:
    """Yield all sequences, whichever of the file's arrays ``file`` is."""
    try:
        for item in npz.sequences(fps):
            yield Exclusion.of(item) if isinstance(item, UnusableRecordingError) else item
    except DataError as error:  # the file ends in the middle: that is no bad recording but no data set
        raise SkelactError(str(error)) from error

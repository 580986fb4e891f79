"""Data sets of recordings in a file each: settings and a manifest say what the files do not.

A format of this kind has ``survey=partial(survey_recordings, read=...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.manifest import with_manifest
from skelact.formats.settings import (
    class_names_setting,
    fps_setting,
    image_size_setting,
    min_confidence_setting,
    recorded_settings,
    topology_setting,
)

NO_CONFIDENCES = "files without confidences, to which --min-confidence means nothing"

_OF_READERS: Mapping[str, Callable[[Mapping[str, object]], object]] = {
    "topology": topology_setting,
    "fps": fps_setting,
    "min_confidence": min_confidence_setting,
    "image_size": image_size_setting,
}


def reader_settings(data_set: DataSet) -> dict[str, Any]:
    """Return the keywords of a data set's reader: topology, fps and the like, those of them that it knows.

    Raises:
        ConfigurationError: a setting that cannot be used.
    """
    settings = data_set.settings
    return {name: setting(settings) for name, setting in _OF_READERS.items() if name in settings}


def read_content(read: Callable[..., LabelledSequence], file: RawFile, **settings: Any) -> LabelledSequence:
    """Read a file by ``read``, which takes its name for errors, the recording's name, bytes and settings."""
    return read(file.name, file.stem, file.read(), **settings)


def survey_recordings(
    data_set: DataSet, files: Sequence[RawFile], *, read: Callable[..., LabelledSequence]
) -> DataSet:
    """Return the data set with the user's settings and the manifest among ``files``, if there is one.

    Args:
        data_set: before its folder is known.
        files: all files of the folder.
        read: reads a recording, given its file and :func:`reader_settings`. It goes to other processes.

    Raises:
        DataError: more than one manifest, or one that cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    told, names = reader_settings(data_set), class_names_setting(data_set.settings)
    recorded = recorded_settings(data_set.settings, told.get("topology"), names)
    used = replace(data_set, class_names=names, settings=recorded)
    return with_manifest(used, files, partial(read, **told), names)

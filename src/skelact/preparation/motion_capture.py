"""Motion capture in BVH files, as data sets: a known one, and any folder of such files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from skelact.errors import ConfigurationError
from skelact.preparation.data_set import DataSet, any_name, not_surveyed
from skelact.preparation.manifested import with_manifest
from skelact.preparation.own_settings import own_class_names, recorded
from skelact.preparation.reading import Named, one_sequence
from skelact.sources import bandai_namco, bvh
from skelact.sources.archives import RawFile


def bandai_namco_data_set() -> DataSet:
    """Return the Bandai-Namco Research Motion Dataset 2: 10 contents as classes, 7 styles, 21 joints."""
    return DataSet(
        name="bandai-namco-2",
        topology=bandai_namco.TOPOLOGY,
        fps=bandai_namco.FPS,
        class_names=tuple(content.replace("-", " ") for content in bandai_namco.CONTENTS),
        suffix=bvh.SUFFIX,
        example="dataset-2_walk_active_001.bvh",
        belongs=_in_bandai_namco,
        read=partial(one_sequence, bandai_namco.read_sequence),
        num_sequences=2902,
        attribute_values={"style": bandai_namco.STYLES},
    )


def bvh_data_set() -> DataSet:
    """Return the data set of any BVH files: the first one's skeleton for all, classes and splits by manifest.

    Its setting ``scale`` is the length of the files' unit in metres.
    """
    return DataSet(
        name="bvh",
        topology=None,
        fps=None,
        class_names=None,
        suffix=bvh.SUFFIX,
        example="anything.bvh",
        belongs=any_name,
        read=not_surveyed,
        settings={"scale": bvh.CENTIMETRE, "class_names": None},
        survey=_survey,
    )


def _in_bandai_namco(name: str) -> bool:
    bandai_namco.parse_name(name)
    return True


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the manifest among ``files``, if there is one.

    Raises:
        DataError: more than one manifest, or one that cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    settings = data_set.settings
    scale, names = settings["scale"], own_class_names(settings)
    if not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
        raise ConfigurationError(f"--scale is {scale}; expected the files' unit of length in metres, as 0.01")
    used = replace(data_set, class_names=names, settings=recorded(settings, None, names))
    return with_manifest(used, files, partial(_described, scale=float(scale)), names)


def _described(file: RawFile, *, scale: float) -> Named:
    return Named(bvh.read_sequence(file.name, file.stem, file.read(), scale=scale))

"""Motion capture in BVH files, as data sets: a known one, and any folder of such files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from skelact.errors import ConfigurationError
from skelact.preparation.data_set import DataSet, any_name
from skelact.preparation.reading import one_sequence
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
    """Return the data set of any BVH files: no classes, and the first file's skeleton for all.

    Its setting ``scale`` is the length of the files' unit in metres.
    """
    return DataSet(
        name="bvh",
        topology=None,
        fps=None,
        class_names=(),
        suffix=bvh.SUFFIX,
        example="anything.bvh",
        belongs=any_name,
        read=partial(one_sequence, bvh.read_sequence),
        settings={"scale": bvh.CENTIMETRE},
        survey=_with_scale,
    )


def _in_bandai_namco(name: str) -> bool:
    bandai_namco.parse_name(name)
    return True


def _with_scale(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Return the data set with a reader that uses the scale set; the files have no say in it."""
    scale = data_set.settings["scale"]
    if not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
        raise ConfigurationError(f"--scale is {scale}; expected the files' unit of length in metres, as 0.01")
    return replace(data_set, read=partial(one_sequence, partial(bvh.read_sequence, scale=float(scale))))

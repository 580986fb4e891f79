"""The data set ``pose-json``: recordings of one's own, a pose-JSON file each, and a manifest where wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from skelact.preparation.data_set import DataSet, any_name, not_surveyed
from skelact.preparation.manifested import with_manifest
from skelact.preparation.own_settings import own_class_names, own_min_confidence, own_topology, recorded
from skelact.preparation.reading import Named
from skelact.skeleton.topology import Topology
from skelact.sources.archives import RawFile
from skelact.sources.pose_json import SUFFIX, read_pose_json


def pose_json() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="pose-json",
        topology=None,
        fps=None,
        class_names=None,
        suffix=SUFFIX,
        example="jump-01.json",
        belongs=any_name,
        read=not_surveyed,
        settings={"topology": None, "class_names": None, "min_confidence": 0.0},
        survey=survey,
    )


def survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the manifest among ``files``, if there is one.

    Raises:
        DataError: more than one manifest, or one that cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    settings = data_set.settings
    topology, names = own_topology(settings), own_class_names(settings)
    describe = partial(_described, topology=topology, min_confidence=own_min_confidence(settings))
    used = replace(data_set, class_names=names, settings=recorded(settings, topology, names))
    return with_manifest(used, files, describe, names)


def _described(file: RawFile, *, topology: Topology | None, min_confidence: float) -> Named:
    pose = read_pose_json(file.name, file.stem, file.read(), topology=topology, min_confidence=min_confidence)
    return Named(pose.sequence, pose.names)

"""Which data sets and formats there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from skelact.errors import ConfigurationError, suggest
from skelact.formats.bandai_namco import bandai_namco_data_set
from skelact.formats.bvh import bvh_data_set
from skelact.formats.data_set import DataSet
from skelact.formats.kinect_text import kinect_text_data_set
from skelact.formats.msr_action3d import msr_action3d_data_set
from skelact.formats.ntu import ntu_data_set
from skelact.formats.nw_ucla import nw_ucla_data_set
from skelact.formats.padded_npz import padded_npz_data_set
from skelact.formats.pku_mmd import pku_data_set
from skelact.formats.pose_json import pose_json_data_set
from skelact.formats.pyskl import pyskl_data_set
from skelact.formats.sbu import sbu_data_set


@cache
def data_sets() -> dict[str, DataSet]:
    """Return the known data sets by name."""
    known = (
        ntu_data_set(60),
        ntu_data_set(120),
        msr_action3d_data_set(),
        nw_ucla_data_set(),
        sbu_data_set(),
        pku_data_set(1),
        pku_data_set(2),
        bandai_namco_data_set(),
        bvh_data_set(),
        padded_npz_data_set(),
        pyskl_data_set(),
        pose_json_data_set(),
        kinect_text_data_set(),
    )
    return {data_set.name: data_set for data_set in known}


def find_data_set(name: str) -> DataSet:
    """Return the data set ``name``.

    Raises:
        ConfigurationError: it is unknown; the message names the closest.
    """
    known = data_sets()
    if name not in known:
        raise ConfigurationError(f"no data set {name!r}{suggest(name, known)}")
    return known[name]


def with_settings(data_set: DataSet, settings: Mapping[str, object]) -> DataSet:
    """Return ``data_set`` with the user's ``settings`` in place of its defaults.

    Raises:
        ConfigurationError: it knows no setting of this name.
    """
    for name in settings.keys() - data_set.settings.keys():
        knowing = sorted(other.name for other in data_sets().values() if name in other.settings)
        option = f"--{name.replace('_', '-')}"
        others = f", only to {', '.join(knowing)}" if knowing else ""
        raise ConfigurationError(f"{option} means nothing to {data_set.name}{others}; leave it out")
    return replace(data_set, settings={**data_set.settings, **settings})

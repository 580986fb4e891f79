"""The known data sets: how to read them, which files belong, what their classes are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib import resources

from skelact.errors import ConfigurationError, suggest
from skelact.formats import class_names, msr_action3d, ntu
from skelact.formats.bandai_namco import bandai_namco_data_set
from skelact.formats.bvh import bvh_data_set
from skelact.formats.data_set import DataSet, one_sequence
from skelact.formats.ntu_cleaning import clean
from skelact.formats.padded_npz import padded_npz
from skelact.formats.pku_mmd import pku_data_set
from skelact.formats.pose_json import pose_json
from skelact.formats.pyskl import pyskl
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20, NTU_25

_LAST_SETUP_60 = 17


@cache
def ntu_missing() -> frozenset[str]:
    """Return the names of the 535 recordings of NTU RGB+D 120 with missing or incomplete skeletons.

    The 302 of NTU RGB+D 60 are those with setups S001 to S017. The data sets' authors published the list.
    """
    text = resources.files("skelact.formats").joinpath("ntu_missing.txt").read_text(encoding="ascii")
    return frozenset(text.split())


def _in_ntu60(name: str) -> bool:
    facts = ntu.parse_name(name)
    return facts.setup <= _LAST_SETUP_60 and facts.action <= len(class_names.NTU_60)


def _in_ntu120(name: str) -> bool:
    facts = ntu.parse_name(name)
    return facts.setup <= 32 and facts.action <= len(class_names.NTU_120)


def _in_msr(name: str) -> bool:
    return msr_action3d.parse_name(name).action <= len(class_names.MSR_ACTION3D)


def read_ntu(file: str, name: str, data: bytes) -> SkeletonSequence:
    """Parse and clean one NTU RGB+D recording; bodies that are never present are left out.

    Args:
        file: how errors call the file.
        name: the recording's name, ``SsssCcccPpppRrrrAaaa``.
        data: the file's bytes.

    Raises:
        UnusableRecordingError: the file is malformed, or the cleaning rules leave nothing of it.
    """
    facts = ntu.parse_name(name)
    positions = clean(ntu.parse_recording(file, data), file)
    present = (positions != 0).any((2, 3))
    seen = present.any(1)
    return SkeletonSequence(
        name=name,
        positions=positions[seen],
        present=present[seen],
        topology=NTU_25,
        fps=ntu.FPS,
        label=facts.action - 1,
        attributes={
            "subject": facts.performer,
            "camera": facts.camera,
            "setup": facts.setup,
            "replication": facts.replication,
        },
    )


def _ntu(
    name: str, classes: tuple[str, ...], belongs: Callable[[str], bool], num: int, missing: frozenset[str]
) -> DataSet:
    return DataSet(
        name=name,
        topology=NTU_25,
        fps=ntu.FPS,
        class_names=classes,
        suffix=ntu.SUFFIX,
        example="S001C002P003R001A008.skeleton",
        belongs=belongs,
        read=partial(one_sequence, read_ntu),
        num_sequences=num,
        missing=missing,
    )


@cache
def data_sets() -> dict[str, DataSet]:
    """Return the known data sets by name."""
    missing = ntu_missing()
    known = (
        _ntu("ntu60", class_names.NTU_60, _in_ntu60, 56_578, frozenset(filter(_in_ntu60, missing))),
        _ntu("ntu120", class_names.NTU_120, _in_ntu120, 113_945, missing),
        DataSet(
            name="msr-action3d",
            topology=KINECT_20,
            fps=msr_action3d.FPS,
            class_names=class_names.MSR_ACTION3D,
            suffix=msr_action3d.SUFFIX,
            example="a01_s02_e03_skeleton3D.txt",
            belongs=_in_msr,
            read=partial(one_sequence, msr_action3d.read_sequence),
            num_sequences=566,
            missing=frozenset({"a13_s09_e02_skeleton3D"}),
        ),
        pku_data_set(1),
        pku_data_set(2),
        bandai_namco_data_set(),
        bvh_data_set(),
        padded_npz(),
        pyskl(),
        pose_json(),
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

"""The known data sets: how to read them, which files belong, what their classes are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from skelact.errors import ConfigurationError, suggest
from skelact.preparation import class_names
from skelact.preparation.cleaning import clean
from skelact.preparation.protocols import PROTOCOLS, Protocol
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import KINECT_20, NTU_25, Topology
from skelact.sources import msr_action3d, ntu

_LAST_SETUP_60 = 17


@dataclass(frozen=True)
class DataSet:
    """What a preparation must know of a data set."""

    name: str
    """Its name on the command line and in stores."""
    topology: Topology
    fps: float
    """Frames a second."""
    class_names: tuple[str, ...]
    suffix: str
    """Ending of its recordings' files."""
    example: str
    """A recording's file name, for messages."""
    belongs: Callable[[str], bool]
    """Tells by a recording's name whether it is part of the data set; raises where it is no such name."""
    read: Callable[[str, str, bytes], SkeletonSequence]
    """Turns (file as errors call it, recording's name, content) into a clean sequence, not yet centred."""
    num_sequences: int
    """Sequences of the complete data set, less the missing skeletons."""
    missing: frozenset[str]
    """Names of the recordings known to have missing or incomplete skeletons; they are left out."""

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The published splits."""
        return PROTOCOLS[self.name]


@cache
def ntu_missing() -> frozenset[str]:
    """Return the names of the 535 recordings of NTU RGB+D 120 with missing or incomplete skeletons.

    The 302 of NTU RGB+D 60 are those with setups S001 to S017. The data sets' authors published the list.
    """
    text = resources.files("skelact.preparation").joinpath("ntu_missing.txt").read_text(encoding="ascii")
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
        read=read_ntu,
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
            read=msr_action3d.read_sequence,
            num_sequences=566,
            missing=frozenset({"a13_s09_e02_skeleton3D"}),
        ),
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

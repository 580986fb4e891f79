"""The Bandai-Namco Research Motion Dataset 2: BVH files, 10 contents in 7 styles.

A file is named ``dataset-2_<content>_<style>_<number>.bvh``. Lengths are in centimetres. The first joint,
``joint_Root``, stays on the floor and is left out, which leaves 21. Three actors performed; the files do
not tell which.

Source: M. Kobayashi et al., Motion capture dataset for practical use of AI-based motion editing and
stylization, 2023 (arXiv:2306.08861).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial

from skelact.formats import bvh
from skelact.formats.bvh import SUFFIX
from skelact.formats.data_set import DataSet, one_sequence
from skelact.formats.exclusions import UnusableRecordingError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology

FPS = 30.0
BAD_NAME = "name not in the form dataset-2_<content>_<style>_<number>"
CONTENTS = (
    *("raise-up-both-hands", "raise-up-left-hand", "raise-up-right-hand", "run", "walk", "walk-turn-left"),
    *("walk-turn-right", "wave-both-hands", "wave-left-hand", "wave-right-hand"),
)
"""The classes, as file names spell them."""
STYLES = ("active", "elderly", "exhausted", "feminine", "masculine", "normal", "youthful")
"""The values 0 to 6 of the attribute ``style``."""

TOPOLOGY = Topology(
    "bandai-namco-21",
    (
        *("Hips", "Spine", "Chest", "Neck", "Head", "Shoulder_L", "UpperArm_L", "LowerArm_L", "Hand_L"),
        *("Shoulder_R", "UpperArm_R", "LowerArm_R", "Hand_R", "UpperLeg_L", "LowerLeg_L", "Foot_L", "Toes_L"),
        *("UpperLeg_R", "LowerLeg_R", "Foot_R", "Toes_R"),
    ),
    (0, 0, 1, 2, 3, 2, 5, 6, 7, 2, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19),
    ((5, 9), (6, 10), (7, 11), (8, 12), (13, 17), (14, 18), (15, 19), (16, 20)),
)
"""The joints in the files' order; the store refuses a file with another hierarchy."""

_NAME = re.compile(r"dataset-2_([a-z-]+)_([a-z]+)_\d{3}")
_FLOOR_JOINT = "joint_Root"


@dataclass(frozen=True)
class BandaiNamcoName:
    """What a recording's name says."""

    content: int
    """Place in :data:`CONTENTS`."""
    style: int
    """Place in :data:`STYLES`."""


def parse_name(name: str) -> BandaiNamcoName:
    """Read a name in the form ``dataset-2_<content>_<style>_<number>``.

    Raises:
        UnusableRecordingError: another form, content or style.
    """
    match = _NAME.fullmatch(name)
    if match is None or match[1] not in CONTENTS or match[2] not in STYLES:
        raise UnusableRecordingError(
            BAD_NAME, name, "", "expected a content and a style of the data set, as dataset-2_walk_active_001"
        )
    return BandaiNamcoName(CONTENTS.index(match[1]), STYLES.index(match[2]))


def read_sequence(file: str, name: str, data: bytes) -> SkeletonSequence:
    """Read one file's content.

    Args:
        file: how errors call the file.
        name: the recording's name, as for :func:`parse_name`.
        data: the file's bytes.

    Returns:
        One body of 21 joints, present in every frame; the content is its label, the style its attribute.

    Raises:
        UnusableRecordingError: the name or the content breaks the format; the message names the line, what
            was found and what was expected.
    """
    facts = parse_name(name)
    sequence = bvh.read_sequence(
        file,
        name,
        data,
        scale=bvh.CENTIMETRE,
        topology_name=TOPOLOGY.name,
        left_out=frozenset({_FLOOR_JOINT}),
    )
    return replace(sequence, label=facts.content, attributes={"style": facts.style})


def bandai_namco_data_set() -> DataSet:
    """Return the Bandai-Namco Research Motion Dataset 2: 10 contents as classes, 7 styles, 21 joints."""
    return DataSet(
        name="bandai-namco-2",
        summary="Bandai-Namco Research Motion Dataset 2: .bvh files",
        topology=TOPOLOGY,
        fps=FPS,
        class_names=tuple(content.replace("-", " ") for content in CONTENTS),
        suffix=SUFFIX,
        example="dataset-2_walk_active_001.bvh",
        is_member=_in_bandai_namco,
        read=partial(one_sequence, read_sequence),
        up="y",
        unit="m",
        recognises=bvh.recognises,
        part_of="bvh",
        num_sequences=2902,
        attribute_values={"style": STYLES},
    )


def _in_bandai_namco(name: str) -> bool:
    parse_name(name)
    return True

"""NTU RGB+D 60 and 120: what a recording's name says, which recordings there are, and how one is read.

A file goes through :func:`skelact.formats.ntu_file.parse_recording` (what it says) and
:func:`skelact.formats.ntu_cleaning.clean` (who in it is a person), and is then a sequence.

Sources: A. Shahroudy et al., NTU RGB+D, CVPR 2016; J. Liu et al., NTU RGB+D 120, TPAMI 2020.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import resources

from skelact.formats.data_set import DataSet, one_sequence
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.ntu_cleaning import clean
from skelact.formats.ntu_file import parse_recording
from skelact.formats.sample import Sample, number_fields
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25

SUFFIX = ".skeleton"
FPS = 30.0
BAD_NAME = "name not in the form SsssCcccPpppRrrrAaaa"

_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", re.ASCII)
_LAST_SETUP_60, _LAST_SETUP_120 = 17, 32


@dataclass(frozen=True)
class NtuName:
    """What a recording's name says; all numbers count from 1."""

    setup: int
    camera: int
    performer: int
    replication: int
    action: int


def parse_name(name: str) -> NtuName:
    """Read a name in the form ``SsssCcccPpppRrrrAaaa``.

    Raises:
        UnusableRecordingError: another form, or a number is 0.
    """
    match = _NAME.fullmatch(name)
    numbers = [int(digits) for digits in match.groups()] if match else [0]
    if 0 in numbers:
        raise UnusableRecordingError(
            BAD_NAME, name, "", "expected a name in the form SsssCcccPpppRrrrAaaa, as S001C002P003R001A008"
        )
    return NtuName(*numbers)


def read_ntu(file: str, name: str, data: bytes) -> SkeletonSequence:
    """Parse and clean one NTU RGB+D recording; bodies that are never present are left out.

    Args:
        file: how errors call the file.
        name: the recording's name, ``SsssCcccPpppRrrrAaaa``.
        data: the file's bytes.

    Raises:
        UnusableRecordingError: the file is malformed, or the cleaning rules leave nothing of it.
    """
    facts = parse_name(name)
    positions = clean(parse_recording(file, data), file)
    present = (positions != 0).any((2, 3))
    seen = present.any(1)
    return SkeletonSequence(
        name=name,
        positions=positions[seen],
        present=present[seen],
        topology=NTU_25,
        fps=FPS,
        label=facts.action - 1,
        attributes={
            "subject": facts.performer,
            "camera": facts.camera,
            "setup": facts.setup,
            "replication": facts.replication,
        },
    )


def ntu_data_set(number: int) -> DataSet:
    """Return NTU RGB+D ``number``, 60 or 120."""
    is_member = _in_ntu60 if number == 60 else _in_ntu120
    return DataSet(
        name=f"ntu{number}",
        summary=f"NTU RGB+D {number}: .skeleton files, in folders or the released archives",
        topology=NTU_25,
        fps=FPS,
        class_names=NTU_60 if number == 60 else NTU_120,
        suffix=SUFFIX,
        example="S001C002P003R001A008.skeleton",
        is_member=is_member,
        read=partial(one_sequence, read_ntu),
        up="y",
        unit="m",
        recognises=_recognises,
        part_of="ntu120" if number == 60 else "",
        num_sequences=56_578 if number == 60 else 113_945,
        missing=frozenset(filter(is_member, ntu_missing())),
    )


def synthetic_data_set() -> DataSet:
    """Return the recordings of ``skelact data synth``, which are read as those of NTU RGB+D 60.

    Nothing in the files tells them from those: what finds out of which data set files are says ``ntu60``.
    """
    return replace(
        ntu_data_set(60),
        name="synthetic",
        summary="simulated people: .skeleton files of 'skelact data synth'",
        recognises=None,
        part_of="",
        num_sequences=None,
        missing=frozenset(),
    )


@cache
def ntu_missing() -> frozenset[str]:
    """Return the names of the 535 recordings of NTU RGB+D 120 with missing or incomplete skeletons.

    The 302 of NTU RGB+D 60 are those with setups S001 to S017. The data sets' authors published the list.
    """
    text = resources.files("skelact.formats").joinpath("ntu_missing.txt").read_text(encoding="ascii")
    return frozenset(text.split())


def _recognises(sample: Sample) -> bool:
    """Tell whether frames, bodies and joints follow each other as in the files of NTU RGB+D."""
    lines = sample.lines
    bodies = next((number for number, line in enumerate(lines[1:], 1) if line.strip() != "0"), None)
    if bodies is None:  # nobody in any frame
        return sample.file.suffix == SUFFIX and len(lines) > 1 and lines[0].strip().isdigit()
    fields = [number_fields(line) for line in lines[bodies : bodies + 4]]
    return number_fields(lines[0]) == 1 and fields == [1, 10, 1, 12]


def _in_ntu60(name: str) -> bool:
    facts = parse_name(name)
    return facts.setup <= _LAST_SETUP_60 and facts.action <= len(NTU_60)


def _in_ntu120(name: str) -> bool:
    facts = parse_name(name)
    return facts.setup <= _LAST_SETUP_120 and facts.action <= len(NTU_120)


NTU_120 = (
    "drink water",
    "eat meal",
    "brush teeth",
    "brush hair",
    "drop",
    "pick up",
    "throw",
    "sit down",
    "stand up",
    "clapping",
    "reading",
    "writing",
    "tear up paper",
    "put on jacket",
    "take off jacket",
    "put on a shoe",
    "take off a shoe",
    "put on glasses",
    "take off glasses",
    "put on a hat or cap",
    "take off a hat or cap",
    "cheer up",
    "hand waving",
    "kicking something",
    "reach into pocket",
    "hopping",
    "jump up",
    "phone call",
    "play with phone or tablet",
    "type on a keyboard",
    "point to something",
    "taking a selfie",
    "check time",
    "rub two hands",
    "nod head or bow",
    "shake head",
    "wipe face",
    "salute",
    "put palms together",
    "cross hands in front",
    "sneeze or cough",
    "staggering",
    "falling down",
    "headache",
    "chest pain",
    "back pain",
    "neck pain",
    "nausea or vomiting",
    "fan self",
    "punch or slap",
    "kicking",
    "pushing",
    "pat on back",
    "point finger",
    "hugging",
    "giving object",
    "touch pocket",
    "shaking hands",
    "walking towards",
    "walking apart",
    "put on headphone",
    "take off headphone",
    "shoot at basket",
    "bounce ball",
    "tennis bat swing",
    "juggle table tennis ball",
    "hush",
    "flick hair",
    "thumb up",
    "thumb down",
    "make OK sign",
    "make victory sign",
    "staple book",
    "counting money",
    "cutting nails",
    "cutting paper",
    "snap fingers",
    "open bottle",
    "sniff or smell",
    "squat down",
    "toss a coin",
    "fold paper",
    "ball up paper",
    "play magic cube",
    "apply cream on face",
    "apply cream on hand",
    "put on bag",
    "take off bag",
    "put object into bag",
    "take object out of bag",
    "open a box",
    "move heavy objects",
    "shake fist",
    "throw up cap or hat",
    "capitulate",
    "cross arms",
    "arm circles",
    "arm swings",
    "run on the spot",
    "butt kicks",
    "cross toe touch",
    "side kick",
    "yawn",
    "stretch oneself",
    "blow nose",
    "hit with object",
    "wield knife",
    "knock over",
    "grab stuff",
    "shoot with gun",
    "step on foot",
    "high-five",
    "cheers and drink",
    "carry object",
    "take a photo",
    "follow",
    "whisper",
    "exchange things",
    "support somebody",
    "rock-paper-scissors",
)
"""NTU RGB+D 120, actions A001 to A120; A050 to A060 and A106 to A120 are done by two people."""

NTU_60 = NTU_120[:60]
"""NTU RGB+D 60, actions A001 to A060."""

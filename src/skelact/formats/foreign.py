"""Formats that are recognised and not read, each with what to do first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skelact.formats.sample import Sample
from skelact.formats.video import is_video


@dataclass(frozen=True)
class ForeignFormat:
    """A format that holds no joint positions, or that another program reads."""

    what: str
    """What such a file is called."""
    recognises: Callable[[Sample], bool]
    remedy: str
    """What to do first."""


def _is_amass(sample: Sample) -> bool:
    return {"poses", "trans"} <= sample.arrays


def _is_asf(sample: Sample) -> bool:
    words = [line.split()[0] for line in sample.lines if line.strip() and not line.startswith("#")]
    return words[:1] == [":version"] or (":bonedata" in words and ":hierarchy" in words)


def _is_amc(sample: Sample) -> bool:
    words = [line.strip().upper() for line in sample.lines[:20] if not line.startswith("#")]
    return ":FULLY-SPECIFIED" in words and ":DEGREES" in words


def _is_deeplabcut(sample: Sample) -> bool:
    return [line.split(",")[0] for line in sample.lines[:2]] == ["scorer", "bodyparts"]


def _is_hdf5(sample: Sample) -> bool:
    return sample.head.startswith(b"\x89HDF\r\n\x1a\n")


def _is_video(sample: Sample) -> bool:
    head = sample.head
    is_riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    is_known = head[4:8] == b"ftyp" or head.startswith(b"\x1aE\xdf\xa3") or is_riff
    return is_known or is_video(sample.file.name)


def _is_utf16(sample: Sample) -> bool:
    return sample.head.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" in sample.head[:8]


_XARRAY = "load it with the package movement, and give the data set to skelact.from_xarray"

FOREIGN = (
    ForeignFormat(
        "AMASS parameters (angles of the body model SMPL, no joints)",
        _is_amass,
        "compute joint positions with the package smplx first (its body model gives joints), and save these "
        "as CSV or pose-JSON",
    ),
    ForeignFormat(
        "an Acclaim skeleton (.asf)",
        _is_asf,
        "convert it with its .amc files to BVH or C3D first; CMU's database offers its recordings as .c3d",
    ),
    ForeignFormat(
        "Acclaim motion (.amc)",
        _is_amc,
        "convert it with its .asf file to BVH or C3D first; CMU's database offers its recordings as .c3d",
    ),
    ForeignFormat("a video", _is_video, "find who is in it first: skelact video FILE --out FILE.json"),
    ForeignFormat("a DeepLabCut table", _is_deeplabcut, _XARRAY),
    ForeignFormat("text in UTF-16", _is_utf16, "save it as UTF-8"),
    ForeignFormat("an HDF5 file (DeepLabCut, SLEAP, NWB)", _is_hdf5, _XARRAY),
)

"""The table of all readers: what each is fed and how it is called. A new format adds its line here."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from fuzzing import samples
from skelact.errors import ConfigurationError, DataError
from skelact.formats import (
    bvh,
    coco_keypoints,
    kinect_text,
    kinetics_skeleton,
    mediapipe,
    msr_action3d,
    ntu_file,
    nw_ucla,
    openpose,
    pku_mmd_files,
    sbu,
)
from skelact.formats.archives import RawFile, raw_files
from skelact.formats.c3d_files import read_c3d
from skelact.formats.data_set import LabelledSequence
from skelact.formats.exclusions import Exclusion
from skelact.formats.keypoint_csv import read_csv
from skelact.formats.label_files import read_labels
from skelact.formats.manifest import read_manifest
from skelact.formats.npy_arrays import npy_data_set
from skelact.formats.ntu import read_ntu
from skelact.formats.padded_npz import open_padded_npz
from skelact.formats.pose_files import read_pose
from skelact.formats.pose_json import read_pose_json
from skelact.formats.pyskl import read_pyskl
from skelact.recognition.frames import FrameReader
from skelact.recognition.onnx_file import OnnxRecogniser
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.skeleton.topology_file import topology_of
from skelact.store.left_out import LeftOut


@dataclass(frozen=True)
class Target:
    """A reader and what it is fed."""

    name: str
    cases: int
    samples: Callable[[], list[bytes]]
    """Writes valid files."""
    read: Callable[[bytes, Path], Iterable[object]]
    """Reads a file's content (the path is a free place for it); gives sequences and errors."""
    rewrite: Callable[[Random], bytes] | None = None
    """Writes a file that is well-formed as its container goes, but holds something odd."""

    def __str__(self) -> str:
        return self.name


def read_ntu_file(data: bytes, _: Path) -> Iterator[object]:
    recording = ntu_file.parse_recording("file", data)
    by_lines = ntu_file._read_lines("file", data)  # the scanner and the reader it stands for agree
    assert recording.num_frames == by_lines[0]
    assert sum(len(track.frames) for track in recording.tracks) == len(by_lines[1])
    for track in recording.tracks:
        rows = by_lines[2] == track.body_id
        np.testing.assert_array_equal(track.frames, by_lines[1][rows])
        assert track.positions.tobytes() == by_lines[3][rows].tobytes()
        assert np.isfinite(track.positions).all()
    yield read_ntu("file", "S001C001P001R001A001", data)


def read_msr_file(data: bytes, _: Path) -> Iterator[object]:
    yield msr_action3d.read_sequence("file", "a01_s02_e03_skeleton3D", data)


def read_nw_ucla_file(data: bytes, _: Path) -> Iterator[object]:
    yield nw_ucla.read_sequence("file", "a01_s02_e03_v01", data)


def read_sbu_file(data: bytes, _: Path) -> Iterator[object]:
    yield sbu.read_sequence("file", "s01s02_03_001", data)


def read_kinect_file(data: bytes, _: Path) -> Iterator[object]:
    numbers, positions, _ = kinect_text.parse_frames("file", data)
    assert len(numbers) == len(positions)
    assert (np.diff(numbers) > 0).all()
    yield kinect_text.as_sequence("walk", positions, None)


def read_utkinect_actions(data: bytes, _: Path) -> Iterator[object]:
    for actions in kinect_text.parse_actions("file", data).values():
        assert all(action is None or 0 <= action.first <= action.last for action in actions)
    yield from ()


def read_pku_file(data: bytes, _: Path) -> Iterator[object]:
    positions = pku_mmd_files.parse_positions("file", data)
    yield SkeletonSequence("0001-L", positions, (positions != 0).any((2, 3)), NTU_25)


def read_pku_labels(data: bytes, _: Path) -> Iterator[object]:
    assert all(
        label.action > 0 and 0 <= label.start < label.end
        for label in pku_mmd_files.parse_labels("file", data)
    )
    yield from ()


def read_pku_split(data: bytes, _: Path) -> Iterator[object]:
    assert all(pku_mmd_files.phase_of(name) in (1, 2) for name in pku_mmd_files.parse_split("file", data))
    yield from ()


def read_bvh_file(data: bytes, _: Path) -> Iterator[object]:
    yield bvh.read_sequence("file", "walk", data)


def read_npz_file(data: bytes, path: Path) -> Iterator[object]:
    path.write_bytes(data)
    yield from open_padded_npz(path, NTU_25).sequences(30.0)


def read_pickle_file(data: bytes, path: Path) -> Iterator[object]:
    path.write_bytes(data)
    with path.open("rb") as file:
        found = read_pyskl("file", file, len(data))
    found.missing()
    for item in found.sequences(NTU_25, 30.0, 0.1):
        yield item.sequence if isinstance(item, LabelledSequence) else item


def read_pose_file(data: bytes, _: Path) -> Iterator[object]:
    pose = read_pose_json("file", "wave-1", data, min_confidence=0.1)
    assert all(isinstance(name, str) for name in pose.names.values())
    yield pose.sequence


def read_frame_lines(data: bytes, _: Path) -> Iterator[object]:
    reader = FrameReader(topology_of(samples.OWN_SKELETON, "topology", default_name="own"), 3)
    for line in data.splitlines():
        frame = reader.read(line, "line")
        if frame is not None:
            assert all(positions.shape == (3, 3) for positions in frame.people.values())
    yield from ()


@dataclass(frozen=True)
class HeldFile(RawFile):
    """A file that is nowhere on disk."""

    data: bytes = b""

    def read(self) -> bytes:
        return self.data


OPENPOSE_FRAME = samples.openpose_samples()[0]


def read_openpose_frames(data: bytes, _: Path) -> Iterator[object]:
    """The frame is the second of three."""
    contents = (OPENPOSE_FRAME, data, b'{"people": []}')
    files = [HeldFile(f"clip_{n:012}_keypoints.json", Path(), data=one) for n, one in enumerate(contents)]
    (recording,) = openpose.frame_files(files)
    yield openpose.read_recording(recording, min_confidence=0.1).sequence


def read_coco_file(data: bytes, _: Path) -> Iterator[object]:
    yield coco_keypoints.read_video("file", "a", data, min_confidence=0.1).sequence


def read_mediapipe_json(data: bytes, _: Path) -> Iterator[object]:
    yield mediapipe.read_video("file.json", "a", data, min_confidence=0.1).sequence


def read_mediapipe_csv(data: bytes, _: Path) -> Iterator[object]:
    yield mediapipe.read_video("file.csv", "a", data, min_confidence=0.1).sequence


def read_kinetics_file(data: bytes, _: Path) -> Iterator[object]:
    told = kinetics_skeleton.read_video("file", "a", data, min_confidence=0.1, image_size=(340, 256))
    assert all(isinstance(name, str) for name in told.names.values())
    yield told.sequence


def read_manifest_file(data: bytes, _: Path) -> Iterator[object]:
    manifest = read_manifest("file", data)
    assert manifest.entries
    found = manifest.match(["a.json", "b/c.json", "d/c.json"])
    assert set(found) <= {"a.json", "b/c.json", "d/c.json"}
    yield from ()


def read_list_file(data: bytes, path: Path) -> Iterator[object]:
    path.write_bytes(data)
    listed = LeftOut.read(path)
    assert listed.names
    assert len(set(listed.names)) == len(listed.names)
    yield from ()


def read_csv_file(data: bytes, _: Path) -> Iterator[object]:
    yield read_csv("file", "walk", data, min_confidence=0.1).sequence


def read_npy_file(data: bytes, path: Path) -> Iterator[object]:
    path.write_bytes(data)
    file, data_set = RawFile("data.npy", path), npy_data_set()
    assert data_set.survey is not None
    try:
        surveyed = data_set.survey(data_set, [file])
    except ConfigurationError as error:  # the skeleton has to be told
        raise DataError(str(error)) from error
    for item in surveyed.read(file):
        if isinstance(item, Exclusion):
            yield DataError(str(item))
        else:
            assert isinstance(item, LabelledSequence)
            yield item.sequence


def read_label_file(data: bytes, path: Path) -> Iterator[object]:
    path.write_bytes(data)
    suffix = {b"\x93": "npy", b"\x80": "pkl"}.get(data[:1], "csv")
    labels = read_labels(RawFile(f"label.{suffix}", path))
    assert all(label is None or isinstance(label, int | str) for label in labels.values)
    assert labels.names is None or len(labels.names) == len(labels.values)
    yield from ()


def read_c3d_file(data: bytes, _: Path) -> Iterator[object]:
    yield read_c3d("file", "walk", data, topology=samples.STICK).sequence


def read_pose_binary(data: bytes, _: Path) -> Iterator[object]:
    yield read_pose("file", "walk", data, min_confidence=0.1).sequence


def read_archive(data: bytes, path: Path) -> Iterator[object]:
    path.write_bytes(data)
    with raw_files(path) as files:
        for file in files:
            assert isinstance(file.read(), bytes)
    yield from ()


def read_onnx_file(data: bytes, path: Path) -> Iterator[object]:
    path.write_bytes(data)
    try:
        OnnxRecogniser.open(path)
    except ConfigurationError as error:  # a card without classes
        raise DataError(str(error)) from error
    yield from ()


TARGETS = [
    Target("ntu", 1_700, samples.ntu_samples, read_ntu_file),
    Target("msr", 1_200, samples.msr_samples, read_msr_file),
    Target("nw-ucla", 850, samples.nw_ucla_samples, read_nw_ucla_file, samples.odd_nw_ucla),
    Target("sbu", 850, samples.sbu_samples, read_sbu_file),
    Target("kinect text", 850, samples.kinect_samples, read_kinect_file),
    Target("utkinect actions", 700, lambda: [samples.UTKINECT_ACTIONS], read_utkinect_actions),
    Target("pku", 850, samples.pku_samples, read_pku_file),
    Target("pku labels", 300, lambda: [b"1,10,50,2\r\n51,60,90,1\r\n", b"3 , 4 , 5 , 6"], read_pku_labels),
    Target(
        "pku split", 150, lambda: [b"Training:\n0001-L, 0002-M,A01N02-R\nValidation:\n0003-L"], read_pku_split
    ),
    Target("bvh", 1_350, lambda: [samples.BVH, samples.BVH.replace(b"\n", b"\r\n")], read_bvh_file),
    Target("npz", 850, samples.npz_samples, read_npz_file, samples.odd_npz),
    Target("pickle", 1_350, samples.pickle_samples, read_pickle_file, samples.odd_pickle),
    Target("pose-json", 1_000, samples.pose_samples, read_pose_file, samples.odd_pose),
    Target("frame lines", 700, samples.frame_samples, read_frame_lines, samples.odd_frame),
    Target("openpose", 700, samples.openpose_samples, read_openpose_frames, samples.odd_openpose),
    Target("coco-keypoints", 850, samples.coco_samples, read_coco_file, samples.odd_coco),
    Target("mediapipe json", 700, samples.mediapipe_samples, read_mediapipe_json, samples.odd_mediapipe),
    Target("mediapipe csv", 700, samples.mediapipe_csv_samples, read_mediapipe_csv),
    Target("kinetics-skeleton", 700, samples.kinetics_samples, read_kinetics_file, samples.odd_kinetics),
    Target("manifest", 700, samples.manifest_samples, read_manifest_file),
    Target("left out", 500, lambda: [b'name,odd\na,\n"b, c",x\n'], read_list_file),
    Target("csv", 850, samples.csv_samples, read_csv_file),
    Target("npy", 850, samples.npy_samples, read_npy_file, samples.odd_npy),
    Target("labels", 700, samples.label_samples, read_label_file, samples.odd_labels),
    Target("c3d", 700, samples.c3d_samples, read_c3d_file),
    Target(".pose", 700, samples.pose_file_samples, read_pose_binary),
    Target("onnx", 350, lambda: [samples.onnx_file()], read_onnx_file, samples.onnx_file),
    Target("archive", 500, samples.archive_samples, read_archive),
]

from pathlib import Path

import numpy as np
import pytest

from skelact.formats.archives import raw_files
from skelact.formats.msr_action3d import FILE_JOINTS, MsrName, parse_name, read_sequence
from skelact.skeleton.tables import KINECT_20


def text(positions: np.ndarray) -> bytes:
    return "".join(f"{x:.6f} {y:.6f} {z:.6f} 1.000000\n" for x, y, z in positions.reshape(-1, 3)).encode()


def test_name() -> None:
    assert parse_name("a01_s02_e03_skeleton3D") == MsrName(1, 2, 3)


def test_joints_are_reordered_by_name() -> None:
    positions = np.arange(2 * 20 * 3, dtype=np.float64).reshape(2, 20, 3) / 100
    sequence = read_sequence("file", "a04_s02_e03_skeleton3D", text(positions))
    assert sequence.positions.shape == (1, 2, 20, 3)
    for joint in ("Head", "HipCenter", "FootRight", "WristLeft"):
        actual = sequence.positions[0, :, KINECT_20.index(joint)]
        np.testing.assert_allclose(actual, positions[:, FILE_JOINTS.index(joint)], atol=1e-6)
    assert (sequence.label, dict(sequence.attributes)) == (3, {"subject": 2, "replication": 3})
    assert sequence.fps == 15


def test_all_zero_frames_are_absent() -> None:
    positions = np.ones((3, 20, 3))
    positions[1] = 0
    sequence = read_sequence("file", "a04_s02_e03_skeleton3D", text(positions))
    assert sequence.present.tolist() == [[True, False, True]]


@pytest.fixture(scope="module")
def real_clip(shared_data_dir: Path) -> np.ndarray:
    """(frames, 20, 3) of all first trials of the first action."""
    with raw_files(shared_data_dir / "msr_action3d.tar.xz") as files:
        chosen = [file for file in files if file.stem.startswith("a01_") and "_e01_" in file.stem]
        sequences = [read_sequence(file.name, file.stem, file.read()) for file in chosen]
    return np.concatenate([sequence.positions[0, sequence.present[0]] for sequence in sequences])


def test_real_bones_have_the_lengths_of_a_body(real_clip: np.ndarray) -> None:
    """Joints out of order would give bones of impossible lengths, or a left side unlike the right one."""
    length = {
        KINECT_20.joints[joint]: float(
            np.linalg.norm(real_clip[:, joint] - real_clip[:, parent], axis=-1).mean()
        )
        for joint, parent in KINECT_20.bones
    }
    for left, right in KINECT_20.pairs:
        names = KINECT_20.joints[left], KINECT_20.joints[right]
        assert length[names[0]] == pytest.approx(length[names[1]], abs=0.02), names
    assert 0.22 < length["ElbowRight"] < 0.33
    assert 0.22 < length["WristRight"] < 0.33
    assert 0.04 < length["HandRight"] < 0.12
    assert 0.35 < length["AnkleRight"] < 0.5
    assert 0.1 < length["Head"] < 0.35


def test_real_bodies_stand_upright(real_clip: np.ndarray) -> None:
    heights = [
        real_clip[:, KINECT_20.index(joint), 1].mean() for joint in ("Head", "Spine", "KneeLeft", "FootLeft")
    ]
    assert heights == sorted(heights, reverse=True)
    assert 1.2 < heights[0] - heights[-1] < 2

"""BVH files of random hierarchies against a slow version written out by hand, and real ones."""

import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from skelact.formats.archives import raw_files
from skelact.formats.bandai_namco import CONTENTS, STYLES, TOPOLOGY
from skelact.formats.bandai_namco import read_sequence as read_bandai_namco
from skelact.formats.bvh import read_sequence
from skelact.formats.bvh_hierarchy import parse_hierarchy

# name: (parent, offset, channels)
Rig = dict[str, tuple[str, tuple[float, float, float], list[str]]]


def bvh_text(
    rig: Rig, motion: np.ndarray, end: str = "\n", indent: str = "\t", end_sites: bool = True
) -> bytes:
    lines = ["HIERARCHY"]

    def write(name: str, depth: int) -> None:
        parent, offset, channels = rig[name]
        pad = indent * depth
        lines.append(f"{pad}{'JOINT' if parent else 'ROOT'} {name}")
        lines.append(f"{pad}{{")
        lines.append(f"{pad}{indent}OFFSET {offset[0]} {offset[1]} {offset[2]}")
        if channels:
            lines.append(f"{pad}{indent}CHANNELS {len(channels)} {' '.join(channels)}")
        children = [other for other in rig if rig[other][0] == name]
        for child in children:
            write(child, depth + 1)
        if not children and end_sites:
            lines.extend(f"{pad}{indent}{text}" for text in ("End Site", "{", f"{indent}OFFSET 1 2 3", "}"))
        lines.append(f"{pad}}}")

    write(next(iter(rig)), 0)
    lines += ["MOTION", f"Frames:{indent}{len(motion)}", f"Frame Time: {indent}0.0083333"]
    lines += [indent.join(f"{value:.6f}" for value in frame) for frame in motion]
    return (end.join(lines) + end).encode()


def slow_positions(rig: Rig, frame: np.ndarray) -> dict[str, np.ndarray]:
    """One frame by 4 x 4 matrices, joint by joint, channel by channel."""
    order: list[str] = []

    def visit(name: str) -> None:
        order.append(name)
        for other in rig:
            if rig[other][0] == name:
                visit(other)

    visit(next(iter(rig)))
    values = iter(frame)
    world: dict[str, np.ndarray] = {"": np.eye(4)}
    for name in order:
        parent, offset, channels = rig[name]
        shift = np.eye(4)
        shift[:3, 3] = offset
        turn = np.eye(4)
        for channel in channels:
            value = next(values)
            axis = "XYZ".index(channel[0])
            if channel.endswith("position"):
                shift[axis, 3] = value
                continue
            c, s = math.cos(math.radians(value)), math.sin(math.radians(value))
            elementary = {
                0: [[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]],
                1: [[c, 0, s, 0], [0, 1, 0, 0], [-s, 0, c, 0], [0, 0, 0, 1]],
                2: [[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
            }
            turn = turn @ np.array(elementary[axis])
        world[name] = world[parent] @ shift @ turn
    return {name: world[name][:3, 3] for name in order}


def random_rig(seed: int, inner_positions: bool) -> tuple[Rig, np.ndarray]:
    random = np.random.default_rng(seed)
    orders = [[f"{axis}rotation" for axis in order] for order in permutations("XYZ")]
    rig: Rig = {}
    for number in range(8):
        offset = tuple(random.uniform(-30, 30, 3).round(4).tolist())
        channels = list(orders[random.integers(6)][: random.integers(0 if number else 3, 4)])
        if number == 0:
            channels = ["Xposition", "Yposition", "Zposition", *channels]
        elif inner_positions and random.random() < 0.6:
            some = random.permutation(["Xposition", "Yposition", "Zposition"])[: random.integers(1, 4)]
            channels = [*channels[:1], *some.tolist(), *channels[1:]]
        parent = f"joint{random.integers(number)}" if number else ""
        rig[f"joint{number}"] = (parent, offset, channels)
    num_channels = sum(len(channels) for _, _, channels in rig.values())
    return rig, random.uniform(-180, 180, (5, num_channels)).round(6)


@pytest.mark.parametrize("inner_positions", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_forward_kinematics_equal_the_slow_version(seed: int, inner_positions: bool) -> None:
    rig, motion = random_rig(seed, inner_positions)
    sequence = read_sequence("file", "one", bvh_text(rig, motion), scale=1.0)
    for frame in range(len(motion)):
        for name, expected in slow_positions(rig, motion[frame]).items():
            actual = sequence.positions[0, frame, sequence.topology.index(name)]
            np.testing.assert_allclose(actual, expected, atol=1e-4)
    for name, (parent, _, _) in rig.items():
        joint = sequence.topology.index(name)
        assert sequence.topology.joints[sequence.topology.parents[joint]] == (parent or name)


def test_bones_keep_their_length() -> None:
    rig, _ = random_rig(3, inner_positions=False)
    num_channels = sum(len(channels) for _, _, channels in rig.values())
    motion = np.random.default_rng(0).uniform(-180, 180, (2500, num_channels))
    sequence = read_sequence("file", "one", bvh_text(rig, motion))
    for joint, parent in sequence.topology.bones:
        lengths = np.linalg.norm(sequence.positions[0, :, joint] - sequence.positions[0, :, parent], axis=-1)
        expected = np.linalg.norm(rig[sequence.topology.joints[joint]][1]) / 100  # centimetres
        np.testing.assert_allclose(lengths, expected, atol=2e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"end": "\r\n"},
        {"indent": "  "},
        {"end_sites": False},
        {"end": "\r\n", "indent": "\t\t", "end_sites": False},
    ],
    ids=["crlf", "spaces", "no end sites", "all"],
)
def test_spellings_make_no_difference(options: dict[str, str]) -> None:
    rig, motion = random_rig(1, inner_positions=True)
    plain = read_sequence("file", "one", bvh_text(rig, motion))
    other = read_sequence("file", "one", bvh_text(rig, motion, **options))  # type: ignore[arg-type]
    np.testing.assert_array_equal(other.positions, plain.positions)
    assert other.topology == plain.topology


HANDWRITTEN = b"""\xef\xbb\xbfhierarchy
root mixamorig:Hips {
 offset 0 0 0
 channels 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
 joint mixamorig:Left Leg { offset 10 0 0 channels 1 zrotation }
 joint mixamorig:Right Leg { offset -10 0 0 }
 joint Spine { offset 0 20 0 channels 3 Zrotation Xrotation Yrotation
  end site { offset 0 5 0 } } }
motion
frames : 2
FRAME TIME: 0.04

1 2 3 90 0 0  45  0 0 0
0 0 0 0 0 0  0  0 0 0
"""


def test_a_loose_spelling() -> None:
    data = HANDWRITTEN.replace(b"0 channels 1", b"0\n channels 1").replace(b"0 channels 3", b"0\nchannels 3")
    data = data.replace(b"frames :", b"Frames :").replace(b"FRAME TIME", b"Frame Time")
    sequence = read_sequence("file", "one", data)
    assert sequence.topology.joints == (
        "mixamorig:Hips",
        "mixamorig:Left Leg",
        "mixamorig:Right Leg",
        "Spine",
    )
    assert sequence.topology.pairs == ((1, 2),)
    assert sequence.topology.centre == 0
    assert sequence.fps == 25
    assert sequence.present.all()
    assert sequence.label is None
    expected = [[0.01, 0.02, 0.03], [0.01, 0.12, 0.03], [0.01, -0.08, 0.03], [-0.19, 0.02, 0.03]]
    np.testing.assert_allclose(sequence.positions[0, 0], expected, atol=1e-7)


@pytest.mark.parametrize(
    ("seconds", "fps"),
    [("0.0333333", 30.0), ("0.0083333", 120.0), ("0.033367", 1 / 0.033367), ("0.04", 25.0), ("1", 1.0)],
)
def test_frame_rates_are_those_meant(seconds: str, fps: float) -> None:
    rig, motion = random_rig(0, inner_positions=False)
    data = bvh_text(rig, motion).replace(b"0.0083333", seconds.encode())
    assert read_sequence("file", "one", data).fps == pytest.approx(fps, abs=1e-9)


def test_joints_left_out_still_turn_the_others() -> None:
    rig, motion = random_rig(2, inner_positions=True)
    whole = read_sequence("file", "one", bvh_text(rig, motion))
    inner = next(name for name in rig if rig[name][0] and any(rig[other][0] == name for other in rig))
    part = read_sequence("file", "one", bvh_text(rig, motion), left_out=frozenset({inner}))
    assert part.topology.joints == tuple(name for name in whole.topology.joints if name != inner)
    for joint, name in enumerate(part.topology.joints):
        np.testing.assert_array_equal(
            part.positions[:, :, joint], whole.positions[:, :, whole.topology.index(name)]
        )
        if rig[name][0] == inner:
            assert part.topology.joints[part.topology.parents[joint]] == rig[inner][0]


@pytest.mark.slow
def test_real_recordings(shared_data_dir: Path) -> None:
    archive = shared_data_dir / "bandai_namco_2_bvh.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} among the shared data, which is not there")
    with raw_files(archive) as files:
        assert len(files) == 2902
        chosen = files[::49]
        first = chosen[0].read()
        sequences = [read_bandai_namco(file.name, file.stem, file.read()) for file in chosen]
    assert parse_hierarchy("file", first.splitlines()).joints[0].name == "joint_Root"
    assert {sequence.label for sequence in sequences} == set(range(len(CONTENTS)))
    assert {sequence.attributes["style"] for sequence in sequences} == set(range(len(STYLES)))
    for sequence in sequences:
        assert sequence.topology == TOPOLOGY
        assert sequence.fps == 30
        positions = sequence.positions[0]
        for joint, parent in TOPOLOGY.bones:
            length = np.linalg.norm(positions[:, joint] - positions[:, parent], axis=-1)
            assert np.ptp(length) < 1e-5, TOPOLOGY.joints[joint]
        height = np.median(
            positions[:, TOPOLOGY.index("Head"), 1] - positions[:, TOPOLOGY.index("Toes_L"), 1]
        )
        assert 1.0 < height < 1.8  # metres, y up
        left, right = (positions[:, TOPOLOGY.index(f"LowerLeg_{side}")] for side in "LR")
        assert 0.02 < np.linalg.norm(left - right, axis=-1).mean() < 0.7

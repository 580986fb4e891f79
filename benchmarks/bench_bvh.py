"""Reading BVH files: files and frames a second, and the share of the time spent outside number parsing.

Given a folder or an archive of BVH files, reads all of them (or the first so many) once; without one, files
of its own. The plain baseline turns every joint of every frame with a 3 x 3 matrix of its own, on the first
file; its positions are compared with ours before anything is timed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from skelact.formats.archives import raw_files
from skelact.formats.bvh import CENTIMETRE, SUFFIX, motion_lines, parse_numbers, read_sequence
from skelact.formats.bvh_hierarchy import Hierarchy, parse_hierarchy

OWN_FILES, OWN_JOINTS, OWN_FRAMES = 40, 22, 130


def own_file(number: int) -> bytes:
    """A chain of joints with six channels each, like those of a motion capture studio."""
    random = np.random.default_rng(number)
    lines = ["HIERARCHY"]
    for joint in range(OWN_JOINTS):
        lines += [f"{'JOINT' if joint else 'ROOT'} Joint{joint}", "{", "OFFSET 10.0 0.0 0.0"]
        lines.append("CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
    lines += ["End Site", "{", "OFFSET 0.0 0.0 0.0", "}", *["}"] * OWN_JOINTS]
    lines += ["MOTION", f"Frames: {OWN_FRAMES}", "Frame Time: 0.0333333"]
    motion = random.uniform(-90, 90, (OWN_FRAMES, 6 * OWN_JOINTS))
    lines += [" ".join(f"{value:.6f}" for value in frame) for frame in motion.tolist()]
    return ("\n".join(lines) + "\n").encode()


def plain_positions(hierarchy: Hierarchy, motion: np.ndarray) -> np.ndarray:
    """(F, V, 3), frame by frame and joint by joint."""
    positions = np.empty((len(motion), len(hierarchy.joints), 3))
    for frame, values in enumerate(motion):
        turns = []
        for number, joint in enumerate(hierarchy.joints):
            turn, shift = np.eye(3), np.array(joint.offset)
            for axis, channel in joint.position_channels.items():
                shift[axis] = values[channel]
            for axis, channel in joint.rotation_channels:
                angle, elementary = np.radians(values[channel]), np.eye(3)
                first, second = (axis + 1) % 3, (axis + 2) % 3
                elementary[first, first] = elementary[second, second] = np.cos(angle)
                elementary[second, first], elementary[first, second] = np.sin(angle), -np.sin(angle)
                turn = turn @ elementary
            if joint.parent == number:
                turns.append(turn)
                positions[frame, number] = shift
            else:
                turns.append(turns[joint.parent] @ turn)
                positions[frame, number] = positions[frame, joint.parent] + turns[joint.parent] @ shift
    return positions


def compare_with_plain(data: bytes) -> None:
    """Check the positions of one file, and print how much faster they are made."""
    lines = data.splitlines()
    hierarchy = parse_hierarchy("file", lines)
    _, frame_lines = motion_lines("file", lines, hierarchy)
    started = time.perf_counter()
    motion = parse_numbers("file", lines, frame_lines, hierarchy.num_channels)
    plain = plain_positions(hierarchy, motion) * CENTIMETRE
    plain_seconds = time.perf_counter() - started
    np.testing.assert_allclose(read_sequence("file", "file", data).positions[0], plain, atol=1e-5)
    started = time.perf_counter()
    read_sequence("file", "file", data)
    ours = time.perf_counter() - started
    print(f"one file of {len(frame_lines)} frames: {plain_seconds / ours:.1f} times the plain reader")


def measure(contents: list[bytes]) -> tuple[int, float, float]:
    """Return frames read, seconds in all, and those of them in which numbers were parsed."""
    frames, total, numbers = 0, 0.0, 0.0
    for data in contents:
        started = time.perf_counter()
        sequence = read_sequence("file", "file", data)
        total += time.perf_counter() - started
        frames += sequence.num_frames
        lines = data.splitlines()
        hierarchy = parse_hierarchy("file", lines)
        started = time.perf_counter()
        _, frame_lines = motion_lines("file", lines, hierarchy)
        parse_numbers("file", lines, frame_lines, hierarchy.num_channels)
        numbers += time.perf_counter() - started
    return frames, total, numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("raw", type=Path, nargs="?", help="folder or archive of BVH files")
    parser.add_argument("--files", type=int, help="read the first so many only")
    options = parser.parse_args()
    if options.raw is None:
        contents = [own_file(number) for number in range(options.files or OWN_FILES)]
    else:
        with raw_files(options.raw) as files:
            chosen = [file for file in files if file.suffix == SUFFIX][: options.files]
            contents = [file.read() for file in chosen]
    compare_with_plain(contents[0])
    frames, seconds, numbers = measure(contents)
    rate = f"{len(contents) / seconds:,.0f} files and {frames / seconds:,.0f} frames a second"
    print(f"{len(contents):,} files, {frames:,} frames, {sum(map(len, contents)) / 1e6:,.1f} MB: {rate}")
    print(f"outside number parsing: {max(0.0, 1 - numbers / seconds):.0%} of {seconds:.2f} s")


if __name__ == "__main__":
    main()

"""One pass, compiled, from the frames in a store to bodies in clips: read, resize, turn, take the stream.

Does what ``BodyFrames`` does without it by whole tensors, sooner and on one core: each frame stays in the
processor's first cache from the reading to the last step, nothing is made in between, and no thread waits for
another. It runs without Python's global lock.

Importing this module imports numba; the compiled code is cached beside the module or in numba's folder. The
arguments of compiled functions are ``Any``: numba gives them its own types.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from skelact.processor import compiled
from skelact.store.fixed_point import POSITION_TYPES

_SIGNATURES = [
    f"void(Array(float32, 3, 'C'), int64[::1], Array({position_type}, 2, 'C', readonly=True), float32[::1], "
    "Array(int32, 1, 'C', readonly=True), int64[::1], int64[::1], int64[:, ::1], int64[:, ::1], "
    "float32[:, ::1], boolean, float32[:, :, ::1], int64[::1], boolean)"
    for position_type in POSITION_TYPES
]


@njit
def _turn(frame: Any, matrix: Any) -> None:
    """Apply the (3, 3) ``matrix`` to each of a frame's points, x y z x y z ..."""
    to_x_x, to_x_y, to_x_z = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    to_y_x, to_y_y, to_y_z = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    to_z_x, to_z_y, to_z_z = matrix[2, 0], matrix[2, 1], matrix[2, 2]
    for point in range(len(frame) // 3):
        x, y, z = frame[3 * point], frame[3 * point + 1], frame[3 * point + 2]
        frame[3 * point] = to_x_x * x + to_x_y * y + to_x_z * z
        frame[3 * point + 1] = to_y_x * x + to_y_y * y + to_y_z * z
        frame[3 * point + 2] = to_z_x * x + to_z_y * y + to_z_z * z


@njit
def _turn_in_plane(frame: Any, matrix: Any) -> None:
    """Apply the (2, 2) ``matrix`` to each of a frame's points, x y x y ..."""
    to_x_x, to_x_y, to_y_x, to_y_y = matrix[0, 0], matrix[0, 1], matrix[1, 0], matrix[1, 1]
    for point in range(len(frame) // 2):
        x, y = frame[2 * point], frame[2 * point + 1]
        frame[2 * point] = to_x_x * x + to_x_y * y
        frame[2 * point + 1] = to_y_x * x + to_y_y * y


def _write_bodies(
    out: Any,
    places: Any,
    joints: Any,
    scales: Any,
    rows: Any,
    begins: Any,
    first_joints: Any,
    lower: Any,
    upper: Any,
    weights: Any,
    hold: bool,
    turns: Any,
    parents: Any,
    as_motion: bool,
) -> None:
    """Write P bodies of T frames with W numbers each into clips.

    Args:
        out: (S, T, W) float32, written to.
        places: (P,) int64, the row of ``out`` that each body fills.
        joints: (R, W) float32 or int16, the store's positions.
        scales: (P,) float32, by which the positions of each body are multiplied.
        rows: int32, rows of ``joints``, counted from the body's sequence; ``~row`` where the body is absent.
        begins: (P,) int64, where in ``rows`` each body's frames begin.
        first_joints: (P,) int64, where in ``joints`` each body's sequence begins.
        lower: (P, T) int64, the earlier frame of each pair.
        upper: (P, T) int64, the later frame.
        weights: (P, T) float32, the later frame's share.
        hold: whether a frame in which the body is absent counts as its nearest frame; otherwise as zeros.
        turns: (P, 3, 3) float32, a rotation of each body, in the plane (P, 2, 2); (0, 3, 3) for none.
        parents: (W,) int64, for each number its parent joint's, which is subtracted; (0,) for none.
        as_motion: whether each frame's number is subtracted from the next frame's; the last becomes 0.
    """
    num_frames, num_numbers = out.shape[1], out.shape[2]
    joint_positions = np.empty(num_numbers, np.float32)
    one, zero, flat = np.float32(1), np.float32(0), turns.shape[1] == 2
    for body in range(len(places)):
        clip, scale = out[places[body]], scales[body]
        for place in range(num_frames):
            later_share = weights[body, place]
            earlier_share = one - later_share
            earlier_row = rows[begins[body] + lower[body, place]]
            later_row = rows[begins[body] + upper[body, place]]
            if earlier_row < 0:
                earlier_row = ~earlier_row
                earlier_share = earlier_share if hold else zero
            if later_row < 0:
                later_row = ~later_row
                later_share = later_share if hold else zero
            earlier, later = joints[first_joints[body] + earlier_row], joints[first_joints[body] + later_row]
            frame = clip[place]
            earlier_share, later_share = earlier_share * scale, later_share * scale
            for number in range(num_numbers):
                start, end = np.float32(earlier[number]), np.float32(later[number])
                frame[number] = earlier_share * start + later_share * end
            if len(turns) > 0:
                if flat:
                    _turn_in_plane(frame, turns[body])
                else:
                    _turn(frame, turns[body])
            if len(parents) > 0:
                joint_positions[:] = frame
                for number in range(num_numbers):
                    frame[number] -= joint_positions[parents[number]]
        if as_motion:
            for place in range(num_frames - 1):
                for number in range(num_numbers):
                    clip[place, number] = clip[place + 1, number] - clip[place, number]
            clip[num_frames - 1] = zero


write_bodies = compiled(_write_bodies, _SIGNATURES, nogil=True)

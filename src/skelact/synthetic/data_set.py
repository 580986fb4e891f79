"""A whole synthetic data set: a folder of files in the raw text format of NTU RGB+D.

Files are written in bulk, with one format operation for each body of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from skelact.errors import ConfigurationError, DataError
from skelact.formats.ntu import SUFFIX
from skelact.skeleton.tables import NTU_25
from skelact.synthetic.actions import choose_actions
from skelact.synthetic.kinematics import Array, unit
from skelact.synthetic.recording import (
    SyntheticRecording,
    format_name,
    max_sequences,
    recording_name,
    simulate,
)
from skelact.synthetic.sensor import SensorTrack


def write_data_set(
    out: str | Path,
    *,
    sequences: int,
    seed: int,
    actions: Sequence[str] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> list[Path]:
    """Write ``sequences`` recordings as ``SsssCcccPpppRrrrAaaa.skeleton`` into the folder ``out``.

    The same seed gives the same bytes. Recording i depends on the seed, i and the choice of actions only, so
    that a larger data set begins with the smaller one. Actions take turns; every one meets both sides of
    cross-subject, cross-view and cross-setup within its first eight recordings.

    Args:
        out: a folder that is empty or not yet there.
        sequences: how many recordings.
        seed: decides people, cameras and takes; not negative.
        actions: codes such as ``A010``; all of ``ACTION_NAMES`` by default.
        on_progress: called with the number of files written so far.

    Returns:
        the files, in order of their writing.

    Raises:
        ConfigurationError: a count or seed out of range, or an unknown action.
        DataError: ``out`` is a file or holds something.
    """
    out = Path(out)
    numbers = choose_actions(actions)
    limit = max_sequences(len(numbers))
    if not 1 <= sequences <= limit:
        raise ConfigurationError(
            f"sequences: got {sequences}, expected 1 to {limit}, "
            f"as many as there are distinct names for {len(numbers)} actions"
        )
    if seed < 0:
        raise ConfigurationError(f"seed: got {seed}, expected 0 or more")
    if out.is_file():
        raise DataError(f"{out}: is a file, expected a folder that is empty or not yet there")
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out}: the folder is not empty; empty it or name another one")
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for index in range(sequences):
        name = recording_name(index, numbers)
        path = out / f"{format_name(name)}{SUFFIX}"
        content = format_recording(simulate(name, seed)).encode("ascii")
        try:
            path.write_bytes(content)
        except BaseException:
            path.unlink(missing_ok=True)  # no half of a recording stays
            raise
        files.append(path)
        if on_progress is not None:
            on_progress(len(files))
    return files


_DEPTH = (256.0, 212.0, 365.0)
"""Depth image of the Kinect v2, 512 x 424: centre and focal length, pixels."""
_COLOUR = (960.0, 540.0, 1060.0)
"""Colour image of the Kinect v2, 1920 x 1080: centre and focal length, pixels."""

_BODY_LINE = "%d 0 1 1 1 1 0 %.6g %.6g 2\r\n25\r\n"
_JOINT_LINE = "%.7g %.7g %.7g %.6g %.6g %.6g %.6g %.4g %.4g %.4g %.4g %d\r\n"

# Orientations hang on the anatomical tree: the hand tip belongs to the hand, not to the thumb. The ends of
# the tree have no orientation: the sensor writes zeros.
_PARENTS = np.array(NTU_25.parents)
for _side in ("Left", "Right"):
    _PARENTS[NTU_25.index(f"HandTip{_side}")] = NTU_25.index(f"Hand{_side}")
_ENDS = [NTU_25.index(joint) for joint in ("Head", "HandTipLeft", "ThumbLeft", "HandTipRight", "ThumbRight")]
_ENDS += [NTU_25.index(joint) for joint in ("FootLeft", "FootRight")]


def project(positions: Array, image: tuple[float, float, float]) -> Array:
    """Return pixels (..., 2) of points (..., 3), metres; ``image`` is (centre x, centre y, focal length)."""
    depth = np.maximum(positions[..., 2:], 0.1)
    return np.asarray(np.array(image[:2]) + image[2] * positions[..., :2] / depth * (1.0, -1.0))


def orientations(positions: Array) -> Array:
    """Return quaternions (..., V, 4), w first: the shortest turn of the y axis to the bone before a joint."""
    bone = unit(positions - positions[..., _PARENTS, :])
    root = NTU_25.root
    bone[..., root, 1] = 1.0
    quaternion = np.zeros((*positions.shape[:-1], 4))
    quaternion[..., 0] = 1.0 + bone[..., 1]
    quaternion[..., 1] = bone[..., 2]
    quaternion[..., 3] = -bone[..., 0]
    quaternion /= np.maximum(np.sqrt((quaternion**2).sum(-1, keepdims=True)), 1e-9)
    quaternion[..., _ENDS, :] = 0.0
    return quaternion


def _body_texts(track: SensorTrack) -> list[str]:
    """Return the lines of a track's body, one text a frame."""
    positions = track.positions
    num_frames, num_joints = positions.shape[:2]
    trunk = unit(positions[:, NTU_25.index("SpineShoulder")] - positions[:, NTU_25.index("SpineBase")])
    table = np.concatenate(
        [
            positions,
            project(positions, _DEPTH).round(2),
            project(positions, _COLOUR),
            orientations(positions),
            track.states[..., None],
        ],
        axis=-1,
    ).reshape(num_frames, num_joints * 12)
    table[table == 0.0] = 0.0  # no minus zero
    template = _BODY_LINE + _JOINT_LINE * num_joints
    lean = np.stack([trunk[:, 0], -trunk[:, 2]], 1)
    rows = np.concatenate([lean, table], axis=1).tolist()
    return [template % (track.body_id, *row) for row in rows]


def format_recording(recording: SyntheticRecording) -> str:
    """Return a recording in the raw text format of NTU RGB+D, with CRLF line ends.

    A frame is its body count and its bodies. A body is ten fields (id, clipped edges, hand states and their
    confidences, restriction, lean, tracking state), the joint count and 25 joints of twelve fields: camera
    space (metres), depth and colour image (pixels), orientation (w x y z), tracking state.
    """
    frames: list[list[str]] = [[] for _ in range(recording.num_frames)]
    for track in recording.tracks:
        for frame, text in zip(track.frames.tolist(), _body_texts(track), strict=True):
            frames[frame].append(text)
    lines = [f"{recording.num_frames}\r\n"]
    for bodies in frames:
        lines.append(f"{len(bodies)}\r\n")
        lines += bodies
    return "".join(lines)

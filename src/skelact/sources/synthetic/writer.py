"""The raw text format of NTU RGB+D, written in bulk: one format operation for each body of a frame."""

from __future__ import annotations

import numpy as np

from skelact.skeleton.tables import NTU_25
from skelact.sources.synthetic.kinematics import Array, unit
from skelact.sources.synthetic.recording import SyntheticRecording
from skelact.sources.synthetic.tracking import SensorTrack

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

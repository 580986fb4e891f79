"""Videos and cameras: the pictures with their times, and who is in them, found by MediaPipe Pose.

MediaPipe 0.10.14 carries its body model in the wheel and asks nothing of any network. It follows **one**
person, and tells 33 joints in metres with the origin between the hips (its world landmarks), and how likely
each is in the picture. Here y points up, as in the files of sensors: its axes are turned half round x.

Source: V. Bazarevsky et al., BlazePose, 2020.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError, install
from skelact.limits import check_limit
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import MEDIAPIPE_33

SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp", ".wmv")
"""Endings of videos."""
INSTALL = f"{install('video')} && pip install --no-deps mediapipe==0.10.14"
_GRAPH = Path("modules", "pose_landmark", "pose_landmark_cpu.binarypb")
_STREAM = "pose_world_landmarks"
_FULL = 1
"""The model in the wheel; 0 and 2 would be downloaded."""
_IN_PICTURE = 0.5


class Seen(NamedTuple):
    """Who is in one picture."""

    time: float
    """In seconds, from the first picture on."""
    positions: npt.NDArray[np.float32]
    """(V, C) joints in metres, y up, NaN outside the picture; all of them where nobody was found."""
    confidence: npt.NDArray[np.float32]
    """(V,) how likely each joint is to be seen and not hidden."""


def is_video(path: str | Path) -> bool:
    """Tell by its ending whether a file, there or not, is a video."""
    return Path(path).suffix.lower() in SUFFIXES and not Path(path).is_dir()


class Video:
    """A video file or a camera that is open.

    Args:
        source: a file, or the number of a camera.

    Raises:
        DataError: no such file or camera, or no video.
        ConfigurationError: packages are missing.
    """

    def __init__(self, source: str | Path | int) -> None:
        cv2 = _packages(str(source))
        self.name, self.is_camera = str(source), isinstance(source, int)
        if isinstance(source, int):
            self._capture = cv2.VideoCapture(source)
        else:
            if not Path(source).is_file():
                raise DataError(f"{source}: no such file; check the path")
            self._capture = cv2.VideoCapture(str(Path(source).absolute()), cv2.CAP_FFMPEG)
        self._cv2 = cv2
        if not self._capture.isOpened():
            self._capture.release()
            what = "no such camera" if self.is_camera else "not a video that can be read"
            raise DataError(f"{source}: {what}; give a video, such as .mp4, or the number of a camera, as 0")
        told = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.num_frames = int(told) if 0 < told < 1e9 and not self.is_camera else None
        """Pictures, as the file tells; None where it does not."""

    def pictures(self) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
        """Yield the time of each picture in seconds, and its (height, width, 3) colours, the right way up."""
        begun, before = time.monotonic(), -1.0
        while True:
            is_there, picture = self._capture.read()
            if not is_there:
                return
            now = self._capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1000
            now = time.monotonic() - begun if self.is_camera else now
            before = now if now > before else before + 1e-3  # a file may tell one time twice
            yield before, self._cv2.cvtColor(picture, self._cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Let the file or the camera go."""
        self._capture.release()


def look(video: Video) -> Iterator[Seen]:
    """Yield who is in each picture of a video, one person at most."""
    with _silence():
        import mediapipe
        from mediapipe.framework.formats.landmark_pb2 import LandmarkList
        from mediapipe.python import resource_util
        from mediapipe.python.packet_getter import _packet_getter as contents

        found: list[bytes] = []

        def keep(_: str, packet: Any) -> None:
            found.extend([] if packet.is_empty() else [contents._get_serialized_proto(packet)])

        make, root = mediapipe.packet_creator, Path(mediapipe.__file__).parent
        resource_util.set_resource_dir(str(root.parent))
        graph = mediapipe.CalculatorGraph(binary_graph_path=str(root / _GRAPH))
        graph.observe_output_stream(_STREAM, keep, True)
        both = dict.fromkeys(("smooth_landmarks", "use_prev_landmarks"), make.create_bool(True))
        graph.start_run({"model_complexity": make.create_int(_FULL), **both})

        def find(picture: npt.NDArray[np.uint8], moment: int) -> None:
            image = make.create_image_frame(image_format=mediapipe.ImageFormat.SRGB, data=picture)
            graph.add_packet_to_input_stream("image", image.at(moment))
            graph.wait_until_idle()

        find(np.zeros((64, 64, 3), np.uint8), 0)  # the models are loaded, and tell of it, with the first
    begun = None
    for now, picture in video.pictures():
        begun = now if begun is None else begun
        found.clear()
        find(picture, round((now - begun) * 1e6) + 1_000)
        joints = LandmarkList.FromString(found[0]).landmark if found else ()
        yield _seen(now - begun, joints)
    graph.close()


def _seen(moment: float, joints: Any) -> Seen:
    if not len(joints):
        return Seen(moment, np.full((33, 3), np.nan, np.float32), np.zeros(33, np.float32))
    positions = np.array([(joint.x, -joint.y, -joint.z) for joint in joints], np.float32)
    positions[[joint.presence < _IN_PICTURE for joint in joints]] = np.nan
    return Seen(moment, positions, np.array([joint.visibility for joint in joints], np.float32))


def recording_of(name: str, seen: list[Seen]) -> tuple[SkeletonSequence, npt.NDArray[np.float32], bool]:
    """Return the recording of what was seen, at one rate.

    Where pictures come at changing times, as phones film them, those are brought to the median rate: a joint
    between two pictures that show it lies on the straight line between its places.

    Args:
        name: what the recording is called.
        seen: one or more.

    Returns:
        The recording; (T, V) confidences; and whether pictures came at changing times.

    Raises:
        DataError: nobody was found.
    """
    times = np.array([one.time for one in seen])
    positions = np.stack([one.positions for one in seen])
    confidence = np.stack([one.confidence for one in seen])
    if np.isnan(positions).all():
        raise DataError(f"nobody was found in {len(seen):,} pictures; is a whole person to be seen?")
    places = np.arange(len(times), dtype=np.float64)
    fps = places[-1] / times[-1] if len(times) > 1 else None
    is_changing = fps is not None and bool(np.abs(times * fps - places).max() > 0.5)
    if is_changing:
        fps = 1 / float(np.median(np.diff(times)))
        check_limit("frames", int(times[-1] * fps), name)
        moments = np.arange(int(times[-1] * fps + 1e-6) + 1) / fps
        places = np.interp(moments, times, places)
        before = places.astype(np.int64)
        after, share = np.minimum(before + 1, len(times) - 1), (places - before)[:, None, None]
        nearest = np.where(share[:, 0, 0] < 0.5, before, after)
        between = (1 - share) * positions[before] + share * positions[after]
        positions = np.where(np.isnan(between), positions[nearest], between).astype(np.float32)
        confidence = confidence[nearest]
    joint_present = np.asarray(np.isfinite(positions).all(axis=2))
    sequence = SkeletonSequence(
        name=name,
        positions=np.nan_to_num(positions)[None],
        present=np.any(joint_present, 1)[None],
        joint_present=joint_present[None],
        topology=MEDIAPIPE_33,
        fps=None if fps is None else round(float(fps), 3),
    )
    return sequence, confidence, is_changing


def _packages(name: str) -> Any:
    """Return OpenCV, silent.

    Raises:
        ConfigurationError: it or MediaPipe is missing.
    """
    from importlib.util import find_spec

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise ConfigurationError(f"{name}: videos need OpenCV and MediaPipe; {INSTALL}") from error
    if find_spec("mediapipe") is None:
        raise ConfigurationError(f"{name}: videos need MediaPipe; {INSTALL}")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


@contextmanager
def _silence() -> Iterator[None]:
    """Close the mouths of libraries that write to the standard error without being asked."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)

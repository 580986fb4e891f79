"""COCO key points: what pose estimators that follow COCO write of a video, one JSON file a video.

What forms such a file may have: see :mod:`skelact.formats.coco_people`.

A joint with a score of 0, or at (0, 0), was not found. Of Halpe's 26 or 136 joints and the whole body's 133,
the first 17 are COCO's; the others are not read. People are linked from frame to frame, see
:mod:`skelact.formats.people`, unless every one has an identity.

Positions are pixels, y down; shares of the image become pixels with its size.

Source: T.-Y. Lin et al., Microsoft COCO, ECCV 2014.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from skelact.formats.coco_people import find_people
from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.json_value import parse_json
from skelact.formats.notes import Note
from skelact.formats.own_recordings import read_content, survey_recordings
from skelact.formats.people import ImageSize, People, frame_steps, seen_joints, sequence_of
from skelact.formats.sample import Sample
from skelact.skeleton.tables import COCO_17
from skelact.skeleton.topology import Topology

SUFFIX = ".json"
WHOLE_BODIES = (26, 133, 136)
"""Joints of skeletons that begin with COCO's: Halpe's, the whole body's, and Halpe's full body's."""
OTHER_JOINTS = "people with more joints than COCO's 17, which are not read"


def read_video(
    file: str,
    name: str,
    data: bytes,
    *,
    topology: Topology | None = None,
    fps: float | None = None,
    min_confidence: float = 0.0,
    image_size: ImageSize | None = None,
) -> LabelledSequence:
    """Read one file.

    Args:
        file: how errors call the file.
        name: the sequence's name.
        data: the file's bytes.
        topology: what the joints are; None: COCO's.
        fps: frames a second, which the file does not tell.
        min_confidence: a joint with a score below it, or of 0, is missing.
        image_size: of the video, where the file does not tell it.

    Raises:
        UnusableRecordingError: the content is no such JSON, or nobody was found.
    """
    expected = topology or COCO_17
    found = find_people(parse_json(file, data), topology is None)
    others = 0
    for number, joints in enumerate(found.joints):
        if len(joints) != expected.num_joints:
            if topology is not None or len(joints) not in WHOLE_BODIES:
                wanted = f"expected {expected.num_joints} of {expected.name}, or the skeleton by --topology"
                found.places[number].fail(f"{len(joints)} joints; {wanted}")
            others += 1
            found.joints[number] = joints[: expected.num_joints]
    every_frame = np.array(sorted(found.frames), np.int64)
    steps, sampled = frame_steps(file, every_frame, "", fps)
    table = np.array(found.joints).reshape(-1, expected.num_joints, 3)
    is_tracked = bool(found.identities) and min(found.identities) >= 0
    people = People(
        steps[np.searchsorted(every_frame, np.array(found.numbers, np.int64))],
        table[..., :2],
        seen_joints(table[..., 2], min_confidence) & table[..., :2].any(2),
        np.array(found.identities, np.int64) if is_tracked else None,
    )
    sequence, notes = sequence_of(
        people,
        file=file,
        name=name,
        topology=expected,
        fps=fps,
        num_frames=int(steps[-1]) + 1,
        image_size=image_size or found.image_size,
    )
    if others:
        notes.append(Note(file, OTHER_JOINTS, others))
    return LabelledSequence(sequence, notes=notes + sampled)


def coco_keypoints_data_set() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="coco-keypoints",
        summary="videos in .json of COCO key points (MMPose, AlphaPose, Ultralytics, rtmlib), a file each",
        suffix=SUFFIX,
        example="jump-01.json",
        recognises=_recognises,
        up="-y",
        unit="px",
        settings={
            "topology": None,
            "fps": None,
            "class_names": None,
            "min_confidence": 0.0,
            "image_size": None,
        },
        survey=partial(survey_recordings, read=partial(read_content, read_video)),
    )


def _recognises(sample: Sample) -> bool:
    is_annotated = sample.has_json_keys(1, "images") and not sample.has_json_keys(1, "bodies")
    return is_annotated or any("keypoints" in keys for keys in sample.json_keys.values())

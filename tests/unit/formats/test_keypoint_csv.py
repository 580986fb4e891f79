"""CSV tables of keypoints: long and wide, by frame or time, with bodies, with what was not seen."""

import re

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.formats.data_set import LabelledSequence
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.keypoint_csv import NO_IMAGE, OTHER_RATE, read_csv
from skelact.formats.notes import Note
from skelact.formats.people import SHARES
from skelact.skeleton.tables import COCO_17, KINECT_20
from skelact.skeleton.topology import Topology

STICK = Topology("stick", ("hips", "head", "hand_left"), (0, 0, 1))
COCO = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee"),
    *("right_knee", "left_ankle", "right_ankle"),
)


REST = "0,head,1,2\n0,hand_left,1,2\n"


def read(text: str, **settings: object) -> LabelledSequence:
    return read_csv("a.csv", "a", text.encode(), **{"topology": STICK} | settings)  # type: ignore[arg-type]


def wide(joints: tuple[str, ...], numbers: np.ndarray, kinds: str = "xyz") -> str:
    names = [f"{joint}_{kind}" for joint in joints for kind in kinds]
    rows = [",".join(map(str, [frame, *row.ravel().tolist()])) for frame, row in enumerate(numbers)]
    return "\n".join([",".join(["frame", *names]), *rows]) + "\n"


def test_long() -> None:
    text = (
        "frame,body,joint,x,y,z,confidence,remark\r\n"
        "10,anna,hips,1,2,3,0.9,a\r\n10,anna,head,1.5,2,3,1,b\r\n10,anna,hand_left,4,5,6,0,c\r\n"
        "12,ben,hips,7,8,9,1,\r\n12,ben,head,,,,,\r\n12,anna,head,-1e-2,2,nan,1,\r\n11,anna,hips,1,1,1,0.2,\r\n"
    )
    found = read(text, min_confidence=0.1)
    sequence = found.sequence
    assert sequence.positions.shape == (2, 3, 3, 3)
    assert sequence.present.tolist() == [[True, True, False], [False, False, True]]
    assert sequence.joint_present is not None
    assert sequence.joint_present[0].tolist() == [[True, True, False], [True, False, False], [False] * 3]
    assert sequence.joint_present[1, 2].tolist() == [True, False, False]
    np.testing.assert_array_equal(sequence.positions[1, 2, 0], [7, 8, 9])
    assert not sequence.positions[~sequence.joint_present].any()
    assert found.notes == [Note("a.csv", "columns that are not read, left out", 1)]


@pytest.mark.parametrize("kinds", ["xy", "xyz", "xyc", "yx"])
def test_wide_by_the_names_of_a_known_skeleton_in_any_order(kinds: str) -> None:
    numbers = np.random.default_rng(0).uniform(0.1, 1, (5, 17, len(kinds))).round(4)
    order = np.random.default_rng(1).permutation(17)
    text = wide(tuple(COCO[place] for place in order), numbers[:, order], kinds)
    sequence = read(text, topology=None).sequence
    assert sequence.topology == COCO_17
    axes = [kinds.index(axis) for axis in "xyz" if axis in kinds]
    np.testing.assert_array_equal(sequence.positions[0], numbers[..., axes].astype(np.float32))
    assert sequence.joint_present is None


def test_every_spelling_of_a_known_skeleton() -> None:
    numbers = np.ones((2, 20, 3))
    assert read(wide(KINECT_20.joints, numbers), topology=None).sequence.topology == KINECT_20
    spelt = tuple(f"{joint.upper()}" for joint in COCO)
    assert read(wide(spelt, np.ones((2, 17, 2)), "xy"), topology=None).sequence.topology == COCO_17
    short = tuple(
        re.sub("(left|right)_(.)", lambda side: side[1][0].upper() + side[2].upper(), one) for one in COCO
    )
    assert read(wide(short, np.ones((2, 17, 2)), "xy"), topology=None).sequence.topology == COCO_17


def test_points_beyond_a_skeleton_are_counted() -> None:
    text = wide(("head", "nose", "hips", "hand_left"), np.arange(24).reshape(2, 4, 3))
    found = read(text)
    np.testing.assert_array_equal(found.sequence.positions[0, 0], [[6, 7, 8], [0, 1, 2], [9, 10, 11]])
    assert found.notes == [Note("a.csv", "points that are no joints of the skeleton, left out", 1)]


def test_joints_that_no_point_is_called_were_not_seen() -> None:
    numbers = np.arange(1, 9, dtype=np.float64).reshape(2, 2, 2)
    found = read(wide(("head", "hand_left"), numbers, "xy"))
    assert found.sequence.joint_present is not None
    assert found.sequence.joint_present[0].tolist() == [[False, True, True]] * 2
    np.testing.assert_array_equal(found.sequence.positions[0, 1], [[0, 0], [5, 6], [7, 8]])
    assert found.notes == [Note("a.csv", "stick without hips, taken as not seen")]


def test_the_known_skeleton_with_the_fewest_other_joints() -> None:
    found = read(wide(COCO[:-1], np.full((2, 16, 2), 50), "xy"), topology=None)
    assert found.sequence.topology == COCO_17
    assert found.notes == [Note("a.csv", "coco-17 without AnkleRight, taken as not seen")]


@pytest.mark.parametrize(
    ("names", "candidates"),
    [
        (("nose", "left_eye"), "coco-17, mediapipe-33, openpose-18, openpose-25"),
        (COCO[5:], "coco-17, h36m-17, kinect-20, mediapipe-33"),  # as many are missing in the first two
    ],
)
def test_names_that_several_skeletons_have_do_not_tell_which_is_meant(
    names: tuple[str, ...], candidates: str
) -> None:
    text = wide(names, np.ones((2, len(names), 2)), "xy")
    with pytest.raises(UnusableRecordingError, match=f"some joints of {candidates}.*: {names[0]}.*; name it"):
        read(text, topology=None)


def test_joints_by_number() -> None:
    text = "frame,joint,x,y\n0,2,5,6\n0,0,1,2\n0,1,3,4\n"
    np.testing.assert_array_equal(read(text).sequence.positions[0, 0], [[1, 2], [3, 4], [5, 6]])
    with pytest.raises(UnusableRecordingError, match="no known skeleton has joints of these names: 2, 0, 1;"):
        read(text, topology=None)


@pytest.mark.parametrize("sign", [";", "\t"])
def test_semicolons_and_seconds_give_the_rate(sign: str) -> None:
    rows = [f"{number / 25:.3f}{sign}1{sign}2{sign}3{sign}4{sign}5{sign}6" for number in (2, 0, 1, 3)]
    text = sign.join(["time", *(f"{joint}.{axis}" for joint in STICK.joints for axis in "xy")])
    sequence = read("\n".join([text, *rows])).sequence
    assert sequence.fps == 25
    assert sequence.num_frames == 4
    assert read("\n".join([text, *rows]), fps=30.0).sequence.fps == 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected names"),
        ("frame,hips_x,hips_y,head_x,head_y\n", "lines below"),
        ("a,b\n1,2\n", "line 1: expected names"),
        ("frame,joint,x,y\n0,hips,1\n", "line 2: 3 fields; expected 4"),
        ("frame,joint,x,y\n0,hips,1,two\n" + REST, "line 2: found 'two'; expected a number"),
        ("frame,joint,x,y\n0,hips,1,1_0\n" + REST, "line 2: found '1_0'"),
        ("frame,joint,x,y\n0,hips,1,inf\n" + REST, "line 2: found 'inf'"),
        ("frame,joint,x,y\n,hips,1,2\n", "line 2: no frame"),
        ("frame,joint,x,y\n0.5,hips,1,2\n", "line 2: expected a whole number under frame"),
        (
            "frame,joint,x,y\n0,hips,1,2\n0,hips,1,2\n" + REST,
            "line 3: 'hips' of a body is there twice in one frame; leave one out",
        ),
        ("frame,joint,x,y\n0,head,1,2\n", "no hips, hand_left, which stick has: head; at least half of the"),
        ("frame,joint,x,y\n0,hips,,\n0,head,,\n0,hand_left,,\n", "at least one joint that was seen"),
        ("frame,joint,x,y\n0,hips,1e39,0\n0,head,1,1\n0,hand_left,1,1\n", "joint hips: expected finite"),
        ('frame,joint,x,y\n0,"hips,1,2\n', "not CSV"),
        ("frame,joint,x,y\n0,\ufeffh\udce4,1,2\n", "not UTF-8"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UnusableRecordingError) as error:
        read_csv("a.csv", "a", text.encode("utf-8", "surrogateescape"), topology=STICK)
    assert str(error.value).startswith("a.csv: ")
    assert message in str(error.value)


@pytest.mark.parametrize("sign", [";", "\t"])
def test_decimal_commas_where_fields_are_separated_by_other_signs(sign: str) -> None:
    lines = [
        "time,joint,x,y",
        *(f"{frame / 10},{joint},{frame}.5,-0.25" for frame in range(3) for joint in STICK.joints),
    ]
    points = "\n".join(lines).replace(",", sign)
    commas = points.replace(".", ",")
    np.testing.assert_array_equal(read(commas).sequence.positions, read(points).sequence.positions)
    assert read(commas).sequence.fps == 10
    with pytest.raises(
        UnusableRecordingError, match="found '0,5'"
    ):  # points and commas: one of them means thousands
        read(points.replace("0.5", "0,5"))


def test_shares_of_an_image_are_told_and_take_its_size() -> None:
    text = "frame,joint,x,y\n0,hips,0.5,0.5\n0,head,0.5,0.25\n0,hand_left,,\n"
    assert [note.what for note in read(text).notes] == [SHARES]
    found = read(text, image_size=(200, 100)).sequence
    np.testing.assert_array_equal(found.positions[0, 0], [[100, 50], [100, 25], [0, 0]])
    assert found.attributes == {"image_height": 100, "image_width": 200}


def test_bodies_seen_in_few_frames_do_not_fill_the_memory() -> None:
    rows = [f"{number},{number},hips,1,2" for number in range(900)]
    with pytest.raises(DataError, match="900 bodies in 900 frames, most of them in few"):
        read("\n".join(["frame,body,joint,x,y", *rows, "0,0,head,1,2", "0,0,hand_left,1,2"]))


def timed(instants: list[float]) -> str:
    rows = [f"{instant},{number},2,3,4,5,6" for number, instant in enumerate(instants)]
    names = [f"{joint}_{axis}" for joint in STICK.joints for axis in "xy"]
    return "\n".join([",".join(["time", *names]), *rows])


def test_instants_without_a_line_are_frames_in_which_nobody_was_seen() -> None:
    found = read(timed([0, 0.1, 0.21, 0.3, 2.3, 2.4, 2.5])).sequence
    assert (found.num_frames, found.fps) == (26, 10)
    assert np.flatnonzero(found.present[0]).tolist() == [0, 1, 2, 3, 23, 24, 25]
    assert found.positions[0, found.present[0], 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("rate", [25, 29.97, 30, 100 / 3, 400 / 7, 59.94, 12.5])
def test_a_rate_is_that_of_the_times_told_to_milliseconds(rate: float) -> None:
    found = read(timed([round(number / rate, 3) for number in range(1000)])).sequence
    assert found.fps == pytest.approx(rate, rel=1e-4)
    assert found.num_frames == 1000


def test_an_image_says_nothing_of_positions_in_space() -> None:
    text = "frame,joint,x,y,z\n0,hips,1,2,3\n0,head,1,2,3\n0,hand_left,1,2,3\n"
    assert [note.what for note in read(text, image_size=(200, 100)).notes] == [NO_IMAGE]


def test_a_rate_that_is_given_against_the_times_is_told() -> None:
    lines = [f"{frame / 50:.2f}," + ",".join(["0.5"] * 34) for frame in range(20)]
    header = "time," + ",".join(f"{joint}_{axis}" for joint in COCO_17.joints for axis in "xy")
    data = "\n".join([header, *lines]).encode()
    for fps, is_told in ((None, False), (50.0, False), (30.0, True)):
        found = read_csv("a.csv", "a", data, fps=fps)
        assert found.sequence.fps == (fps or 50)
        assert (OTHER_RATE in [note.what for note in found.notes]) == is_told

"""Who is in a video: a clip made of a photograph, upright, turned as phones write it, at changing times."""

import json
import struct
from fractions import Fraction
from importlib.util import find_spec

import numpy as np
import pytest
from matplotlib import image
from matplotlib.cbook import get_sample_data

import skelact
from class_folders import in_class_folders
from skelact.cli.main import main
from skelact.errors import DataError
from skelact.formats import video
from skelact.formats.pose_json import read_pose_json
from skelact.recognition.frames import FrameReader
from skelact.skeleton.tables import MEDIAPIPE_33, NTU_25

av = pytest.importorskip("av")
are_there = all(map(find_spec, ("cv2", "mediapipe")))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not are_there, reason=f"needs {video.INSTALL}")]
NOSE, LEFT, RIGHT = (MEDIAPIPE_33.joints.index(each) for each in ("Nose", "ShoulderLeft", "ShoulderRight"))
QUARTER_TURN = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
"""The matrix that a phone held upright writes into the track's header."""


def photograph():
    with get_sample_data("grace_hopper.jpg") as file:
        return image.imread(file, format="jpg")


def write_clip(path, pictures, times):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for picture, moment in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(1000 * moment), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def moving(count):
    picture = photograph()
    return [np.roll(picture, 2 * number, axis=1) for number in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with clips of 1 s at 25 pictures a second; in three of them nobody is."""
    folder = tmp_path_factory.mktemp("films")
    pictures = moving(25)
    pictures[10:13] = [np.zeros_like(pictures[0])] * 3
    write_clip(folder / "clip.mp4", pictures, np.arange(25) / 25)
    lying = write_clip(folder / "phone.mp4", [np.rot90(each) for each in moving(8)], np.arange(8) / 25)
    content = bytearray(lying.read_bytes())
    place = content.index(b"tkhd") + 44
    content[place : place + 36] = struct.pack(">9i", *QUARTER_TURN)
    lying.write_bytes(content)
    write_clip(folder / "empty.mp4", [np.zeros((64, 64, 3), np.uint8)] * 5, np.arange(5) / 25)
    return folder


def read(path):
    return read_pose_json(path.name, path.stem, path.read_bytes()).sequence


def run(capsys, *words):
    status = main([str(word) for word in words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_video_becomes_a_recording_with_pictures_without_anybody_missing(folder, tmp_path, capsys):
    status, told, err = run(capsys, "video", folder / "clip.mp4", "--out", tmp_path / "clip.json")
    assert (status, err) == (0, "")
    assert "25 pictures, 1.0 s, 25 a second" in told
    assert "seen in 22 pictures; 3 pictures without anybody" in told
    found = read(tmp_path / "clip.json")
    assert (found.num_frames, found.num_bodies, found.fps) == (25, 1, 25)
    assert np.flatnonzero(~found.present[0]).tolist() == [10, 11, 12]
    shown = found.positions[0, found.present[0]]
    assert (shown[:, NOSE, 1] > shown[:, [LEFT, RIGHT], 1].max(1)).all()  # y is up
    assert (shown[:, LEFT, 0] > shown[:, RIGHT, 0]).all()  # who looks at the camera has the left at our right
    assert 0.2 < np.linalg.norm(shown[:, LEFT] - shown[:, RIGHT], axis=1).mean() < 0.6  # metres
    knee = MEDIAPIPE_33.joints.index("KneeLeft")
    assert not found.joint_present[0, :, knee].any()  # outside the picture
    assert "% outside the picture, and missing" in told
    store = skelact.prepare("auto", tmp_path / "clip.json", tmp_path / "store", workers=1)
    assert store.topology.joints == MEDIAPIPE_33.joints


def test_a_film_of_a_phone_held_upright_is_turned(folder, tmp_path):
    found = skelact.video(folder / "phone.mp4", out=tmp_path / "phone.json").sequence
    assert found.present.all()
    assert (found.positions[0, :, NOSE, 1] > found.positions[0, :, LEFT, 1] + 0.05).all()


def test_changing_times_become_one_rate(tmp_path):
    times = np.cumsum([0, *[0.03, 0.04, 0.1] * 5])
    clip = write_clip(tmp_path / "phone.mp4", moving(len(times)), times)
    found = skelact.video(clip, out=tmp_path / "phone.json")
    assert found.sequence.fps == pytest.approx(25)
    assert found.sequence.num_frames == int(times[-1] * 25) + 1
    assert f"changing times; joints were brought to {found.sequence.num_frames} frames" in str(found)


def test_what_was_seen_until_ctrl_c_is_written(folder, tmp_path, capsys, monkeypatch):
    pictures = video.Video.pictures

    def stopped(self):
        for number, each in enumerate(pictures(self)):
            if number == 7:
                raise KeyboardInterrupt
            yield each

    monkeypatch.setattr(video.Video, "pictures", stopped)
    status, told, err = run(capsys, "video", folder / "clip.mp4", "--out", tmp_path / "some.json")
    assert (status, err) == (130, "skelact: stopped\n")
    assert "until it was stopped" in told
    assert read(tmp_path / "some.json").num_frames == 7


def test_at_the_limit_what_was_seen_is_written(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SKELACT_LIMITS", "frames=7")
    status, told, err = run(capsys, "video", folder / "clip.mp4", "--out", tmp_path / "some.json")
    assert (status, err) == (0, "")
    assert "the rest was not looked at: " in told
    assert read(tmp_path / "some.json").num_frames == 7


def test_a_camera_is_looked_at_for_some_seconds(folder, tmp_path, capsys, monkeypatch):
    import cv2

    opened, clip = [], str(folder / "clip.mp4")
    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda source: opened.append(source) or real(clip))
    ticks = iter(np.arange(0, 100, 0.04))
    monkeypatch.setattr(video.time, "monotonic", lambda: next(ticks))
    status, told, _ = run(capsys, "video", "0", "--out", tmp_path / "now.json", "--seconds", "0.3")
    assert status == 0
    assert opened == [0]
    assert read(tmp_path / "now.json").num_frames == 8
    assert "0: 8 pictures" in told


def test_frames_are_printed_as_predict_follows_them(folder, capsys):
    status, told, _ = run(capsys, "video", folder / "clip.mp4", "--out", "-")
    assert status == 0
    reader = FrameReader(NTU_25, 3)
    frames = [reader.read(line.encode(), "line") for line in told.splitlines()]
    assert frames[0] is None
    assert [frame.time for frame in frames[1:4]] == pytest.approx([0, 0.04, 0.08])
    assert [len(frame.people) for frame in frames[10:15]] == [1, 0, 0, 0, 1]
    head = NTU_25.joints.index("Head")
    assert np.isfinite(frames[1].people[1][head]).all()


def test_a_model_is_asked_about_a_video(folder, store_path, tmp_path, capsys):
    few = {"size": "tiny", "epochs": 1, "training": {"workers": 0, "tensorboard": False}, "quiet": True}
    encoder = skelact.pretrain(store_path, out=tmp_path / "run", method="mamp", **few)
    in_class_folders(tmp_path / "gestures", 8, {"A010": "clapping", "A026": "hopping"}, seed=1)
    model = skelact.teach(tmp_path / "gestures", out=tmp_path / "model", from_=encoder).path
    capsys.readouterr()
    clips = [folder / name for name in ("clip.mp4", "empty.mp4", "nowhere.mov")]
    status, told, err = run(capsys, "predict", model, *clips, "--json")
    assert status == 2
    (found,) = map(json.loads, told.splitlines())
    assert (found["file"], found["recording"], found["frames"]) == (str(clips[0]), "clip", 25)
    assert len([line for line in err.splitlines() if not line.startswith("note: ")]) == 2
    assert f"skelact: {clips[1]}: nobody was found in 5 pictures" in err
    assert f"skelact: {clips[2]}: no such file" in err


@pytest.mark.parametrize(
    ("source", "words", "told"),
    [
        ("notes.mp4", (), "notes.mp4: not a video that can be read; give a video"),
        ("half.mp4", (), "half.mp4: not a video that can be read"),
        ("nowhere.mp4", (), "nowhere.mp4: no such file; check the path"),
        ("empty.mp4", (), "empty.mp4: nobody was found in 5 pictures"),
        ("97", (), "97: no such camera"),
        ("clip.mp4", ("--seconds", "0"), "--seconds is 0; expected more than 0"),
        ("clip.mp4", ("--out", "taken.json"), "taken.json: exists already"),
        ("clip.mp4", ("--out", "clip.mp4", "--overwrite"), "clip.mp4: is the video itself"),
    ],
)
def test_what_cannot_be_used_is_one_line(folder, tmp_path, capsys, monkeypatch, source, words, told):
    monkeypatch.chdir(tmp_path)
    for name in ("clip.mp4", "empty.mp4"):
        (tmp_path / name).symlink_to(folder / name)
    (tmp_path / "notes.mp4").write_text("no video\n" * 50)
    (tmp_path / "half.mp4").write_bytes((folder / "clip.mp4").read_bytes()[:3000])
    (tmp_path / "taken.json").write_text("{}")
    words = words if "--out" in words else (*words, "--out", "new.json")
    status, out, err = run(capsys, "video", source, *words)
    assert (status, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "new.json").exists()
    assert (tmp_path / "taken.json").read_text() == "{}"


def test_a_folder_of_videos_is_told_what_to_do_first(folder, tmp_path):
    with pytest.raises(DataError, match="this is a video: find who is in it first: skelact video"):
        skelact.prepare("auto", folder, tmp_path / "store", workers=1)


def test_without_mediapipe_the_line_says_how_to_get_it(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    status, _, err = run(capsys, "video", folder / "clip.mp4", "--out", tmp_path / "clip.json")
    assert status == 2
    assert "pip install --no-deps mediapipe==0.10.14" in err

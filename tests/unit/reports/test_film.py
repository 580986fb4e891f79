"""Films of recordings: what is drawn where, how long it is shown, and what is refused."""

import sys

import numpy as np
import pytest
from PIL import Image

import skelact
from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError
from skelact.reports import film
from skelact.reports.player import Played, measured, places_of
from skelact.reports.stage import FINER, GROUND, PEOPLE, RING, Stage
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import TOPOLOGIES

KINECT = TOPOLOGIES["kinect-20"]


def waving(num_frames=24, fps=24.0, bodies=1, joint_present=None):
    """People who stand upright, y up, and lift one arm; the second stands beside the first."""
    rest = np.random.default_rng(0).normal(scale=0.2, size=(20, 3)) * [1, 3, 1]
    positions = np.tile(rest, (bodies, num_frames, 1, 1)).astype(np.float32)
    positions[1:, ..., 0] += 1.5
    hand = KINECT.index("HandRight")
    positions[0, :, hand, 0] += np.linspace(0, 1, num_frames)
    present = np.ones((bodies, num_frames), bool)
    return SkeletonSequence("wave", positions, present, KINECT, joint_present, fps)


def stage_of(sequence):
    played = Played(sequence, up="y", unit="m")
    places, seen = places_of(sequence)
    return Stage(played, places, seen, measured(played, places, seen), (320, 240))


def dot(stage, body, frame, joint):
    x, y, _ = stage._dots(stage.shown[body, frame, joint], frame) / FINER
    return stage.draw(frame).getpixel((round(x), round(y)))


def is_near(colour, other):
    return np.abs(np.subtract(colour, other)).max() < 40


def test_joints_have_the_colour_of_their_number_and_are_hollow_where_they_were_not_seen():
    hand, seen = KINECT.index("HandRight"), np.ones((1, 24, 20), bool)
    seen[0, 12, hand] = False
    whole, part = stage_of(waving()), stage_of(waving(joint_present=seen))
    assert is_near(dot(whole, 0, 12, hand), whole.colours[0, 12, hand])
    assert is_near(dot(part, 0, 12, hand), GROUND)
    assert is_near(dot(part, 0, 18, hand), part.colours[0, 18, hand])


def count_of(image, colour):
    return int((np.abs(np.asarray(image, int) - colour).max(-1) < 12).sum())


def test_prime_joints_alone_are_ringed_and_each_person_has_a_colour():
    stage = stage_of(waving(bodies=2))
    frame = int(stage.told.prime[0].sum(1).argmax())
    ringed = stage.draw(frame)
    stage.told.prime[:] = False
    bare = stage.draw(frame)
    assert count_of(ringed, RING) > 20 > count_of(bare, RING)
    assert min(count_of(bare, colour) for colour in PEOPLE[:2]) > 50
    stage.present[1] = False
    assert count_of(stage.draw(frame), PEOPLE[1]) == 0


def test_everybody_is_on_the_picture():
    stage = stage_of(waving(bodies=2))
    dots = np.stack([stage._dots(stage.shown[:, frame], frame)[..., :2] / FINER for frame in range(24)])
    assert (dots > 0).all()
    assert (dots < (320, 240)).all()
    assert (np.ptp(dots, axis=(0, 1, 2)) > (60, 60)).all(), "and large"


def pictures_of(path):
    with Image.open(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            yield image.convert("RGB"), image.info["duration"]


@pytest.mark.parametrize(("fps", "num_pictures"), [(10.0, 24), (30.0, 12), (None, 12)])
def test_a_gif_lasts_as_long_as_the_recording(fps, num_pictures, tmp_path):
    out = tmp_path / "a.gif"
    assert film.write_film(Played(waving(fps=fps), up="y"), out) == num_pictures
    shown = list(pictures_of(out))
    assert len(shown) == num_pictures
    assert abs(sum(duration for _, duration in shown) - 24 / (fps or 30) * 1000) <= 10
    top = film.TITLE + film.STAGE + 18  # of the cursor, above the map
    cursors = [np.asarray(image)[top].sum(1).argmin() for image, _ in shown]
    assert (np.diff(cursors) > 5).all(), "the cursor goes on"
    film.write_film(Played(waving(fps=fps), up="y"), tmp_path / "b.gif")
    assert out.read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_an_mp4_has_every_frame(tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    film.write_film(Played(waving(), up="y"), tmp_path / "a.mp4")
    num, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "a.mp4"))
    assert (num, seconds) == (24, pytest.approx(1.0, abs=0.05))


def test_the_command_films_a_stretch(small_store, tmp_path, capsys):
    out = tmp_path / "a.gif"
    assert main(["view", f"{small_store.path}:4", "--frames", "10:30", "--out", str(out)]) == 0
    assert len(list(pictures_of(out))) == 10, "of 20 frames at 30 a second every second one"
    assert f"{out.stat().st_size / 1e6:.2f} MB" in capsys.readouterr().out


def test_what_cannot_be_filmed_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    view = skelact.view(np.full((5, 20, 3), np.nan))
    with pytest.raises(DataError, match="nobody is seen"):
        view.save(tmp_path / "a.gif")
    monkeypatch.setattr(film, "MOST_OF_GIF", 5)
    with pytest.raises(
        DataError, match=r"12 pictures are too many for a GIF; film a stretch \(--frames 0:10\)"
    ):
        film.write_film(Played(waving(fps=30.0)), tmp_path / "a.gif")
    monkeypatch.setattr(film, "_ffmpeg", lambda: "/bin/false")
    with pytest.raises(DataError, match=r"a.mp4: cannot be written \(ffmpeg: status 1\)"):
        film.write_film(Played(waving()), tmp_path / "a.mp4")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ConfigurationError, match=r"pip install -c constraints\.txt '\.\[video\]'"):
        skelact.view(waving()).save(tmp_path / "a.mp4")
    with pytest.raises(DataError, match=r"films as .gif or .mp4"):
        skelact.view(waving()).save(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_one_frame_and_people_in_the_plane_are_filmed(tmp_path):
    one = waving(num_frames=1)
    assert film.write_film(Played(one), tmp_path / "one.gif") == 1
    flat = np.random.default_rng(1).normal(size=(1, 6, 20, 2)).astype(np.float32)
    sequence = SkeletonSequence("flat", flat, np.ones((1, 6), bool), KINECT, None, 10.0)
    assert film.write_film(Played(sequence), tmp_path / "flat.gif") == 6


def test_who_wanders_is_followed():
    still, walk = waving(num_frames=60), waving(num_frames=60)
    walk.positions[..., 0] += np.linspace(0, 60, 60)[None, :, None]
    stage = stage_of(walk)
    assert stage.space.wanders
    assert not stage_of(still).space.wanders
    middles = [stage._dots(stage.shown[0, frame], frame)[:, 0].mean() / FINER for frame in (5, 30, 55)]
    assert np.ptp(middles) < 80, "in the picture's middle all the while"


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_a_film_takes_the_place_of_films_alone(ending, small_store, tmp_path):
    place = tmp_path / f"film{ending}"
    place.write_bytes(b"GIF89a of a holiday")
    shown = skelact.view(small_store, frames="0:4")
    with pytest.raises(DataError, match="exists already and is no film of skelact"):
        shown.save(place)
    assert place.read_bytes() == b"GIF89a of a holiday"
    place.unlink()
    shown.save(place)
    shown.save(place)  # in its own place


def test_a_recording_is_not_overwritten_by_what_is_said_of_it(tmp_path):
    wave = tmp_path / "wave.mp4"
    wave.write_bytes(b"film of skelact")
    (tmp_path / "link.mp4").symlink_to(wave)
    with pytest.raises(ConfigurationError, match=r"link\.mp4: is what is asked about"):
        skelact.predict("universal-small", [wave], save_annotated=tmp_path / "link.mp4")
    assert wave.read_bytes() == b"film of skelact"

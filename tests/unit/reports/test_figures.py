import warnings
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.font_manager import fontManager, get_font
from matplotlib.image import imread

from skelact.errors import DataError, SkelactWarning
from skelact.reports.canvas import write_figure
from skelact.reports.figures import confusion_figure, loss_figure
from skelact.reports.skeletons import Recording, density_figure, limb_order, strip_figure
from skelact.skeleton.tables import KINECT_20, NTU_25
from skelact.skeleton.topology import Topology

VERMILION = np.array([0xD5, 0x5E, 0x00]) / 255


def colours(path: Path) -> np.ndarray:
    """The picture's pixels, (height, width, red green blue)."""
    picture = imread(path)
    assert min(picture.shape[:2]) > 200
    return picture[..., :3]


def count(path: Path, colour: np.ndarray) -> int:
    return int((np.abs(colours(path) - colour).max(-1) < 0.02).sum())


def moving(num_frames: int = 32) -> Recording:
    """A body at rest, whose left hand comes to its head."""
    positions = np.repeat(np.random.default_rng(0).normal(size=(1, 25, 3)), num_frames, 0)
    share = np.linspace(0, 1, num_frames)[:, None]
    positions[:, 7] += share * (positions[:, 3] + 0.1 - positions[:, 7])
    return Recording(positions, NTU_25, "walk", None)


def test_loss_curve(tmp_path: Path) -> None:
    history = [{"epoch": epoch, "loss": 1 / (epoch + 1)} for epoch in range(20)]
    write_figure(loss_figure(history), tmp_path / "loss.png")
    write_figure(loss_figure(history[:1], title="one epoch"), tmp_path / "first.png")
    blue = np.array([0x00, 0x72, 0xB2]) / 255
    assert count(tmp_path / "loss.png", blue) > count(tmp_path / "first.png", blue) > 0


@pytest.mark.parametrize("history", [[], [{"epoch": 0}], [{"loss": 1.0}]])
def test_a_loss_curve_needs_epochs_with_losses(history: list[dict[str, float]]) -> None:
    with pytest.raises(DataError, match="not drawn"):
        loss_figure(history)


@pytest.mark.parametrize("num", [1, 4, 70])
def test_confusion_matrix(tmp_path: Path, num: int) -> None:
    names = [f"class {number}" for number in range(num)]
    write_figure(confusion_figure(np.eye(num, dtype=np.int64) * 3, names), tmp_path / "confusion.png")
    full = np.array(matplotlib.colormaps["cividis"](1.0)[:3])
    assert count(tmp_path / "confusion.png", full) > 1000
    with pytest.raises(DataError, match=r"\(2, 3\) for 2 class names"):
        confusion_figure(np.zeros((2, 3)), ["a", "b"])


def test_a_class_without_sequences_is_grey(tmp_path: Path) -> None:
    write_figure(confusion_figure([[2, 1], [0, 0]], ["a", "b"]), tmp_path / "confusion.png")
    write_figure(confusion_figure([[2, 1], [1, 1]], ["a", "b"]), tmp_path / "full.png")
    grey = np.full(3, 0xE6 / 255)
    assert count(tmp_path / "confusion.png", grey) > count(tmp_path / "full.png", grey) + 1000


@pytest.mark.parametrize("topology", [NTU_25, KINECT_20], ids=lambda topology: topology.name)
def test_limb_order_keeps_limbs_together(topology: Topology) -> None:
    order = limb_order(topology)
    assert sorted(order) == list(range(topology.num_joints))
    for joint, parent in topology.bones:
        assert order.index(parent) < order.index(joint)
    names = [topology.joints[joint] for joint in order]
    place = names.index("ShoulderLeft")
    assert names[place : place + 4] == ["ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft"]


def test_a_strip_marks_prime_joints_and_names_the_most_prime(tmp_path: Path) -> None:
    figure = strip_figure(moving())
    axes = figure.axes[0]
    assert axes.get_title(loc="left").startswith("walk\nmost prime: ")
    first = axes.get_title(loc="left").split("most prime: ")[1].split(", ")
    assert len(first) == 6
    assert "HandLeft" in first
    assert "density of joint positions" in axes.get_xlabel()
    write_figure(figure, tmp_path / "some.png")
    still = moving()
    still.positions[:] = still.positions[:1]
    write_figure(strip_figure(still), tmp_path / "none.png")
    legend = count(tmp_path / "none.png", VERMILION)
    assert count(tmp_path / "some.png", VERMILION) > 3 * legend > 0


def test_joints_that_were_not_seen_are_not_drawn() -> None:
    recording = moving()
    recording.positions[:, 12:20] = np.nan  # the legs
    plain, prime = strip_figure(recording).axes[0].collections[1:]
    assert len(plain.get_offsets()) + len(prime.get_offsets()) == 8 * 25
    assert np.isnan(np.asarray(plain.get_offsets().filled(np.nan))).any(1).sum() == 8 * 8


def test_a_density_map_shows_when_and_where(tmp_path: Path) -> None:
    recording = moving()
    figure = density_figure(recording)
    (image,) = figure.axes[0].images
    order = limb_order(NTU_25)
    assert image.get_array().argmax() // 32 in (order.index(7), order.index(3))
    write_figure(figure, tmp_path / "steps.png")
    assert colours(tmp_path / "steps.png").std() > 0.1


def test_a_recording_comes_from_a_store(small_store) -> None:
    recording = Recording.of(small_store, 7)
    assert recording.positions.shape == (32, 25, 3)
    assert recording.title == "sequence7: d"
    assert recording.frame_seconds == pytest.approx(120 * 0.95 / 30 / 32)


def test_files_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    figure = loss_figure([{"epoch": 0, "loss": 1.0}])
    with pytest.raises(DataError, match=r"written as .png, .svg, .pdf"):
        write_figure(figure, tmp_path / "loss.jpg")
    with pytest.raises(DataError, match="cannot be written"):
        write_figure(figure, tmp_path / "no" / "loss.png")


def test_a_dollar_sign_is_one_and_what_no_font_has_is_said(tmp_path: Path, monkeypatch) -> None:
    usual = [font for font in fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(fontManager, "ttflist", usual)
    names = ["a$b_{", "$x^2$", "喝水"]
    figure = confusion_figure(np.eye(3), names, title="$$")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        write_figure(figure, tmp_path / "it.png")
    assert [warning.category for warning in found] == [SkelactWarning]
    assert "no font of this machine has the letters 喝 水" in str(found[0].message)
    labels = figure.axes[0].get_xticklabels()
    assert [label.get_text() for label in labels] == names
    assert not any(label.get_parse_math() for label in labels)


def test_a_font_that_has_the_letters_is_taken(tmp_path: Path) -> None:
    letters = "喝水"
    known = [
        font
        for font in fontManager.ttflist
        if "Last Resort" not in font.name
        and {*map(ord, letters)} <= get_font(font.fname).get_charmap().keys()
    ]
    if not known:
        pytest.skip("no font here has Chinese letters")
    figure = confusion_figure(np.eye(1), [letters])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_figure(figure, tmp_path / "it.png")
    assert figure.axes[0].get_xticklabels()[0].get_fontfamily()[1] in {font.name for font in known}


@pytest.mark.parametrize(("up", "head_is_above"), [("y", True), ("-y", False), ("z", False)])
def test_what_is_up_is_drawn_upwards(up: str, head_is_above: bool) -> None:
    recording = moving()
    recording.positions[:] = 0.01 * np.arange(25)[:, None]
    recording.positions[:, NTU_25.index("Head"), :2] = 0.0, 2.0
    figure = strip_figure(replace(recording, up=up, unit="px"))
    (axes, *_) = figure.axes
    heights = np.concatenate([each.get_offsets()[:, 1] for each in axes.collections[1:]])
    assert bool(heights.max() == 2.0) is head_is_above
    assert axes.get_ylabel() == "height (px)"


def test_a_font_of_last_resort_has_no_letters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    last = [font for font in fontManager.ttflist if font.name == "DejaVu Sans" or "Last Resort" in font.name]
    monkeypatch.setattr(fontManager, "ttflist", last)
    with pytest.warns(SkelactWarning, match="no font of this machine has the letters 手 挥"):
        write_figure(confusion_figure(np.eye(2, dtype=np.int64), ["挥手", "walk"]), tmp_path / "names.png")

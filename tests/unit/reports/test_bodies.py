"""Prime joints on bodies: what is counted, which body is drawn, and figures in the columns of a paper."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from skelact.cli.main import main
from skelact.reports.bodies import bodies_figure, prime_bodies
from skelact.reports.canvas import WIDTHS, fit_columns, write_figure
from skelact.reports.skeletons import joint_map
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import TOPOLOGIES
from skelact.store.in_memory import store_in_memory

KINECT = TOPOLOGIES["kinect-20"]
HAND = KINECT.index("HandRight")


def store_of(*sequences):
    store = store_in_memory(sequences, up="y", unit="m")
    arrays = {**store.arrays, "label": np.zeros(len(sequences), np.int32)}
    return replace(store, arrays=arrays, meta={**store.meta, "class_names": ["waving"]})


def waving(name, *, far=0.5, bodies=1):
    rest = np.random.default_rng(0).normal(scale=0.2, size=(20, 3)) * [1, 3, 1]
    positions = np.tile(rest, (bodies, 40, 1, 1))
    positions[1:, ..., 0] += 1.5
    positions[:, :, HAND, 0] += far * np.sin(np.linspace(0, 9, 40))
    return SkeletonSequence(
        name, positions.astype(np.float32), np.ones((bodies, 40), bool), KINECT, None, 30.0
    )


def test_the_hand_that_waves_is_prime_by_both_and_alone_moves():
    [found] = prime_bodies(store_of(waving("a"), waving("b")), [0])
    assert (found.name, found.num_sequences) == ("waving", 2)
    assert found.most(found.by_motion, KINECT)[0] == found.most(found.by_density, KINECT)[0] == "HandRight"
    assert np.flatnonzero(found.by_motion[0]).tolist() == [HAND]
    near = np.flatnonzero(found.by_density[0])
    assert len(near) > 1, "what it comes near changes as well"
    assert 0 < found.overlap < 1


def test_the_body_that_is_drawn_is_like_the_others():
    odd = waving("odd")
    odd.positions[0, :, 3] += 5
    [found] = prime_bodies(store_of(waving("a"), odd, waving("b")), [0])
    [usual] = prime_bodies(store_of(waving("a"), waving("b")), [0])
    np.testing.assert_allclose(found.pose, usual.pose)
    assert np.isfinite(found.pose).all()


def test_two_people_are_drawn_side_by_side(tmp_path):
    store = store_of(waving("a", bodies=2))
    found = prime_bodies(store, [0])
    assert found[0].pose.shape == (2, 20, 2)
    figure = bodies_figure(found, KINECT, "pairs")
    [panel] = [axes for axes in figure.axes if axes.get_title()]
    assert sum(len(part.get_offsets()) for part in panel.collections[1::2]) == 2 * 2 * 20
    write_figure(figure, tmp_path / "a.png", "two")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width == pytest.approx(WIDTHS["two"] * 300, abs=1)


def test_panels_of_a_row_are_as_tall_and_stand_on_one_line():
    [slim] = prime_bodies(store_of(waving("a")), [0])
    figure = bodies_figure([replace(slim, pose=slim.pose * [4, 1]), slim], KINECT, "both")
    figure.draw_without_rendering()
    boxes = [axes.get_window_extent() for axes in figure.axes if axes.get_title()]
    assert len(boxes) == 2
    assert boxes[0].y0 == pytest.approx(boxes[1].y0, abs=0.5)
    assert boxes[0].height == pytest.approx(boxes[1].height, abs=0.5)


def test_the_command_prints_what_it_draws(small_store, tmp_path, capsys):
    out = tmp_path / "a.svg"
    assert main(["figures", "bodies", "--data", str(small_store.path), "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all("; by motion " in line and line.endswith("alike") for line in lines[:4])
    assert (
        main(["figures", "bodies", "--data", str(small_store.path), "--out", str(out), "--classes", "[e]"])
        == 2
    )
    assert "no class 'e'" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["one", "two"])
def test_figures_fit_the_columns_of_a_paper_and_stay_readable(columns, tmp_path):
    def figure():
        return joint_map(np.random.default_rng(0).random((20, 20)), KINECT, "change", title="a")

    drawn = figure()
    smallest = min(text.get_fontsize() for text in drawn.findobj(Text))
    fit_columns(drawn, WIDTHS[columns])
    assert drawn.get_size_inches()[0] == WIDTHS[columns]
    assert min(text.get_fontsize() for text in drawn.findobj(Text)) >= 0.75 * smallest
    drawn.canvas.draw()
    boxes = [label.get_window_extent() for label in drawn.axes[0].get_yticklabels()]
    gaps = np.diff(sorted(box.y0 for box in boxes))
    assert gaps.min() > 0.8 * boxes[0].height, "joints' names stand one below the other"
    write_figure(figure(), tmp_path / "a.pdf", columns)
    content = (tmp_path / "a.pdf").read_bytes()
    assert f"{WIDTHS[columns] * 72:g}".encode() in content
    assert b"/FontFile2" in content, "the fonts are in the file"
    assert b"/Type3" not in content.replace(b" ", b"")

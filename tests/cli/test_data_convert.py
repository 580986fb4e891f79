"""`skelact data convert` as a user meets it."""

from pathlib import Path

import numpy as np
import pytest

from skelact.cli.main import main
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

Capture = pytest.CaptureFixture[str]


def test_a_store_in_another_topology(small_store: Store, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    arguments = ["data", "convert", str(small_store.path), str(out), "--topology", "h36m-17"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert "ntu-25 -> h36m-17: of 17 joints 15 mapped, 0 synthesised, 2 missing" in captured.out
    assert "10 sequences" in captured.out
    assert captured.err == ""
    assert Store.open(out).topology.name == "h36m-17"
    assert main(arguments) == 2
    assert main([*arguments, "--overwrite"]) == 0


def test_a_topology_of_ones_own(small_store: Store, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "arms.yaml"
    path.write_text(
        "name: arms\njoints: [neck, left_wrist, right_wrist]\n"
        "parents: {left_wrist: neck, right_wrist: neck}\n"
    )
    assert (
        main(["data", "convert", str(small_store.path), str(tmp_path / "out"), "--topology", str(path)]) == 0
    )
    assert "3 mapped" in capsys.readouterr().out
    assert Store.open(tmp_path / "out").topology.joints == ("neck", "left_wrist", "right_wrist")


def test_the_same_skeleton_in_half_the_space(small_store: Store, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    arguments = ["data", "convert", str(small_store.path), str(out), "--topology", "ntu-25"]
    assert main([*arguments, "--positions", "int16"]) == 0
    assert "10 sequences" in capsys.readouterr().out
    assert Store.open(out).position_type == "int16"


def test_what_is_left_out_is_told(tmp_path: Path, capsys: Capture) -> None:
    with StoreWriter(
        tmp_path / "store", data_set="d", topology=NTU_25, class_names=["a"], fps=None, options={}
    ) as writer:
        for name, farthest in (("near", 2), ("far", 200)):
            positions = np.full((1, 3, 25, 3), farthest, np.float32)
            writer.add(SkeletonSequence(name, positions, np.ones((1, 3), np.bool_), NTU_25))
        store, out = writer.finish(), tmp_path / "out"
    arguments = ["data", "convert", str(store.path), str(out), "--topology", "ntu-25"]
    assert main([*arguments, "--positions", "int16"]) == 0
    shown = capsys.readouterr().out
    assert f"left out  1, listed in {out / 'excluded.csv'}\n{'':10}1  too far from the origin" in shown


@pytest.mark.parametrize(
    ("topology", "expected"),
    [("ntu25", "did you mean 'ntu-25'?"), ("nowhere.yaml", "nowhere.yaml: cannot be read")],
)
def test_mistakes_are_one_line_and_status_2(
    small_store: Store, tmp_path: Path, capsys: Capture, topology: str, expected: str
) -> None:
    out = tmp_path / "out"
    assert main(["data", "convert", str(small_store.path), str(out), "--topology", topology]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert not out.exists()

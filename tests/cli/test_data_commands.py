"""`skelact data prepare`, `info` and `verify` as a user meets them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skelact.cli.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def raw(ntu_text: Callable[..., bytes], tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    joints = np.random.default_rng(0).normal(size=(25, 3))
    for subject, camera in ((1, 1), (2, 2), (3, 3)):
        data = ntu_text([[(7, joints)]] * 5)
        (folder / f"S001C{camera:03}P{subject:03}R001A001.skeleton").write_bytes(data)
    (folder / "S001C001P001R002A001.skeleton").write_bytes(b"1\n0\n")
    return folder


def test_prepare_then_info_then_verify(raw: Path, tmp_path: Path, capsys: Capture) -> None:
    store = tmp_path / "store"
    assert main(["data", "prepare", "ntu60", str(raw), str(store), "--workers", "1"]) == 0
    captured = capsys.readouterr()
    assert "3 of 4 files, 15 frames" in captured.out
    assert "1  no body in any frame" in captured.out
    assert captured.err == ""  # no progress line where there is no terminal
    assert (
        (store / "excluded.csv")
        .read_text()
        .splitlines()[1]
        .startswith("S001C001P001R002A001.skeleton,no body")
    )

    assert main(["data", "info", str(store)]) == 0
    shown = capsys.readouterr().out
    for expected in ("ntu-25: 25 joints", "2 training, 1 test", "drink water 3", "1 of 60 have sequences"):
        assert expected in shown

    assert main(["data", "verify", str(store)]) == 0
    assert "sound, 3 sequences" in capsys.readouterr().out

    with (store / "joints.bin").open("r+b") as file:
        file.write(b"\1")
    assert main(["data", "verify", str(store)]) == 1
    assert "DAMAGED, 1 problem;" in capsys.readouterr().out


def test_options_reach_the_store(raw: Path, tmp_path: Path, capsys: Capture) -> None:
    arguments = ["data", "prepare", "ntu120", str(raw), str(tmp_path / "store")]
    assert main([*arguments, "--no-centre", "--workers", "2"]) == 0
    assert main(["data", "info", str(tmp_path / "store")]) == 0
    shown = capsys.readouterr().out
    assert "ntu120, made with centred False, cleaning 1" in shown
    assert "no training sequence under xset" in shown
    assert main(arguments) == 2
    assert main([*arguments, "--overwrite"]) == 0


def test_positions_in_half_the_space(raw: Path, tmp_path: Path, capsys: Capture) -> None:
    store, exact = tmp_path / "store", tmp_path / "exact"
    assert main(["data", "prepare", "ntu60", str(raw), str(store), "--positions", "int16"]) == 0
    assert main(["data", "prepare", "ntu60", str(raw), str(exact)]) == 0
    assert main(["data", "verify", str(store)]) == 0
    capsys.readouterr()
    for path, expected in (
        (store, "positions   3-D, in m, y is up; int16, each coordinate off by at most 0.0"),
        (exact, "float32, exact"),
    ):
        assert main(["data", "info", str(path)]) == 0
        assert expected in capsys.readouterr().out
    assert (store / "joints.bin").stat().st_size * 2 == (exact / "joints.bin").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["prepare", "ntu60", "RAW", "STORE", "--positions", "float16"], "positions"),
        (["prepare", "ntu6", "RAW", "STORE"], "no data set 'ntu6' (did you mean 'ntu60'?)"),
        (["prepare", "ntu60", "nowhere", "STORE"], "nowhere: no such folder or file"),
        (["prepare", "msr-action3d", "RAW", "STORE"], "no recording of msr-action3d in 4 files"),
        (["prepare", "ntu60", "RAW", "STORE", "--workers", "0"], "--workers is 0; expected 1 or more"),
        (["prepare", "ntu60", "RAW", "STORE", "--workers", "many"], "workers"),
        (["prepare", "ntu60", "RAW", "STORE", "--strict"], "stopped by --strict"),
        (["prepare", "ntu60", "RAW"], "arguments are required: STORE"),
        (["prepare", "ntu60", "RAW", "RAW", "--overwrite"], "exists already and is no store"),
        (["prepare", "ntu60", "RAW", ".", "--overwrite"], "exists already and is no store"),
        (["prepare", "ntu60", "RAW", "/"], "has no name"),
        (["prepare", "ntu60", "RAW", ""], "expected a path"),
        (["info", "nowhere"], "nowhere: not a store, there is no such folder"),
        (["verify", "RAW"], "not a store, meta.json is missing"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    raw: Path, tmp_path: Path, capsys: Capture, arguments: list[str], expected: str
) -> None:
    places = {"RAW": str(raw), "STORE": str(tmp_path / "store")}
    assert main(["data", *(places.get(argument, argument) for argument in arguments)]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not (tmp_path / "store").exists()

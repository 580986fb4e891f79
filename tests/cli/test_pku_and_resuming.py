"""`skelact data prepare` on trees as they are published, after it was stopped, and in parts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skelact.cli.main import main
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

Capture = pytest.CaptureFixture[str]


def test_pku_trimmed_and_untrimmed(golden_dir: Path, tmp_path: Path, capsys: Capture) -> None:
    raw, store = str(golden_dir / "pku_synthetic"), tmp_path / "store"
    command = ["data", "prepare", "pku2", raw, str(store), "--workers", "1"]
    assert main([*command, "--max-frames", "300", "--no-centre"]) == 0
    assert "23 sequences of 25 files" in capsys.readouterr().out
    assert main(["data", "info", str(store)]) == 0
    shown = capsys.readouterr().out
    for expected in ("max_frames 300", "xsub        15 training, 8 test", "   L 8   M 7   R 8"):
        assert expected in shown
    assert main([*command, "--untrimmed", "--overwrite"]) == 0
    assert (store / "intervals.csv").read_text().startswith("recording,action,start,end\nA01N01-L,")
    assert main(["data", "verify", str(store)]) == 0
    assert "sound, 6 sequences" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["pku1", "--max-frames", "0"], "--max-frames is 0; expected 1 or more"),
        (["pku1", "--max-frames", "9", "--untrimmed"], "leave it out with --untrimmed"),
        (["ntu60", "--max-frames", "9"], "--max-frames means nothing to ntu60, only to pku1, pku2"),
        (["ntu60", "--untrimmed"], "--untrimmed means nothing to ntu60, only to pku1, pku2"),
    ],
)
def test_mistakes(
    golden_dir: Path, tmp_path: Path, capsys: Capture, arguments: list[str], expected: str
) -> None:
    data_set, *options = arguments
    raw = str(golden_dir / "pku_synthetic")
    assert main(["data", "prepare", data_set, raw, str(tmp_path / "store"), *options]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("second_folder", ["nturgb+d_skeletons120", "nturgb+d_skeletons_120"])
def test_the_published_ntu_tree(
    second_folder: str, ntu_text: Callable[..., bytes], tmp_path: Path, capsys: Capture
) -> None:
    raw = tmp_path / "data" / "nturgbd_raw"
    data = ntu_text([[(7, np.random.default_rng(0).normal(size=(25, 3)))]] * 3)
    names = {"nturgb+d_skeletons": "S017C001P003R001A008", second_folder: "S018C001P046R002A061"}
    for folder, name in names.items():
        (raw / folder).mkdir(parents=True)
        (raw / folder / f"{name}.skeleton").write_bytes(data)
    for data_set, expected in (("ntu60", ["S017C001P003R001A008"]), ("ntu120", sorted(names.values()))):
        store = tmp_path / data_set
        assert main(["data", "prepare", data_set, str(raw), str(store), "--workers", "1"]) == 0
        assert Store.open(store).names == expected
    assert "1 of 2 files" in capsys.readouterr().out


def test_a_stopped_preparation_starts_over(
    ntu_text: Callable[..., bytes], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, store = tmp_path / "raw", tmp_path / "store"
    raw.mkdir()
    data = ntu_text([[(7, np.random.default_rng(0).normal(size=(25, 3)))]] * 3)
    for number in range(5):
        (raw / f"S001C001P00{number + 1}R001A001.skeleton").write_bytes(data)
    command = ["data", "prepare", "ntu60", str(raw), str(store), "--workers", "1"]
    append = StoreWriter.append

    def interrupted(self: StoreWriter, *arguments: object) -> None:
        if len(self) == 3:
            raise KeyboardInterrupt
        append(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "append", interrupted)
        assert main(command) == 130
    assert capsys.readouterr().err == "skelact: stopped\n"
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    assert main(["data", "info", str(store)]) == 2
    assert "there is no such folder; make one with 'skelact data prepare'" in capsys.readouterr().err
    assert main(command) == 0
    assert "5 of 5 files" in capsys.readouterr().out


def test_parts_on_the_command_line(ntu_text: Callable[..., bytes], tmp_path: Path, capsys: Capture) -> None:
    raw, store = tmp_path / "raw", tmp_path / "store"
    raw.mkdir()
    data = ntu_text([[(7, np.random.default_rng(0).normal(size=(25, 3)))]] * 3)
    for number in range(5):
        (raw / f"S001C001P00{number + 1}R001A001.skeleton").write_bytes(data)
    command = ["data", "prepare", "ntu60", str(raw), str(store), "--workers", "1"]
    for shard, files in (("2/2", 3), ("1/2", 2)):
        assert main([*command, "--shard", shard]) == 0
        shown = capsys.readouterr().out
        assert f"{files} of {files} files" in shown
        assert f"part {shard}; once all are there, the command without --shard joins them" in shown
    assert main([*command, "--shard", "1/2"]) == 0
    assert "part 1/2 was finished before, and is left as it is" in capsys.readouterr().out
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "5 of 5 files" in shown
    assert "joined from store.part-*-of-2, which may be removed now" in shown
    assert len(Store.open(store)) == 5


@pytest.mark.parametrize(
    ("shard", "expected"),
    [
        ("2", "--shard '2': expected I/N, part I of N, e.g. 1/4"),
        ("0/2", "--shard 0/2: expected I/N, part I of N, with I from 1 to N"),
        ("3/2", "--shard 3/2: expected I/N, part I of N, with I from 1 to N"),
        ("1/7", "--shard 1/7: there is 1 recording to share; expected no more parts"),
    ],
)
def test_shards_that_are_none(
    shard: str, expected: str, ntu_text: Callable[..., bytes], tmp_path: Path, capsys: Capture
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "S001C001P001R001A001.skeleton").write_bytes(ntu_text([[(7, np.ones((25, 3)))]]))
    assert main(["data", "prepare", "ntu60", str(raw), str(tmp_path / "store"), "--shard", shard]) == 2
    shown = capsys.readouterr().err
    assert expected in shown
    assert shown.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]

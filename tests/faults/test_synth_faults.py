"""What a user can do wrong with ``skelact data synth``: one line that names the option and the remedy."""

from pathlib import Path

import pytest

from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError
from skelact.formats.ntu import NtuName
from skelact.synthetic import simulate, write_data_set

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("sequences", [0, -3, 10**7])
def test_counts_out_of_range(tmp_path: Path, sequences: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"sequences: got {sequences}, expected 1 to \d+"):
        write_data_set(tmp_path, sequences=sequences, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_a_negative_seed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="seed: got -1, expected 0 or more"):
        write_data_set(tmp_path, sequences=1, seed=-1)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (["A10"], r"no action 'A10' \(did you mean 'A0?10?'"),
        ([], "none given"),
        (["A010", "A010"], "A010, A010 names an action twice"),
    ],
)
def test_wrong_actions(tmp_path: Path, actions: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        write_data_set(tmp_path, sequences=1, seed=0, actions=actions)


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(DataError, match="the folder is not empty"):
        write_data_set(tmp_path, sequences=1, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(DataError, match="is a file, expected a folder"):
        write_data_set(tmp_path / "out", sequences=1, seed=0)


@pytest.mark.parametrize("name", [NtuName(1, 4, 1, 1, 1), NtuName(1, 1, 1, 3, 1), NtuName(1, 1, 1, 1, 2)])
def test_a_recording_that_the_generator_does_not_have(name: NtuName) -> None:
    with pytest.raises(ConfigurationError, match="not a recording of this generator"):
        simulate(name, 0)


def test_the_command_line_says_it_in_one_line(tmp_path: Path, capsys: Capture) -> None:
    assert main(["data", "synth", str(tmp_path / "out"), "--sequences", "-1"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("skelact: sequences: got -1")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_command_line_names_a_wrong_action(tmp_path: Path, capsys: Capture) -> None:
    assert main(["data", "synth", str(tmp_path / "out"), "--actions", "A010,clapping"]) == 2
    assert "no action 'clapping'" in capsys.readouterr().err


def test_the_command_writes_and_sums_up(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    options = ["--sequences", "4", "--seed", "2", "--actions", "A010,A055"]
    assert main(["data", "synth", str(out), *options]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = dict(line.split(maxsplit=1) for line in captured.out.splitlines())
    assert lines["files"] == "4"
    assert lines["actions"] == "2"
    assert len(list(out.glob("S*C*P*R*A*.skeleton"))) == 4

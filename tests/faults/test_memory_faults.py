"""Settings that ask for more memory than there is: one line, and nothing is taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skelact.cli import main as cli
from skelact.errors import ConfigurationError
from skelact.synthetic import write_data_set
from skelact.training.config import TrainingConfig
from skelact.training.devices import make_fabric


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    write_data_set(folder / "raw", sequences=4, seed=1)
    words = ["data", "prepare", "ntu60", str(folder / "raw"), str(folder / "store"), "--workers", "1"]
    assert cli.main(words) == 0
    return folder / "store"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "--frames=1000000000",
            "--frames: 1,000,000,000, and the most of frames of one",
        ),
        ("--bodies=1000000", "--bodies: 1,000,000, and the most of bodies of one recording is 1,000"),
        (f"--frames={1 << 62}", "and the most of frames"),
        (f"--bodies={1 << 63}", "--bodies is '9223372036854775808', expected a whole number"),
    ],
)
def test_an_export_is_as_long_as_a_recording_may_be(store, tmp_path, capsys, setting, message):
    words = ["data", "export", str(store), str(tmp_path / "out.npz"), "--format", "padded-npz"]
    assert cli.main([*words, "--protocol", "xsub", setting]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (f"--hidden-width={1 << 62}", "--limit parameters="),
        ("--training.lr=1e300", "expected a number of at most 3.4e+38"),
        ("--share=.inf", "a share of inf is none; expected one in (0, 1]"),
        ("--share=-.inf", "a share of -inf is none"),
        ("--training.weight_decay=nan", "--training.weight_decay is 'nan', expected a number"),
    ],
)
def test_settings_that_no_machine_has(store, tmp_path, capsys, setting, message):
    words = ["evaluate", "supervised", "--data", str(store), "--protocol", "xsub", "--size", "tiny"]
    words += ["--training.accelerator", "cpu", "--epochs", "1", "--out", str(tmp_path / "out"), setting]
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_no_machine_starts_a_thousand_processes():
    with pytest.raises(ConfigurationError, match=r"training.devices is 1000, expected up to 256 processes"):
        make_fabric(TrainingConfig(devices=1000, batch_size=1000, accelerator="cpu"))


def takes_too_much_of_numpy():
    np.zeros(1 << 58, np.uint8)


def takes_too_much_of_torch():
    torch.empty(1 << 58, dtype=torch.uint8)


@pytest.mark.parametrize("work", [takes_too_much_of_numpy, takes_too_much_of_torch])
def test_memory_that_is_not_there_is_one_line(monkeypatch, capsys, work):
    monkeypatch.setattr(cli, "parse", lambda _: (work, {}))
    assert cli.main(["data"] * 3) == 2
    error = capsys.readouterr().err
    assert error.startswith("skelact: out of memory (")
    assert error.count("\n") == 1


def test_other_errors_of_the_run_time_are_not_swallowed(monkeypatch):
    def breaks():
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(cli, "parse", lambda _: (breaks, {}))
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        cli.main(["data"] * 3)

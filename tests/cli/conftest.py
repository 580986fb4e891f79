"""A small prepared data set, shared by the tests of the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skelact.cli.main import main
from skelact.synthetic import write_data_set


@pytest.fixture(scope="session")
def raw_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw") / "raw"
    write_data_set(folder, sequences=62, seed=1)
    return folder


@pytest.fixture(scope="session")
def store_path(raw_folder: Path) -> Path:
    path = raw_folder.parent / "store"
    assert main(["data", "prepare", "ntu60", str(raw_folder), str(path), "--workers", "1"]) == 0
    return path


@pytest.fixture(scope="session")
def tiny_run(store_path: Path) -> Path:
    path = store_path.parent / "run"
    assert main(_pretrain_arguments(store_path, path)) == 0
    return path


def _pretrain_arguments(store: Path, out: Path, *more: str) -> list[str]:
    options = {"--data": store, "--protocol": "xsub", "--method": "stjd-mp", "--size": "tiny", "--out": out}
    listed = [str(word) for pair in options.items() for word in pair]
    few = ["--epochs", "3", "--training.checkpoint_every", "1", "--training.tensorboard", "false"]
    return ["pretrain", *listed, *few, *more]


@pytest.fixture(scope="session")
def pretrain_arguments() -> Callable[..., list[str]]:
    """Return a function of store, run folder and further options that gives a tiny run's command line."""
    return _pretrain_arguments

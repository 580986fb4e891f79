"""What lies in a run folder is edited before the run goes on: one line, or the promised warning."""

import json
import shutil

import pytest

from faults.mutations import in_place_of
from skelact.cli.main import main
from skelact.synthetic import write_data_set

CHANGES = {
    "config.yaml": (
        "a: &a [*a]",
        "[" * 5000,
        "3",
        "",
        "\x00",
        "method: {x: 1}",
        "init_weights: 3",
        "? [1]\n: 2",
    ),
}


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Return a store and a run that was finished and lost its card."""
    folder = tmp_path_factory.mktemp("resume")
    write_data_set(folder / "raw", sequences=62, seed=1)
    words = ["data", "prepare", "ntu60", str(folder / "raw"), str(folder / "store"), "--workers", "1"]
    assert main(words) == 0
    words = f"pretrain --data {folder}/store --protocol xsub --method mamp --size tiny --out {folder}/run"
    command = [*words.split(), "--epochs", "2", "--training.tensorboard", "false"]
    assert main(command) == 0
    (folder / "run" / "card.json").unlink()
    return folder, [*command, "--resume"]


@pytest.fixture
def resumed(started, tmp_path, capsys):
    """Return a copy of the run, and a function that goes on with it: the status, and what is said."""
    folder, command = started
    shutil.copytree(folder / "run", tmp_path / "run")
    words = [str(tmp_path / "run") if word == str(folder / "run") else word for word in command]

    def resume():
        capsys.readouterr()
        return main(words), capsys.readouterr().err.splitlines()

    return tmp_path / "run", resume


def test_the_run_goes_on(resumed):
    run, resume = resumed
    assert resume() == (0, [])
    assert json.loads((run / "card.json").read_text())["method"] == "mamp"


@pytest.mark.parametrize("text", CHANGES["config.yaml"])
def test_a_configuration_that_is_none(resumed, text):
    run, resume = resumed
    (run / "config.yaml").write_text(text)
    status, (said,) = resume()
    assert status == 2
    assert said.startswith(f"skelact: {run}: ")
    assert not (run / "card.json").exists()


@pytest.mark.parametrize("what", ["a folder", "a pipe", "a link to /dev/zero", "a link to nothing", "NULs"])
@pytest.mark.parametrize("name", ["config.yaml", "metrics.jsonl", "checkpoints"])
def test_what_is_no_file(resumed, name, what):
    run, resume = resumed
    path = run / name
    if name == "checkpoints":
        (path,) = path.iterdir()
    in_place_of(path, what)
    status, said = resume()
    if name == "metrics.jsonl" and what == "NULs":
        assert status == 0
        return
    assert status == 2
    assert said[-1].startswith(f"skelact: {run}")
    assert len(said) == (2 if name == "checkpoints" else 1)

"""Hostile and odd YAML in the place of a configuration, a topology, a suite or a run's own file."""

from __future__ import annotations

from contextlib import suppress

import pytest

from skelact.api.evaluations.inputs import training_settings
from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.settings import FinetuneConfig
from skelact.training.run_folder import read_settings

SOUND = "data: [nowhere]\nprotocol: [xsub]\n"
HOSTILE = {
    "deep list": "a: " + "[" * 100_000,
    "deep table": "{" * 50_000,
    "deep blocks": "- " * 100_000,
    "laughs": "a: &a [x,x]\n" + "".join(f"{b}: &{b} [*{a},*{a}]\n" for a, b in ("ab", "bc", "cd", "de")),
    "self": "training: &a\n  epochs: *a\n",
    "merged with itself": "training: &a {<<: *a}\n",
    "python": "!!python/object/apply:os.system ['touch ./pwned']\n",
    "binary": 'training: !!binary "%%%"\n',
    "set": "training: !!set {a, b}\n",
    "date": "training: {epochs: 2024-13-45}\n",
    "base 60": "training: {epochs: " + ":".join(["59"] * 2000) + "}\n",
    "huge number": "training: {epochs: " + "9" * 5000 + "}\n",
    "beyond floats": "training: {lr: 1e400}\n",
    "true": "training: {epochs: yes}\n",
    "text": 'training: {epochs: "five"}\n',
    "half": "training: {epochs: 1.5}\n",
    "infinite": "training: {epochs: .inf}\n",
    "null": "training: ~\n",
    "list": "training: [1]\n",
    "list at the top": "- 1\n",
    "number at the top": "5\n",
    "nothing": "",
    "two documents": "a: 1\n---\nb: 2\n",
    "list as a key": "{[1, 2]: 3}\n",
    "number as a key": "1: 2\n",
    "null as a key": "training: {~: 1}\n",
    "escapes in a key": '"\\e[31mtraining\\n": 1\n',
    "right to left": '"\\u202etrain": 1\n',
    "half a character": '"\\ud800": 1\n',
    "nul": "a: \x00\n",
    "tab": "\ta: 1\n",
    "below zero": "training: {epochs: -5}\n",
}


def line_of(capfd, *arguments):
    """Run a command that has to fail; return its only line."""
    assert main(list(arguments)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("skelact: ")
    assert err.count("\n") == 1
    assert err[:-1].isprintable()
    return err


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_ends_in_more_than_one_line(tmp_path, monkeypatch, capfd, name):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file.yaml"
    file.write_text(HOSTILE[name])
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text(HOSTILE[name])
    with suppress(DataError):
        read_settings(run)
    (tmp_path / "raw").mkdir()
    stores = ("--data", "nowhere", "--protocol", "xsub")
    lines = [
        line_of(capfd, "pretrain", *stores, "--out", "out", "--config", str(file)),
        line_of(capfd, "reproduce", str(file), "--out", "out"),
        line_of(capfd, "data", "prepare", "pose-json", "raw", "out", "--topology", str(file)),
        line_of(capfd, "weights", "import", "nowhere", "out", "--topology", str(file)),
    ]
    assert all(len(line) < 500 for line in lines)
    assert {path.name for path in tmp_path.iterdir()} == {"file.yaml", "run", "raw"}


@pytest.mark.parametrize("value", ["-5", "many"])
def test_a_value_that_does_not_fit_names_the_file_it_stands_in(tmp_path, monkeypatch, capfd, value):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(f"training: {{epochs: {value}}}\n")
    words = ("pretrain", "--data", "nowhere", "--out", "out")
    assert line_of(capfd, *words, "--config", "own.yaml").startswith("skelact: own.yaml: ")
    assert "own.yaml" not in line_of(capfd, *words, "--config", "own.yaml", "--training.epochs", "-7")
    (tmp_path / "own.yaml").write_text(f"label_smoothing: {value}\n")
    with pytest.raises(ConfigurationError, match=r"^own\.yaml: .*label_smoothing"):
        training_settings("finetune", FinetuneConfig, "own.yaml", {}, None, None)

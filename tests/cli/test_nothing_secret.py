"""What a run, its results and its figures record: no environment, no address of a repository."""

from __future__ import annotations

import pytest

from skelact.cli.main import main

SECRET = "hunter2-a-secret-of-the-environment"


@pytest.mark.slow
def test_no_secret_of_the_environment_reaches_a_file(
    store_path, tmp_path, monkeypatch, capfd, pretrain_arguments
):
    for name in ("API_TOKEN", "PASSWORD", "WANDB_API_KEY", "GIT_ASKPASS", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"https://user:{SECRET}@nowhere.example")
    run = tmp_path / "run"
    assert main([*pretrain_arguments(store_path, run), "--training.tensorboard", "true"]) == 0
    on = ["--run", str(run), "--data", str(store_path), "--protocol", "xsub"]
    assert main(["evaluate", "knn", *on]) == 0
    assert main(["figures", "loss", "--run", str(run), "--out", str(tmp_path / "loss.svg")]) == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 6
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in "".join(capfd.readouterr())

"""Weights & Biases and MLflow, both without a network; tests skip where the packages are not installed."""

import builtins
import json
import warnings

import pytest
from matplotlib.figure import Figure

from skelact.errors import ConfigurationError, SkelactWarning
from skelact.training.log import open_log
from skelact.training.run_folder import open_folder
from skelact.training.trackers import TRACKERS


def numbers(epoch):
    return {"epoch": epoch, "step": 5 * (epoch + 1), "loss": 1.0 / (epoch + 1)}


@pytest.fixture
def run(tmp_path):
    open_folder(tmp_path / "run", {"training": {"lr": 0.1}}, resume=False)
    return tmp_path / "run"


@pytest.mark.parametrize("name", list(TRACKERS))
def test_a_missing_package_is_said_with_the_remedy(run, monkeypatch, name):
    real = builtins.__import__

    def without(module, *arguments, **options):
        if module.split(".")[0] == name:
            raise ImportError(f"No module named {name!r}")
        return real(module, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        ConfigurationError,
        match=rf"leave --logger out, or, in .*: pip install -c constraints\.txt '\.\[{name}\]'$",
    ):
        TRACKERS[name](run)


def test_mlflow_has_the_numbers_of_a_run_and_of_the_run_that_goes_on(run, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "tracked").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for epoch in range(2):
        with open_log(run, 5 * epoch, 5, tensorboard=False, logger="mlflow") as log:
            log.write(numbers(epoch))
            log.draw({"masks": Figure()}, 5 * (epoch + 1))
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("skelact").experiment_id
    (found,) = client.search_runs([experiment])
    losses = client.get_metric_history(found.info.run_id, "loss")
    assert [(each.step, each.value) for each in losses] == [(5, 1.0), (10, 0.5)]
    assert found.data.params == {"training.lr": "0.1"}
    assert [each.path for each in client.list_artifacts(found.info.run_id)] == ["masks"]
    assert found.info.status == "FINISHED"


@pytest.mark.slow
def test_wandb_keeps_a_run_where_there_is_no_network(run, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    with warnings.catch_warnings():
        warnings.simplefilter("error", SkelactWarning)
        with open_log(run, 0, 5, tensorboard=False, logger="wandb") as log:
            log.write(numbers(0))
            log.draw({"masks": Figure()}, 5)
    assert list(run.glob("wandb/offline-run-*/files/media/images/masks*.png"))
    (file,) = run.glob("wandb/offline-run-*/run-*.wandb")
    assert file.stat().st_size > 0


@pytest.mark.parametrize("name", list(TRACKERS))
def test_what_cannot_be_reached_is_said_once(run, monkeypatch, name):
    class Unreachable(TRACKERS[name]):
        def _import(self):
            pass

        def _begin(self, identity, settings):
            raise ConnectionError("no\nroute")

    monkeypatch.setitem(TRACKERS, name, Unreachable)
    with (
        pytest.warns(SkelactWarning, match=f"{name}: no route; the run goes on without it") as told,
        open_log(run, 0, 5, tensorboard=False, logger=name) as log,
    ):
        log.write(numbers(0))
    assert len(told) == 1
    assert json.loads((run / "metrics.jsonl").read_text()) == numbers(0)

"""The whole way by the command line, with a model that trains in seconds."""

import json
import math
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from skelact.cli.main import main
from skelact.models.pretrained import load_pretrained
from skelact.pretraining.masked import task as masked_task
from skelact.training.log import read_metrics


def test_a_run_leaves_all_that_is_needed_to_use_and_repeat_it(tiny_run, store_path):
    config = yaml.safe_load((tiny_run / "config.yaml").read_text())
    assert config["method"] == "stjd-mp"
    assert config["training"]["epochs"] == 3
    assert [line["epoch"] for line in read_metrics(tiny_run / "metrics.jsonl")] == [0, 1, 2]
    card = json.loads((tiny_run / "card.json").read_text())
    meta = json.loads((store_path / "meta.json").read_text())
    assert card["data_hash"] == meta["content_hash"]
    assert config.pop("data_hash") == card["data_hash"]
    assert card["config"] == config
    pretrained = load_pretrained(tiny_run)
    assert pretrained.topology.name == "ntu-25"
    features = pretrained.encoder(torch.randn(2, 2, 32, 25, 3))
    assert features.shape == (2, 2, 4, 25, 32)


def test_the_same_command_gives_the_same_weights(tiny_run, store_path, tmp_path, pretrain_arguments):
    assert main(pretrain_arguments(store_path, tmp_path / "again")) == 0
    first, second = (load_file(run / "weights.safetensors") for run in (tiny_run, tmp_path / "again"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_gives_other_weights(tiny_run, store_path, tmp_path, pretrain_arguments):
    assert main(pretrain_arguments(store_path, tmp_path / "other", "--seed", "5")) == 0
    first, second = (load_file(run / "weights.safetensors") for run in (tiny_run, tmp_path / "other"))
    assert not torch.equal(first["encoder.embed.weight"], second["encoder.embed.weight"])


def test_a_resumed_run_is_the_uninterrupted_run(tiny_run, store_path, tmp_path, pretrain_arguments):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    for name in ("card.json", "weights.safetensors"):
        (run / name).unlink()
    sorted((run / "checkpoints").iterdir())[-1].unlink()  # as if it had died in the last epoch
    assert main(pretrain_arguments(store_path, run, "--resume")) == 0
    before, after = (load_file(folder / "weights.safetensors") for folder in (tiny_run, run))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_configuration_file_stands_between_defaults_and_options(store_path, tmp_path):
    (tmp_path / "own.yaml").write_text(
        "size: tiny\nmodel: {width: 16}\ntraining: {epochs: 1, lr: 0.002}\nobjective: {tau_start: .inf}\n"
    )
    arguments = ["--data", str(store_path), "--protocol", "xview", "--out", str(tmp_path / "run")]
    assert (
        main(["pretrain", *arguments, "--config", str(tmp_path / "own.yaml"), "--training.lr", "0.003"]) == 0
    )
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["size"] == "tiny"
    assert config["model"]["width"] == 16
    assert config["model"]["depth"] == 2
    assert config["training"]["epochs"] == 1
    assert config["training"]["lr"] == 0.003
    assert config["objective"]["tau_start"] == math.inf


def test_linear_evaluation_writes_a_result_that_says_where_it_comes_from(tiny_run, store_path, capsys):
    arguments = ["--run", str(tiny_run), "--data", str(store_path), "--protocol", "xsub"]
    assert main(["evaluate", "linear", *arguments, "--epochs", "2", "--seed", "4"]) == 0
    printed = capsys.readouterr().out
    path = tiny_run / "evaluations" / "linear-ntu60-xsub-trained-seed4.json"
    result = json.loads(path.read_text())
    assert str(path) in printed
    assert f"top-1 {100 * result['metrics']['top1']:5.1f} %" in printed
    assert result["num_test"] == result["metrics"]["num_sequences"]
    assert result["config"]["training"]["epochs"] == 2
    assert result["data_hash"] == result["model"]["data_hash"]


def test_untrained_and_trained_are_told_apart(tiny_run, store_path, capsys):
    arguments = ["--run", str(tiny_run), "--data", str(store_path), "--protocol", "xsub", "--k", "[1,3]"]
    found = []
    for name, options in (("trained", []), ("untrained", ["--untrained"])):
        assert main(["evaluate", "knn", *arguments, *options]) == 0
        path = Path(capsys.readouterr().out.splitlines()[-1].strip())
        assert path.name.startswith(f"knn-ntu60-xsub-{name}-seed0")
        found.append(json.loads(path.read_text()))
    trained, untrained = found
    assert trained["trained"]
    assert not untrained["trained"]
    assert list(trained["metrics"]) == ["k=1", "k=3"]
    assert trained["metrics"] != untrained["metrics"]


def test_several_stores_are_one_data_set(store_path, tmp_path, pretrain_arguments):
    more = ["--data", str(store_path), "--protocol", "xview", "--mixing", "equal", "--epochs", "1"]
    assert main(pretrain_arguments(store_path, tmp_path / "run", *more)) == 0
    card = load_pretrained(tmp_path / "run").card
    assert card["data_set"] == "ntu60+ntu60"
    assert card["config"]["protocol"] == ["xsub", "xview"]
    assert (
        main(
            [
                "evaluate",
                "knn",
                "--run",
                str(tmp_path / "run"),
                "--data",
                str(store_path),
                "--protocol",
                "xsub",
                "--k",
                "[1]",
            ]
        )
        == 0
    )


def test_a_run_is_not_resumed_on_other_data(tiny_run, store_path, tmp_path, pretrain_arguments, capsys):
    store, run = tmp_path / "store", tmp_path / "run"
    shutil.copytree(store_path, store)
    assert main(pretrain_arguments(store, run)) == 0
    meta = json.loads((store / "meta.json").read_text())
    (store / "meta.json").write_text(json.dumps({**meta, "content_hash": "0" * 64}))
    assert main(pretrain_arguments(store, run, "--resume")) == 2
    assert "was started with data_hash" in capsys.readouterr().err


def test_a_run_that_was_asked_to_stop_says_so_by_its_status(
    store_path, tmp_path, pretrain_arguments, monkeypatch
):
    step = masked_task.MaskedTask.loss

    def stop_soon(task, model, this):
        os.kill(os.getpid(), signal.SIGTERM)
        return step(task, model, this)

    monkeypatch.setattr(masked_task.MaskedTask, "loss", stop_soon)
    assert main(pretrain_arguments(store_path, tmp_path / "run")) == 3
    monkeypatch.undo()
    assert main(pretrain_arguments(store_path, tmp_path / "run", "--resume")) == 0


def test_a_monitored_run_with_figures_learns_the_same(tiny_run, store_path, tmp_path, pretrain_arguments):
    pytest.importorskip("tensorboard")
    run = tmp_path / "run"
    more = ["--monitor-knn-every", "2", "--training.tensorboard", "true", "--training.workers", "2"]
    assert main(pretrain_arguments(store_path, run, *more)) == 0
    first, second = (load_file(folder / "weights.safetensors") for folder in (tiny_run, run))
    assert all(torch.equal(first[name], second[name]) for name in first)
    lines = read_metrics(run / "metrics.jsonl")
    assert ["knn_top1_k1" in line for line in lines] == [False, True, False]
    assert 0 <= lines[1]["knn_top1_k1"] <= 1
    assert list((run / "tensorboard").iterdir())


def test_short_options_are_those_of_the_training(store_path, tmp_path, pretrain_arguments):
    more = ["--precision", "bf16", "--accumulate", "2", "--clip-grad", "1.5", "--devices", "1"]
    assert main(pretrain_arguments(store_path, tmp_path / "run", *more, "--epochs", "1")) == 0
    training = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["training"]
    expected = {"precision": "bf16", "accumulate": 2, "clip_grad": 1.5, "devices": 1, "compile": False}
    assert {name: training[name] for name in expected} == expected
    weights = load_file(tmp_path / "run" / "weights.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}


def test_a_resumed_run_may_have_other_workers_but_no_other_parts(
    tiny_run, store_path, tmp_path, pretrain_arguments, capsys
):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    assert main(pretrain_arguments(store_path, run, "--resume", "--training.workers", "0")) == 0
    assert main(pretrain_arguments(store_path, run, "--resume", "--accumulate", "2")) == 2
    assert "was started with training.accumulate = 1, not 2" in capsys.readouterr().err


def test_recordings_that_are_too_short_to_be_cropped_are_told(
    store_path, tmp_path, pretrain_arguments, capsys
):
    told = "training sequences have no more than clips.min_crop_frames = "
    whole = ["--clips.min_crop_share", "1"]  # whole sequences are what was asked for
    few, most = (["--clips.min_crop_frames", str(least)] for least in (8, 100_000))
    for number, (options, is_told) in enumerate(((few, False), (most, True), (whole, False))):
        out = tmp_path / str(number)
        assert main(pretrain_arguments(store_path, out, "--epochs", "1", *options)) == 0
        assert (told in capsys.readouterr().err) == is_told
    assert main(pretrain_arguments(store_path, tmp_path / "idle", *whole, *most)) == 2
    assert "--clips.min_crop_frames has no effect beside" in capsys.readouterr().err

"""Every way to evaluate, by the command line, with a model that trains in seconds."""

import csv
import io
import json
from pathlib import Path

import pytest

from skelact.cli.main import main


@pytest.fixture(scope="module")
def on_data(tiny_run, store_path):
    return ["--run", str(tiny_run), "--data", str(store_path), "--protocol", "xsub"]


def the_result(folder, start):
    (path,) = sorted((folder / "evaluations").glob(f"{start}*.json"))
    return path, json.loads(path.read_text())


def trained(command, on_data, out, *more):
    """Return a command line that trains a small classifier for two epochs."""
    small = ["--epochs", "2", "--hidden_width", "16", "--training.batch_size", "8"]
    return ["evaluate", command, *on_data, "--out", str(out), *small, *more]


def test_fast_linear_and_retrieval(on_data, tiny_run, capsys):
    other_view = [*on_data[:-1], "xview"]  # one sequence a class trains under xsub: none to hold out
    assert main(["evaluate", "linear-fast", *on_data]) == 2
    assert "give one strength" in capsys.readouterr().err
    assert main(["evaluate", "linear-fast", *other_view, "--crops", "1"]) == 0
    told = capsys.readouterr()
    assert "logistic regression, l2" in told.out
    assert "trained on xsub, and so with" in told.err
    assert "(without their labels); pre-train with --protocol xview to keep them unseen" in told.err
    _, result = the_result(tiny_run, "linear-fast")
    assert result["config"]["crops"] == 1
    assert str(result["metrics"]["l2"]) in result["metrics"]["held_out_accuracy"]
    assert main(["evaluate", "retrieval", *on_data]) == 0
    path, result = the_result(tiny_run, "retrieval")
    assert path.with_suffix(".npz").exists()
    assert 0 < result["metrics"]["mean_average_precision"] <= 1
    assert result["device"]


def test_ridge_of_few_labels_with_and_without_the_others(on_data, tiny_run, capsys):
    ridge = ["evaluate", "ridge", *on_data[:-1], "xview", "--l2", "0.1"]
    assert main([*ridge, "--count", "20", "--unlabelled"]) == 2  # of 60 classes
    assert "expected at least one a class" in capsys.readouterr().err
    found = []
    for way in ([], ["--unlabelled"]):
        assert main([*ridge, "--share", "0.9", *way]) == 0
        out = capsys.readouterr().out
        assert ("without a label taught as well" in out) == bool(way)
        path = Path(out.splitlines()[-1].strip())
        found.append(json.loads(path.read_text()))
        assert ("unlabelled" in path.name) == bool(way)
    few, along = found
    assert few["subset"] == along["subset"]
    assert few["subset"]["num_sequences"] == few["num_train"] < 60
    assert few["identity"] != along["identity"]
    assert main([*ridge, "--unlabelled"]) == 2
    assert "--unlabelled has no effect: every training sequence keeps its label" in capsys.readouterr().err


def test_one_shot_says_what_the_encoder_may_have_seen(tiny_run, store_path, capsys):
    arguments = ["evaluate", "one-shot", "--run", str(tiny_run), "--data", str(store_path)]
    assert main(arguments) == 2
    assert "no published one-shot protocol" in capsys.readouterr().err
    novel = ["drink water", "reading"]
    assert main([*arguments, "--novel", json.dumps(novel)]) == 0
    assert "in pre-training" in capsys.readouterr().out
    _, result = the_result(tiny_run, "one-shot")
    assert result["config"]["novel"] == result["class_names"] == novel
    assert len(result["config"]["examples"]) == 2


def test_finetuning_ensemble_and_table(on_data, store_path, tmp_path, capsys):
    for seed in ("0", "1"):
        assert main(trained("finetune", on_data, tmp_path / seed, "--seed", seed)) == 0
    printed = capsys.readouterr().out
    assert "best epoch by test data, not a result" in printed
    paths = [the_result(tmp_path / seed, "finetune")[0] for seed in ("0", "1")]
    runs = [str(tmp_path / seed) for seed in ("0", "1")]
    out = str(tmp_path / "both")
    assert main(["evaluate", "ensemble", "--runs", *runs, "--evaluation", "finetune", "--out", out]) == 0
    _, result = the_result(tmp_path / "both", "ensemble-finetune")
    assert [member["seed"] for member in result["config"]["members"]] == [0, 1]
    assert len(result["class_names"]) == len(result["metrics"]["per_class"]) == 60
    capsys.readouterr()
    assert main(["results", *map(str, paths)]) == 0
    assert "stjd-mp      2" in capsys.readouterr().out
    assert main(["results", "--format", "csv", *map(str, paths)]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["method"], row["seeds"]) == ("stjd-mp", "2")
    assert main(["results", "--format", "markdown", str(paths[0])]) == 0
    assert "| stjd-mp | 1 |" in capsys.readouterr().out
    labelled = ["--run", runs[0], "--data", str(store_path), "--novel", '["drink water", "reading"]']
    assert main(["evaluate", "one-shot", *labelled]) == 2
    assert "was trained with labels of 2 novel classes" in capsys.readouterr().err


def test_semi_writes_its_list_down_and_takes_it_again(on_data, tmp_path, capsys):
    assert main(trained("semi", on_data, tmp_path / "no", "--share", "0.01")) == 2
    assert "expected at least one a class" in capsys.readouterr().err
    assert main(trained("semi", on_data, tmp_path / "no")) == 2
    assert main(trained("semi", on_data, tmp_path / "no", "--share", "0.9", "--count", "20")) == 2
    assert not (tmp_path / "no").exists()
    assert main(trained("semi", on_data, tmp_path / "a", "--share", "1.0", "--subset-seed", "3")) == 0
    _, first = the_result(tmp_path / "a", "semi")
    assert first["subset"]["seed"] == 3
    assert first["num_train"] == first["subset"]["num_sequences"]
    listed = str(tmp_path / "a" / "subset.txt")
    assert main(trained("semi", on_data, tmp_path / "b", "--subset", listed)) == 0
    _, second = the_result(tmp_path / "b", "semi")
    assert second["subset"]["hash"] == first["subset"]["hash"]


def test_supervised_starts_from_chance(store_path, tmp_path):
    data = ["--data", str(store_path), "--protocol", "xsub", "--size", "tiny"]
    assert main(trained("supervised", data, tmp_path / "run")) == 0
    _, result = the_result(tmp_path / "run", "supervised")
    assert result["model"]["method"] == "from scratch"
    assert result["config"]["layer_decay"] == 1.0
    assert result["model"]["config"]["encoder"]["width"] == 32


def test_the_untrained_encoder_of_a_run_learns_like_one_from_scratch(on_data, tmp_path):
    for name, more in (("semi", ["--share", "1", "--untrained"]), ("finetune", ["--untrained"])):
        assert main(trained(name, on_data, tmp_path / name, *more)) == 0
        _, result = the_result(tmp_path / name, name)
        assert not result["trained"]
        assert result["config"]["layer_decay"] == 1.0
    assert main(trained("semi", on_data, tmp_path / "from-run", "--share", "1")) == 0
    _, started = the_result(tmp_path / "from-run", "semi")
    assert (started["trained"], started["config"]["layer_decay"]) == (True, 0.8)


def test_transfer_takes_other_data_and_clips(on_data, tiny_run, store_path, tmp_path, capsys):
    assert main(trained("transfer", on_data, tmp_path / "no")) == 2
    assert "that is 'skelact evaluate finetune'" in capsys.readouterr().err
    converted = tmp_path / "kinect"
    assert main(["data", "convert", str(store_path), str(converted), "--topology", "kinect-20"]) == 0
    other = ["--run", str(tiny_run), "--data", str(converted), "--protocol", "xview"]
    assert main(trained("transfer", other, tmp_path / "no")) == 2
    assert f"'skelact data convert {converted} OUT --topology ntu-25'" in capsys.readouterr().err
    back = tmp_path / "ntu"
    assert main(["data", "convert", str(converted), str(back), "--topology", "ntu-25"]) == 0
    there = ["--run", str(tiny_run), "--data", str(back), "--protocol", "xview"]
    assert main(trained("transfer", there, tmp_path / "no", "--num-frames", "30")) == 2
    assert main(trained("transfer", there, tmp_path / "run", "--num-frames", "48")) == 0
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["clips"]["num_frames"] == card["encoder"]["num_frames"] == 48


def test_finetuning_elsewhere_is_called_transfer(on_data, tiny_run, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "weights.safetensors").write_bytes((tiny_run / "weights.safetensors").read_bytes())
    card = json.loads((tiny_run / "card.json").read_text())
    (run / "card.json").write_text(json.dumps({**card, "data_set": "pku1"}))
    arguments = ["--run", str(run), *on_data[2:]]
    assert main(trained("finetune", arguments, tmp_path / "out")) == 2
    assert "'skelact evaluate transfer' takes it to other data" in capsys.readouterr().err


def test_a_frozen_encoder_may_be_asked_in_other_axes(tiny_run, store_path, capsys):
    words = [
        "evaluate",
        "knn",
        "--run",
        str(tiny_run),
        "--data",
        str(store_path),
        "--protocol",
        "xsub",
        "--k",
        "[1]",
    ]
    found = {}
    for view in (None, "camera", "upright"):
        assert main([*words, *(["--view", view] if view else [])]) == 0
        path = Path(capsys.readouterr().out.splitlines()[-1].strip())
        found[view] = json.loads(path.read_text()) | {"file": path.name}
    assert found[None]["identity"] == found["camera"]["identity"] != found["upright"]["identity"]
    assert found["upright"]["config"]["clips"]["view"] == "upright"
    assert "trained-upright-seed0" in found["upright"]["file"]
    assert main([*words, "--num-frames", "16"]) == 0
    path = Path(capsys.readouterr().out.splitlines()[-1].strip())
    assert "trained-16frames-seed0" in path.name
    assert json.loads(path.read_text())["identity"] != found["camera"]["identity"]
    assert main([*words, "--num-frames", "15"]) == 2
    assert "num_frames is 15, expected a multiple of" in capsys.readouterr().err
    assert main([*words, "--view", "side"]) == 2
    assert "--view is 'side', expected 'camera', 'upright', 'body'" in capsys.readouterr().err

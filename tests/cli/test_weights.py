"""From a published checkpoint by the command line: to a run folder, into pre-training, and back."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from skelact.cli.main import main
from skelact.compat import encoder_from_state_dict
from skelact.compat.torch_file import read_torch_file
from skelact.models.pretrained import load_pretrained


@pytest.fixture(scope="module")
def checkpoint(tiny_run, tmp_path_factory):
    """Return the weights of a tiny run as a checkpoint of the published code."""
    path = tmp_path_factory.mktemp("published") / "weights.pth"
    assert main(["weights", "export", str(tiny_run), str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def started(checkpoint, tiny_run, store_path, tmp_path_factory, pretrain_arguments):
    """Return a run that started from the checkpoint, with clips of another length."""
    path = tmp_path_factory.mktemp("started") / "run"
    arguments = pretrain_arguments(store_path, path, "--init", str(checkpoint), "--clips.num_frames", "48")
    assert main(arguments) == 0
    return path


def test_export_says_what_it_wrote(tiny_run, tmp_path, capsys):
    assert main(["weights", "export", str(tiny_run), str(tmp_path / "out.pth")]) == 0
    printed = capsys.readouterr().out
    assert "encoder, decoder, density" in printed
    encoder = load_pretrained(tiny_run).encoder
    again = encoder_from_state_dict(read_torch_file(tmp_path / "out.pth").parameters, 4)
    assert all(torch.equal(again.state_dict()[name], value) for name, value in encoder.state_dict().items())


def test_an_imported_checkpoint_is_evaluated_like_the_run_it_came_from(
    checkpoint, tiny_run, store_path, tmp_path, capsys
):
    run = tmp_path / "run"
    arguments = ["weights", "import", str(checkpoint), str(run), "--topology", "ntu-25", "--gaps", "hold"]
    assert main(arguments) == 0
    assert "stjd-mp, encoder and decoder; 2 blocks of width 32, 4 heads" in capsys.readouterr().out
    metrics = []
    for folder in (run, tiny_run):
        options = ["--run", str(folder), "--data", str(store_path), "--protocol", "xsub", "--k", "[1]"]
        assert main(["evaluate", "knn", *options]) == 0
        result = json.loads(Path(capsys.readouterr().out.splitlines()[-1].strip()).read_text())
        metrics.append(result["metrics"])
    assert metrics[0] == metrics[1]


def test_a_run_says_what_it_started_from(started, checkpoint):
    sha256 = read_torch_file(checkpoint).sha256
    expected = {"sha256": sha256, "parts": ["encoder", "decoder", "density"]}
    config = yaml.safe_load((started / "config.yaml").read_text())
    card = json.loads((started / "card.json").read_text())
    assert config["init"] == card["config"]["init"] == str(checkpoint)
    assert config["init_weights"] == card["init_weights"] == expected
    assert load_pretrained(started).encoder.config.num_frames == 48


def test_the_start_decides_the_weights(started, tiny_run, store_path, tmp_path, pretrain_arguments):
    assert main(pretrain_arguments(store_path, tmp_path / "run", "--clips.num_frames", "48")) == 0
    before = load_file(tiny_run / "weights.safetensors")["encoder.embed.weight"]
    from_start, from_random = (
        load_file(run / "weights.safetensors")["encoder.embed.weight"] for run in (started, tmp_path / "run")
    )
    assert (from_start - before).norm() < 0.2 * (from_random - before).norm()


def test_a_run_folder_is_a_start_too(started, tiny_run, store_path, tmp_path, pretrain_arguments):
    run = tmp_path / "run"
    arguments = pretrain_arguments(store_path, run, "--init", str(tiny_run), "--clips.num_frames", "48")
    assert main(arguments) == 0
    first, second = (load_file(folder / "weights.safetensors") for folder in (started, run))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_resuming_does_not_need_the_start_again(
    started, checkpoint, store_path, tmp_path, pretrain_arguments, capsys
):
    run = tmp_path / "run"
    shutil.copytree(started, run)
    for name in ("card.json", "weights.safetensors"):
        (run / name).unlink()
    sorted((run / "checkpoints").iterdir())[-1].unlink()  # as if it had died in the last epoch
    away = checkpoint.with_suffix(".away")
    same = pretrain_arguments(
        store_path, run, "--init", str(checkpoint), "--clips.num_frames", "48", "--resume"
    )
    checkpoint.rename(away)
    try:
        assert main([word for word in same if word not in ("--init", str(checkpoint))]) == 2
        assert "was started with init" in capsys.readouterr().err
        assert main(same) == 0
    finally:
        away.rename(checkpoint)
    first, second = (load_file(folder / "weights.safetensors") for folder in (started, run))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (run / "card.json").read_text() == (started / "card.json").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--model.width", "64"), "start from it with --model.width 32"),
        (("--init", "nowhere.pth"), "nowhere.pth: cannot be read"),
    ],
)
def test_a_start_that_does_not_fit_leaves_no_run(
    checkpoint, store_path, tmp_path, pretrain_arguments, capsys, more, message
):
    run = tmp_path / "run"
    assert main(pretrain_arguments(store_path, run, "--init", str(checkpoint), *more)) == 2
    assert message in capsys.readouterr().err
    assert not run.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("import {checkpoint} {out} --topology coco-17", "topology coco-17 has 17"),
        ("import {checkpoint} {out} --topology ntu", "no topology 'ntu' (did you mean 'ntu-25'?)"),
        ("import {checkpoint} {out}", "topology"),
        ("import {checkpoint} {out} --topology ntu-25 --absent never", "absent"),
        ("import {out} {out} --topology ntu-25", "cannot be read (No such file or directory)"),
        ("export {out} {out}.pth", "no such folder"),
        ("export {checkpoint} {out}.pth", "'skelact weights import' makes one of a published checkpoint"),
    ],
)
def test_a_mistake_is_answered_and_leaves_nothing(checkpoint, tmp_path, capsys, words, message):
    assert main(["weights", *words.format(checkpoint=checkpoint, out=tmp_path / "out").split()]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_example_in_the_documents_runs(tiny_run, store_path, capsys):
    document = Path(__file__).resolve().parents[2] / "docs" / "published-weights.md"
    (example,) = re.findall(r"```python\n(.*?)```", document.read_text(), re.S)
    example = example.replace("runs/mamp", str(tiny_run)).replace("stores/ntu60", str(store_path))
    names = {}
    exec(example, names)
    assert names["features"].shape == (2, 2, 4, 25, 32)
    assert capsys.readouterr().out.splitlines()[1:] == ["32 joint", "stjd-mp"]

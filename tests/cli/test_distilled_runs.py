"""Methods of self-distillation by the command line, with models that train in seconds."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file

from skelact.cli.main import main
from skelact.errors import DataError
from skelact.models.pretrained import load_pretrained
from skelact.pretraining.methods import CONTRASTIVE, DISTILLED
from skelact.training.log import read_metrics

ROUNDING = 5e-4
"""How far two orders of summation may lead apart, as a share of what is summed.

Float32 rounds by 1.2e-7; a gradient is a sum over 16 clips, 2 bodies, 100 tokens of six views, so by 1.2e-7
times the root of 19,200. Sharp temperatures (1 / 0.04) make differences of cosines 25 times as large: 4e-4.
"""
METHODS = ["slim", "stjd-d"]


def arguments(store, out, *more, method="slim"):
    options = {"--data": store, "--protocol": "xsub", "--method": method, "--size": "tiny", "--out": out}
    listed = [str(word) for pair in options.items() for word in pair]
    few = ["--epochs", "3", "--training.checkpoint_every", "1", "--training.tensorboard", "false"]
    return ["pretrain", *listed, *few, *more]


@pytest.fixture(scope="module", params=METHODS)
def distilled_run(store_path, request):
    path = store_path.parent / request.param
    assert main(arguments(store_path, path, method=request.param)) == 0
    return path


def weights(run):
    return load_file(run / "weights.safetensors")


def test_a_run_says_what_it_did_and_how_it_went(distilled_run):
    config = yaml.safe_load((distilled_run / "config.yaml").read_text())
    card = json.loads((distilled_run / "card.json").read_text())
    assert config.pop("data_hash") == card["data_hash"]
    assert card["config"] == config
    assert card["encoder"]["kind"] == "joint-tokens"
    signs = {"embedding_variance", "alignment", "uniformity", "effective_rank"}
    parts = {
        "slim": {"class_loss", "masked_loss", "spread_loss", "prototypes_used"},
        "stjd-d": {"masked_loss"},
    }[distilled_run.name]
    for line in read_metrics(distilled_run / "metrics.jsonl"):
        assert {key for key in line if key.endswith(("_loss", "_used"))} == parts
        assert signs <= line.keys()
        assert 1 <= line.get("prototypes_used", 1) <= 32


def test_a_run_is_loaded_whole_or_as_an_encoder(distilled_run):
    saved, loaded = weights(distilled_run), load_pretrained(distilled_run)
    for name, value in loaded.encoder.state_dict().items():
        assert torch.equal(value, saved[f"encoder.{name}"])
    has_teacher = distilled_run.name == "slim"
    assert has_teacher == ("student.norm.bias" in saved)
    if has_teacher:
        assert not torch.equal(saved["encoder.norm.bias"], saved["student.norm.bias"])
    for frames in (32, 48):
        clips = torch.randn(2, 2, frames, 25, 3)
        assert loaded.with_num_frames(frames).encoder(clips).shape == (2, 2, frames // 8, 25, 32)
    state = DISTILLED.load(distilled_run).state_dict()
    assert all(torch.equal(value, state[name]) for name, value in saved.items())
    with pytest.raises(DataError, match=f"{distilled_run.name} is no contrastive method"):
        CONTRASTIVE.load(distilled_run)


def test_it_is_evaluated_as_any_run(distilled_run, store_path, tmp_path):
    where = ["--data", str(store_path), "--protocol", "xsub"]
    run = ["--run", str(distilled_run)]
    for evaluation in (
        ["knn", "--k", "[1]"],
        ["linear-fast", "--l2", "[0.01]"],
        ["knn", "--k", "[1]", "--pooling", "joints"],
    ):
        for more in ([], ["--untrained"]):
            assert main(["evaluate", *evaluation, *run, *where, *more]) == 0
    out = tmp_path / "fine"
    command = ["evaluate", "finetune", *run, *where, "--out", str(out), "--epochs", "1"]
    assert main([*command, "--training.batch_size", "16", "--training.warmup_share", "0"]) == 0
    before, after = weights(distilled_run), weights(out)
    changed = [name for name in after if name in before and not torch.equal(before[name], after[name])]
    assert sum(name.startswith("encoder.blocks") for name in changed) > 10


def test_a_resumed_run_is_the_uninterrupted_run(distilled_run, store_path, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(distilled_run, run)
    for name in ("card.json", "weights.safetensors"):
        (run / name).unlink()
    sorted((run / "checkpoints").iterdir())[-1].unlink()  # as if it had died in the last epoch
    assert main(arguments(store_path, run, "--resume", method=distilled_run.name)) == 0
    before, after = weights(distilled_run), weights(run)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)  # the teacher too
    times = {"seconds", "clips_per_second", "peak_memory_gib", "matmul_share"}
    logs = [
        [{key: value for key, value in line.items() if key not in times} for line in read_metrics(path)]
        for path in (distilled_run / "metrics.jsonl", run / "metrics.jsonl")
    ]
    assert logs[0] == logs[1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--density", "learned"], "method slim has no --density: that of positions decides; leave it out"),
        (["--init", "runs/a"], "method slim does not start from other weights"),
        (["--clips.gaps", "zero"], "clips.gaps is 'zero', but distilled methods"),
        (["--distil.local_frames", "[12]"], "distil.local_frames has 12 frames, expected a multiple of 8"),
        (["--distil.momentum", "2"], "distil.momentum is 2.0, expected a share in [0, 1]"),
        (["--objective.tau", "1"], "method slim has no --objective.tau"),
        (["--model.registers", "-1"], "encoder.registers is -1"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(store_path, tmp_path, capsys, more, message):
    assert main(arguments(store_path, tmp_path / "run", *more)) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_processes_learn_what_one_learns(store_path, tmp_path, method):
    runs = tmp_path / "one", tmp_path / "two"
    assert main(arguments(store_path, runs[0], method=method)) == 0
    more = ["--devices", "2", "--training.accelerator", "cpu"]
    command = [sys.executable, "-m", "skelact.cli.main"]
    command += arguments(store_path, runs[1], *more, method=method)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    one, two = (read_metrics(run / "metrics.jsonl") for run in runs)
    for a, b in zip(one, two, strict=True):
        names = ["loss", "grad_norm", "alignment", "uniformity", "embedding_variance"]
        names += [name for name in a if name.endswith(("_loss", "_used"))]
        for name in names:
            assert b[name] == pytest.approx(a[name], rel=ROUNDING), name
        assert b["step"] == a["step"]

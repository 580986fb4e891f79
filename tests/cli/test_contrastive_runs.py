"""Contrastive methods by the command line, with models that train in seconds."""

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
from skelact.evaluation.prime_joints import definition, load_detector
from skelact.models.pretrained import load_pretrained
from skelact.pretraining.methods import CONTRASTIVE, MASKED
from skelact.training.log import read_metrics

ROUNDING = 2e-4
"""How far two orders of summation may lead apart, as a share of what is summed.

Float32 rounds by 1.2e-7. A channel's statistics and gradients are sums over 16 clips, 2 bodies, 32 frames and
25 joints, so by 1.2e-7 times the root of 25,600; one forward and backward pass has about ten of them in a row
(times the root of ten), and three steps follow each other: 1.8e-4 in all.
"""


def arguments(store, out, *more, method="stjd-cl"):
    options = {"--data": store, "--protocol": "xsub", "--method": method, "--size": "tiny", "--out": out}
    listed = [str(word) for pair in options.items() for word in pair]
    few = ["--epochs", "3", "--training.checkpoint_every", "1", "--training.tensorboard", "false"]
    return ["pretrain", *listed, *few, *more]


@pytest.fixture(scope="module")
def contrastive_run(store_path):
    path = store_path.parent / "contrastive"
    assert main(arguments(store_path, path)) == 0
    return path


def weights(run):
    return load_file(run / "weights.safetensors")


def test_a_run_says_what_it_did_and_how_it_went(contrastive_run):
    config = yaml.safe_load((contrastive_run / "config.yaml").read_text())
    card = json.loads((contrastive_run / "card.json").read_text())
    assert config.pop("data_hash") == card["data_hash"]
    assert card["config"] == config
    assert config["contrast"]["detector"]["kind"] == "density"
    assert config["model"]["st_gcn"]["channels"] == [8, 8, 16]
    lines = read_metrics(contrastive_run / "metrics.jsonl")
    signs = {"embedding_variance", "alignment", "uniformity", "effective_rank", "bank_age", "prime_share"}
    assert all(signs <= line.keys() for line in lines)
    assert lines[-1]["bandwidth_min"] < 0.5 < lines[-1]["bandwidth_max"]  # the density learned


def test_a_run_is_loaded_whole_or_as_an_encoder(contrastive_run):
    pretrained = load_pretrained(contrastive_run)
    assert pretrained.encoder(torch.randn(2, 2, 32, 25, 3)).shape == (2, 2, 8, 25, 16)
    untrained = pretrained.untrained(0).encoder.state_dict()
    assert untrained.keys() == pretrained.encoder.state_dict().keys()
    saved = weights(contrastive_run)
    name = "blocks.0.joints.weight"
    assert not torch.equal(untrained[name], saved[f"encoder.{name}"])
    state = CONTRASTIVE.load(contrastive_run).state_dict()
    assert all(torch.equal(value, state[name]) for name, value in saved.items())
    with pytest.raises(DataError, match="stjd-cl is no masked method"):
        MASKED.load(contrastive_run)


@pytest.mark.parametrize("evaluation", [["knn", "--k", "[1]"], ["linear", "--epochs", "2"]])
def test_frozen_features_are_evaluated_as_of_any_run(contrastive_run, store_path, evaluation):
    where = ["--run", str(contrastive_run), "--data", str(store_path), "--protocol", "xsub"]
    for more in ([], ["--untrained"]):
        assert main(["evaluate", *evaluation, *where, *more]) == 0
    paths = (contrastive_run / "evaluations").glob(f"{evaluation[0]}-*.json")
    assert sorted(json.loads(path.read_text())["trained"] for path in paths) == [False, True]


def test_a_run_is_fine_tuned(contrastive_run, store_path, tmp_path, capsys):
    out = tmp_path / "fine"
    where = ["--data", str(store_path), "--protocol", "xsub", "--out", str(out)]
    command = ["evaluate", "finetune", "--run", str(contrastive_run), *where]
    command += ["--epochs", "1", "--training.batch_size", "16", "--training.warmup_share", "0"]
    assert main(command) == 2  # the published rate, for blocks that have none
    printed = capsys.readouterr().err
    assert "stochastic_depth is 0.3, but blocks of STGCN cannot be skipped; set it to 0" in printed
    assert printed.count("\n") == 1
    assert not out.exists()
    assert main([*command, "--stochastic_depth", "0"]) == 0
    before, after = weights(contrastive_run), weights(out)
    encoder = [name for name, _ in load_pretrained(out).encoder.named_parameters(prefix="encoder")]
    assert all(not torch.equal(before[name], after[name]) for name in encoder)
    (result,) = (out / "evaluations").glob("finetune-*.json")
    assert json.loads(result.read_text())["config"]["layer_decay"] == 0.8


def test_a_resumed_run_is_the_uninterrupted_run(contrastive_run, store_path, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(contrastive_run, run)
    for name in ("card.json", "weights.safetensors"):
        (run / name).unlink()
    sorted((run / "checkpoints").iterdir())[-1].unlink()  # as if it had died in the last epoch
    assert main(arguments(store_path, run, "--resume")) == 0
    before, after = weights(contrastive_run), weights(run)
    assert all(torch.equal(before[name], after[name]) for name in before)  # bank and copies too
    times = {"seconds", "clips_per_second", "peak_memory_gib", "matmul_share"}
    logs = [
        [{key: value for key, value in line.items() if key not in times} for line in read_metrics(path)]
        for path in (contrastive_run / "metrics.jsonl", run / "metrics.jsonl")
    ]
    assert logs[0] == logs[1]


def test_a_run_of_a_version_without_a_setting_goes_on_with_its_default(contrastive_run, store_path, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(contrastive_run, run)
    config = yaml.safe_load((run / "config.yaml").read_text())
    del config["training"]["drop_share"], config["mixing"]
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    drop = ["--training.drop_share", "null"]
    assert main(arguments(store_path, run, "--resume", *drop)) == 0
    assert main(arguments(store_path, run, "--resume", "--training.drop_share", "0.9")) == 2


def test_prime_joints_are_drawn_of_the_run_s_own_detector(contrastive_run, store_path, tmp_path, capsys):
    where = ["--run", str(contrastive_run), "--data", str(store_path), "--protocol", "xsub"]
    assert main(["figures", "prime-joints", *where, "--out", str(tmp_path / "joints.png")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].endswith("most prime joints (mean mask)")
    assert printed[-1] == f"  {tmp_path / 'joints.png'}"
    assert (tmp_path / "joints.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "method", ["moco", *(pytest.param(each, marks=pytest.mark.slow) for each in ("random-cl", "mae", "mamp"))]
)
def test_of_a_run_without_a_density_of_its_own_that_of_positions_tells(
    store_path, contrastive_run, tmp_path, method
):
    run = tmp_path / "run"
    assert main(arguments(store_path, run, "--epochs", "1", method=method)) == 0
    assert load_pretrained(run).card["method"] == method
    assert load_detector(run) is None
    assert "density: of joint positions" in definition(load_detector(run))
    assert "features of the run's momentum encoder" in definition(load_detector(contrastive_run))


@pytest.mark.parametrize(
    "options",
    [
        ["--model.backbone", "transformer"],
        pytest.param(["--clips.stream", "bone"], marks=pytest.mark.slow),
        pytest.param(
            ["--density", "fixed", "--contrast.loss", "similarity", "--contrast.detector.hard", "true"],
            marks=pytest.mark.slow,
        ),
        ["--accumulate", "2", "--precision", "bf16", "--training.workers", "2"],
    ],
    ids=["transformer", "bone", "fixed-similarity-hard", "parts-bf16"],
)
def test_options_lead_to_runs_that_can_be_used(store_path, tmp_path, options):
    run = tmp_path / "run"
    assert main(arguments(store_path, run, "--epochs", "1", *options)) == 0
    evaluation = ["--run", str(run), "--data", str(store_path), "--protocol", "xsub", "--k", "[1]"]
    assert main(["evaluate", "knn", *evaluation]) == 0
    assert CONTRASTIVE.load(run).stream == load_pretrained(run).clips.stream


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--objective.mask_ratio", "0.5"], "objective.mask_ratio"),
        (["--init", "run"], "--init"),
        (["--model.decoder_width", "8"], "decoder_width"),
        (["--contrast.detector.kind", "none"], "contrast.adaptive needs prime joints"),
        (["--clips.gaps", "zero"], "clips.gaps is 'zero'"),
        (["--model.transformer.width", "16"], "model.transformer has no effect with model.backbone st-gcn"),
        (["--compile"], "training.compile: contrastive models"),
        (["--size", "compact"], "method stjd-cl has no size 'compact'"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(store_path, tmp_path, capsys, options, message):
    assert main(arguments(store_path, tmp_path / "run", *options)) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_masked_method_knows_no_contrast(store_path, tmp_path, capsys):
    assert main(arguments(store_path, tmp_path / "run", "--contrast.bank", "8", method="mamp")) == 2
    assert "--contrast.bank" in capsys.readouterr().err


def test_a_bank_of_a_whole_epoch_is_warned_of(store_path, tmp_path, capsys):
    assert main(arguments(store_path, tmp_path / "run", "--epochs", "1", "--contrast.bank", "500")) == 0
    assert "note: contrast.bank is 500, but an epoch has" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("method", ["stjd-cl", "random-cl"])
def test_two_processes_learn_what_one_learns(store_path, tmp_path, method):
    runs = tmp_path / "one", tmp_path / "two"
    assert main(arguments(store_path, runs[0], method=method)) == 0
    more = ["--devices", "2", "--training.accelerator", "cpu"]
    command = [
        sys.executable,
        "-m",
        "skelact.cli.main",
        *arguments(store_path, runs[1], *more, method=method),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    one, two = (read_metrics(run / "metrics.jsonl") for run in runs)
    for a, b in zip(one, two, strict=True):
        names = ("alignment", "uniformity", "embedding_variance", "effective_rank", "prime_share")
        for name in ("loss", "grad_norm", *names):
            assert b[name] == pytest.approx(a[name], rel=ROUNDING), name
        assert (b["step"], b["bank_age"]) == (a["step"], a["bank_age"])
    # how far the weights move: with momentum 0.9 the first gradient counts 1 + 0.9 + 0.81 times
    times = (2.71, 1.9, 1)
    moved = sum(n * line["lr"] * line["grad_norm"] for n, line in zip(times, one, strict=True))
    first, second = (weights(run) for run in runs)
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=ROUNDING, atol=ROUNDING * moved, msg=name)

"""Two processes evaluate every test sequence once, as one does."""

import json
import subprocess
import sys

import numpy as np
import pytest

from skelact.cli.main import main


@pytest.mark.slow
@pytest.mark.parametrize(
    ("evaluation", "devices", "more"),
    [
        ("retrieval", "--devices", []),
        (
            "linear",
            "--training.devices",
            ["--epochs", "3", "--training.batch_size", "6", "--training.lr", "1"],
        ),
    ],
)
def test_two_processes_give_the_scores_of_one(tiny_run, store_path, tmp_path, evaluation, devices, more):
    results = []
    for number in ("1", "2"):
        run = tmp_path / number
        run.mkdir()
        for name in ("card.json", "weights.safetensors"):
            (run / name).write_bytes((tiny_run / name).read_bytes())
        accelerator = devices.replace("devices", "accelerator")
        arguments = ["evaluate", evaluation, "--run", str(run), "--data", str(store_path)]
        arguments += ["--protocol", "xview", accelerator, "cpu", devices, number, *more]
        if number == "1":
            assert main(arguments) == 0
        else:
            command = [sys.executable, "-m", "skelact.cli.main", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, done.stderr
            assert done.stdout.count(f"{run}/evaluations") == 1  # one process speaks
        (path,) = (run / "evaluations").glob("*.json")
        results.append((json.loads(path.read_text()), np.load(path.with_suffix(".npz"))))
    (one, scores), (two, other) = results
    assert two["metrics"]["num_sequences"] == one["num_test"]
    assert two["metrics"]["confusion"] == one["metrics"]["confusion"]
    assert scores["names"].tolist() == other["names"].tolist()
    # sums over tokens and sequences in another order: float32's 1.2e-7 times the root of some thousand terms
    largest = np.abs(scores["scores/"]).max(initial=0, where=np.isfinite(scores["scores/"]))
    np.testing.assert_allclose(other["scores/"], scores["scores/"], rtol=0, atol=1e-5 * largest)

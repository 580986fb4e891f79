"""The GPU check on a CPU: every code path of it, and that it says so where something is wrong."""

import os
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
CHECKS = {"float32", "bf16", "resumed", "embedded", "evaluated", "compiled"}


@pytest.fixture
def gpu_check(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_check

    return gpu_check


def rows(report, heading):
    """Return the cells of the table under a heading, its head left out."""
    section = report.split(f"## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1, "columns are not aligned"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_every_method_is_checked(gpu_check):
    from gpu_comparisons import METHODS

    known = {path.name.removesuffix(".yaml") for path in (files("skelact") / "configs/pretrain").iterdir()}
    assert METHODS.keys() == known | {"stjd-mp, density learned"}


@pytest.mark.slow
def test_methods_pass_every_check_and_speeds_are_measured(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "gpu_check.py"), "--device", "cpu"]
    command += ["--methods", *(methods := ["stjd-mp, density learned", "stjd-d"])]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "report.md")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    report = (tmp_path / "report.md").read_text()
    compared = rows(report, "Against the CPU in float32")
    assert {row[-1] for row in compared} == {"ok"}
    assert {row[0] for row in compared} == {*methods}
    for method in methods:
        assert {row[1] for row in compared if row[0] == method} == CHECKS, method
    measured = rows(report, "Speed and memory")
    assert {(row[0].split(",")[0], row[2]) for row in measured} == {
        ("clips from the store to the cpu", "float32"),
        ("batches to the cpu", "float32"),
        *(
            (what, arithmetic)
            for arithmetic in ("float32", "bf16")
            for what in ("STJD-MP step", "STJD-CL step", "STJD-D step", "SLiM step", "training loop")
        ),
    }
    compiled = {row[0].split(",")[0] for row in measured if row[0].endswith("compiled")}
    assert compiled == {"STJD-MP step", "STJD-D step", "SLiM step"}
    comes_to = {row[0]: row[2] for row in rows(report, "What it comes to, at size tiny")}
    assert comes_to["stjd-mp, NTU-60 xsub, 400 epochs of 40,091 clips, computed: hours"] == "under 3"
    assert comes_to["stjd-d, NTU-60 xsub, 150 epochs of 40,091 clips, computed: hours"] == "under 1"
    assert "- STJD-D step, 2 of 2 bodies, 8 clips, bf16, " in report.split("## What steps spend")[1]
    assert "skipped" not in report


@pytest.mark.slow
def test_what_is_wrong_is_reported_and_the_rest_is_done(gpu_check, monkeypatch, tmp_path, capsys):
    import gpu_comparisons

    calls, embed = [], gpu_comparisons.embed

    def embed_wrongly(encoder, clips):
        calls.append(encoder)
        return embed(encoder, clips) * (1 + 1e-3 * len(calls))

    def broken(*_, **__):
        raise RuntimeError("no such kernel\nimage")

    monkeypatch.setattr(gpu_comparisons, "embed", embed_wrongly)
    monkeypatch.setattr(gpu_comparisons, "evaluate_knn", broken)
    compile_, out = torch.compile, tmp_path / "new" / "report.md"
    status = gpu_check.main(["--device", "cpu", "--methods", "stjd-cl", "--budget", "0", "--out", str(out)])
    assert status == 1
    assert torch.compile is compile_
    report = out.read_text()
    compared = rows(report, "Against the CPU in float32")
    wrong = {(row[0], row[1], row[2]) for row in compared if row[-1] != "ok"}
    assert wrong == {("stjd-cl", "embedded", "features"), ("stjd-cl", "evaluated", "-")}
    assert {row[-1] for row in compared} == {"ok", "FAILED"}
    assert {row[1] for row in compared} == CHECKS
    assert "- stjd-cl, evaluated: RuntimeError: no such kernel image\n" in report
    assert rows(report, "Speed and memory") == []
    assert "- loader: skipped, for 0 seconds were over\n" in report
    assert "stjd-cl, embedded: FAILED: features\n" in capsys.readouterr().out


def test_a_deviation_that_is_no_number_is_not_ok(gpu_check):
    from gpu_comparisons import Compared

    assert Compared("loss", 1e-3, 1e-3).is_ok
    assert not Compared("loss", 1.1e-3, 1e-3).is_ok
    assert not Compared("loss", float("nan"), 1e-3).is_ok


def test_what_figures_come_to(gpu_check):
    from gpu_speeds import Measured, Spent, aims

    measured = [
        Measured("STJD-MP step, 2 of 2 bodies", 128, "bf16", 3000, share_of_peak=0.41),
        Measured("STJD-MP step, 2 of 2 bodies", 32, "bf16", 1000, share_of_peak=0.2),
        Measured("STJD-MP step, 2 of 2 bodies", 128, "float32", 900, share_of_peak=0.9),
        Measured("training loop, stjd-mp", 128, "bf16", 2000, share_of_peak=0.39),
        Measured("batches to the cuda, stjd-mp", 128, "float32", 1000),
    ]
    found = aims(measured, [Spent("a step", 0.1, 0.8, (), hiding=0.02)])
    assert [(each.found, each.is_reached) for each in found] == [
        ("41%", True),
        ("39%", False),
        ("2.2", True),  # 400 x 40,091 / 2,000 / 3,600
        ("0.5", False),
        ("2.0%", True),
        ("80%", False),
    ]


def test_a_method_that_is_not_known_is_refused(gpu_check, capsys):
    assert gpu_check.main(["--device", "cpu", "--methods", "mea"]) == 2
    assert "--methods: no 'mea'; there are 'stjd-mp', " in capsys.readouterr().err


def test_without_a_gpu_it_says_what_can_be_done(gpu_check, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        gpu_check.main([])
    assert stopped.value.code == 2
    assert "--device cpu" in capsys.readouterr().err


@pytest.fixture
def carried_wheels(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "path", [*sys.path])
    import carried_wheels

    monkeypatch.setattr(carried_wheels, "PACKAGES", {"carried_probe": "carried-probe", "torch": "torch"})
    yield carried_wheels
    sys.modules.pop("carried_probe", None)


def test_what_is_missing_is_taken_from_wheels(carried_wheels, tmp_path):
    with zipfile.ZipFile(tmp_path / "carried_probe-1.0-py3-none-any.whl", "w") as wheel:
        about = "carried_probe-1.0.dist-info"
        wheel.writestr("carried_probe.py", "ANSWER = 42\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: carried-probe\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    assert carried_wheels.provide(tmp_path) == ["carried-probe"]
    import carried_probe

    assert carried_probe.ANSWER == 42
    assert Path(carried_probe.__file__).parent == Path(sys.path[-1])


def test_a_wheel_that_is_missing_is_named(carried_wheels, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        carried_wheels.provide(tmp_path)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "no wheels for carried-probe" in message
    assert "make gpu-wheels" in message

"""The demo in small: everything it promises is there, and a stopped one goes on."""

import pytest

from skelact.cli.main import main

SMALL = ["--sequences", "62", "--epochs", "2", "--linear-epochs", "2", "--seeds", "1"]


@pytest.mark.slow
def test_demo_leaves_runs_with_figures_and_goes_on_after_a_stop(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), *SMALL]) == 0
    printed = capsys.readouterr().out
    assert "gain" in printed
    run = out / "run-seed0"
    for figure in ("loss", "confusion", "strip", "density"):
        assert (run / "figures" / f"{figure}.png").stat().st_size > 5_000
    assert len(list((run / "evaluations").glob("*.json"))) == 4
    weights = (run / "weights.safetensors").read_bytes()

    (run / "card.json").unlink()  # as if it had been stopped before it was finished
    assert main(["demo", "--out", str(out), *SMALL]) == 0
    assert (run / "weights.safetensors").read_bytes() == weights
    assert capsys.readouterr().out.splitlines()[:-1] == printed.splitlines()[:-1]

    assert main(["demo", "--out", str(out), *SMALL, "--epochs", "3"]) == 2
    assert "--epochs 2" in capsys.readouterr().err


def test_demo_does_not_touch_a_folder_of_something_else(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["demo", "--out", str(tmp_path), *SMALL]) == 2
    assert "holds no demo" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"

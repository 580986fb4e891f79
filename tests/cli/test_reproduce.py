"""`skelact reproduce`: computes what is missing, goes on after a stop, and changes nothing that is done."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from skelact.cli.main import main, parse
from skelact.reproduction import execution

SUITE = """
size: tiny
rows:
  untrained: {untrained_of: mae}
  mae: {method: mae}
  stjd-mp: {method: stjd-mp, start: mae}
data:
  synthetic:
    title: synthetic
    data_set: ntu60
    protocol: xsub
    num_classes: 60
    evaluate: {finetune: {training: {epochs: 1, batch_size: 16}, hidden_width: 32}}
tables:
  neighbours:
    title: Neighbours
    data: [synthetic]
    pretrain: {training: {epochs: 2, checkpoint_every: 1, tensorboard: false}}
    evaluate: [knn]
    seeds: [0]
  tuned:
    title: Fine-tuned
    data: [synthetic]
    rows: [stjd-mp]
    pretrain: {training: {epochs: 2, checkpoint_every: 1, tensorboard: false}}
    evaluate: [finetune]
    seeds: [0]
"""


@pytest.fixture
def reproduce(tmp_path, store_path, monkeypatch):
    """Return a function that reproduces the suite; its commands run in this process, their words are kept."""
    (tmp_path / "stores").mkdir()
    (tmp_path / "stores" / "ntu60").symlink_to(store_path)
    (tmp_path / "own.yaml").write_text(SUITE)
    ran = []

    def run_command(words, *others):
        ran.append(words)
        return main(words)

    monkeypatch.setattr(execution, "run_command", run_command)

    def run(*more):
        ran.clear()
        words = [str(tmp_path / "own.yaml"), "--stores", str(tmp_path / "stores"), "--out", str(tmp_path)]
        status = main(["reproduce", *words, "--accelerator", "cpu", *more])
        return status, [list(each) for each in ran]

    return run


def results(folder):
    return {path.name: path.read_bytes() for path in (folder / "results").rglob("*.json")}


def test_evaluations_with_settings_of_their_own_are_one_command_each(reproduce, tmp_path):
    own = SUITE.replace("evaluate: [knn]", "evaluate: [linear-joints, ridge, knn-moments]")
    strengths = "evaluate: {linear-joints: {l2: [0.1]}, ridge: {l2: [0.1]}, finetune: {"
    (tmp_path / "own.yaml").write_text(own.replace("evaluate: {finetune: {", strengths))
    status, ran = reproduce("--only", "*/untrained/*")
    assert status == 0
    assert "--standardise" in next(words for words in ran if words[:2] == ["evaluate", "knn"])
    made = results(tmp_path)
    assert len(made) == 3
    assert reproduce("--only", "*/untrained/*") == (0, [])
    assert results(tmp_path) == made


@pytest.mark.slow
def test_a_suite_is_computed_once_and_what_was_lost_is_computed_again(reproduce, tmp_path, capsys):
    status, ran = reproduce()
    assert status == 0
    assert [words[0] for words in ran] == [
        "pretrain",
        "evaluate",
        "evaluate",
        "pretrain",
        "evaluate",
        "evaluate",
    ]
    printed = capsys.readouterr().out
    assert "Neighbours" in printed
    assert "Fine-tuned" in printed
    before = results(tmp_path)
    assert sorted(before) == [
        "xsub-mae-knn-seed0.json",
        "xsub-stjd-mp-finetune-seed0.json",
        "xsub-stjd-mp-knn-seed0.json",
        "xsub-untrained-knn-seed0.json",
    ]
    content = json.loads(before["xsub-stjd-mp-finetune-seed0.json"])
    assert (tmp_path / "results" / "ntu60" / content["scores"]["file"]).is_file()

    assert reproduce() == (0, [])  # everything is done
    assert results(tmp_path) == before

    # the copy is lost: taken from the run folder again, nothing is computed
    (tmp_path / "results" / "ntu60" / "xsub-mae-knn-seed0.json").unlink()
    assert reproduce() == (0, [])
    assert results(tmp_path) == before

    # stopped in the middle of a pre-training: it is resumed, and its evaluation done anew
    run = tmp_path / "runs" / "synthetic" / "stjd-mp-seed0"
    weights = (run / "weights.safetensors").read_bytes()
    for lost in (run / "card.json", run / "weights.safetensors", *run.glob("evaluations/*")):
        lost.unlink()
    (tmp_path / "results" / "ntu60" / "xsub-stjd-mp-knn-seed0.json").unlink()
    status, ran = reproduce()
    assert status == 0
    assert [words[0] for words in ran] == ["pretrain", "evaluate"]
    assert "--resume" in ran[0]
    assert (run / "weights.safetensors").read_bytes() == weights


SUM = """
size: tiny
rows:
  mae: {method: mae}
  mamp: {method: mamp}
  both: {sum_of: [mae, mamp]}
data:
  synthetic:
    title: synthetic
    data_set: ntu60
    protocol: xsub
    num_classes: 60
    evaluate: {linear: {training: {epochs: 1}}}
tables:
  sums:
    title: Sums
    data: [synthetic]
    rows: [both]
    pretrain: {training: {epochs: 1, tensorboard: false}}
    evaluate: [linear]
    seeds: [0]
"""


@pytest.mark.slow
def test_scores_are_added_up_after_their_members_are_evaluated(reproduce, tmp_path, capsys):
    (tmp_path / "own.yaml").write_text(SUM)
    status, ran = reproduce()
    assert status == 0
    assert [words[:2] for words in ran] == [
        ["pretrain", "--data"],
        ["evaluate", "linear"],
        ["pretrain", "--data"],
        ["evaluate", "linear"],
        ["evaluate", "ensemble"],
    ]
    before = results(tmp_path)
    assert sorted(before) == [f"xsub-{row}-linear-seed0.json" for row in ("both", "mae", "mamp")]
    assert reproduce() == (0, [])

    for path in (tmp_path / "runs").rglob("evaluations"):  # the sum is known from its file alone
        path.rename(path.with_name("moved"))
    assert reproduce() == (0, [])
    assert results(tmp_path) == before
    assert "Sums" in capsys.readouterr().out


def test_the_plan_shows_commands_that_parse_and_an_estimate(reproduce, tmp_path, capsys):
    assert reproduce("--dry-run") == (0, [])
    lines = capsys.readouterr().out.splitlines()
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("skelact ")]
    assert len(commands) == 6
    for words in commands:
        parse(words)
    assert lines[-2] == "# 4 cells, 0 done; 6 commands left"
    assert lines[-1] == "# no estimate for 6 commands: none of their kind is finished"
    assert not (tmp_path / "runs").exists()


def test_a_part_is_chosen_and_later_known_from_its_files_elsewhere(reproduce, tmp_path, capsys):
    status, ran = reproduce("--only", "*/untrained/*")
    assert status == 0
    assert len(ran) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split("; ")[:2] for line in told if "commands left" in line] == [
        ["1 cells, 0 done", "2 commands left"],
        ["1 cells, 0 done", "1 commands left"],
    ]
    other = tmp_path / "other"
    status, ran = reproduce(
        "--out", str(other), "--only", "*/untrained/*", "--collect", str(tmp_path / "runs")
    )
    assert (status, ran) == (0, [])
    assert list(results(other)) == ["xsub-untrained-knn-seed0.json"]
    assert "1 of them taken over" in capsys.readouterr().out

    page = tmp_path / "page.md"
    name = str(tmp_path / "own.yaml")
    markers = [
        f"<!-- {end}table {name}/{table} -->" for table in ("neighbours", "tuned") for end in ("", "end of ")
    ]
    page.write_text("\n".join(["before", *markers, "after"]))
    assert reproduce("--table", str(page)) == (0, [])
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter")
    assert "| mae | not yet |" in text
    assert reproduce("--table", str(page)) == (0, [])
    assert page.read_text() == text

    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "a.md").write_text("\n".join(["a", *markers[:2]]))
    (folder / "b.md").write_text("\n".join(["b", *markers[2:]]))
    assert reproduce("--table", str(folder)) == (0, [])
    assert "--only-table neighbours" in (folder / "a.md").read_text()
    assert "--only-table tuned" in (folder / "b.md").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["a.md", "b.md"]


def test_a_failed_command_and_a_foreign_run_stop_the_suite(reproduce, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(execution, "run_command", lambda words, *others: 2)
    assert reproduce()[0] == 2
    assert "ended with status 2" in capsys.readouterr().err
    monkeypatch.setattr(execution, "run_command", lambda words, *others: 0)  # says done, but wrote nothing
    assert reproduce("--only", "*/mae/knn/*")[0] == 2
    assert "mae-seed0: no finished run" in capsys.readouterr().err
    monkeypatch.undo()
    run = tmp_path / "runs" / "synthetic" / "mae-seed0"
    store = str(tmp_path / "stores" / "ntu60")
    words = ["--data", store, "--protocol", "xsub", "--method", "mamp", "--size", "tiny", "--epochs", "1"]
    words += ["--training.tensorboard", "false"]
    assert main(["pretrain", *words, "--out", str(run)]) == 0
    capsys.readouterr()
    assert reproduce("--dry-run")[0] == 2
    assert "holds another run (objective.masking = motion, expected uniform)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--stores", "nowhere"],
            "nowhere/ntu60: there is no such store; make it: skelact data prepare ntu60 ",
        ),
        (["--only", "nothing"], "--only nothing: no cell is called so"),
        (["--only-table", "neighbour"], "--only-table neighbour: no such table (did you mean 'neighbours'?)"),
        (["--table", "x.md", "--seeds", "[1]"], "--table writes all tables"),
        (["--table", "x.md", "--dry-run"], "--table writes, --dry-run does not"),
        (["--table", "no/x.md"], "No such file"),
        (["--collect", "nowhere"], "nowhere: no such folder"),
        (["--collect", "runs", "--dry-run"], "--collect writes, --dry-run does not"),
        (["--collect", ".", "--table", "x.md", "--only", "*"], "--table writes all tables"),
        (["--collect", ".", "--jobs", "2"], "--jobs has no effect with --collect, which runs nothing"),
        (["--dry-run", "--launcher", "local"], "--launcher has no effect with --dry-run"),
    ],
)
def test_what_cannot_be_is_refused(reproduce, capsys, more, message):
    assert reproduce(*more) == (2, [])
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_plan_says_how_stores_that_are_missing_are_made(reproduce, capsys):
    reproduce("--stores", "no where", "--dry-run")
    command = "skelact data prepare ntu60 RAW 'no where/ntu60'"
    assert f"# no where/ntu60 is not there yet: {command}\n" in capsys.readouterr().out


def test_a_store_with_other_classes_is_refused(reproduce, tmp_path, capsys):
    path = tmp_path / "own.yaml"
    path.write_text(path.read_text().replace("num_classes: 60", "num_classes: 61"))
    assert reproduce() == (2, [])
    assert "60 classes, synthetic has 61" in capsys.readouterr().err


def test_one_table_of_a_suite(reproduce, capsys):
    assert reproduce("--only-table", "tuned", "--dry-run") == (0, [])
    plan = capsys.readouterr().out
    assert "# 1 cells, 0 done; 3 commands left" in plan
    assert "knn" not in plan


def test_jobs_of_slurm_wait_for_the_weights_they_start_from(reproduce, tmp_path, capsys, monkeypatch):
    programs = tmp_path / "programs"
    programs.mkdir()
    fake = """#!/bin/bash
number=$(ls PLACE/*.job 2>/dev/null | wc -l)
cp $1 PLACE/$number.job
echo Submitted batch job $((number + 1))
"""
    for name, text in (("sbatch", fake.replace("PLACE", str(programs))), ("srun", "#!/bin/bash\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert reproduce("--launcher", "slurm", "--sbatch", "partition=gpu", "--sbatch", "time=1:00:00") == (
        0,
        [],
    )
    assert "4 cells in 2 jobs" in capsys.readouterr().out
    first, second = ((programs / f"{number}.job").read_text().splitlines() for number in range(2))
    assert {"#SBATCH --partition=gpu", "#SBATCH --time=1:00:00"} <= {*first} & {*second}
    assert not any("dependency" in line for line in first)
    assert "#SBATCH --dependency=afterok:1" in second
    assert reproduce("--launcher", "slurm", "--sbatch=--partition=gpu")[0] == 2
    assert "--sbatch partition=gpu" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("launcher", "only"), [("here", []), ("local", ["--only", "*/untrained/*"])])
def test_two_workers_compute_what_one_does(reproduce, tmp_path, monkeypatch, launcher, only):
    part = ["--only-table", "neighbours", *only]
    assert reproduce(*part, "--out", str(tmp_path / "one"))[0] == 0
    monkeypatch.undo()  # from here on commands are processes of their own
    words = [*part, "--out", str(tmp_path / "two"), "--launcher", launcher, "--jobs", "2"]
    assert reproduce(*words)[0] == 0
    one, two = (results(tmp_path / name) for name in ("one", "two"))
    assert sorted(one) == sorted(two) != []
    for name, text in one.items():
        assert json.loads(text)["identity"] == json.loads(two[name])["identity"]
    assert not list((tmp_path / "two" / "claims").iterdir())


@pytest.mark.slow
def test_a_suite_that_is_told_to_stop_goes_on_in_the_middle_of_a_pretraining(tmp_path, store_path):
    (tmp_path / "stores").mkdir()
    (tmp_path / "stores" / "ntu60").symlink_to(store_path)
    (tmp_path / "own.yaml").write_text(SUITE.replace("epochs: 2,", "epochs: 4000,"))
    arguments = ["reproduce", "own.yaml", "--only", "*/mae/knn/*", "--accelerator", "cpu"]
    command = [sys.executable, "-m", "skelact.cli.main", *arguments]
    metrics = tmp_path / "runs" / "synthetic" / "mae-seed0" / "metrics.jsonl"
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not (metrics.exists() and metrics.read_text().count("\n") >= 2):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 3, said
    assert "run the same command to go on" in said
    assert list((metrics.parent / "checkpoints").glob("step-*.safetensors"))
    plan = subprocess.run([*command, "--dry-run"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "--resume" in plan.stdout
    assert "no estimate for 2 commands" in plan.stdout


def test_a_document_that_is_no_text_is_named(reproduce, tmp_path, capsys):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "bad.md").write_bytes(b"# \xff")
    assert reproduce("--table", str(tmp_path / "pages"))[0] == 2
    assert "bad.md: byte 2 is not UTF-8" in capsys.readouterr().err

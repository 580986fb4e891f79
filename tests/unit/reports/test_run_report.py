"""What a page of runs is told: confidence, examples, recordings that fit, and commands that are true."""

import json
import shlex
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
import torch

from skelact.api.pretraining import compose
from skelact.api.recordings import recording_of_store
from skelact.cli.main import parse
from skelact.pretraining.methods import CONTRASTIVE, find_method, methods
from skelact.reports.of_runs import recordings as held_recordings
from skelact.reports.of_runs.recordings import answer, hold, thinned
from skelact.reports.of_runs.results import Judged, RunResults, confidence_of, examples_of
from skelact.reports.of_runs.runs import MOST_EPOCHS, curves, evaluation_words, pretrain_words
from written_results import write_predictions


def test_confidence_is_a_probability_a_share_of_votes_or_how_far_ahead():
    scores = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])) + 7
    values, is_share = confidence_of("linear", scores)
    assert is_share
    np.testing.assert_allclose(values, [0.5, 0.8])
    votes = np.array([[3, 1, -np.inf], [2, -np.inf, -np.inf]])
    values, is_share = confidence_of("knn k=10", votes)
    assert is_share
    np.testing.assert_allclose(values, [0.75, 1])
    values, is_share = confidence_of("retrieval", np.array([[0.9, 0.7, 0.1], [-1.0, -0.5, -np.inf]]))
    assert not is_share
    np.testing.assert_allclose(values, [0.2, 0.5])


def test_examples_are_the_surest_mistakes_the_surest_hits_and_the_frequent_pairs():
    names = tuple("abcdefg")
    labels, said = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([1, 1, 0, 1, 0, 2, 0])
    sure = np.array([0.5, 0.6, 0.9, 0.7, 0.99, 0.8, 0.4])
    judged = Judged(names, labels, said, sure, True)
    # surest mistake e, surest hit c, of the most frequent pair (0 taken for 1) the surer b
    assert examples_of(judged, 3) == ["e", "c", "b"]
    assert sorted(examples_of(judged, 99)) == sorted(names)


def test_seeds_are_one_method_and_copies_and_damage_are_told(tmp_path):
    labels = [0, 1, 2] * 10
    for seed in (0, 1):
        write_predictions(tmp_path, labels, [0, 1, 1] * 10, seed=seed)
    write_predictions(tmp_path, labels, [0, 0, 2] * 10, method="mamp")
    write_predictions(tmp_path / "copy", labels, [0, 1, 1] * 10, seed=1)
    runs = sorted(path.parent.parent for path in tmp_path.rglob("*.json"))
    damaged = runs[-1] / "evaluations" / "broken.json"
    damaged.write_text("{")
    found = RunResults.read(runs)
    data = found.data()
    (table,) = data["tables"]
    assert [row["seeds"] for row in table["rows"]] == [2, 1]
    assert [cells[0][0] for cells in (row["cells"] for row in table["rows"])] == pytest.approx([200 / 3] * 2)
    assert table["comparisons"][0]["p"] == pytest.approx(1.0)
    assert data["methods"][0]["confusion"][2][1] == 20
    assert len(data["tests"]) == 1
    (difference,) = data["differences"]
    by_class = {row["name"]: row["difference"] for row in difference["rows"]}
    assert by_class == {"wave": 0, "kick": 100, "bow": -100}
    assert len(found.problems) == 2
    assert any("is left out" in problem for problem in found.problems)
    assert any(str(damaged) in problem for problem in found.problems)


def test_recordings_fit_by_leaving_out_density_then_frames_then_recordings(small_store, monkeypatch):
    played = partial(recording_of_store, small_store)
    everything = list(range(len(small_store)))[::-1]
    whole = hold(small_store, played, everything)
    assert whole.remark == ""
    assert list(whole.data) == everything
    assert all(each["layers"] for each in whole.data.values())
    assert "joints" not in whole.data[0]
    assert whole.shared["joints"] == list(small_store.topology.joints)

    def size(held):
        return len(json.dumps(held.data))

    before = size(whole)
    monkeypatch.setattr(held_recordings, "MOST_BYTES", int(before * 0.8))
    bare = hold(small_store, played, everything)
    assert all(not each["layers"] for each in bare.data.values())
    assert bare.data[9]["frames"] == 150
    assert "without their density over time. " in bare.remark
    monkeypatch.setattr(held_recordings, "MOST_BYTES", int(before * 0.3))
    fewer = hold(small_store, played, everything)
    assert list(fewer.data) == everything
    assert fewer.data[9]["frames"] == 30
    assert "more than 32 frames" in fewer.remark
    assert size(fewer) < before * 0.35
    monkeypatch.setattr(held_recordings, "MOST_BYTES", int(before * 0.06))
    some = hold(small_store, played, everything)
    assert list(some.data) == everything[: len(some.data)]
    assert 0 < len(some.data) < len(everything)
    assert f"of 10 that are shown it holds {len(some.data)}" in some.remark


def test_thinned_recordings_keep_positions_and_speed(small_store):
    sequence = small_store.sequence(9)
    few = thinned(sequence, 40)
    assert few.num_frames == 38
    assert few.fps == sequence.fps / 4
    np.testing.assert_array_equal(few.positions, sequence.positions[:, ::4])
    np.testing.assert_array_equal(few.present, sequence.present[:, ::4])
    assert thinned(replace(sequence, fps=None), 40).fps is None


def test_the_server_answers_for_recordings_that_there_are(small_store):
    played = partial(recording_of_store, small_store)
    assert json.loads(answer(10, played, "full/9"))["frames"] == 150
    assert json.loads(answer(10, played, "small/9"))["frames"] == 75
    for wrong in ("full/10", "full/-1", "full/", "other/1", "full/1/2", "../full/1", "full/\u0661"):
        assert answer(10, played, wrong) is None


def test_long_logs_are_thinned_and_gaps_stay_gaps():
    lines = [{"epoch": epoch, "step": epoch, "loss": 1 / (epoch + 1)} for epoch in range(1201)]
    lines[0]["knn"] = 0.5
    lines[3]["loss"] = float("inf")
    found = curves(lines)
    assert found["every"] == 3
    assert found["epochs"][:3] == [1, 4, 7]
    assert found["epochs"][-1] == 1201
    assert len(found["epochs"]) <= MOST_EPOCHS + 1
    assert found["values"]["knn"][:2] == [0.5, None]
    assert found["values"]["loss"][1] is None
    assert "step" not in found["values"]


@pytest.mark.parametrize("method", sorted(methods()))
def test_the_command_that_is_told_makes_the_same_configuration(method, tmp_path):
    family = find_method(method).family
    given = {
        "data": ["stores/a b"],
        "protocol": ["xsub"],
        "method": method,
        "size": "small",
        "clips": {"num_frames": 32, **({} if family is CONTRASTIVE else {"min_crop_frames": 8})},
        "training": {"epochs": 7, "seed": 3, "lr": 0.002, "clip_grad": 1.0},
        **({"objective": {"mask_ratio": 0.7}} if family.objective == "objective" else {}),
    }
    run = compose(None, given)
    words = pretrain_words(run, tmp_path / "run")
    function, options = parse(shlex.split(shlex.join(words)))
    assert function.__name__ == "pretrain"
    out = options.pop("out")
    short = {key: options.pop(key) for key in ("epochs", "seed") if key in options}
    assert str(out) == str(tmp_path / "run")
    assert asdict(compose(None, options, short)) == asdict(run)


@pytest.mark.parametrize(
    ("evaluation", "config", "expected"),
    [
        ("knn", {"seed": 0, "k": [1, 10, 20], "tau": 0.1}, "evaluate knn --run r --data s --protocol xsub"),
        (
            "knn",
            {"seed": 2, "k": [5], "tau": 0.2, "pooling": "joints"},
            "evaluate knn --run r --data s --protocol xsub --k [5] --tau 0.2 --pooling joints --seed 2",
        ),
        (
            "linear",
            {"seed": 1, "training": {"epochs": 50, "lr": 0.1, "seed": 1}, "balance": "none"},
            "evaluate linear --run r --data s --protocol xsub --epochs 50 --seed 1",
        ),
        (
            "linear-fast",
            {"seed": 0, "crops": 2, "l2": [0.1, 0.01, 0.001, 0.0001, 1e-05], "held_out": 0.2},
            "evaluate linear-fast --run r --data s --protocol xsub --crops 2",
        ),
    ],
)
def test_the_commands_of_evaluations_can_be_typed(evaluation, config, expected, tmp_path):
    content = {"evaluation": evaluation, "protocol": "xsub", "config": config, "trained": True}
    words = evaluation_words(content, tmp_path / "r", {}, "s", {})
    assert words == expected.replace(" r ", f" {tmp_path / 'r'} ").split()
    parse(words)
    assert evaluation_words({**content, "trained": False}, tmp_path, {}, "s", {}).count("--untrained") == 1
    assert evaluation_words({**content, "evaluation": "detection"}, tmp_path, {}, "s", {}) is None


def test_clips_that_an_evaluation_asked_for_are_typed_as_it_takes_them(tmp_path):
    clips = {"num_frames": 32, "view": "camera", "scale": "stored"}
    config = {"k": [5], "clips": {**clips, "num_frames": 64, "view": "body"}}
    content = {"evaluation": "knn", "protocol": "xsub", "config": config, "trained": True}
    words = evaluation_words(content, tmp_path, {}, "s", clips)
    assert words[-4:] == ["--view", "body", "--num-frames", "64"]
    parse(words)
    content["config"]["clips"] = clips  # as the model has them
    assert "--view" not in evaluation_words(content, tmp_path, {}, "s", clips)


def test_bandwidths_are_told_limb_by_limb(small_store):
    from skelact.density.learned import START, LearnedDensity
    from skelact.reports.of_runs.features import bandwidth_data

    density = LearnedDensity(25, 3)
    with torch.no_grad():
        density.log_bandwidth[small_store.topology.index("Head")] = np.log(0.25)
    data = bandwidth_data(density, small_store.topology)
    assert sorted(data["joints"]) == sorted(small_store.topology.joints)
    assert data["values"][data["joints"].index("Head")] == pytest.approx(0.25)
    assert data["start"] == START

"""A result is a cell's by what it says: every setting that changes a number is looked at, nothing else."""

import json

import pytest

from cell_results import card_of, cell, result_of, sum_of, with_value
from skelact.errors import DataError
from skelact.reproduction.cells import cells_of_suite
from skelact.reproduction.matching import Results, difference, run_difference
from skelact.reproduction.suite_files import read_suite

MODEL = ("model", "config")
LINEAR = "msr-action3d-xsub/mamp-sequence/linear/seed1"


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        ("small", LINEAR),
        ("small", "msr-action3d-xsub/untrained/knn/seed2"),
        ("small", "msr-action3d-xsub/mamp-sequence/linear-fast/seed1"),
        ("small", "bandai-namco-2-xstyle/learned-weighting-sequence/linear/seed0"),
        ("paper", "ntu120-xsub/stjd-mp/linear/seed0"),
        ("paper", "ntu60-xsub/mamp/semi-1/seed4"),
        ("paper", "pku1-xsub/mae/transfer-to-pku2-xsub/seed0"),
        ("paper", "ntu60-xsub/stjd-cl-bone/linear/seed0"),
        ("paper", "ntu60-xsub/stjd-cl-3s/linear/seed0"),
        ("paper", "ntu60-xview/stjd-cl-3s/semi-1/seed2"),
    ],
)
def test_a_cells_own_result_fits_it_and_no_other(suite, name):
    found = cell(name, suite)
    content = sum_of(found) if found.members else result_of(found)
    fitting = [
        each.name
        for each in cells_of_suite(read_suite("small")) + cells_of_suite(read_suite("paper"))
        if difference(content, each, {}) is None
    ]
    assert fitting == [name]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("evaluation",), "linear-fast", "evaluation linear-fast"),
        (("protocol",), "xview", "protocol xview"),
        (("trained",), False, "trained False"),
        (("data_hash",), "another", "another store"),
        (("model", "data_hash"), "another", "another store"),
        (("model", "data_set"), "ntu60", "pre-trained on ntu60"),
        (("model", "config"), {}, "expected|needs"),
        (("config", "seed"), 0, "seed 0"),
        (("config", "training", "lr"), 0.2, "training.lr = 0.2, expected 0.1"),
        (("config", "training", "precision"), "bf16", "precision"),
        ((*MODEL, "protocol"), ["xview"], "under"),
        ((*MODEL, "init"), "mamp.pth", "started from mamp.pth"),
        ((*MODEL, "training", "seed"), 0, "training.seed = 0, expected 1"),
        ((*MODEL, "training", "epochs"), 239, "training.epochs = 239"),
        ((*MODEL, "objective", "normalisation"), "patch", "normalisation = patch"),
        ((*MODEL, "objective", "unheard_of"), 1, "unheard_of"),
        ((*MODEL, "clips", "gaps"), "zero", "gaps"),
        ((*MODEL, "model", "width"), 64, "width = 64"),
        (("subset",), {"num_sequences": 3, "share": 0.1, "seed": 1}, "share of the labels"),
    ],
)
def test_what_changes_a_number_makes_it_another_result(path, value, message):
    found = cell(LINEAR)
    hashes = {"msr-action3d": "hash of msr-action3d"}
    content = result_of(found)
    assert difference(content, found, hashes) is None
    problem = difference(with_value(content, path, value), found, hashes)
    assert problem is not None
    assert any(word in problem for word in message.split("|")), problem


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("evaluation",), "ensemble-knn", "evaluation ensemble-knn"),
        (("config", "weights"), [1.0, 1.0, 2.0], "weights"),
        (("config", "members"), [], "0 members"),
        (("config", "members", 1, "result", "config", "seed"), 7, "stjd-cl-bone/linear/seed0: seed 7"),
        (
            ("config", "members", 2, "result", "model", "config", "clips", "stream"),
            "joint",
            "stjd-cl-motion/linear/seed0: clips.stream = joint",
        ),
        (("config", "members", 0), {"file": "f"}, "older version"),
    ],
)
def test_a_sum_is_known_by_its_members(path, value, message):
    found = cell("ntu60-xsub/stjd-cl-3s/linear/seed0", "paper")
    content = sum_of(found)
    assert difference(content, found, {}) is None
    assert message in difference(with_value(content, path, value), found, {})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*MODEL, "data"), "stores/msr"),
        ((*MODEL, "protocol"), "xsub"),
        ((*MODEL, "size"), "my own"),
        ((*MODEL, "method"), "my own"),
        ((*MODEL, "training", "checkpoint_every"), 3),
        ((*MODEL, "training", "devices"), 2),
        (("config", "training", "accelerator"), "gpu"),
    ],
)
def test_names_paths_and_hardware_do_not(path, value):
    found = cell(LINEAR)
    assert difference(with_value(result_of(found), path, value), found, {}) is None


def test_settings_that_an_older_version_did_not_have_are_at_their_defaults():
    found = cell(LINEAR)
    content = result_of(found)
    for name in ("density", "density_source", "learning", "tube_steps"):
        del content["model"]["config"]["objective"][name]
    del content["model"]["config"]["init"], content["model"]["config"]["mixing"]
    assert difference(content, found, {}) is None
    learned = cell("msr-action3d-xsub/learned-difficulty-sequence/linear/seed1")
    content = result_of(learned)
    del content["model"]["config"]["objective"]["density"]
    assert "density" in difference(content, learned, {})


def test_the_seed_of_neighbours_matters_only_without_training():
    trained, untrained = (
        cell("msr-action3d-xsub/mamp-sequence/knn/seed1"),
        cell("msr-action3d-xsub/untrained/knn/seed1"),
    )
    assert difference(with_value(result_of(trained), ("config", "seed"), 0), trained, {}) is None
    assert "seed" in difference(with_value(result_of(untrained), ("config", "seed"), 0), untrained, {})


def test_the_seed_of_the_fast_linear_layer_and_its_strengths_matter():
    found = cell("msr-action3d-xsub/mamp-sequence/linear-fast/seed1")
    written = json.loads(json.dumps(result_of(found)))  # strengths are a list in files
    assert difference(written, found, {}) is None
    assert "seed 0" in difference(with_value(written, ("config", "seed"), 0), found, {})
    assert "l2" in difference(with_value(written, ("config", "l2"), [0.1]), found, {})


def test_an_untrained_encoder_is_the_same_whatever_would_have_trained_it():
    found = cell("msr-action3d-xsub/untrained/linear/seed1")
    content = result_of(found)
    for path, value in (((*MODEL, "objective", "tau"), 3.0), ((*MODEL, "training", "epochs"), 1)):
        assert difference(with_value(content, path, value), found, {}) is None
    for path, value in (((*MODEL, "model", "depth"), 1), ((*MODEL, "objective", "absent"), "include")):
        assert difference(with_value(content, path, value), found, {}) is not None


def test_labels_must_be_as_many_and_of_the_same_draw():
    found = cell("ntu60-xsub/mamp/semi-1/seed4", "paper")
    content = result_of(found)
    assert difference(content, found, {}) is None
    assert "seed 3" in difference(with_value(content, ("subset", "seed"), 3), found, {})
    assert "10 %" in difference(with_value(content, ("subset", "share"), 0.1), found, {})


def test_a_run_folder_is_known_by_its_configuration():
    pretraining = cell(LINEAR).pretraining
    card = card_of(pretraining)
    hashes = {"msr-action3d": "hash of msr-action3d"}
    assert run_difference(card, pretraining, hashes) is None
    problem = run_difference({**card, "data_hash": "older"}, pretraining, hashes)
    assert problem == "learned from another store of msr-action3d"
    assert run_difference({**card, "data_set": "ntu60"}, pretraining) == "learned from ntu60"
    card["config"]["training"]["lr"] = 1.0
    assert run_difference(card, pretraining) == "training.lr = 1.0, expected 0.001"


def test_weights_to_start_from_must_be_those_of_the_row():
    found = cell("ntu60-xsub/stjd-mp/linear/seed0", "paper")
    content, start = result_of(found), (*MODEL[:1], "init_weights", "of")
    assert found.pretraining.start.row.method == "mamp"
    assert difference(content, found, {}) is None
    for path, value, message in (
        (("config", "objective", "masking"), "uniform", "objective.masking = uniform, expected motion"),
        (("config", "training", "seed"), 1, "training.seed = 1, expected 0"),
        (("data_set",), "ntu120", "learned from ntu120"),
    ):
        problem = difference(with_value(content, (*start, *path), value), found, {})
        assert problem == f"started from a run: {message}"
    del content["model"]["init_weights"]
    assert "does not say how it was trained" in difference(content, found, {})


def test_clips_of_another_length_are_no_cells():
    found = cell("pku1-xsub/mae/transfer-to-pku2-xsub/seed0", "paper")
    content = result_of(found)
    content["config"]["clips"] = dict(content["model"]["config"]["clips"])
    assert difference(content, found, {}) is None
    content["config"]["clips"]["num_frames"] = 60
    assert difference(content, found, {}) == "clips.num_frames = 60, expected 120"


def test_a_new_result_takes_the_place_of_that_in_its_file(tmp_path):
    found, path = cell(LINEAR), tmp_path / "one.json"
    results = Results([tmp_path])
    for top1 in (0.5, 0.75):
        path.write_text(json.dumps(result_of(found, metrics={"top1": top1})))
        results.add(path)
    assert [content["metrics"]["top1"] for _, content in results.files] == [0.75]


def test_results_are_found_wherever_they_are_and_doubles_are_refused(tmp_path):
    found = cell(LINEAR)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    path = tmp_path / "deep" / "er" / "any name.json"
    path.write_text(json.dumps(result_of(found)))
    (tmp_path / "notes.json").write_text('{"not": "a result"}')
    results = Results([tmp_path])
    assert results.find(found)[0] == path
    assert results.find(cell("msr-action3d-xsub/mae-sequence/linear/seed1")) is None
    assert Results([tmp_path], {"msr-action3d": "another"}).find(found) is None
    assert Results([tmp_path], {"msr-action3d": "another"}).of_other_stores == [path]

    double = tmp_path / "double.json"
    double.write_text(json.dumps(result_of(found)))
    assert Results([tmp_path]).find(found) is not None
    double.write_text(json.dumps(result_of(found, metrics={"top1": 0.6})))
    with pytest.raises(DataError, match="are both results of"):
        Results([tmp_path]).find(found)
    double.write_text(json.dumps(result_of(found, data_hash="another")))
    with pytest.raises(DataError, match="another store than that of"):
        Results([tmp_path])
    double.write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        Results([tmp_path])

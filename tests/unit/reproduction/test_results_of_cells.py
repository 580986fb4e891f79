"""A result is a cell's by what it says: every setting that changes a number is looked at, nothing else."""

import json
from pathlib import Path

import pytest

from cell_results import card_of, cell, cells, result_of, sum_of, with_value
from skelact.errors import DataError
from skelact.models.card import CARD
from skelact.reproduction.commands import Workspace
from skelact.reproduction.pending import Results, pretraining_state

MODEL = ("model", "config")
HASHES = {"msr-action3d": "hash of msr-action3d"}
LINEAR = "msr-action3d-xsub/mamp-sequence/linear/seed1"


def fits(content, found, hashes=None):
    """Return whether a result with this content is the cell's."""
    results = Results([], hashes)
    results.take(Path("one.json"), content)
    return results.find(found) is not None


def test_a_cells_own_result_fits_it_and_no_other():
    names = {
        LINEAR: "small",
        "msr-action3d-xsub/untrained/knn/seed2": "small",
        "msr-action3d-xsub/mamp-sequence/linear-fast/seed1": "small",
        "bandai-namco-2-xstyle/learned-weighting-sequence/linear/seed0": "small",
        "ntu120-xsub/stjd-mp/linear/seed0": "paper",
        "ntu60-xsub/mamp/semi-1/seed4": "paper",
        "pku1-xsub/mae/transfer-to-pku2-xsub/seed0": "paper",
        "ntu60-xsub/stjd-cl-bone/linear/seed0": "paper",
        "ntu60-xsub/stjd-cl-3s/linear/seed0": "paper",
        "ntu60-xview/stjd-cl-3s/semi-1/seed2": "paper",
    }
    results = Results([])
    for name, suite in names.items():
        found = cell(name, suite)
        results.take(Path(name), sum_of(found) if found.members else result_of(found))
    every = cells("small") + cells("paper")
    fitting = {each.name: result[0] for each in every if (result := results.find(each)) is not None}
    assert fitting == {name: Path(name) for name in names}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("evaluation",), "linear-fast"),
        (("protocol",), "xview"),
        (("trained",), False),
        (("data_hash",), "another"),
        (("model", "data_hash"), "another"),
        (("model", "config"), {}),
        (("config", "seed"), 0),
        (("config", "training", "lr"), 0.2),
        (("config", "training", "precision"), "bf16"),
        ((*MODEL, "protocol"), ["xview"]),
        ((*MODEL, "init"), "mamp.pth"),
        ((*MODEL, "training", "seed"), 0),
        ((*MODEL, "training", "epochs"), 239),
        ((*MODEL, "objective", "normalisation"), "patch"),
        ((*MODEL, "objective", "unheard_of"), 1),
        ((*MODEL, "clips", "gaps"), "zero"),
        ((*MODEL, "model", "width"), 64),
        (("subset",), {"num_sequences": 3, "share": 0.1, "seed": 1}),
    ],
)
def test_what_changes_a_number_makes_it_another_result(path, value):
    found = cell(LINEAR)
    content = result_of(found)
    assert fits(content, found, HASHES)
    assert not fits(with_value(content, path, value), found, HASHES)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("config", "weights"), [1.0, 1.0, 2.0]),
        (("config", "members"), []),
        (("config", "members", 1, "result", "config", "seed"), 7),
        (("config", "members", 2, "result", "model", "config", "clips", "stream"), "joint"),
        (("config", "members", 0), {"file": "f", "scores_sha256": "s"}),
    ],
)
def test_a_sum_is_known_by_its_members(path, value):
    found = cell("ntu60-xsub/stjd-cl-3s/linear/seed0", "paper")
    content = sum_of(found)
    assert fits(content, found)
    assert not fits(with_value(content, path, value), found)


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
    assert fits(with_value(result_of(found), path, value), found)


def test_settings_that_an_older_version_did_not_have_are_at_their_defaults():
    found = cell(LINEAR)
    content = result_of(found)
    for name in ("density", "density_source", "learning", "tube_steps"):
        del content["model"]["config"]["objective"][name]
    del content["model"]["config"]["init"], content["model"]["config"]["mixing"]
    assert fits(content, found)
    learned = cell("msr-action3d-xsub/learned-difficulty-sequence/linear/seed1")
    content = result_of(learned)
    del content["model"]["config"]["objective"]["density"]
    assert not fits(content, learned)


def test_the_seed_of_neighbours_matters_only_without_training():
    trained, untrained = (
        cell("msr-action3d-xsub/mamp-sequence/knn/seed1"),
        cell("msr-action3d-xsub/untrained/knn/seed1"),
    )
    assert fits(with_value(result_of(trained), ("config", "seed"), 0), trained)
    assert not fits(with_value(result_of(untrained), ("config", "seed"), 0), untrained)


def test_the_seed_of_the_fast_linear_layer_and_its_strengths_matter():
    found = cell("msr-action3d-xsub/mamp-sequence/linear-fast/seed1")
    written = json.loads(json.dumps(result_of(found)))  # strengths are a list in files
    assert fits(written, found)
    assert not fits(with_value(written, ("config", "seed"), 0), found)
    assert not fits(with_value(written, ("config", "l2"), [0.1]), found)


def test_an_untrained_encoder_is_the_same_whatever_would_have_trained_it():
    found = cell("msr-action3d-xsub/untrained/linear/seed1")
    content = result_of(found)
    for path, value in (((*MODEL, "objective", "tau"), 3.0), ((*MODEL, "training", "epochs"), 1)):
        assert fits(with_value(content, path, value), found)
    for path, value in (((*MODEL, "model", "depth"), 1), ((*MODEL, "objective", "absent"), "include")):
        assert not fits(with_value(content, path, value), found)


def test_labels_must_be_as_many_and_of_the_same_draw():
    found = cell("ntu60-xsub/mamp/semi-1/seed4", "paper")
    content = result_of(found)
    assert fits(content, found)
    assert not fits(with_value(content, ("subset", "seed"), 3), found)
    assert not fits(with_value(content, ("subset", "share"), 0.1), found)


def test_a_run_folder_is_known_by_its_identity(tmp_path):
    pretraining, workspace = cell(LINEAR).pretraining, Workspace(tmp_path / "stores", tmp_path)
    known = Results([], HASHES).known
    folder = workspace.run(pretraining)
    folder.mkdir(parents=True)

    def state(card):
        (folder / CARD).write_text(json.dumps(card))
        return pretraining_state(pretraining, workspace, known)

    card = card_of(pretraining)
    assert state(card) == "done"
    with pytest.raises(DataError, match=r"holds another run \(of another seed, data, protocol"):
        state({**card, "data_hash": "older"})
    card["config"]["training"]["lr"] = 1.0
    with pytest.raises(DataError, match=r"another run \(training.lr = 1.0, expected 0.001\); move it away"):
        state(card)


def test_weights_to_start_from_must_be_those_of_the_row():
    found = cell("ntu60-xsub/stjd-mp/linear/seed0", "paper")
    content, start = result_of(found), (*MODEL[:1], "init_weights", "of")
    assert found.pretraining.start.row.method == "mamp"
    assert fits(content, found)
    for path, value in (
        (("config", "objective", "masking"), "uniform"),
        (("config", "training", "seed"), 1),
        (("data_hash",), "another"),
    ):
        assert not fits(with_value(content, (*start, *path), value), found)
    del content["model"]["init_weights"]
    assert not fits(content, found)


def test_clips_of_another_length_are_no_cells():
    found = cell("pku1-xsub/mae/transfer-to-pku2-xsub/seed0", "paper")
    content = result_of(found)
    content["config"]["clips"] = dict(content["model"]["config"]["clips"])
    assert fits(content, found)
    content["config"]["clips"]["num_frames"] = 60
    assert not fits(content, found)


def test_a_training_side_that_a_list_shortens_is_not_its_size(tmp_path):
    left_out = {"path": "list.csv", "sha256": "x", "num_sequences": 234}
    for name, changes in {"a": {"num_train": 57, "left_out": left_out}, "b": {"num_train": 291}}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(result_of(cell(LINEAR), **changes)))
    assert set(Results([tmp_path]).known.sizes.values()) == {291}


def test_a_new_result_takes_the_place_of_that_in_its_file(tmp_path):
    found, path = cell(LINEAR), tmp_path / "one.json"
    results = Results([tmp_path])
    for top1 in (0.5, 0.75):
        path.write_text(json.dumps(result_of(found, metrics={"top1": top1})))
        results.add(path)
    assert [content["metrics"]["top1"] for content in results.files.values()] == [0.75]


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

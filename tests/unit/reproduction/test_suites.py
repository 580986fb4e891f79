"""Shipped suites are whole, and say what was published; a mistake in one's own is named."""

import inspect
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from cell_results import cell, cells
from skelact.api.pretraining import compose
from skelact.configuration import named_config
from skelact.errors import ConfigurationError
from skelact.formats.known import find_data_set
from skelact.formats.protocol import FOLDS, PROTOCOLS
from skelact.reproduction.cells import cells_of_suite, choose
from skelact.reproduction.commands import Workspace, evaluate_arguments
from skelact.reproduction.evaluations import EVALUATIONS, KnnSettings
from skelact.reproduction.pending import check_stores
from skelact.reproduction.suite_files import read_data_recipe, read_suite
from skelact.reproduction.tables import published_numbers
from skelact.store.prepare import prepare
from skelact.training.steps import epoch_batches


def names(kind):
    return sorted(
        entry.name.removesuffix(".yaml") for entry in (files("skelact") / "configs" / kind).iterdir()
    )


def config(name, suite):
    return cell(name, suite).pretraining.config("store", None)


@pytest.mark.parametrize("name", names("data"))
def test_data_sets_have_the_classes_and_protocols_that_recipes_say(name):
    recipe = read_data_recipe(name)
    assert name == f"{recipe.data_set}-{recipe.protocol}"
    assert recipe.num_classes == len(find_data_set(recipe.data_set).class_names)
    brought_by_the_data = {"pku1": ["xsub", "xview"], "pku2": ["xsub", "xview"]}
    known = [protocol.name for protocol in PROTOCOLS.get(recipe.data_set, ())]
    known += FOLDS.get(recipe.data_set, {})
    assert recipe.protocol in (known or brought_by_the_data[recipe.data_set])


def suites_that_no_other_includes():
    included = {other for name in names("suite") for other in named_config("suite", name).get("include", ())}
    return sorted({*names("suite")} - included)


@pytest.mark.parametrize("suite", suites_that_no_other_includes())
def test_every_cell_has_a_name_and_a_file_of_its_own_and_a_whole_configuration(suite):
    every = cells(suite)
    assert len({each.name for each in every}) == len({each.file for each in every}) == len(every)
    for each in every:
        assert each.pretraining.config("store", None).training.seed == each.pretraining.seed
        assert each.expected
        assert all(member.name in {other.name for other in every} for member in each.members)
    folders = {}
    for each in every:
        own = each.evaluation.trains_encoder or each.members
        owner = each.name if own else each.pretraining.name
        assert folders.setdefault(each.run, owner) == owner


def test_the_published_settings_stand_in_the_suites():
    for data, tau in (("ntu60-xsub", 0.8), ("ntu120-xsub", 0.75), ("ntu120-xset", 0.75), ("pku1-xsub", 0.8)):
        found = config(f"{data}/stjd-mp/linear/seed0", "paper")
        assert found.objective.tau == tau
        assert (found.training.epochs, found.training.batch_size, found.training.lr) == (400, 128, 1e-3)
        assert (found.objective.masking, found.objective.density) == ("density", "fixed")
        assert (found.objective.absent, found.clips.gaps) == ("include", "zero")
        assert found.training.decay_tables
        assert (found.clips.num_frames, found.model.width, found.model.depth) == (120, 256, 8)
    for data, rate, epochs, batch in (
        ("ntu60-xsub", 0.1, 100, 256),
        ("ntu120-xsub", 0.05, 120, 256),
        ("ntu120-xset", 0.1, 100, 256),
        ("pku1-xsub", 0.1, 100, 128),
        ("pku2-xsub", 0.01, 100, 32),
    ):
        training = cell(f"{data}/mamp/linear/seed0", "paper").expected["training"]
        assert (training["lr"], training["epochs"], training["batch_size"]) == (rate, epochs, batch)
    finetune = cell("ntu60-xsub/mamp/finetune/seed0", "paper").expected
    assert (finetune["layer_decay"], finetune["training"]["batch_size"]) == (0.8, 48)


def test_stjd_mp_starts_from_mamp_and_draws_of_labels_share_one_pretraining():
    found = cell("ntu60-xview/stjd-mp/semi-1/seed3", "paper")
    assert [run.name for run in found.pretraining.prerequisites] == [
        "ntu60-xview/mamp-seed0",
        "ntu60-xview/stjd-mp-seed0",
    ]
    assert (found.seed, found.expected["training"]["seed"], found.evaluation.share) == (3, 3, 0.01)


def test_transfer_learns_on_one_set_and_is_tested_on_another():
    found = cell("ntu120-xsub/mamp/transfer-to-pku2-xsub/seed0", "paper")
    assert (found.pretraining.data.data_set, found.on.data_set) == ("ntu120", "pku2")
    assert str(found.file) == "results/pku2/xsub-mamp-from-ntu120-xsub-transfer-seed0.json"
    assert found.pretraining == cell("ntu120-xsub/mamp/linear/seed0", "paper").pretraining


def test_a_recipe_of_several_folds_has_a_run_and_cells_for_each():
    found = choose(cells("public"), ["sbu-*/mamp-*/knn/seed0"])
    assert [each.name for each in found] == [
        f"sbu-fold{number}/mamp-sequence/knn/seed0" for number in range(1, 6)
    ]
    assert [each.on.protocol for each in found] == [f"fold{number}" for number in range(1, 6)]
    assert len({each.file for each in found}) == len({each.run for each in found}) == 5
    assert {each.on.column for each in found} == {"sbu-folds"}
    assert all(each.pretraining.data == each.on for each in found)


def test_views_differ_in_the_axes_of_clips_alone():
    views = {"": "camera", "-upright": "upright", "-body": "body"}
    found = [config(f"nw-ucla-xview/mamp-sequence{end}/knn/seed0", "public") for end in views]
    assert [each.clips.view for each in found] == list(views.values())
    assert len({str(replace(each, clips=replace(each.clips, view="camera"))) for each in found}) == 1


def test_published_numbers_belong_to_cells():
    known = {(each.row.name, each.evaluation.name, each.pretraining.data.name) for each in cells("paper")}
    published = published_numbers()
    assert set(published) <= known
    assert published["stjd-mp", "linear", "ntu120-xset"] == 80.4
    assert published["mamp", "transfer", "ntu60-xsub"] == 70.6


def test_seeds_and_patterns_choose():
    cells = cells_of_suite(read_suite("small"), [5])
    assert {each.seed for each in cells} == {5}
    chosen = choose(cells, ["*/mae-*/knn/*", "msr-action3d-xsub/untrained/linear/seed5"])
    assert [each.name for each in chosen] == [
        "msr-action3d-xsub/untrained/linear/seed5",
        "msr-action3d-xsub/mae-sequence/knn/seed5",
        "bandai-namco-2-xstyle/mae-sequence/knn/seed5",
    ]
    with pytest.raises(ConfigurationError, match="no cell is called so"):
        choose(cells, ["nothing"])


def test_the_neighbours_defaults_are_those_of_the_command():
    from skelact.api.evaluations.neighbours import knn
    from skelact.evaluation.knn import KS

    own = inspect.signature(knn).parameters
    assert own["k"].default is None  # then it is KS
    assert KnnSettings() == KnnSettings(list(KS), own["tau"].default)
    usual = {"k": [1, 10, 20], "tau": 0.1, "pooling": own["pooling"].default, "standardise": False}
    assert EVALUATIONS["knn"].settings({}) == usual
    assert EVALUATIONS["knn"].telling(usual) == {"k": [1, 10, 20], "tau": 0.1}


SUITE = """
size: tiny
rows:
  mae: {method: mae}
  other: {method: mamp, start: mae}
tables:
  first: {title: First, data: [ntu60-xsub], evaluate: [knn], seeds: [0]}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size: tiny\n", "", "'size' is missing"),
        ("size: tiny", "size: tinny", "no size 'tinny'.*did you mean 'tiny'"),
        ("method: mae", "method: maae", "own.yaml: row mae: no method 'maae'"),
        ("start: mae", "start: mea", "row other: needs 'mea'"),
        ("start: mae", "start: other", "row other: needs itself .other -> other."),
        ("{method: mae}", "{method: mae, start: other}", "row mae: needs itself .mae -> other -> mae."),
        ("{method: mae}", "", "own.yaml: row mae is None, expected a table of settings"),
        ("{method: mae}", "mae", "own.yaml: row mae is 'mae', expected a table of settings"),
        ("method: mae}", "method: [mae]}", r"row mae: method is \['mae'\], expected a text or null"),
        ("method: mae}", "method: mae, pretrain: 5}", "row mae: pretrain is 5, expected a table of settings"),
        ("start: mae", "start: [mae]", r"row other: start is \['mae'\], expected a text"),
        ("  mae: {", "  ../mae: {", "row ../mae: a name of letters"),
        ("  mae: {method: mae}\n  other: {method: mamp, start: mae}", "  {}", "'rows' is missing"),
        ("size: tiny", "size: [tiny]", r"own.yaml: size is \['tiny'\], expected a text"),
        ("size: tiny", "size: tiny\nvariant: 3", "own.yaml: variant is 3, expected a text or null"),
        ("size: tiny", "size: tiny\ninclude: [5]", "include is .5., and holds 5: expected a text"),
        ("size: tiny", "size: tiny\ninclude: [other]", "no suite 'other'"),
        ("data: [ntu60-xsub]", "data: [5]", "table first: data is .5., and holds 5: expected a text"),
        ("data: [ntu60-xsub]", "data: []", "table first: data is .., expected a list with something"),
        ("evaluate: [knn]", "evaluate: [[knn]]", "table first: evaluate is .* expected a text"),
        (
            "start: mae",
            "untrained_of: mae",
            "row other: expected one of 'method', 'untrained_of' and 'sum_of'",
        ),
        ("method: mamp, start: mae", "sum_of: [mae]", "sum_of is .*expected two rows"),
        ("method: mamp, start: mae", "sum_of: [mae, other]", "row other: adds up 'other'"),
        (
            "method: mamp, start: mae}",
            "untrained_of: mae}\n  sum: {sum_of: [mae, other]}",
            "row sum: adds up 'other', no row with a method",
        ),
        ("start: mae", "pretrain: {objective: {tauu: 1}}", "unknown key 'pretrain.objective.tauu'"),
        ("evaluate: [knn]", "evaluate: [kn]", "table first: no 'kn'.*did you mean 'knn'"),
        ("evaluate: [knn]", "evaluate: knn", "evaluate is 'knn', expected a list"),
        ("seeds: [0]", "seeds: [-1]", "seed -1"),
        ("seeds: [0]", "sedes: [0]", "no 'sedes'.*did you mean 'seeds'"),
        ("data: [ntu60-xsub]", "data: [ntu60-xsup]", "own.yaml: table first: no data 'ntu60-xsup'"),
        ("title: First, ", "", "'title' is missing"),
        ("title: First, ", "title: First, rows: [maa], ", "no 'maa'"),
        ("tables:", "tables: 3\nrest:", "no 'rest'"),
        (
            "evaluate: [knn], seeds: [0]}",
            "evaluate: [knn], seeds: [0]}\n  second: {title: S, data: [ntu60-xsub], evaluate: [linear], "
            "seeds: [0], pretrain: {training: {epochs: 1}}}",
            "tables first and second mean different things",
        ),
    ],
)
def test_a_mistake_in_a_suite_is_named(tmp_path, old, new, message):
    path = tmp_path / "own.yaml"
    path.write_text(SUITE)
    assert len(cells_of_suite(read_suite(str(path)))) == 2
    assert old in SUITE
    path.write_text(SUITE.replace(old, new))
    with pytest.raises(ConfigurationError, match=message):
        cells_of_suite(read_suite(str(path)))


def test_suites_that_include_each_other_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("include: [b.yaml]")
    Path("b.yaml").write_text("include: [small, a.yaml]")
    with pytest.raises(ConfigurationError, match=r"a.yaml: includes itself \(a.yaml -> b.yaml -> a.yaml\)"):
        read_suite("a.yaml")
    Path("b.yaml").write_text("include: [small, small]")  # twice is no circle
    assert len(read_suite("a.yaml")) == 2 * len(read_suite("small"))


SUM = """
size: tiny
rows:
  mae: {method: mae}
  mamp: {method: mamp}
  untrained: {untrained_of: mae}
  both: {sum_of: [mae, mamp]}
tables:
  first: {title: First, data: [ntu60-xsub], evaluate: [linear, knn, semi-10], seeds: [3]}
"""


@pytest.fixture
def summing(tmp_path):
    (tmp_path / "own.yaml").write_text(SUM)
    return {each.name: each for each in cells_of_suite(read_suite(str(tmp_path / "own.yaml")))}


def test_scores_are_added_up_of_runs_that_have_one_table_of_them(summing):
    assert [name for name in summing if "/both/" in name] == [
        "ntu60-xsub/both/linear/seed3",
        "ntu60-xsub/both/semi-10/seed3",
    ]
    both = summing["ntu60-xsub/both/semi-10/seed3"]
    assert list(both.members) == [summing[f"ntu60-xsub/{name}/semi-10/seed3"] for name in ("mae", "mamp")]
    assert [run.name for run in both.prerequisites] == ["ntu60-xsub/mae-seed3", "ntu60-xsub/mamp-seed3"]
    words = evaluate_arguments(both, Workspace(Path("stores"), Path("out")))
    runs = [f"out/{member.run}" for member in both.members]
    assert words == [
        *("evaluate", "ensemble", "--runs", *runs),
        *("--evaluation", "semi", "--out", "out/runs/ntu60-xsub/both-seed3-semi-10-ntu60-xsub-seed3"),
    ]


def test_an_untrained_encoder_learns_from_labels_in_a_folder_of_its_own(summing):
    scratch, tuned = (summing[f"ntu60-xsub/{name}/semi-10/seed3"] for name in ("untrained", "mae"))
    assert (scratch.expected["layer_decay"], tuned.expected["layer_decay"]) == (1.0, 0.8)
    assert scratch.run != tuned.run
    words = evaluate_arguments(scratch, Workspace(Path("stores"), Path("out")))
    assert "--untrained" in words
    assert words[words.index("--run") + 1] == "out/runs/ntu60-xsub/mae-seed3"


OWN_DATA = """
data:
  mine:
    title: mine
    data_set: pose-json
    protocol: people
    num_classes: 3
    evaluate:
      finetune: {training: {epochs: 7, batch_size: 4}}
      supervised: {training: {epochs: 9}}
      semi-10: {training: {epochs: 70}}
"""


def test_few_labels_may_have_settings_of_their_own_over_those_of_fine_tuning(tmp_path):
    path = tmp_path / "own.yaml"
    suite = SUM.replace("[ntu60-xsub]", "[mine]").replace("linear, knn, semi", "finetune, semi")
    path.write_text(suite + OWN_DATA)
    cells = {each.name: each.settings["training"] for each in cells_of_suite(read_suite(str(path)))}
    assert cells["mine/mae/finetune/seed3"] == {"epochs": 7, "batch_size": 4}
    assert cells["mine/mae/semi-10/seed3"] == {"epochs": 70, "batch_size": 4}
    assert cells["mine/untrained/finetune/seed3"] == {"epochs": 9}
    assert cells["mine/untrained/semi-10/seed3"] == {"epochs": 70}
    path.write_text(suite + OWN_DATA.replace("semi-10", "semi-11"))
    with pytest.raises(ConfigurationError, match="no 'semi-11'"):
        read_suite(str(path))


def test_two_recipes_of_one_side_of_one_data_set_cannot_share_a_result_file(tmp_path):
    path = tmp_path / "own.yaml"
    both = OWN_DATA + OWN_DATA.removeprefix("\ndata:\n").replace("  mine:", "  longer:")
    path.write_text(SUM.replace("[ntu60-xsub]", "[mine, longer]") + both)
    message = "mine/mae/linear/seed3 and longer/mae/linear/seed3 have one result file, results/pose-json/"
    with pytest.raises(ConfigurationError, match=message):
        cells_of_suite(read_suite(str(path)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs: 7", "epochs: 0", "table first: mine/mae/finetune/seed3: training.epochs is 0"),
        ("finetune: {", "knn: {k: [0]}\n      finetune: {", "mine/mae/knn/seed3: .*neighbours"),
        ("finetune: {", "knn: {k: [5]}\n      finetune: {", "mine/mae/knn/seed3: k is .5., expected 1"),
        ("    evaluate:", "    pretrain: {training: {epochs: -1}}\n    evaluate:", "on mine: training.ep"),
    ],
)
def test_values_are_checked_before_anything_is_computed(tmp_path, old, new, message):
    path = tmp_path / "own.yaml"
    suite = SUM.replace("[ntu60-xsub]", "[mine]").replace("linear, knn", "finetune, knn") + OWN_DATA
    path.write_text(suite)
    cells_of_suite(read_suite(str(path)))
    assert old in suite
    path.write_text(suite.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=message):
        cells_of_suite(read_suite(str(path)))


def test_few_labels_of_the_public_sets_give_three_hundred_steps():
    sequences = {"msr-action3d-xsub": 291, "bandai-namco-2-xstyle": 1829}
    few = [each for each in cells("small") if each.evaluation.share is not None]
    assert {each.on.name for each in few} == set(sequences)
    for each in few:
        training = each.expected["training"]
        labelled = round(each.evaluation.share * sequences[each.on.name])
        batches = epoch_batches(labelled, training["batch_size"], seed=0, epoch=0)
        assert len(batches) * training["epochs"] >= 300, each.name


def test_what_has_learned_nothing_is_not_transferred(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(SUM.replace("evaluate: [linear", "evaluate_on: ntu120-xsub, evaluate: [transfer, linear"))
    with pytest.raises(ConfigurationError, match="row untrained has learned nothing"):
        read_suite(str(path))


FLAT = """
size: tiny
rows:
  a: {method: mamp}
  b: {method: stjd-cl-positions}
  c: {method: mamp, pretrain: {clips: {scale: stored}}}
data:
  mine: {title: mine, data_set: pose-json, protocol: given, num_classes: 1, num_coordinates: 2}
tables:
  first: {title: First, data: [mine], evaluate: [knn], seeds: [0]}
"""


def test_a_suite_on_2d_data_composes_what_the_command_composes(tmp_path):
    frames = np.random.default_rng(0).uniform(100, 400, (4, 17, 2)).tolist()
    table = {"topology": "coco-17", "unit": "px", "label": "a", "bodies": [{"positions": frames}]}
    (tmp_path / "a.json").write_text(json.dumps(table))
    store = prepare("pose-json", tmp_path / "a.json", tmp_path / "stores" / "pose-json", num_workers=1).store
    (tmp_path / "own.yaml").write_text(FLAT)
    cells = cells_of_suite(read_suite(str(tmp_path / "own.yaml")))
    place = Workspace(tmp_path / "stores", tmp_path)
    assert check_stores(cells, place) == {"pose-json": store.content_hash}
    for each in cells:
        run = each.pretraining
        own = {**run.settings, "method": run.row.method, "size": run.size, "data": [str(store.path)]}
        composed = compose(None, {**own, "protocol": ["given"]}, {"seed": 0})
        assert run.config(str(store.path), None) == composed
        assert composed.clips.rotation == 0
        assert composed.clips.scale == ("stored" if run.row.name == "c" else "body")
    (tmp_path / "own.yaml").write_text(FLAT.replace(", num_coordinates: 2", ""))
    with pytest.raises(
        ConfigurationError, match="2-D positions, mine has 3-D ones; write num_coordinates: 2"
    ):
        check_stores(cells_of_suite(read_suite(str(tmp_path / "own.yaml"))), place)

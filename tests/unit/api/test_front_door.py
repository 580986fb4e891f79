"""``import skelact``: quick, without torch, and with all that the documents promise."""

import inspect
import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest

import skelact
from skelact.api.evaluating import EVALUATIONS, find_evaluation
from skelact.api.pretraining import compose
from skelact.cli.main import COMMANDS
from skelact.configuration import keywords_of
from skelact.errors import ConfigurationError, DataError
from skelact.pretraining.config import ContrastiveRun, MaskedRun


@pytest.mark.parametrize(
    "statement", ["import skelact", "import skelact; skelact.Store, skelact.prepare, skelact.pretrain"]
)
def test_nothing_loads_torch_before_it_is_needed(statement):
    code = f"{statement}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_name_is_there_and_documented():
    for name in skelact.__all__:
        value = getattr(skelact, name)
        assert name.startswith("__") or value.__doc__, name
    assert set(skelact.__all__) <= set(dir(skelact))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'pretrian'"):
        _ = skelact.pretrian


@pytest.mark.parametrize("name", EVALUATIONS)
def test_every_evaluation_is_a_documented_function(name):
    assert find_evaluation(name).__doc__


def test_misspelt_names_are_answered_with_the_closest():
    with pytest.raises(ConfigurationError, match=r"no evaluation 'nearest'; choose one of linear, .*, knn, "):
        skelact.evaluate("nearest", "run", "store", "xsub")
    with pytest.raises(ConfigurationError, match=r"no setting 'epoch' \(did you mean 'epochs'\?\)"):
        skelact.evaluate("linear", "run", "store", "xsub", epoch=3)
    with pytest.raises(ConfigurationError, match=r"pretrain: no setting 'metod' \(did you mean 'method'\?\)"):
        skelact.pretrain("store", "xsub", out="run", metod="mae")
    with pytest.raises(
        ConfigurationError, match=r"'clips.min_crop_frame' \(did you mean 'min_crop_frames'\?\)"
    ):
        skelact.pretrain("store", "xsub", out="run", clips={"min_crop_frame": 8})


def given(**more):
    return {"data": ["store"], "protocol": ["xsub"], **more}


def test_settings_come_from_method_and_size_then_from_the_file_then_from_what_is_given(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("method: mamp\nsize: small\ntraining: {epochs: 7, lr: 0.5}\nclips: {rotation: 0}\n")
    run = compose(file, given(training={"lr": 0.25}), {"seed": 3, "epochs": None})
    assert (run.method, run.size) == ("mamp", "small")
    assert (run.training.epochs, run.training.lr, run.training.seed) == (7, 0.25, 3)
    assert (run.clips.rotation, run.clips.num_frames) == (0, 64)
    assert compose(file, given(method="mae")).method == "mae"
    assert compose(None, given()).method == "stjd-mp-visible"
    for name in ("method", "size"):
        with pytest.raises(ConfigurationError, match=f"no {name} ''"):
            compose(None, given(**{name: ""}))


def test_a_method_decides_which_settings_there_are():
    assert isinstance(compose(None, given(method="moco", size="tiny")), ContrastiveRun)
    learned = compose(None, given(method="stjd-mp"), density="learned")
    assert isinstance(learned, MaskedRun)
    assert learned.objective.density == "learned"
    contrastive = compose(None, given(method="stjd-cl"), density="fixed")
    assert isinstance(contrastive, ContrastiveRun)
    assert contrastive.contrast.detector.density == "fixed"
    with pytest.raises(ConfigurationError, match=r"method stjd-cl has no --objective.tau"):
        compose(None, given(method="stjd-cl", objective={"tau": 1.0}))
    with pytest.raises(
        ConfigurationError, match="method moco does not start from other weights; leave out --init"
    ):
        compose(None, given(method="moco", init="run"))


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"training": {"lr": "fast"}}, "training.lr is 'fast', expected a number"),
        ({"training": {"epochs": 2.5}}, "training.epochs is 2.5, expected a whole number"),
        ({"clips": {"num_frames": None}}, "clips.num_frames is null"),
        ({"clips": 3}, "clips is 3, expected a table"),
        ({"mixing": "equl"}, "did you mean 'equal'"),
        ({"data": 3}, "expected a name or a list of names"),
        ({"data": []}, "--data is missing"),
    ],
)
def test_values_of_another_type_are_told_by_name(tables, message):
    with pytest.raises(ConfigurationError, match=message):
        compose(None, given(**tables))


def test_what_is_missing_is_named():
    with pytest.raises(ConfigurationError, match="semi: missing a required argument: 'out'"):
        skelact.evaluate("semi", "run", "store", "xsub", share=0.1)


FUNCTIONS = [command.load() for command in COMMANDS if command.function.startswith("api.")]
FUNCTIONS += [skelact.load, skelact.Store.open, skelact.Model, skelact.prime_joints, skelact.density_change]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__qualname__)
def test_every_argument_is_checked_before_anything_begins(function):
    needed = {
        name: ["nowhere"] if name in ("files", "runs") else "nowhere"
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    }
    names = set(keywords_of(function)) - {"positions", "density"}
    assert names
    for name in names:
        expected = rf"^{function.__name__}: {name} is a object, expected "
        with pytest.raises(ConfigurationError, match=expected):
            function(**(needed | {name: object()}))


def test_arrays_may_be_lists_and_what_is_no_array_is_told():
    positions = np.random.default_rng(0).normal(size=(4, 5, 3))
    density = skelact.joint_density(positions.tolist())
    np.testing.assert_array_equal(density, skelact.joint_density(positions))
    prime = skelact.prime_joints(positions.tolist())
    np.testing.assert_array_equal(prime, skelact.prime_joints(positions))
    for value in ("word", None, object(), [[1], [1, 2]], 10**400):
        with pytest.raises(DataError, match=r"^positions "):
            skelact.joint_density(value)


def test_a_file_where_a_store_is_expected_is_told(tmp_path):
    path = tmp_path / "store"
    path.write_text("")
    with pytest.raises(DataError, match="not a store, it is a file"):
        skelact.Store.open(path)
    with pytest.raises(ConfigurationError, match=r"^evaluation is \['linear'\], expected a text$"):
        skelact.evaluate(["linear"], "run", "store", "xsub")


def test_a_setting_with_two_values_is_refused_and_one_with_the_same_is_not():
    given = {"data": ["s"], "protocol": ["p"], "method": "mae", "training": {"epochs": 3}}
    with pytest.raises(ConfigurationError, match=r"^--epochs 1 and --training\.epochs 3: give one of them"):
        compose(None, given, {"epochs": 1})
    assert compose(None, given, {"epochs": 3}).training.epochs == 3
    of_density = {**given, "method": "stjd-mp", "objective": {"density": "learned"}}
    with pytest.raises(ConfigurationError, match=r"--density fixed, --objective\.density learned: give one"):
        compose(None, of_density, density="fixed")


def test_the_configuration_of_a_run_is_a_file_of_settings(tmp_path):
    run = compose(None, {"data": ["s"], "protocol": ["p"], "size": "tiny"})
    found = {"data_hash": "0", "left_out": {"num_sequences": 1}}
    (tmp_path / "config.yaml").write_text(json.dumps({**asdict(run), **found}))
    assert compose(tmp_path / "config.yaml", {}) == run


def test_settings_of_a_file_that_do_nothing_are_named_and_those_of_a_run_are_let_go(tmp_path):
    file, typed = tmp_path / "own.yaml", {"data": ["s"], "protocol": ["p"]}
    file.write_text("method: mamp\nobjective: {masking: uniform, tau: 0.3}\n")
    with pytest.raises(ConfigurationError, match=r"own\.yaml: objective\.tau has no .* remove it there"):
        compose(file, typed)
    of_run = asdict(compose(None, {**typed, "method": "mae", "size": "tiny"}))
    file.write_text(json.dumps({**of_run, "data_hash": "0"}))
    assert compose(file, {"method": "stjd-mp-visible"}).method == "stjd-mp-visible"
    of_run = asdict(compose(None, {**typed, "method": "stjd-d", "size": "tiny"}))
    file.write_text(json.dumps({**of_run, "data_hash": "0"}))
    assert compose(file, {"size": "small"}).size == "small"

"""``import skelact``: quick, without torch, and with all that the documents promise."""

import subprocess
import sys

import pytest

import skelact
from skelact.api.evaluation import EVALUATIONS, find_evaluation
from skelact.api.pretraining import compose
from skelact.errors import ConfigurationError
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
    with pytest.raises(ConfigurationError, match=r"no evaluation 'liner' \(did you mean 'linear'\?\)"):
        skelact.evaluate("liner", "run", "store", "xsub")
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
        ({"training": {"lr": "fast"}}, "training.lr: Expected a float. Got value: fast"),
        ({"training": {"epochs": 2.5}}, "training.epochs: Expected a int"),
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

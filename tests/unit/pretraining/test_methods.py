"""The registry: every shipped method and size, said in a line, without torch."""

import subprocess
import sys

import pytest

from skelact.configuration import instantiate
from skelact.errors import ConfigurationError, DataError
from skelact.models.card import CARD
from skelact.pretraining.config import ContrastiveRun, MaskedRun
from skelact.pretraining.methods import (
    CONTRASTIVE,
    DEFAULT_METHOD,
    DEFAULT_SIZE,
    FAMILIES,
    MASKED,
    family_of,
    family_of_card,
    find_method,
    methods,
    sizes,
)
from skelact.pretraining.run import load_model, pretrain
from skelact.skeleton.tables import TOPOLOGIES
from skelact.store.prepare import prepare
from skelact.synthetic import write_data_set


def test_the_registry_needs_no_torch():
    program = (
        "import sys, skelact.pretraining.methods as m; m.methods(); m.sizes(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_methods_and_sizes_are_said_in_one_line():
    for name, method in methods().items():
        assert method.name == name
        assert find_method(name) is method
        assert method.family in FAMILIES
    for line in (*(method.summary for method in methods().values()), *sizes().values()):
        assert line.endswith(".")
        assert "\n" not in line
    assert {name for name, line in sizes().items() if "masked methods alone" in line} == {"compact", "demo"}
    assert DEFAULT_METHOD in methods()
    assert DEFAULT_SIZE in sizes()


def test_a_misspelt_method_names_the_closest():
    with pytest.raises(ConfigurationError, match=r"no method 'mamq' \(did you mean 'mamp'\?\)"):
        find_method("mamq")


def test_own_settings_lie_on_top_but_the_names_are_the_ones_asked_for():
    content = find_method("mamp").settings("tiny", {"method": "mae", "objective": {"tau": 0.5}})
    assert content["objective"]["tau"] == 0.5
    assert content["objective"]["masking"] == "motion"
    assert (content["method"], content["size"]) == ("mamp", "tiny")
    assert "summary" not in content


@pytest.mark.parametrize("name", sorted(methods()))
def test_the_family_is_found_from_settings_as_objects_and_as_files_hold_them(name):
    method = find_method(name)
    content = method.settings("tiny", {"data": ["s"], "protocol": ["p"]})
    assert family_of(content) is family_of_card({"config": content}) is method.family
    assert family_of(instantiate(method.family.settings, content)) is method.family


def test_a_run_cannot_be_named_for_a_method_of_another_family():
    assert family_of(MaskedRun(["s"], ["p"], "one of my own")) is MASKED
    with pytest.raises(ConfigurationError, match=r"'stjd-cl', a contrastive method, .* of a masked one"):
        family_of(MaskedRun(["s"], ["p"], "stjd-cl"))
    with pytest.raises(ConfigurationError, match="'mae', a masked method"):
        family_of(ContrastiveRun(["s"], ["p"], "mae"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_data_set(folder / "raw", sequences=32, seed=0, actions=["A010", "A023"])
    return prepare("ntu60", folder / "raw", folder / "store").store


@pytest.mark.parametrize("method", ["mae", "stjd-cl", "slim"])
def test_paths_may_be_strings_and_models_come_back(method, store, tmp_path):
    family = find_method(method).family
    own = {
        "data": [str(store.path)],
        "protocol": ["xsub"],
        "training": {"epochs": 1, "accelerator": "cpu", "tensorboard": False, "workers": 0},
    }
    config = instantiate(family.settings, find_method(method).settings("tiny", own))
    trained = pretrain(config, str(tmp_path / "run"), title="")
    loaded = load_model(str(tmp_path / "run"))
    assert type(loaded) is type(trained)
    assert not loaded.training
    for name, value in trained.state_dict().items():
        assert (loaded.state_dict()[name] == value).all(), name
    other = CONTRASTIVE if family is MASKED else MASKED
    with pytest.raises(DataError, match=f"{method} is no {other.name} method"):
        other.load(str(tmp_path / "run"))
    card = tmp_path / "run" / CARD
    card.write_text(card.read_text().replace('"tau"', '"tua"'))  # every family has one
    with pytest.raises(DataError, match=r"card says what does not fit .*tua'.* \(did you mean 'tau'\?\)"):
        load_model(str(tmp_path / "run"))


@pytest.mark.parametrize(("method", "table"), [("stjd-cl", "contrast"), ("slim", "distil")])
def test_flips_along_the_vertical_are_refused(method, table, store, tmp_path):
    own = {"data": [str(store.path)], "protocol": ["xsub"], table: {"augmentation": {"flip_axis": 1}}}
    config = find_method(method).run("tiny", own)
    with pytest.raises(ConfigurationError, match=rf"y is up and --{table}\.augmentation\.flip_axis 1"):
        pretrain(config, tmp_path / "run", title="")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("size", ["tiny", "small", "base"])
@pytest.mark.parametrize("name", sorted(methods()))
def test_no_model_is_claimed_to_be_larger_than_it_is(name, size):
    # a run whose card claims more numbers than its weights hold would not be opened
    method = find_method(name)
    config = method.run(size, {"data": ["store"], "protocol": ["xsub"]})
    topology = TOPOLOGIES["ntu-25"]
    encoder = config.model.encoder(topology.num_joints, 3, config.clips.num_frames)
    objective = getattr(config, method.family.objective)
    model = method.family.model(encoder, config.model, objective, topology, config.clips.stream)
    held = sum(value.numel() for value in model.state_dict().values())
    claimed = method.family.num_parameters(encoder, config.model, objective)
    assert 0.3 * held < claimed <= held

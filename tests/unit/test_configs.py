"""Every shipped configuration builds, alone and composed."""

from dataclasses import asdict, replace
from importlib.resources import files
from itertools import product

import pytest

from skelact.configuration import (
    check_keys,
    flatten,
    instantiate,
    merge,
    named_config,
    read_config,
)
from skelact.errors import ConfigurationError
from skelact.evaluation.settings import FinetuneConfig, LinearConfig
from skelact.models.sizes import ContrastiveSizes
from skelact.models.token_sizes import DistilledSizes
from skelact.pretraining.config import ContrastiveRun, DistilledRun, MaskedRun
from skelact.pretraining.contrastive.objective import ContrastiveObjective
from skelact.pretraining.distilled.objective import DistilledObjective
from skelact.pretraining.methods import CONTRASTIVE, DISTILLED, MASKED, find_method, methods


def names(kind):
    return sorted(
        entry.name.removesuffix(".yaml") for entry in (files("skelact") / "configs" / kind).iterdir()
    )


def of_family(family):
    return [name for name, method in methods().items() if method.family is family]


def test_there_are_three_families():
    assert set(of_family(DISTILLED)) == {"slim", "stjd-d"}
    assert {"mae", "mamp", "stjd-mp"} <= set(of_family(MASKED))
    assert {"moco", "random-cl", "stjd-cl"} <= set(of_family(CONTRASTIVE))


@pytest.mark.parametrize(("method", "size"), list(product(of_family(MASKED), names("size"))))
def test_every_masked_method_in_every_size_builds(method, size):
    content = find_method(method).settings(size, {"data": ["store"], "protocol": ["xsub"]})
    config = instantiate(MaskedRun, content)
    encoder = config.model.encoder(25, 3, config.clips.num_frames)
    config.model.decoder()
    assert 0 < config.objective.num_kept(encoder.num_tokens) < encoder.num_tokens


def test_the_published_size_and_method_are_the_defaults_of_the_classes():
    content = find_method("stjd-mp").settings("base", {"data": ["s"], "protocol": ["xsub"]})
    assert instantiate(MaskedRun, content) == MaskedRun(["s"], ["xsub"], "stjd-mp")


@pytest.mark.parametrize("backbone", ["st-gcn", "transformer"])
@pytest.mark.parametrize(("method", "size"), list(product(of_family(CONTRASTIVE), names("size-contrast"))))
def test_every_contrastive_method_in_every_size_builds_on_both_backbones(method, size, backbone):
    own = {"data": ["store"], "protocol": ["xsub"], "model": {"backbone": backbone}}
    config = instantiate(ContrastiveRun, find_method(method).settings(size, own))
    encoder = config.model.encoder(25, 3, config.clips.num_frames)
    assert encoder.width > 0
    detector = config.contrast.detector
    assert (detector.kind, detector.source) == {
        "stjd-cl": ("density", "features"),
        "stjd-cl-positions": ("density", "coordinates"),
        "random-cl": ("random", "features"),
        "moco": ("none", "features"),
    }[method]


def test_the_published_contrastive_setting_is_the_default_of_the_classes():
    settings = find_method("stjd-cl").settings("base", {"data": ["s"], "protocol": ["xsub"]})
    config = instantiate(ContrastiveRun, settings)
    assert (config.model, config.contrast) == (ContrastiveSizes(), ContrastiveObjective())
    assert [config.training.rate(epoch) for epoch in (0, 249.9, 250, 299)] == [0.1, 0.1, 0.01, 0.01]


@pytest.mark.parametrize(("method", "size"), list(product(of_family(DISTILLED), names("size-distilled"))))
def test_every_distilled_method_in_every_size_builds(method, size):
    config = instantiate(
        DistilledRun, find_method(method).settings(size, {"data": ["store"], "protocol": ["xsub"]})
    )
    encoder = config.model.encoder(25, 3, config.clips.num_frames)
    assert encoder.num_steps(config.clips.num_frames) >= 4
    assert config.distil.needs_density == (method == "stjd-d")
    assert config.distil.needs_teacher == config.distil.needs_class_tokens == (method == "slim")


def test_prototypes_are_refused_where_nothing_is_asked_for_them():
    own = {"data": ["store"], "protocol": ["xsub"], "model": {"head": {"prototypes": 16}}}
    with pytest.raises(ConfigurationError, match=r"^--model\.head\.prototypes has no effect"):
        find_method("stjd-d").run("tiny", own)
    assert find_method("slim").run("tiny", own).model.head.prototypes == 16
    own["model"]["head"]["prototypes"] = 32  # what the size has
    assert find_method("stjd-d").run("tiny", own).model.head.prototypes == 32


@pytest.mark.parametrize(
    ("method", "distil", "left"),
    [
        ("stjd-d", {"tubes": "chance"}, {"tau": 0.8, "target": "motion"}),
        ("stjd-d", {"masked_weight": 0.0, "class_weight": 1.0}, {"target": "prototypes", "tau": -0.8}),
        ("stjd-d", {"class_weight": 0.0}, {"local_frames": (32, 16, 16, 8), "momentum": 0.994}),
        ("slim", {"target": "regression"}, {"target_blocks": 2}),
    ],
)
def test_a_method_s_own_values_go_with_what_uses_them_and_typed_ones_are_refused(method, distil, left):
    own = {"data": ["s"], "protocol": ["p"], "distil": distil}
    run = find_method(method).run("tiny", own)
    assert {name: getattr(run.distil, name) for name in left} == left
    shipped = find_method(method).settings("tiny")["distil"]
    name = next(iter(left))
    if name in shipped:
        typed = {**distil, name: shipped[name]}
        with pytest.raises(ConfigurationError, match=f"distil.{name} has no effect"):
            find_method(method).run("tiny", {**own, "distil": typed})


def test_slim_in_its_published_size_is_the_default_of_the_classes():
    settings = find_method("slim").settings("base", {"data": ["s"], "protocol": ["xsub"]})
    config = instantiate(DistilledRun, settings)
    assert (config.model, config.distil) == (DistilledSizes(), DistilledObjective())


def test_a_method_has_the_sizes_of_its_family_only():
    with pytest.raises(ConfigurationError, match="method stjd-cl has no size 'compact'"):
        find_method("stjd-cl").settings("compact")
    with pytest.raises(ConfigurationError, match=r"slim has no size 'demo' \(known: base, small, tiny\)"):
        find_method("slim").run("demo", {"data": ["s"], "protocol": ["p"]})
    with pytest.raises(ConfigurationError, match=r"no method 'stjdcl' \(did you mean 'stjd-cl'\?\)"):
        find_method("stjdcl")


def test_compact_is_the_published_size_on_fewer_tokens():
    base, compact = named_config("size", "base"), named_config("size", "compact")
    assert {**compact["model"], "patch_frames": 4} == base["model"]
    assert compact["training"] == base["training"]
    content = find_method("mae").settings("compact", {"data": ["s"], "protocol": ["xsub"]})
    config = instantiate(MaskedRun, content)
    assert config.model.encoder(25, 3, config.clips.num_frames).num_tokens == 200


def test_the_published_linear_evaluation_builds():
    training = instantiate(LinearConfig, named_config("evaluate", "linear")).training
    assert (training.optimiser, training.lr, training.min_lr, training.epochs) == ("sgd", 0.1, 0.0, 100)
    assert (training.batch_size, training.weight_decay, training.warmup_share) == (256, 0.0, 0.0)


def test_the_published_fine_tuning_builds_and_scratch_differs_in_layer_decay_alone():
    published = instantiate(FinetuneConfig, named_config("evaluate", "finetune"))
    training = published.training
    assert (training.optimiser, training.lr, training.min_lr) == ("adamw", 3e-4, 1e-5)
    assert (training.epochs, training.batch_size, training.warmup_share) == (100, 48, 0.05)
    assert (training.beta1, training.beta2, training.weight_decay) == (0.9, 0.999, 0.05)
    assert published == FinetuneConfig(training=training)
    scratch = instantiate(FinetuneConfig, named_config("evaluate", "supervised"))
    assert scratch == replace(published, layer_decay=1.0)


def test_later_layers_win_key_by_key():
    merged = merge({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 4}})
    assert merged == {"a": {"b": 1, "c": 4}, "d": 3}
    assert flatten(merged) == {"a.b": 1, "a.c": 4, "d": 3}


def test_a_misspelt_key_is_an_error_that_names_the_closest():
    with pytest.raises(ConfigurationError, match=r"unknown key 'training.lrr' \(did you mean 'lr'\?\)"):
        check_keys({"training": {"lrr": 1}}, MaskedRun, "file.yaml")
    with pytest.raises(ConfigurationError, match="expected a table"):
        check_keys({"training": 3}, MaskedRun, "file.yaml")
    with pytest.raises(ConfigurationError, match="MaskedRun: needs 'method'"):
        instantiate(MaskedRun, {"data": ["s"], "protocol": ["p"]})


def test_files_that_are_no_configuration_are_refused(tmp_path):
    path = tmp_path / "config.yaml"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_config(path, MaskedRun)
    path.write_text("a: [1")
    with pytest.raises(ConfigurationError, match="not YAML"):
        read_config(path, MaskedRun)
    path.write_text("- 1")
    with pytest.raises(ConfigurationError, match="expected a table of settings, got a list"):
        read_config(path, MaskedRun)


@pytest.mark.parametrize(
    ("method", "own", "named"),
    [
        ("mamp", {"training": {"momentum": 0.5}}, "training.momentum"),
        ("moco", {"training": {"beta2": 0.5}}, "training.beta2"),
        ("mae", {"training": {"weight_decay": 0.0, "decay_tables": True}}, "training.decay_tables"),
        ("mamp", {"objective": {"masking": "uniform", "tau": 0.1}}, "objective.tau"),
        ("mamp", {"objective": {"masking": "uniform", "tau_start": 0.1}}, "objective.tau_start"),
        ("mamp", {"clips": {"min_crop_share": 1.0, "min_crop_frames": 8}}, "clips.min_crop_frames"),
        ("moco", {"contrast": {"augmentation": {"noise": False, "noise_sigma": 0.5}}}, "noise_sigma"),
        ("slim", {"distil": {"augmentation": {"rescale_range": [0.9, 1.1]}}}, "augmentation.rescale_range"),
        ("mamp", {"mixing": "equal"}, "mixing"),
    ],
)
def test_what_is_given_and_does_nothing_is_refused_and_a_file_of_all_settings_is_not(method, own, named):
    common = {"data": ["store"], "protocol": ["xsub"]}
    with pytest.raises(ConfigurationError, match=rf"^--(\S+\.)?{named} has no effect beside"):
        find_method(method).run("tiny", merge(common, own))
    run = find_method(method).run("tiny", common)
    assert find_method(method).run("tiny", asdict(run)) == run


def test_parts_of_a_batch_are_refused_where_its_sequences_are_compared():
    own = {"data": ["store"], "protocol": ["xsub"], "training": {"accumulate": 2}}
    with pytest.raises(ConfigurationError, match=r"^training\.accumulate: prototypes, contrast and spread"):
        find_method("slim").run("tiny", own)
    assert find_method("stjd-d").run("tiny", own).training.accumulate == 2

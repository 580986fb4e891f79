"""Every shipped configuration builds, alone and composed."""

from dataclasses import replace
from importlib.resources import files
from itertools import product

import pytest

from skelact.cli.composition import (
    check_keys,
    find_option,
    flatten,
    instantiate,
    merge,
    named_config,
    read_config,
)
from skelact.errors import ConfigurationError
from skelact.evaluation.finetune import FinetuneConfig
from skelact.evaluation.linear import LinearConfig
from skelact.pretraining.config import PretrainConfig


def names(kind):
    return sorted(
        entry.name.removesuffix(".yaml") for entry in (files("skelact") / "configs" / kind).iterdir()
    )


@pytest.mark.parametrize(("method", "size"), list(product(names("pretrain"), names("size"))))
def test_every_method_in_every_size_builds(method, size):
    content = merge(
        named_config("pretrain", method),
        named_config("size", size),
        {"data": ["store"], "protocol": ["xsub"]},
    )
    config = instantiate(PretrainConfig, content)
    encoder = config.model.encoder(25, 3, config.clips.num_frames)
    config.model.decoder()
    assert 0 < config.objective.num_kept(encoder.num_tokens) < encoder.num_tokens


def test_the_published_size_and_method_are_the_defaults_of_the_classes():
    content = merge(
        named_config("pretrain", "stjd-mp"),
        named_config("size", "base"),
        {"data": ["s"], "protocol": ["xsub"]},
    )
    assert instantiate(PretrainConfig, content) == PretrainConfig(["s"], ["xsub"])


def test_compact_is_the_published_size_on_fewer_tokens():
    base, compact = named_config("size", "base"), named_config("size", "compact")
    assert {**compact["model"], "patch_frames": 4} == base["model"]
    assert compact["training"] == base["training"]
    config = instantiate(PretrainConfig, merge(compact, {"data": ["s"], "protocol": ["xsub"]}))
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
        check_keys({"training": {"lrr": 1}}, PretrainConfig, "file.yaml")
    with pytest.raises(ConfigurationError, match="expected a table"):
        check_keys({"training": 3}, PretrainConfig, "file.yaml")


def test_files_that_are_no_configuration_are_refused(tmp_path):
    path = tmp_path / "config.yaml"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_config(path, PretrainConfig)
    path.write_text("a: [1")
    with pytest.raises(ConfigurationError, match="not YAML"):
        read_config(path, PretrainConfig)
    path.write_text("- 1")
    with pytest.raises(ConfigurationError, match="expected a table of settings, got list"):
        read_config(path, PretrainConfig)


def test_options_are_found_before_they_are_parsed():
    arguments = ["--size", "tiny", "--method=mae", "--size", "small"]
    assert find_option(arguments, "--size") == "small"
    assert find_option(arguments, "--method") == "mae"
    assert find_option(arguments, "--config") is None

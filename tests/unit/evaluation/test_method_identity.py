"""Methods are told apart by what decides a number, not by which version wrote the result."""

from dataclasses import asdict

import pytest

from skelact.evaluation.finetune import FinetuneConfig
from skelact.evaluation.linear import LinearConfig
from skelact.evaluation.method_identity import (
    evaluation_settings,
    pretraining_settings,
    untrained_settings,
)
from skelact.pretraining.config import ContrastConfig, PretrainConfig


@pytest.mark.parametrize("schema", [PretrainConfig, ContrastConfig])
def test_what_an_older_version_did_not_write_is_at_its_default(schema):
    full = asdict(schema(["store"], ["xsub"]))
    older = {key: value for key, value in full.items() if key != "monitor"}
    del older["training"]["drop_share"], older["clips"]["gaps"]
    older["protocol"] = "xsub"
    assert pretraining_settings(older) == asdict(schema(["store"], ["xsub"]))
    full["training"]["lr"] = 0.5
    assert pretraining_settings(full) != asdict(schema(["store"], ["xsub"]))


def test_a_configuration_that_is_no_pretraining_stays():
    assert pretraining_settings({"size": "tiny", "encoder": {"width": 8}}) == {
        "size": "tiny",
        "encoder": {"width": 8},
    }


def test_the_settings_of_evaluations_that_train_are_completed():
    for name, schema in (("linear", LinearConfig), ("semi", FinetuneConfig)):
        older = asdict(schema())
        del older["training"]["drop_share"]
        assert evaluation_settings(name, {"seed": 3, **older}) == {"seed": 3, **asdict(schema())}
    assert evaluation_settings("knn", {"k": [1]}) == {"k": [1]}


def test_untrained_encoders_are_alike_whatever_head_and_method_would_have_come():
    first, second = (asdict(ContrastConfig(["s"], ["p"])) for _ in range(2))
    second["model"]["head"]["width"] = 7
    second["model"]["transformer"]["depth"] = 2  # of the backbone that was not chosen
    second["contrast"]["tau"] = 0.5
    assert untrained_settings(first) == untrained_settings(second)
    assert untrained_settings(first)[0] == "untrained st-gcn"
    second["model"]["st_gcn"]["kernel"] = 3
    assert untrained_settings(first) != untrained_settings(second)
    assert untrained_settings(asdict(PretrainConfig(["s"], ["p"])))[0] == "untrained"

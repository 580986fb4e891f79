"""Methods are told apart by what decides a number, not by which version wrote the result."""

from dataclasses import asdict

import pytest

from skelact.evaluation.settings import FinetuneConfig, LinearConfig
from skelact.pretraining.config import ContrastiveRun, MaskedRun
from skelact.results.identity import (
    evaluation_settings,
    identity_of,
    pretraining_settings,
    untrained_settings,
)
from skelact.results.tables import _flat


@pytest.mark.parametrize(("schema", "method"), [(MaskedRun, "stjd-mp"), (ContrastiveRun, "stjd-cl")])
def test_what_an_older_version_did_not_write_is_at_its_default(schema, method):
    full = asdict(schema(["store"], ["xsub"], method))
    older = {key: value for key, value in full.items() if key != "monitor"}
    del older["training"]["drop_share"], older["clips"]["gaps"]
    older["protocol"] = "xsub"
    assert pretraining_settings(older) == asdict(schema(["store"], ["xsub"], method))
    full["training"]["lr"] = 0.5
    assert pretraining_settings(full) != asdict(schema(["store"], ["xsub"], method))


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
    first, second = (asdict(ContrastiveRun(["s"], ["p"], "stjd-cl")) for _ in range(2))
    second["model"]["head"]["width"] = 7
    second["model"]["transformer"]["depth"] = 2  # of the backbone that was not chosen
    second["contrast"]["tau"] = 0.5
    assert untrained_settings(first) == untrained_settings(second)
    assert untrained_settings(first)[0] == "untrained st-gcn"
    second["model"]["st_gcn"]["kernel"] = 3
    assert untrained_settings(first) != untrained_settings(second)
    assert untrained_settings(asdict(MaskedRun(["s"], ["p"], "stjd-mp")))[0] == "untrained"


def result_of(*, trained=True, settings=None, subset=None, method="stjd-mp", **model):
    """Return what of a result's content tells what it is a result of."""
    content = {
        "evaluation": "linear",
        "trained": trained,
        "model": {"method": method, **model},
        "config": {"seed": 0, **(settings or {})},
    }
    return content if subset is None else {**content, "subset": subset}


def learned(seed=0, **objective):
    config = asdict(MaskedRun(["store"], ["xsub"], "stjd-mp"))
    config["training"]["seed"] = seed
    config["objective"].update(objective)
    return config


def test_data_that_an_encoder_learned_from_tell_methods_apart():
    first, other, newer = (
        identity_of(result_of(config=learned(), data_set=name, data_hash=content))
        for name, content in (("ntu60", "abc"), ("pku1", "abc"), ("ntu60", "def"))
    )
    assert first[2] == other[2] == newer[2]
    assert first[1] != other[1]
    assert first[1] != newer[1]


def test_how_absent_bodies_count_tells_untrained_encoders_apart():
    skip, include, other_tau = (
        identity_of(result_of(trained=False, config=learned(**objective)))
        for objective in ({"absent": "skip"}, {"absent": "include"}, {"absent": "skip", "tau": 0.1})
    )
    assert skip[1] != include[1]
    assert skip == other_tau


def test_weights_to_start_from_are_part_of_the_method_and_have_seeds():
    def started(method, seed):
        start = {"method": method, "config": learned(seed), "data_set": "ntu60", "data_hash": "abc"}
        config = {**learned(seed), "init": f"runs/{method}-seed{seed}"}
        return identity_of(result_of(config=config, init_weights={"sha256": f"{method}{seed}", "of": start}))

    def telling(identity):
        return dict(_flat(identity[1]))

    first, again, other = started("mamp", 0), started("mamp", 1), started("mae", 0)
    assert telling(first) == telling(again) != telling(other)
    assert first[2] != again[2]
    checkpoint = identity_of(result_of(config=learned(), init_weights={"sha256": "1234567890"}))
    assert checkpoint[1]["model"]["init"] == {"method": "12345678"}


def test_lists_of_labels_without_a_seed_are_draws():
    subset = {"share": 0.1, "num_sequences": 20, "seed": None, "hash": "aaa"}
    first, second = (identity_of(result_of(subset={**subset, "hash": name})) for name in ("aaa", "bbb"))
    assert first[1] == second[1]
    assert first[2] != second[2]


def test_an_ensemble_is_what_its_members_are():
    def ensemble(*members):
        settings = {"weights": [1.0] * len(members), "members": [{"result": each} for each in members]}
        return identity_of(result_of(method="a+b", settings=settings))

    def member(seed=0, **objective):
        return result_of(config=learned(seed, **objective))

    first, other = ensemble(member(), member()), ensemble(member(), member(tau=0.5))
    another_seed = ensemble(member(), member(seed=1))
    assert dict(_flat(first[1])) == dict(_flat(another_seed[1])) != dict(_flat(other[1]))
    assert first[2] == other[2] != another_seed[2]

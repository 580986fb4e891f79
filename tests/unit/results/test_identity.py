"""Methods are told apart by what decides a number, not by names, seeds, or which version wrote the result."""

import copy
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from skelact.clips.settings import ADDED, ClipSettings
from skelact.evaluation.settings import LinearConfig
from skelact.pretraining.config import ContrastiveRun, MaskedRun
from skelact.pretraining.identity import IDENTITY, SEEDS, card_identity, digest, with_identity
from skelact.results import files
from skelact.results.identity import described, result_identity, result_seeds
from skelact.training.config import TrainingConfig

ROOT = Path(__file__).resolve().parents[3]


def run_of(schema=MaskedRun, seed=0, **tables):
    config = asdict(schema(["store"], ["xsub"], "any"))
    config["training"]["seed"] = seed
    for name, changes in tables.items():
        config[name].update(changes)
    return config


def result_of(*, trained=True, config=None, subset=None, method="stjd-mp", settings=None, **model):
    """Return what of a result's content tells what it is a result of."""
    content = {
        "evaluation": "linear",
        "data_hash": "def",
        "protocol": "xsub",
        "trained": trained,
        "model": {"method": method, "config": run_of() if config is None else config, **model},
        "config": {"seed": 0, **(settings or {})},
    }
    return content if subset is None else {**content, "subset": subset}


@pytest.mark.parametrize("schema", [MaskedRun, ContrastiveRun])
def test_what_a_version_does_not_know_is_at_its_default(schema):
    full = run_of(schema)
    older = copy.deepcopy(full)
    del older["training"]["drop_share"], older["clips"]["gaps"], older["mixing"]
    older["protocol"] = "xsub"
    identity = card_identity({"config": full, "data_hash": "abc"})
    assert card_identity({"config": older, "data_hash": "abc"}) == identity
    older["training"]["lr"] = 0.5
    assert card_identity({"config": older, "data_hash": "abc"}) != identity


def test_settings_of_evaluations_are_completed_and_what_changes_no_number_does_not_count():
    def identity(**training):
        config = asdict(LinearConfig(replace(TrainingConfig(), **training)))
        del config["training"]["drop_share"]
        return result_identity(result_of(settings=config))

    assert identity() == result_identity(result_of())
    assert identity(devices=2, workers=0, compile=True, seed=3) == identity()
    assert identity(lr=0.5) != identity()
    assert identity(precision="bf16") != identity()


def test_clips_of_earlier_versions_are_those_that_settings_added_since_leave_as_they_are():
    def identity(**clips):
        config = run_of()
        for name in ADDED:
            del config["clips"][name]  # a card of an earlier version
        return result_identity(result_of(config=config, settings={"clips": config["clips"] | clips}))

    added = {name: value for name, value in asdict(ClipSettings()).items() if name in ADDED}
    assert identity(**added) == identity() == result_identity(result_of())
    assert identity(num_frames=60, **added) == identity(num_frames=60) != identity()
    assert identity(**{**added, "view": "body"}) != identity()


def test_numbers_count_as_numbers():
    assert digest({"lr": 1, "k": (1, 2)}) == digest({"k": [1.0, 2.0], "lr": 1.0})
    assert digest({"lr": 1}) != digest({"lr": True}) != digest({"lr": "1"})


def test_untrained_encoders_are_alike_whatever_head_and_method_would_have_come():
    def identity(**tables):
        return result_identity(result_of(trained=False, config=run_of(ContrastiveRun, **tables)))

    assert identity(contrast={"tau": 0.5}, training={"epochs": 3}) == identity()
    other = run_of(ContrastiveRun)["model"]
    other["head"]["width"] = 7
    assert identity(model=other) == identity()
    other["st_gcn"]["kernel"] = 3
    assert identity(model=other) != identity()
    for schema, name in ((ContrastiveRun, "untrained st-gcn"), (MaskedRun, "untrained")):
        assert described(result_of(trained=False, config=run_of(schema)))[0] == name


def test_how_absent_bodies_count_tells_untrained_encoders_apart():
    def identity(**objective):
        return result_identity(result_of(trained=False, config=run_of(objective=objective)))

    assert identity(absent="include") != identity(absent="skip") == identity(absent="skip", tau=0.1)


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ({"data_hash": "abc"}, {"data_hash": "def"}, False),
        ({"config": run_of(seed=1)}, {"config": run_of(seed=2)}, True),
        ({"method": "one"}, {"method": "other"}, True),
        ({"config": {**run_of(), "size": "mine", "data": ["a/b"]}}, {}, True),
        ({"config": {**run_of(), "protocol": ["xview"]}}, {}, False),
        ({"config": run_of(objective={"tau": 0.1})}, {}, False),
        ({"config": run_of(ContrastiveRun)}, {}, False),
        ({"config": {}, "data_hash": "a"}, {"config": {}, "data_hash": "a", "method": "other"}, False),
    ],
)
def test_what_a_trained_encoder_is(first, second, equal):
    one, other = (result_identity(result_of(**each)) for each in (first, second))
    assert (one == other) == equal


def test_weights_to_start_from_are_part_of_the_method_and_have_seeds():
    def started(seed=0, **objective):
        start = {"method": "mamp", "config": run_of(seed=seed, objective=objective), "data_hash": "abc"}
        config = {**run_of(seed=seed), "init": "runs/a"}
        return result_of(config=config, init_weights={"sha256": str(seed), "of": start})

    first, again, other = started(), started(1), started(tau=0.1)
    assert result_identity(first) == result_identity(again) != result_identity(other)
    assert (result_seeds(first), result_seeds(again)) == ([0, None, 0, 0], [0, None, 1, 1])
    checkpoints = [result_of(init_weights={"sha256": name}) for name in ("1234567890", "other")]
    assert result_identity(checkpoints[0]) != result_identity(checkpoints[1])
    assert described(checkpoints[0])[1]["model.init.method"] == "12345678"


def test_imported_weights_are_known_by_their_file():
    cards = [{"method": "mae", "config": {}, "imported": {"sha256": name}} for name in ("a", "b")]
    assert card_identity(cards[0]) != card_identity(cards[1])


def test_what_a_file_says_of_its_identity_counts():
    card = with_identity({"config": run_of(seed=4), "data_hash": "abc"})
    assert card[SEEDS] == [4]
    assert card_identity({**card, "config": {}}) == card[IDENTITY]
    content = files.with_identity(result_of())
    assert result_identity({**content, "protocol": "other"}) == content[IDENTITY]


def test_lists_of_labels_without_a_seed_are_draws_and_their_number_counts():
    def content(num=20, **changes):
        return result_of(subset={"share": 0.1, "num_sequences": num, "seed": None, "hash": "aaa", **changes})

    assert result_identity(content()) == result_identity(content(hash="bbb"))
    assert result_seeds(content()) != result_seeds(content(hash="bbb"))
    assert result_seeds(content(seed=3)) == [0, 3, 0]
    assert len({result_identity(each) for each in (content(), content(19), result_of())}) == 3


def test_what_draws_nothing_has_the_seeds_of_its_model_alone():
    knn = {**result_of(settings={"k": [1], "seed": 5}), "evaluation": "knn"}
    assert result_seeds(knn) == [None, None, 0]
    assert result_seeds({**knn, "trained": False}) == [5, None]


def test_an_ensemble_is_what_its_members_are():
    def ensemble(*members, weights=(1.0, 1.0)):
        config = {"weights": list(weights), "members": [{"result": each} for each in members]}
        return result_of(method="a+b", settings=config)

    def member(seed=0, **objective):
        content = result_of(config=run_of(seed=seed, objective=objective))
        return {key: content[key] for key in ("evaluation", "trained", "model", "config")}

    first, other = ensemble(member(), member()), ensemble(member(), member(tau=0.5))
    another_seed = ensemble(member(), member(seed=1))
    assert result_identity(first) == result_identity(another_seed) != result_identity(other)
    assert result_seeds(first) == result_seeds(other) != result_seeds(another_seed)
    heavier = ensemble(member(), member(), weights=(2.0, 2.0))
    assert result_identity(first) == result_identity(heavier)
    uneven = ensemble(member(), member(), weights=(1.0, 2.0))
    assert result_identity(first) != result_identity(uneven)
    old = result_of(settings={"members": [{"file": "f", "scores_sha256": "s"}]})
    assert result_identity(old) != result_identity(result_of(settings={"members": [{"scores_sha256": "t"}]}))


def test_the_committed_results_have_the_identities_that_their_settings_give():
    paths = sorted((ROOT / "results").rglob("*.json"))
    assert paths
    for path in paths:
        content = json.loads(path.read_text())
        told = {IDENTITY: content.pop(IDENTITY), SEEDS: content.pop(SEEDS)}
        assert {key: files.with_identity(content)[key] for key in told} == told, path

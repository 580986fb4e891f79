"""A protocol of several folds in one command: every fold evaluated, mean and spread printed and written."""

import json
import shutil

import numpy as np
import pytest

import skelact
from skelact.cli.main import main
from skelact.errors import ConfigurationError
from skelact.store.protocols import split
from small_data_sets import write_sbu

FEW = {"size": "tiny", "epochs": 1, "training": {"workers": 0, "tensorboard": False}}


@pytest.fixture(scope="module")
def sbu(tmp_path_factory):
    """Return a small SBU store, and the path of runs that each learned from one fold."""
    folder = tmp_path_factory.mktemp("sbu")
    (folder / "raw").mkdir()
    write_sbu(folder / "raw")
    store = skelact.prepare("sbu", folder / "raw", folder / "store", workers=1)
    for number in range(1, 6):
        out = folder / f"run-fold{number}-seed0"
        skelact.pretrain(store, f"fold{number}", out=out, method="mae", quiet=True, **FEW)
    return store, folder / "run-{fold}-seed0"


def test_every_fold_with_a_run_of_its_own(sbu, capsys):
    store, run = sbu
    words = ["evaluate", "knn", "--run", str(run), "--data", str(store.path), "--protocol", "folds"]
    assert main([*words, "--k", "[1,3]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mae on sbu folds: 5 folds, 80 test sequences"
    assert [line.split()[0] for line in lines[1:6]] == [f"fold{number}" for number in range(1, 6)]
    assert lines[2].endswith("   16 of pair s02s03, s02s07"), "who was tested"
    assert lines[6].startswith("  k=1: top-1")
    assert "±" in lines[6]
    path = run.parent / "run-folds-seed0" / "evaluations" / "knn-sbu-folds-trained-seed0.json"
    assert lines[-1] == f"  {path}"
    content = json.loads(path.read_text())
    own = [
        json.loads(
            (run.parent / f"run-fold{n}-seed0/evaluations/knn-sbu-fold{n}-trained-seed0.json").read_text()
        )
        for n in range(1, 6)
    ]
    for k in ("k=1", "k=3"):
        numbers = [each["metrics"][k]["top1"] for each in own]
        assert content["metrics"][k]["top1"] == pytest.approx(np.mean(numbers))
        assert content["metrics"][k]["spread"]["top1"] == pytest.approx(np.std(numbers, ddof=1))
    assert main(["results", str(path)]) == 0
    assert "top-1 of the folds ±" in capsys.readouterr().out


@pytest.mark.parametrize(
    "evaluation",
    [*(pytest.param(each, marks=pytest.mark.slow) for each in ("linear", "retrieval")), "linear-fast"],
)
def test_other_evaluations_of_the_encoder(sbu, evaluation):
    store, run = sbu
    settings = {"epochs": 1} if evaluation == "linear" else {}
    result = skelact.evaluate(evaluation, str(run), store, "folds", **settings)
    assert result.confusion.sum() == 80
    assert len(result.content["folds"]) == 5
    assert result.top1 == pytest.approx(
        np.mean([each["metrics"]["top1"] for each in result.content["folds"]])
    )


def test_folds_by_an_attribute_and_an_encoder_that_has_seen_them(sbu):
    store, run = sbu
    one = str(run).replace("{fold}", "fold1")
    with pytest.warns(match=r"learned from this store.*write \{fold\} in --run for the fold's name") as told:
        result = skelact.evaluate("knn", one, store, "by-pair-in-3", k=[1])
    assert not any("to keep them unseen" in str(each.message) for each in told)  # what a single fold says
    assert [each["protocol"] for each in result.content["folds"]] == [f"by-pair-{n}-of-3" for n in (1, 2, 3)]
    assert result.path.parent.parent.name == "run-fold1-seed0"
    untrained = skelact.evaluate("knn", one, store, "by-pair", k=[1], untrained=True)  # does not warn
    assert len(untrained.content["folds"]) == 10
    single = skelact.evaluate("knn", one, store, "by-pair-2-of-3", k=[1])
    assert "folds" not in single.content
    assert single.top1 == result.content["folds"][1]["metrics"]["k=1"]["top1"]


def test_a_shipped_model_has_one_place_for_the_folds_and_what_they_join_to(sbu, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store, _ = sbu
    for model in ("universal-small", skelact.load("universal-small")):
        result = skelact.evaluate("knn", model, store, "by-pair-in-2", k=[1])
        assert result.path.resolve().parent == tmp_path / "universal-small" / "evaluations"
        assert len(list(result.path.parent.glob("*.json"))) == 3


def test_neighbours_of_folds_that_a_list_shortens(sbu, tmp_path):
    store, run = sbu
    one = str(run).replace("{fold}", "fold1")
    names = [name for name, pair in zip(store.names, store.attribute("pair"), strict=True) if pair % 2]
    (tmp_path / "list.csv").write_text("\n".join(["name", *names[:-1]]))
    sizes = [len(split(store, f"by-pair-{n}-of-2").train) for n in (1, 2)]
    assert min(sizes) >= 20
    with pytest.warns(match="have no 20 nearest"):
        result = skelact.evaluate(
            "knn", one, store, "by-pair-in-2", untrained=True, without=tmp_path / "list.csv"
        )
    assert "k=20" not in result.content["metrics"]
    assert str(result).splitlines()[1].endswith(" and 1 more")


@pytest.mark.slow
def test_training_the_encoder_has_a_folder_a_fold(sbu, tmp_path):
    store, run = sbu
    few = {"epochs": 1, "hidden_width": 8}
    tuned = skelact.evaluate("finetune", str(run), store, "folds", out=tmp_path / "tuned", **few)
    assert sorted(path.name for path in (tmp_path / "tuned").iterdir()) == [
        "evaluations",
        "fold1",
        "fold2",
        "fold3",
        "fold4",
        "fold5",
    ]
    shutil.rmtree(tmp_path / "tuned" / "fold5")  # as if it had not begun
    again = skelact.evaluate(
        "finetune", str(run), store, "folds", out=tmp_path / "tuned", resume="auto", **few
    )
    assert again.top1 == tuned.top1
    scratch = skelact.evaluate(
        "supervised", None, store, "by-pair-in-2", out=tmp_path / "scratch", size="tiny", **few
    )
    assert scratch.confusion.sum() == 80


def test_what_takes_one_fold_says_so(sbu, tmp_path):
    store, run = sbu
    one = str(run).replace("{fold}", "fold1")
    with pytest.raises(ConfigurationError, match="folds has 5 folds; give one of them here: fold1, fold2"):
        skelact.pretrain(store, "folds", out=tmp_path / "run", method="mae", **FEW)
    with pytest.raises(ConfigurationError, match="folds has 5 folds, which are evaluated on one device"):
        skelact.evaluate("knn", one, store, "folds", devices=2, untrained=True)
    (tmp_path / "two.yaml").write_text("training: {devices: 2}")
    for more in ({"config": tmp_path / "two.yaml"}, {"training": {"nodes": 2}}):
        with pytest.raises(ConfigurationError, match="folds has 5 folds, which are evaluated on one device"):
            skelact.evaluate("linear", one, store, "folds", untrained=True, **more)
    with pytest.raises(ConfigurationError, match=r"each with labels of its own; give one, e\.g\. fold1"):
        skelact.evaluate("transfer", one, store, "folds", out=tmp_path / "few", share=0.5)

"""Models that come with the package, by their names."""

import pytest

import skelact
from skelact.api.data import project
from skelact.cli.main import main
from skelact.errors import DataError
from skelact.models.shipped import FOLDER, UNIVERSAL, UNIVERSAL_2D, find_model, shipped_models, shipped_name
from skelact.results.tables import group, read_entries


def test_a_name_is_found_anywhere_and_results_stay_out_of_the_package(store_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = skelact.load(UNIVERSAL)
    assert repr(model) == f"<Model {UNIVERSAL}: stjd-d, ntu-25>"
    result = skelact.evaluate("knn", UNIVERSAL, store_path, "xsub", k=[1])
    assert result.path.resolve().is_relative_to(tmp_path / UNIVERSAL / "evaluations")
    assert not (FOLDER / UNIVERSAL / "evaluations").exists()
    assert find_model(UNIVERSAL) == FOLDER / UNIVERSAL  # the folder of results is no model
    assert str(result).startswith(f"{UNIVERSAL} on ")
    (method,) = group(read_entries([result.path]))
    assert method.label == UNIVERSAL


def test_a_copy_of_a_shipped_encoder_keeps_its_name_and_other_encoders_have_none(tiny_run):
    for name in shipped_models():
        assert shipped_name(skelact.load(name).card) == name
    assert skelact.load(tiny_run).name == skelact.load(tiny_run).method
    assert shipped_name({**skelact.load(UNIVERSAL).card, "seeds": [1]}) is None
    assert shipped_name({}) is None


def test_positions_in_the_plane_are_taught_to_an_encoder_of_such(store_path, tmp_path):
    flat = project(store_path, tmp_path / "flat", cameras=2).store
    package = skelact.teach(flat, out=tmp_path / "model")
    assert package.model.pretrained.num_coordinates == 2
    assert shipped_name(skelact.load(UNIVERSAL_2D).card) == UNIVERSAL_2D
    answers = package.model.predict(flat.sequence(0))
    assert answers.top[0].label in flat.class_names


def test_a_model_on_disk_comes_before_a_shipped_one(tiny_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / UNIVERSAL).symlink_to(tiny_run, target_is_directory=True)
    assert skelact.load(UNIVERSAL).method != "stjd-d"


def test_a_name_that_is_none_is_told_the_shipped_ones(capsys, store_path):
    with pytest.raises(DataError, match=f"universal: no such folder.*{UNIVERSAL}"):
        skelact.load("universal")
    words = ["evaluate", "knn", "--run", "universal", "--data", str(store_path), "--protocol", "xsub"]
    assert main(words) == 2
    assert UNIVERSAL in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "export", "serve"])
def test_one_that_is_asked_for_classes_is_called_by_its_name(command, store_path, tmp_path, capsys):
    words = {"predict": [str(store_path)], "export": [str(tmp_path / "out.onnx")], "serve": []}[command]
    assert main([command, UNIVERSAL, *words]) == 2
    told = (
        f"{UNIVERSAL}: knows no classes; teach it some: skelact teach FOLDER --from {UNIVERSAL} --out MODEL"
    )
    assert capsys.readouterr().err == f"skelact: {told}\n"

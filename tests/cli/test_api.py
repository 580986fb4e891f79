"""The public API does in Python what the commands do, and leaves the same files."""

import json

import numpy as np
import pytest

import skelact
from skelact.cli.main import main
from skelact.errors import ConfigurationError

TINY = {"size": "tiny", "epochs": 2, "training": {"workers": 0, "tensorboard": False}}


@pytest.fixture(scope="module")
def model(store_path, tmp_path_factory):
    out = tmp_path_factory.mktemp("api") / "run"
    return skelact.pretrain(str(store_path), "xsub", out=str(out), method="stjd-mp", quiet=True, **TINY)


def test_preparing_gives_a_store_that_says_what_it_left_out(raw_folder, tmp_path, capsys):
    store = skelact.prepare("ntu60", str(raw_folder), str(tmp_path / "store"), workers=1)
    assert isinstance(store, skelact.Store)
    assert len(store) == store.num_files == 62
    assert store.exclusions == []
    assert "62 of 62 files" in str(store)
    assert capsys.readouterr().out == "", "functions print nothing"


def test_a_run_of_the_api_is_the_run_of_the_command(model, store_path, tmp_path, capsys):
    words = ["pretrain", "--data", str(store_path), "--protocol", "xsub", "--out", str(tmp_path / "run")]
    words += ["--method", "stjd-mp", "--size", "tiny", "--epochs", "2"]
    assert main([*words, "--training.workers", "0", "--training.tensorboard", "false"]) == 0
    assert f"{tmp_path / 'run'}: stjd-mp (tiny), 2 epochs" in capsys.readouterr().out
    ours, theirs = (run / "weights.safetensors" for run in (model.run, tmp_path / "run"))
    assert ours.read_bytes() == theirs.read_bytes()
    cards = [json.loads((run / "card.json").read_text()) for run in (model.run, tmp_path / "run")]
    assert cards[0] == cards[1]


def test_an_evaluation_returns_what_its_file_says(model, store_path, capsys):
    store = skelact.Store.open(store_path)
    result = skelact.evaluate("linear", model, store, "xsub", epochs=1, training={"batch_size": 16})
    content = json.loads(result.path.read_text())
    assert content["config"]["training"]["batch_size"] == 16
    metrics = content["metrics"]
    assert (result.top1, result.mean_class) == (metrics["top1"], metrics["mean_class_accuracy"])
    assert list(result.per_class) == store.class_names
    assert result.confusion.sum() == metrics["num_sequences"] == content["num_test"]
    assert capsys.readouterr().out == ""
    options = ["--run", str(model.run), "--data", str(store_path), "--protocol", "xsub"]
    assert main(["evaluate", "linear", *options, "--epochs", "1", "--training.batch_size", "16"]) == 0
    printed = capsys.readouterr().out
    assert printed == f"{result}\n", "the command prints the result"
    again = json.loads(result.path.read_text())
    assert again["metrics"] == metrics


def test_every_evaluation_of_a_frozen_encoder_can_be_called(model, store_path):
    knn = skelact.evaluate("knn", model, store_path, "xsub", k=[1, 3])
    assert knn.top1 == knn.content["metrics"]["k=1"]["top1"]
    assert 0 <= skelact.evaluate("retrieval", str(model.run), str(store_path), "xsub").top1 <= 1
    fast = skelact.evaluate("linear-fast", model, store_path, "xsub", l2=[0.1], untrained=True, seed=3)
    assert fast.content["trained"] is False
    classes = [name for name, accuracy in fast.per_class.items() if accuracy is not None]
    one_shot = skelact.evaluate("one-shot", model, store_path, novel=classes[:2])
    assert list(one_shot.per_class) == classes[:2]
    trained = skelact.evaluate("linear-fast", model, store_path, "xsub", l2=[0.1])
    added = skelact.evaluate(
        "ensemble",
        [model, str(fast.path)],
        out=model.run.parent / "sum",
        evaluation="linear-fast",
        weights=[1, 2],
    )
    assert [member["top1"] for member in added.content["config"]["members"]] == [trained.top1, fast.top1]


def test_training_a_classifier_leaves_a_run_folder_and_the_models_encoder_as_it_was(
    model, store_path, tmp_path
):
    before = model.embed_store(store_path, [0, 1], title="")
    result = skelact.evaluate(
        *("semi", model, store_path, "xsub"),
        out=tmp_path / "semi",
        count=31,
        epochs=1,
        hidden_width=8,
        training={"batch_size": 16},
    )
    assert "an epoch takes 16 of these 31" in result.text
    assert result.path.is_relative_to(tmp_path / "semi")
    assert result.content["subset"]["num_sequences"] == 31
    np.testing.assert_array_equal(model.embed_store(store_path, [0, 1], title=""), before)
    scratch = skelact.evaluate(
        "supervised",
        None,
        store_path,
        "xsub",
        out=tmp_path / "scratch",
        size="tiny",
        epochs=1,
        hidden_width=8,
    )
    assert scratch.content["model"]["method"] == "from scratch"


def test_a_stopped_or_finished_run_is_loaded_and_embeds(model, store_path):
    loaded = skelact.load(model.run)
    store = skelact.Store.open(store_path)
    embeddings = loaded.embed_store(store, title="")
    assert embeddings.shape == (len(store), 32)
    positions = store.sequence(3).positions
    positions[~store.sequence(3).present] = np.nan
    np.testing.assert_array_equal(loaded.embed(positions), embeddings[3:4])
    assert "stjd-mp" in repr(loaded)


def test_settings_that_the_evaluation_does_not_have_are_refused(model, store_path):
    with pytest.raises(ConfigurationError, match=r"--training.checkpoint_every has no effect here"):
        skelact.evaluate("linear", model, store_path, "xsub", training={"checkpoint_every": 3})
    with pytest.raises(ConfigurationError, match="did you mean 'untrained'"):
        skelact.evaluate("knn", model, store_path, "xsub", untraned=True)


@pytest.mark.slow
def test_the_documented_block_runs_on_the_real_recordings_of_msr_action3d(shared_data_dir, tmp_path):
    """As in docs/api.md, but for the number of epochs."""
    store = skelact.prepare("msr-action3d", shared_data_dir / "msr_action3d.tar.xz", tmp_path / "msr")
    assert len(store) == 566
    model = skelact.pretrain(
        tmp_path / "msr", "xsub", out=tmp_path / "a", method="stjd-mp-visible", size="small", epochs=2, seed=0
    )
    result = skelact.evaluate("linear", model, store, "xsub", epochs=2)
    assert 0 < result.top1 <= 1
    model = skelact.load(tmp_path / "a")
    recordings = [store.sequence(index).positions for index in range(3)]
    assert model.embed(recordings).shape == (3, 128)
    assert model.embed_store(store, title="").shape == (566, 128)

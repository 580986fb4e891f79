"""One encoder on stores of other skeletons than that it learned from, without converting anything."""

import json
from dataclasses import replace

import numpy as np
import pytest

import skelact
from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology
from skelact.store.convert import convert_store
from skelact.store.store import Store


@pytest.fixture(scope="module")
def run(store_path, tmp_path_factory):
    out = tmp_path_factory.mktemp("any") / "run"
    words = ["pretrain", "--data", str(store_path), "--protocol", "xsub", "--method", "stjd-d"]
    assert (
        main(
            [*words, "--size", "tiny", "--epochs", "1", "--training.tensorboard", "false", "--out", str(out)]
        )
        == 0
    )
    return out


@pytest.fixture(scope="module")
def kinect(store_path, run):
    path = run.parent / "kinect"
    convert_store(Store.open(store_path), path, TOPOLOGIES["kinect-20"])
    return path


def test_it_is_evaluated_and_fine_tuned(run, kinect, capsys, tmp_path):
    where = ["--run", str(run), "--data", str(kinect), "--protocol", "xsub"]
    for more in ([], ["--untrained"]):
        assert main(["evaluate", "linear-fast", *where, "--l2", "[0.01]", *more]) == 0
    out = tmp_path / "fine"
    more = ["--out", str(out), "--epochs", "1", "--training.warmup_share", "0"]
    assert main(["evaluate", "finetune", *where, *more]) == 0
    card = json.loads((out / "card.json").read_text())
    assert (card["topology"]["name"], card["encoder"]["num_joints"]) == ("kinect-20", 20)
    assert skelact.load(out).topology.name == "kinect-20"


def test_it_embeds_a_store_and_is_taught_its_classes(run, kinect, store_path, tmp_path):
    model = skelact.load(run)
    assert model.embed_store(kinect, [0, 1]).shape == (2, 20 * 32)
    one = model.embed(Store.open(kinect).sequence(0))
    np.testing.assert_allclose(one, model.embed_store(kinect, [0]), rtol=1e-4, atol=1e-5)
    package = skelact.teach(kinect, out=tmp_path / "model", from_=run)
    taught = skelact.load(package.path)
    assert taught.topology.name == "kinect-20"
    assert taught.predict(Store.open(kinect).sequence(0).with_nan()).label in taught.classes
    assert model.topology.name == "ntu-25"
    other = Store.open(kinect).sequence(0)
    with pytest.raises(
        DataError, match="joints of kinect-20, and recording 0 has those of ntu-25; give each"
    ):
        model.embed([np.zeros((4, 25, 3)), other])


def test_arrays_of_another_skeleton_are_embedded_once_it_is_told(run, kinect):
    model, sequence = skelact.load(run), Store.open(kinect).sequence(0)
    array, expected = sequence.with_nan(), model.embed(sequence)
    for topology in ("kinect-20", TOPOLOGIES["kinect-20"]):
        np.testing.assert_array_equal(model.embed(array, topology=topology), expected)
    with pytest.raises(DataError, match=r"with the joints of ntu-25; .* say which: topology='kinect-20'$"):
        model.embed(array)
    with pytest.raises(DataError, match=r"expected \(T, 15, 3\) .* joints of sbu-15$"):
        model.embed(array, topology="sbu-15")
    with pytest.raises(ConfigurationError, match="no topology 'kinect-21'"):
        model.embed(array, topology="kinect-21")
    with pytest.raises(ConfigurationError, match="this is a sequence, which tells it; leave it out"):
        model.embed(sequence, topology="kinect-20")


def test_other_skeletons_are_recognised_from_python_as_by_the_command(
    run, kinect, store_path, tmp_path, capsys
):
    taught = skelact.load(skelact.teach(store_path, out=tmp_path / "ntu", from_=run).path)
    store = Store.open(kinect)
    expected = skelact.predict(taught, [f"{kinect}:{number}" for number in (0, 1)])
    sequences = [replace(store.sequence(number), name="both") for number in (0, 1)]
    with pytest.warns(SkelactWarning, match="brought from kinect-20 to ntu-25.* missing: .*Thumb") as told:
        found = taught.predict(sequences)
    assert f"{told[0].message}" in expected.notes[0]
    for one, (_, other) in zip(found, expected.found, strict=True):
        assert (one.label, one.prime_joints) == (other.label, other.prime_joints)
        assert one.probability == pytest.approx(other.probability, abs=1e-5)
    with pytest.warns(SkelactWarning, match="brought from kinect-20"):
        assert taught.predict(sequences[0].with_nan(), topology="kinect-20").label == found[0].label
    stick = Topology("stick", ("a", "b"), (0, 0), (), 0)
    with pytest.raises(
        ConfigurationError, match=r"0: stick skeletons have 0 of the 25 .*; take a model that"
    ):
        taught.predict(np.ones((4, 2, 3)), topology=stick)


def test_an_encoder_that_knows_no_names_still_refuses(tiny_run, kinect, capsys):
    where = ["--run", str(tiny_run), "--data", str(kinect), "--protocol", "xsub"]
    assert main(["evaluate", "knn", *where]) == 2
    assert "holds kinect-20 skeletons, the model was trained on ntu-25" in capsys.readouterr().err

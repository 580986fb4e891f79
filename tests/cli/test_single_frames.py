"""A recording of a single frame goes the whole way: NW-UCLA has one on its training side."""

import numpy as np
import pytest

import skelact
from small_data_sets import write_nw_ucla

FEW = {"size": "tiny", "epochs": 2, "training": {"workers": 0, "tensorboard": False}}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nw-ucla")
    (folder / "raw").mkdir()
    write_nw_ucla(folder / "raw")
    return skelact.prepare("nw-ucla", folder / "raw", folder / "store", workers=1)


@pytest.mark.parametrize("method", ["stjd-mp-visible", "stjd-cl-positions"])
def test_one_frame_trains_and_is_embedded(store, method, tmp_path):
    alone = store.names.index("a02_s01_e00_v02")
    assert store.array("num_frames")[alone] == 1
    model = skelact.pretrain(store, "xview", out=tmp_path / "run", method=method, quiet=True, **FEW)
    features = model.embed_store(store, title="")
    assert features.shape[0] == 30
    assert np.isfinite(features).all()
    again = model.embed(store.sequence(alone).positions[0])[0]
    np.testing.assert_allclose(again, features[alone], atol=1e-5)
    for evaluation, settings in (("linear", {"epochs": 1}), ("linear-fast", {}), ("knn", {})):
        result = skelact.evaluate(evaluation, model, store, "xview", **settings)
        assert result.confusion.sum() == result.content["num_test"] == 10
    settings = {"epochs": 1, "hidden_width": 8, "stochastic_depth": 0}
    tuned = skelact.evaluate("finetune", model, store, "xview", out=tmp_path / "finetune", **settings)
    assert tuned.confusion.sum() == 10

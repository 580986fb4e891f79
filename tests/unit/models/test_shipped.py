"""The models that come with the package."""

import json

import pytest
import torch

from skelact.models.card import CARD, CHECKSUM, card_checksum
from skelact.models.pretrained import load_pretrained
from skelact.models.shipped import FOLDER, UNIVERSAL, shipped_models
from skelact.skeleton.tables import TOPOLOGIES


def test_the_default_encoder_is_shipped():
    assert UNIVERSAL in shipped_models()


@pytest.mark.parametrize("name", shipped_models())
def test_each_tells_its_data_their_terms_and_what_it_reaches(name):
    card = json.loads((FOLDER / name / CARD).read_text())
    assert card[CHECKSUM] == card_checksum({key: value for key, value in card.items() if key != CHECKSUM})
    assert card["terms"]
    assert "ntu" not in card["data_set"]  # nobody had it
    sets = ["bandai-namco-2", "msr-action3d", "nw-ucla", "sbu"]
    assert sorted({each.split()[0] for each in card["reaches"]}) == sets
    assert "accuracy" not in card
    assert sum(path.stat().st_size for path in (FOLDER / name).iterdir()) < 10_000_000
    page = (FOLDER / name / "model-card.md").read_text()
    assert "reaches on sbu folds" in page
    # nothing of the machine that it was made on
    assert not any(each.startswith(("/", "~")) for each in card["config"]["data"])


@pytest.mark.parametrize("skeleton", ["ntu-25", "kinect-20", "sbu-15", "h36m-17"])
def test_the_default_encoder_embeds_every_skeleton_with_a_vector_a_joint(skeleton):
    topology = TOPOLOGIES[skeleton]
    pretrained = load_pretrained(UNIVERSAL).fitted(topology)
    with torch.no_grad():
        vectors = pretrained.encoder.embed_bodies(torch.randn(2, 1, 64, topology.num_joints, 3))
    assert vectors.shape == (2, 1, topology.num_joints * 128)
    assert not torch.equal(vectors[0], vectors[1])

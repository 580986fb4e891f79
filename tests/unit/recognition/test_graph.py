"""One network from positions to probabilities says what a recogniser says of the clips of a store."""

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.evaluation.features import extract_features
from skelact.models.backbone import BackboneConfig, build_backbone
from skelact.models.heads import Classifier, FinetuneHead
from skelact.models.pretrained import Pretrained
from skelact.models.sizes import EncoderConfig, STGCNConfig
from skelact.models.token_sizes import TokenEncoderConfig
from skelact.recognition.choice import fit_linear
from skelact.recognition.description import Recognition
from skelact.recognition.export import TOLERANCE, compare, made_up, to_onnx
from skelact.recognition.graph import PositionsToProbabilities
from skelact.recognition.neighbours import Examples, Neighbours
from skelact.recognition.onnx_file import seen_frames
from skelact.recognition.recogniser import Recogniser
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import TOPOLOGIES
from skelact.store.in_memory import store_in_memory

NTU = TOPOLOGIES["ntu-25"]
TRANSFORMER = EncoderConfig(num_frames=24, width=16, depth=2, num_heads=2)
ST_GCN = STGCNConfig(channels=(8, 16), strides=(1, 2))


def tokens(pooling: str) -> TokenEncoderConfig:
    return TokenEncoderConfig(patch_frames=4, width=16, depth=2, num_heads=2, pooling=pooling)


def recogniser(config: BackboneConfig, classifier: str, pooling: str, absent: str = "skip") -> Recogniser:
    """Return an untrained encoder that was taught three classes of made-up recordings."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = build_backbone(config, NTU, absent).eval()
        head = Classifier(encoder, FinetuneHead(25, 16, 3, 8, 0.0, absent)).eval()
    clips = ClipSettings(num_frames=24, view="upright", scale="body")
    pretrained = Pretrained(encoder, NTU, clips, {"positions": {"up": "y"}})
    about = Recognition(classifier, ["a", "b", "c"], pooling=pooling, temperature=0.5, threshold=1.0)
    if classifier == "finetune":
        return Recogniser(pretrained, about, None, head=head)
    store = made_up(Recogniser(pretrained, about, None))
    source = ClipSource(store, clips)
    features, _ = extract_features(encoder, source, np.arange(len(store)), pooling=pooling)
    examples = Examples(features, torch.arange(len(store)) % 3, 3)
    layer = fit_linear(examples) if classifier == "linear" else None
    return Recogniser(pretrained, about, Neighbours.of(examples), layer)


@pytest.mark.parametrize(
    ("config", "classifier", "pooling", "absent"),
    [
        (TRANSFORMER, "neighbours", "joints-and-bodies", "include"),
        (TRANSFORMER, "linear", "mean", "skip"),
        (TRANSFORMER, "finetune", "mean", "include"),
        (ST_GCN, "neighbours", "joints", "skip"),
        (ST_GCN, "finetune", "mean", "skip"),
        (tokens("class"), "neighbours", "bodies", "skip"),
        (tokens("both"), "linear", "joints", "skip"),
        (tokens("mean"), "finetune", "mean", "skip"),
        (tokens("joints"), "linear", "moments-and-bodies", "skip"),
        (ST_GCN, "linear", "moments", "skip"),
    ],
    ids=str,
)
def test_the_network_says_what_the_recogniser_says(
    config: BackboneConfig, classifier: str, pooling: str, absent: str
) -> None:
    taught = recogniser(config, classifier, pooling, absent)
    store = made_up(taught)
    network = PositionsToProbabilities(taught, "y").eval()
    with torch.no_grad():
        found = [network(torch.from_numpy(seen_frames(store.sequence(i)))[None]) for i in range(len(store))]
    chances, distances = (torch.cat(each).numpy() for each in zip(*found, strict=True))
    far = None if np.isnan(distances).any() else distances
    assert (far is None) == (classifier == "finetune")
    compared = compare(taught.ask(store), (chances, far))
    assert compared.largest_difference < TOLERANCE
    assert compared.largest_difference_of_distances < TOLERANCE
    assert chances.std(0).max() > 1e-3  # recordings are told apart at all


def test_a_body_in_one_point_gets_one_answer_alone_in_a_batch_and_of_the_network() -> None:
    taught = recogniser(tokens("mean"), "neighbours", "mean")
    point = SkeletonSequence(
        "point", np.zeros((1, 30, 25, 3), np.float32), np.ones((1, 30), np.bool_), NTU, fps=30.0
    )
    alone, _ = taught.ask(store_in_memory([point], "y"))
    beside, _ = taught.ask(store_in_memory([point, made_up(taught).sequence(3)], "y"))
    with torch.no_grad():
        network, _ = PositionsToProbabilities(taught, "y").eval()(torch.zeros(1, 1, 30, 25, 3))
    np.testing.assert_allclose(beside[:1], alone, atol=TOLERANCE)
    np.testing.assert_allclose(network, alone, atol=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("config", [ST_GCN, tokens("both")], ids=["st-gcn", "joint-tokens"])
def test_every_encoder_can_be_written(config: BackboneConfig) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    taught = recogniser(config, "neighbours", "mean")
    network = PositionsToProbabilities(taught, "y").eval()
    proto = to_onnx(network)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    for shape in ((1, 1, 1, 25, 3), (3, 4, 50, 25, 3)):
        positions = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            expected = network(positions)
        found = session.run(None, {"positions": positions.numpy()})
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other.numpy(), atol=1e-4)

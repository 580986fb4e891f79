import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.models.backbone import Backbone, build_backbone
from skelact.models.batch_norm import BatchNorm
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig, STGCNConfig
from skelact.models.st_gcn import STGCN, spatial_partitions
from skelact.skeleton.tables import COCO_17, NTU_25
from skelact.skeleton.topology import Topology

CHAIN = Topology("chain", ("a", "b", "c", "d", "e"), (1, 1, 1, 2, 3))
SMALL = STGCNConfig(channels=(4, 4, 6), strides=(1, 1, 2), kernel=3, dropout=0.0)


def network(config=SMALL, topology=CHAIN, seed=0):
    """A network in which no normalisation is the identity and no edge weighs one."""
    torch.manual_seed(seed)
    model = STGCN(config, topology)
    for module in model.modules():
        if isinstance(module, BatchNorm):
            torch.nn.init.normal_(module.running_mean, std=0.3)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.weight, 1.0, 0.3)
            torch.nn.init.normal_(module.bias, std=0.3)
    for block in model.blocks:
        torch.nn.init.uniform_(block.edge_importance, 0.5, 1.5)
    return model


def normalised(norm, x):
    return (x - norm.running_mean) / (norm.running_var + norm.epsilon).sqrt() * norm.weight + norm.bias


def slow_features(model, body):
    """Features of one (T, V, C) body in evaluation: every step, joint, partition and tap in a loop."""
    num_joints = body.shape[1]
    x = normalised(model.input_norm, body.flatten(1)).view(body.shape)
    adjacency = spatial_partitions(model.topology)
    for block in model.blocks:
        spatial = torch.zeros(len(x), num_joints, block.joints.out_features)
        for t in range(len(x)):
            for i in range(num_joints):
                gathered = []
                for k in range(3):
                    message = torch.zeros(x.shape[2])
                    for j in range(num_joints):
                        message += adjacency[k, i, j] * block.edge_importance[k, i, j] * x[t, j]
                    gathered.append(message)
                spatial[t, i] = block.joints.weight @ torch.cat(gathered)
        spatial = torch.relu(normalised(block.joints_norm, spatial))
        kernel = block.time.weight[..., 0]  # (out, in, taps)
        steps = range(0, len(x), block.stride)
        out = torch.zeros(len(steps), num_joints, kernel.shape[0])
        for s, t in enumerate(steps):
            for tap in range(kernel.shape[2]):
                frame = t + tap - kernel.shape[2] // 2
                if 0 <= frame < len(x):
                    out[s] += spatial[frame] @ kernel[..., tap].T
        out = normalised(block.time_norm, out)
        if isinstance(block.shortcut, torch.nn.Sequential):
            linear, norm = block.shortcut
            out = out + normalised(norm, x[:: block.stride] @ linear.weight.T)
        elif block.shortcut is not None:
            out = out + x
        x = torch.relu(out)
    return x


@torch.no_grad()
@pytest.mark.parametrize("num_frames", [1, 2, 7])
def test_equals_loops_over_joints_and_frames(num_frames):
    model = network().eval()
    clips = torch.randn(2, 2, num_frames, 5, 3)
    features = model(clips, torch.ones(2, 2, dtype=torch.bool))
    assert features.shape == (2, 2, SMALL.num_steps(num_frames), 5, 6)
    for n in range(2):
        for m in range(2):
            expected = slow_features(model, clips[n, m])
            torch.testing.assert_close(features[n, m], expected, rtol=1e-4, atol=1e-5)


def test_the_published_sizes():
    model = STGCN(STGCNConfig(), NTU_25).eval()
    assert [block.joints.out_features for block in model.blocks] == [16] * 4 + [32] * 3 + [64] * 2 + [256]
    assert [number for number, block in enumerate(model.blocks, 1) if block.stride == 2] == [5, 8]
    assert model.blocks[0].shortcut is None
    assert model.config.width == 256
    features = model(torch.randn(1, 2, 50, 25, 3))
    assert features.shape == (1, 2, 13, 25, 256)


def test_a_feature_sees_the_frames_and_joints_in_its_reach_and_no_others():
    model = network().eval()
    clips = torch.randn(1, 1, 21, 5, 3, requires_grad=True)
    features = model(clips, torch.ones(1, 1, dtype=torch.bool))
    features[0, 0, 5, 0].sum().backward()  # step 5 stands for frame 10; joint a; the last block has stride 2
    seen = clips.grad[0, 0].abs().sum(-1) > 0  # (T, V)
    assert seen.any(1).nonzero().flatten().tolist() == list(range(7, 14))  # one frame each way and block
    # joints a - b - c - d - e in a line: three blocks reach three bones
    assert seen.any(0).tolist() == [True, True, True, True, False]


def test_bodies_that_are_absent_change_nothing():
    clips = torch.randn(3, 2, 6, 5, 3)
    present = torch.tensor([[True, False], [True, True], [True, False]])
    filled = clips.clone()
    filled[~present] = 1e6
    alone = network().train()
    expected = alone(clips[present][:, None], torch.ones(4, 1, dtype=torch.bool))
    model = network().train()
    features = model(filled, present)
    torch.testing.assert_close(features[present], expected[:, 0])
    assert (features[~present] == 0).all()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, alone.state_dict()[name])


def test_clips_that_show_nobody_have_features_of_zero():
    model = network().train()
    features = model(torch.zeros(2, 2, 4, 5, 3))
    assert features.shape == (2, 2, 2, 5, 6)
    assert (features == 0).all()


def test_every_parameter_gets_a_gradient():
    model = network().train()
    features = model(torch.randn(4, 1, 6, 5, 3))
    (features * torch.randn_like(features)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 1e-4, name


def test_edges_that_are_not_there_stay_out():
    model = network().train()
    model(torch.randn(2, 1, 6, 5, 3)).sum().backward()
    for block in model.blocks:
        assert (block.edge_importance.grad[block.adjacency == 0] == 0).all()


def test_one_frame_of_one_body_trains_nothing():
    model = network()
    assert model.eval()(torch.randn(1, 1, 1, 5, 3)).isfinite().all()
    with pytest.raises(ConfigurationError, match="single sample has no statistics"):
        model.train()(torch.randn(1, 1, 1, 5, 3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": 4}, "kernel is 4, expected an odd"),
        ({"channels": (8,)}, "1 channels and 10 strides"),
        ({"channels": (), "strides": ()}, "expected one of each"),
        ({"channels": (0,), "strides": (1,)}, "channels is"),
        ({"channels": (8,), "strides": (0,)}, "strides is"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"num_coordinates": 0}, "num_coordinates is 0"),
    ],
)
def test_sizes_that_make_no_network(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        STGCNConfig(**settings)


def test_clips_of_another_skeleton_are_refused():
    with pytest.raises(ConfigurationError, match="5 joints, 3 coordinates"):
        network()(torch.randn(1, 1, 6, 25, 3))
    with pytest.raises(ConfigurationError, match="absent is 'include', but an ST-GCN skips"):
        build_backbone(SMALL, CHAIN, absent="include")


def test_both_backbones_are_backbones():
    def width_of(backbone: Backbone) -> int:
        return backbone.eval()(torch.zeros(1, 1, 8, 17, 2)).shape[-1]

    transformer = EncoderConfig(17, 2, 8, 4, width=32, depth=1, num_heads=4)
    graph = STGCNConfig(num_coordinates=2)
    assert isinstance(build_backbone(transformer, COCO_17), SkeletonEncoder)
    assert isinstance(build_backbone(graph, COCO_17), STGCN)
    for config in (transformer, graph):
        assert width_of(build_backbone(config, COCO_17)) == config.width
    with pytest.raises(ConfigurationError, match="num_joints is 17, but ntu-25 has 25"):
        build_backbone(transformer, NTU_25)

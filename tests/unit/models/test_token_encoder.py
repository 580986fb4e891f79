import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError
from skelact.files import write_json
from skelact.models.backbone import build_backbone, num_time_steps
from skelact.models.blocks import attention
from skelact.models.card import CARD
from skelact.models.embedding import JointTable, nearest_names, patchify
from skelact.models.heads import embed_clips
from skelact.models.pretrained import PREFIX, WEIGHTS, load_pretrained, model_card
from skelact.models.rotary_block import rotary_turns, short_attention, turn
from skelact.models.tensor_file import write_tensors
from skelact.models.token_encoder import TokenEncoder
from skelact.models.token_sizes import TokenEncoderConfig
from skelact.skeleton.joint_names import NAMES, VOCABULARY
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology

CHAIN = Topology("chain", ("SpineBase", "Tail1", "Tail2", "Neck", "Head"), (0, 0, 1, 0, 3))
CONFIG = TokenEncoderConfig(num_joints=5, patch_frames=4, width=16, depth=2, num_heads=2, mlp_ratio=2)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return TokenEncoder(CONFIG, CHAIN).eval()


def random_clips(num=3, frames=16, joints=5):
    return torch.randn(num, 2, frames, joints, 3, generator=torch.Generator().manual_seed(0))


def test_every_name_of_the_vocabulary_has_one_row():
    assert set(NAMES) == VOCABULARY
    assert len(set(NAMES)) == len(NAMES)


def test_a_joint_without_a_name_takes_that_of_the_nearest_and_an_offset():
    assert nearest_names(CHAIN) == (["SpineBase", "SpineBase", "SpineBase", "Neck", "Head"], [1, 2])
    table = JointTable(CHAIN, 8)
    rows = table()
    base = table.names[NAMES.index("SpineBase")]
    torch.testing.assert_close(rows[0], base)
    torch.testing.assert_close(rows[2], base + table.offsets[1])
    unnamed = Topology("unnamed", ("a", "b"), (0, 0))
    assert nearest_names(unnamed) == (["", ""], [0, 1])
    torch.testing.assert_close(JointTable(unnamed, 8)().shape, torch.Size([2, 8]))
    for topology in TOPOLOGIES.values():
        names, own = nearest_names(topology)
        assert all(names), topology.name
        assert len(own) < topology.num_joints


def test_what_was_not_seen_changes_nothing(encoder):
    clips = random_clips()
    present = torch.ones(3, 2, dtype=torch.bool)
    seen = torch.ones(3, 2, 16, 5, dtype=torch.bool)
    seen[0, 0, :, 3] = False  # a joint
    seen[1, 1, 8:] = False  # body-frames
    moved = clips + 5 * ~seen[..., None]
    for pooling in ("class", "mean", "both"):
        of = TokenEncoder(TokenEncoderConfig(**{**vars(CONFIG), "pooling": pooling}), CHAIN).eval()
        of.load_state_dict(encoder.state_dict())
        a, b = (embed_clips(of, x, present, seen) for x in (clips, moved))
        torch.testing.assert_close(a, b)
        assert not torch.allclose(embed_clips(of, clips, present), a)
    features = encoder(clips, present, seen)
    torch.testing.assert_close(features, encoder(moved, present, seen))
    assert not features[0, 0, :, 3].any()
    assert not features[1, 1, 2:].any()
    assert features[2].all()


def test_a_missing_joint_is_as_if_the_skeleton_had_none(encoder):
    patches = patchify(random_clips()[:, 0], 4)
    is_there = torch.ones(3, 4, 5, dtype=torch.bool)
    is_there[:, :, 2] = False
    joints = torch.tensor([[0, 1, 3, 4]]).expand(3, -1)
    whole = encoder.encode(patches, is_there)
    part = encoder.encode(patches[:, :, [0, 1, 3, 4]], joints=joints)
    torch.testing.assert_close(whole.summary, part.summary)
    torch.testing.assert_close(whole.tokens[:, :, [0, 1, 3, 4]], part.tokens)


def test_clips_may_have_any_length_and_their_end_is_missing_or_not_there(encoder):
    clips = random_clips(frames=24)
    seen = torch.ones(3, 2, 24, 5, dtype=torch.bool)
    seen[:, :, 16:] = False
    present = torch.ones(3, 2, dtype=torch.bool)
    longer, shorter = encoder(clips, present, seen), encoder(clips[:, :, :16], present)
    assert longer.shape == (3, 2, 6, 5, 16)
    torch.testing.assert_close(longer[:, :, :4], shorter)
    with pytest.raises(ConfigurationError, match="a multiple of 4 frames, 5 joints"):
        encoder(clips[:, :, :15])
    with pytest.raises(ConfigurationError, match="num_frames is 15, expected a multiple of 4"):
        num_time_steps(CONFIG, 15)


def test_joints_may_stand_in_any_order_with_their_names():
    ntu = TOPOLOGIES["ntu-25"]
    order = torch.randperm(25, generator=torch.Generator().manual_seed(1)).tolist()
    place = {old: new for new, old in enumerate(order)}
    shuffled = Topology(
        "shuffled", tuple(ntu.joints[o] for o in order), tuple(place[ntu.parents[o]] for o in order)
    )
    config = TokenEncoderConfig(num_joints=25, patch_frames=4, width=16, depth=2, num_heads=2)
    first, second = TokenEncoder(config, ntu).eval(), TokenEncoder(config, shuffled).eval()
    second.load_state_dict(first.state_dict())
    clips = random_clips(joints=25)
    present = torch.ones(3, 2, dtype=torch.bool)
    other = clips[:, :, :, order]
    torch.testing.assert_close(embed_clips(first, clips, present), embed_clips(second, other, present))
    torch.testing.assert_close(first(clips, present)[:, :, :, order], second(other, present))
    assert not torch.allclose(embed_clips(first, other, present), embed_clips(first, clips, present))


def test_turned_tokens_know_their_distance_alone():
    q, k = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(0)).unbind(0)

    def score(a, b):
        return (
            turn(q, rotary_turns(torch.tensor([a]), 8)) * turn(k, rotary_turns(torch.tensor([b]), 8))
        ).sum()

    torch.testing.assert_close(score(2, 5), score(11, 14))
    assert not torch.allclose(score(2, 5), score(2, 6))


def test_few_tokens_in_bfloat16_are_attended_to_as_many_are():
    q, k, v = torch.randn(3, 2, 2, 20, 8, generator=torch.Generator().manual_seed(0)).bfloat16().unbind(0)
    is_there = torch.rand(2, 20, generator=torch.Generator().manual_seed(1)) < 0.7
    for mask in (None, is_there):
        torch.testing.assert_close(
            short_attention(q, k, v, mask), attention(q, k, v, mask), atol=0.02, rtol=0.02
        )


def test_the_short_way_to_the_class_token_is_the_long_one(encoder):
    patches = patchify(random_clips()[:, 0], 4)
    is_there = torch.ones(3, 4, 5, dtype=torch.bool)
    is_there[1, 2] = False
    long, short = encoder.encode(patches, is_there), encoder.encode(patches, is_there, summary_alone=True)
    torch.testing.assert_close(long.summary, short.summary)
    assert short.tokens.numel() == 0


def test_poolings_are_the_class_token_the_mean_or_joints(encoder):
    clips, present = random_clips(), torch.tensor([[True, True], [True, False], [False, False]])
    clips[~present] = 0
    bodies = patchify(clips[present], 4)
    encoded = encoder.encode(bodies)
    expected = torch.stack([encoded.summary[:2].mean(0), encoded.summary[2], torch.zeros(16)])
    torch.testing.assert_close(embed_clips(encoder, clips, present), expected)
    assert embed_clips(encoder, clips, present, pooling="bodies").shape == (3, 32)
    joints = embed_clips(encoder, clips, present, pooling="joints")
    torch.testing.assert_close(joints[1], encoded.tokens[2].mean(0).flatten())
    seen = torch.ones(clips.shape[:-1], dtype=torch.bool)
    seen[:, :, :4, 1], seen[:, :, :, 3] = False, False  # a joint that comes later, and one that nobody saw
    moments = embed_clips(encoder, clips, present, seen, "moments")[1].view(5, 32)
    gappy = encoder.encode(bodies, seen[present].unflatten(1, (-1, 4)).any(2)).tokens[2]
    torch.testing.assert_close(moments[1, 16:], gappy[1:, 1].std(0, correction=0))
    assert not moments[3].any()
    by_joint = TokenEncoder(TokenEncoderConfig(**{**vars(CONFIG), "pooling": "joints"}), CHAIN).eval()
    by_joint.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(embed_clips(by_joint, clips, present), joints)
    both = TokenEncoder(TokenEncoderConfig(**{**vars(CONFIG), "pooling": "both"}), CHAIN).eval()
    both.load_state_dict(encoder.state_dict())
    of_both = embed_clips(both, clips, present)
    torch.testing.assert_close(of_both[1], torch.cat([encoded.summary[2], encoded.tokens[2].mean((0, 1))]))


def test_tokens_run_alone_are_as_among_missing_ones(encoder):
    patches = patchify(random_clips()[:, 0], 4)
    visible = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(2)) < 0.5
    visible[2] = False  # nothing of it: the class token is still there
    whole, part = encoder.encode(patches, visible), encoder.encode_visible(patches, visible)
    torch.testing.assert_close(whole.summary, part.summary)
    most = int(visible.flatten(1).sum(1).max())
    assert part.context.shape == (3, 1 + CONFIG.registers + most, 16)
    for body in range(3):
        expected = whole.tokens[body][visible[body]]
        start = 1 + CONFIG.registers
        torch.testing.assert_close(part.context[body, start : start + len(expected)], expected)


def test_hidden_tokens_tell_joint_and_time_alone(encoder):
    patches = patchify(random_clips()[:, 0], 4)
    hidden = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(2)) < 0.5
    token = torch.randn(16)
    changed = patches + 3 * hidden[..., None]
    a, b = (encoder.encode(x, hidden=hidden, mask_token=token, num_blocks=2) for x in (patches, changed))
    torch.testing.assert_close(a.tokens, b.tokens)
    assert len(a.blocks) == 2
    torch.testing.assert_close(encoder.norm(a.blocks[-1]), a.tokens)


def test_it_is_kept_with_a_card_and_comes_back(tmp_path, encoder):
    settings = ClipSettings(num_frames=16)
    write_tensors(tmp_path / WEIGHTS, {PREFIX + name: value for name, value in encoder.state_dict().items()})
    write_json(tmp_path / CARD, model_card(encoder, CHAIN, settings, {"method": "none"}))
    loaded = load_pretrained(tmp_path)
    clips = random_clips()
    torch.testing.assert_close(loaded.encoder(clips), encoder(clips))
    longer = loaded.with_num_frames(24)
    assert longer.encoder(random_clips(frames=24)).shape[2] == 6
    with pytest.raises(ConfigurationError, match="multiple of 4"):
        loaded.with_num_frames(18)
    fresh = loaded.untrained(3)
    assert fresh.encoder.config == encoder.config
    assert not torch.allclose(fresh.encoder(clips), encoder(clips))


def test_sizes_that_cannot_be_are_refused():
    for change, message in (
        ({"num_heads": 16}, "twice num_heads"),
        ({"registers": -1}, "registers is -1"),
        ({"pooling": "clas"}, "did you mean 'class'"),
        ({"depth": 0}, "encoder.depth is 0"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            TokenEncoderConfig(**{**vars(CONFIG), **change})
    with pytest.raises(ConfigurationError, match="chain has 5 joints"):
        build_backbone(TokenEncoderConfig(), CHAIN)
    with pytest.raises(ConfigurationError, match="joint tokens skips absent"):
        build_backbone(CONFIG, CHAIN, "include")


def test_the_number_of_parameters_is_told_before_they_are_made(encoder):
    offsets = encoder.joints.offsets.numel()
    assert sum(p.numel() for p in encoder.parameters()) == CONFIG.num_parameters + offsets

"""Published parameter names, on parameters made here; the published numbers are in tests/golden."""

import pytest
import torch

from skelact.compat import encoder_from_state_dict, pretrainer_from_state_dict
from skelact.compat.mamp_checkpoint import BLOCK_PARTS
from skelact.errors import DataError
from skelact.pretraining.masked.objective import MaskedObjective

WIDTH, DECODER_WIDTH, FRAMES, JOINTS, PATCH = 16, 24, 16, 5, 4


def published(density=True):
    """Return random parameters under the published names: 2 + 1 blocks."""
    generator = torch.Generator().manual_seed(0)

    def rand(*shape):
        return torch.randn(*shape, generator=generator) * 0.1

    steps = FRAMES // PATCH
    parameters = {
        "temp_embed": rand(1, steps, 1, WIDTH),
        "pos_embed": rand(1, 1, JOINTS, WIDTH),
        "joints_embed.proj.weight": rand(WIDTH, 3, PATCH, 1),
        "joints_embed.proj.bias": rand(WIDTH),
        "mask_token": rand(1, 1, DECODER_WIDTH),
        "decoder_temp_embed": rand(1, steps, 1, DECODER_WIDTH),
        "decoder_pos_embed": rand(1, 1, JOINTS, DECODER_WIDTH),
    }
    linear = {"decoder_embed": (DECODER_WIDTH, WIDTH), "decoder_pred": (3 * PATCH, DECODER_WIDTH)}
    norms = {"norm": WIDTH, "decoder_norm": DECODER_WIDTH}
    for prefix, depth, width in (("blocks", 2, WIDTH), ("decoder_blocks", 1, DECODER_WIDTH)):
        sizes = {
            "attn.qkv": (3 * width, width),
            "attn.proj": (width, width),
            "mlp.fc1": (4 * width, width),
            "mlp.fc2": (width, 4 * width),
        }
        for block in range(depth):
            for part in BLOCK_PARTS:
                if part in sizes:
                    linear[f"{prefix}.{block}.{part}"] = sizes[part]
                else:
                    norms[f"{prefix}.{block}.{part}"] = width
    for name, shape in linear.items():
        parameters |= {f"{name}.weight": rand(*shape), f"{name}.bias": rand(shape[0])}
    for name, width in norms.items():
        parameters |= {f"{name}.weight": 1 + rand(width), f"{name}.bias": rand(width)}
    if density:
        parameters |= {
            "gen_mask.m.weight": rand(16, 3 * PATCH, 3),
            "gen_mask.m.bias": rand(16),
            "gen_mask.weights": torch.ones(16),
            "gen_mask.h_values": torch.full((JOINTS, 16), 2.0),
            "gen_mask.joint_weights": torch.ones(JOINTS),
        }
    return parameters


def test_sizes_are_read_off_the_shapes():
    encoder = encoder_from_state_dict(published(), num_heads=4)
    cfg = encoder.config
    assert (cfg.num_frames, cfg.patch_frames, cfg.num_joints, cfg.num_coordinates) == (16, 4, 5, 3)
    assert (cfg.width, cfg.depth, cfg.num_heads, cfg.mlp_ratio) == (16, 2, 4, 4.0)
    assert not encoder.training


def test_every_published_parameter_arrives():
    parameters = published()
    model = pretrainer_from_state_dict(parameters, num_heads=4)
    values = sorted(value.double().abs().sum().item() for value in model.state_dict().values())
    expected = dict(parameters)
    for name in ("weights", "h_values", "joint_weights"):
        expected[f"gen_mask.{name}"] = expected[f"gen_mask.{name}"].log()
    torch.testing.assert_close(
        torch.tensor(values), torch.tensor(sorted(v.double().abs().sum().item() for v in expected.values()))
    )


def test_the_method_follows_from_the_parameters():
    assert pretrainer_from_state_dict(published(), 4).config.masking == "density"
    assert pretrainer_from_state_dict(published(density=False), 4).config.masking == "motion"


def test_density_pre_training_starts_from_parameters_without_a_density():
    config = MaskedObjective(mask_ratio=0.5, masking="density")
    model = pretrainer_from_state_dict(published(density=False), 4, config)
    clips, present = torch.randn(2, 1, FRAMES, JOINTS, 3), torch.ones(2, 1, dtype=torch.bool)
    assert torch.isfinite(model(clips, present, torch.rand(2, 1, 20)).loss)


@pytest.mark.parametrize("name", ["temp_embed", "blocks.1.mlp.fc2.weight", "norm.bias"])
def test_a_missing_parameter_is_named(name):
    parameters = published()
    del parameters[name]
    with pytest.raises(DataError, match=f"no parameter '{name}'"):
        encoder_from_state_dict(parameters, 4)


def test_a_parameter_of_the_wrong_shape_is_named():
    parameters = published()
    parameters["blocks.0.attn.qkv.weight"] = torch.zeros(3, 3)
    with pytest.raises(DataError, match=r"blocks.0.attention.qkv.weight has shape \(3, 3\)"):
        encoder_from_state_dict(parameters, 4)


def test_a_bandwidth_that_is_not_positive_is_refused():
    parameters = published()
    parameters["gen_mask.h_values"][2, 3] = 0.0
    with pytest.raises(DataError, match=r"gen_mask.h_values holds a number that is not positive"):
        pretrainer_from_state_dict(parameters, 4)


def test_something_else_is_not_a_checkpoint():
    with pytest.raises(DataError, match="is it a MAMP or STJD-MP checkpoint"):
        encoder_from_state_dict({"fc.weight": torch.zeros(3)}, 4)

"""The head for fine-tuning and the rates of its layers against numbers of the published systems."""

import json

import numpy as np
import pytest
import torch

from skelact.compat import encoder_from_state_dict
from skelact.models.encoder import SkeletonEncoder, present_bodies
from skelact.models.heads import Classifier, FinetuneHead
from skelact.models.sizes import EncoderConfig
from skelact.training.config import TrainingConfig
from skelact.training.optimisers import build_optimiser, layer_decay_scales

OURS = {
    "temp_embed": "encoder.positions.time",
    "pos_embed": "encoder.positions.joint",
    "joints_embed.proj": "encoder.embed",
    "norm1": "attention_norm",
    "norm2": "mlp_norm",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.out",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.2",
    "head.fc1": "head.hidden",
    "head.fc2": "head.out",
    "head.bn": "head.norm",
}


def our_name(published):
    name = published
    for theirs, ours in OURS.items():
        name = name.replace(theirs, ours)
    return name if name.startswith(("encoder.", "head.")) else f"encoder.{name}"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_classifier_gives_the_published_scores(golden_dir, dtype):
    with np.load(golden_dir / "head_finetune.npz") as file:
        arrays = {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}
    parameters = {key[3:]: value for key, value in arrays.items() if key.startswith("sd/")}
    encoder = encoder_from_state_dict(parameters, num_heads=4, absent="include")
    head = FinetuneHead(25, 32, 10, absent="include")
    own = {our_name(key)[5:]: value for key, value in parameters.items() if key.startswith("head.")}
    own.pop("norm.num_batches_tracked")
    head.load_state_dict(own)
    model = Classifier(encoder, head).eval().to(dtype)
    clips = arrays["input"].permute(0, 4, 2, 3, 1).to(dtype)  # (N, C, T, V, M) -> (N, M, T, V, C)
    with torch.no_grad():
        scores = model(clips, present_bodies(clips))
    if dtype == torch.float64:
        torch.testing.assert_close(scores, arrays["finetune_logits_f64"], atol=1e-12, rtol=1e-10)
    else:
        torch.testing.assert_close(scores, arrays["finetune_logits"], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["layer_decay_0p8", "layer_decay_0p75"])
def test_every_parameter_has_the_published_rate_and_decay(golden_dir, name):
    golden = json.loads((golden_dir / f"{name}.json").read_text())
    settings = golden["config"]
    sizes = EncoderConfig(num_frames=16, width=16, num_heads=2, depth=settings["depth"])
    model = Classifier(SkeletonEncoder(sizes), FinetuneHead(25, 16, 5, hidden_width=8))
    config = TrainingConfig(weight_decay=settings["weight_decay"], decay_tables=True)
    optimiser = build_optimiser(model, config, layer_decay_scales(model, settings["layer_decay"]))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {
        names[id(parameter)]: [group["rate_scale"], group["weight_decay"]]
        for group in optimiser.param_groups
        for parameter in group["params"]
    }
    expected = {our_name(theirs): values for theirs, values in golden["params"].items()}
    assert found.keys() == expected.keys()
    for parameter, values in expected.items():
        assert found[parameter] == pytest.approx(values, rel=1e-12), parameter

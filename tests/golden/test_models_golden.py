"""Encoder, masked pre-training and position tables against numbers of the published systems."""

import numpy as np
import pytest
import torch
from torch import Tensor

from skelact.compat import encoder_from_state_dict, pretrainer_from_state_dict
from skelact.models.embedding import patchify, resample_table
from skelact.models.encoder import present_bodies
from skelact.pretraining.masked.losses import motion
from skelact.pretraining.masked.masking import mask_logits, motion_intensity, select_tokens
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective

HEADS = 4
Arrays = dict[str, Tensor]


@pytest.fixture
def load(golden_dir):
    def read(name: str) -> Arrays:
        with np.load(golden_dir / f"{name}.npz") as file:
            return {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}

    return read


def state_dict(arrays: Arrays, prefix: str = "sd/") -> Arrays:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def clips_of(arrays: Arrays) -> Tensor:
    return arrays["input"].permute(0, 4, 2, 3, 1).contiguous()  # (N, C, T, V, M) -> (N, M, T, V, C)


def uniform_of(arrays: Arrays, clips: Tensor) -> Tensor:
    return arrays["uniform"].unflatten(-2, clips.shape[:2])


def close(actual: Tensor, expected: Tensor, atol: float = 2e-5, rtol: float = 1e-4) -> None:
    torch.testing.assert_close(actual.to(expected.dtype), expected, atol=atol, rtol=rtol)


def test_encoder_gives_the_published_features(load):
    arrays = load("encoder_small")
    encoder = encoder_from_state_dict(state_dict(arrays), num_heads=HEADS)
    clips = clips_of(arrays)
    with torch.no_grad():
        skipped = encoder(clips)
    with torch.no_grad():
        including = encoder_from_state_dict(state_dict(arrays), num_heads=HEADS, absent="include")
        close(including(clips), arrays["features"])
    close(skipped[[0, 2]], arrays["features"][[0, 2]])
    close(skipped[1, 0], arrays["features"][1, 0])
    assert not clips[1, 1].any()
    assert not skipped[1, 1].any()


def test_encoder_in_float64_gives_the_published_float64_features(load):
    arrays = load("encoder_small")
    encoder = encoder_from_state_dict(state_dict(arrays), num_heads=HEADS, absent="include").double()
    with torch.no_grad():
        features = encoder(clips_of(arrays).double())
    close(features, arrays["features_f64"], atol=1e-12, rtol=1e-10)


def check_pretraining(model: MaskedModel, arrays: Arrays, prefix: str = "") -> None:
    """Compare what every file of this kind holds: kept tokens, prediction, loss."""
    clips = clips_of(arrays)
    with torch.no_grad():
        output = model(clips, present_bodies(clips), uniform_of(arrays, clips))
        patches = patchify(clips.flatten(0, 1), model.encoder.config.patch_frames).flatten(1, 2)
        latent = model.encoder.encode(patches, output.selection.keep)
        everywhere = model.decoder(latent, output.selection.keep)
    assert torch.equal(output.selection.keep, arrays[f"{prefix}ids_keep"])
    shuffled = torch.cat([output.selection.keep, output.selection.hidden], 1)
    assert torch.equal(shuffled.argsort(1), arrays[f"{prefix}ids_restore"])
    assert torch.equal(output.selection.is_hidden, arrays[f"{prefix}mask"].bool())
    close(everywhere, arrays[f"{prefix}prediction"])
    close(output.loss, arrays[f"{prefix}loss"], atol=0, rtol=1e-5)
    if not prefix:
        close(latent, arrays["latent"])
        close(model.target(clips.flatten(0, 1)), arrays["target"])
        raw = clips if model.config.target == "coordinates" else motion(clips, model.config.motion_stride)
        close(patchify(raw, 4).flatten(0, 1).flatten(1, 2), arrays["target_raw"])


def test_stjd_mp_is_the_published_one(load):
    arrays = load("stjd_pretrain_small")
    model = pretrainer_from_state_dict(state_dict(arrays), num_heads=HEADS)
    assert model.config == MaskedObjective(absent="include")
    assert model.density is not None
    clips = clips_of(arrays)
    patches = patchify(clips.flatten(0, 1), 4)
    assert torch.equal(patches, arrays["patches"])
    close(model.density.features(patches).flatten(0, 1), arrays["density_features"])
    close(model.density.density(patches), arrays["density"], atol=1e-11, rtol=0)
    is_present = patches.flatten(1).any(1)
    change = model.signal(patches, is_present)
    close(change, arrays["density_change"], atol=1e-11, rtol=0)
    logits = mask_logits(change, float(arrays["tau"]))
    close(logits, arrays["mask_logits"], atol=1e-5)
    close(logits.softmax(1), arrays["mask_prob"], atol=0, rtol=1e-4)
    assert not change[3].any(), "the empty body's change is exactly zero"
    check_pretraining(model, arrays)


def test_mamp_is_the_published_one(load):
    arrays = load("mamp_pretrain_small")
    model = pretrainer_from_state_dict(state_dict(arrays), num_heads=HEADS)
    assert model.config.masking == "motion"
    patches = patchify(clips_of(arrays).flatten(0, 1), 4)
    intensity = motion_intensity(patches)
    close(intensity, arrays["motion_intensity"])
    logits = mask_logits(intensity, float(arrays["tau"]))
    close(logits, arrays["mask_logits"])
    close(logits.softmax(1), arrays["mask_prob"], atol=0, rtol=1e-4)
    check_pretraining(model, arrays)


def test_mamp_with_other_settings_is_the_published_one(load):
    arrays = load("mamp_pretrain_small")
    parameters = state_dict(arrays)
    uniform = MaskedObjective(masking="uniform", absent="include")
    check_pretraining(pretrainer_from_state_dict(parameters, HEADS, uniform), arrays, "randommask_")
    other = MaskedObjective(masking="motion", mask_ratio=0.8, motion_stride=2, tau=0.75, absent="include")
    check_pretraining(pretrainer_from_state_dict(parameters, HEADS, other), arrays, "ratio80_stride2_tau75_")


def test_mae_is_the_published_one(load):
    arrays = load("mae_pretrain_small")
    config = MaskedObjective(masking="uniform", target="coordinates", absent="include")
    check_pretraining(pretrainer_from_state_dict(state_dict(arrays), HEADS, config), arrays)


def test_density_masking_at_full_length_keeps_the_published_tokens(load):
    from skelact.compat.mamp_checkpoint import StateDictReader, _density_parameters
    from skelact.density.published import FixedDensity

    arrays = load("stjd_masking_full")
    density = FixedDensity(12, 25)
    density.load_state_dict(_density_parameters(StateDictReader(state_dict(arrays))))
    patches = patchify(clips_of(arrays).flatten(0, 1), 4)
    values, change = density.density(patches), density(patches)
    close(values, arrays["density"], atol=1e-11, rtol=0)
    close(change, arrays["density_change"], atol=1e-11, rtol=0)
    logits = mask_logits(change, float(arrays["tau"]))
    close(logits.softmax(1), arrays["mask_prob"], atol=0, rtol=1e-4)
    num_kept = MaskedObjective(mask_ratio=float(arrays["mask_ratio"])).num_kept(750)
    assert num_kept == 74
    selection = select_tokens(arrays["uniform"], num_kept, logits)
    assert torch.equal(selection.keep.sort(1).values, arrays["ids_keep_sorted"])
    assert torch.equal(selection.is_hidden, arrays["mask"].bool())


def test_temporal_table_is_resampled_as_published(load):
    arrays = load("temporal_embedding_interpolation")
    source = arrays["source"][0, :, 0]
    for length in (15, 20, 30, 37, 40, 60, 75):
        # a place of up to 30 steps is rounded by 1e-6 and more where a processor computes it differently
        close(resample_table(source, length), arrays[f"to_{length}"][0, :, 0], atol=1e-5, rtol=0)

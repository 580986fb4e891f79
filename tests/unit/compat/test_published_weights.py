"""Published checkpoints as run folders and back, and as the start of pre-training."""

import argparse
import json

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.compat import encoder_from_state_dict
from skelact.compat.published_weights import export_weights, import_weights, load_initial_weights
from skelact.compat.torch_file import read_torch_file
from skelact.density.learned import LearnedDensity
from skelact.errors import ConfigurationError, DataError
from skelact.models.embedding import resample_table
from skelact.models.pretrained import load_pretrained
from skelact.models.sizes import DecoderConfig, EncoderConfig
from skelact.pretraining.masked.initialisation import InitialWeights, initialise
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.pretraining.methods import MASKED
from skelact.skeleton.tables import COCO_17, NTU_25, OPENPOSE_25

HEADS = 4
METHODS = {"stjd-mp": "stjd_pretrain_small", "mamp": "mamp_pretrain_small", "mae": "mae_pretrain_small"}


@pytest.fixture
def golden(golden_dir):
    def read(name):
        with np.load(golden_dir / f"{name}.npz") as file:
            arrays = {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}
        return {key[3:]: value for key, value in arrays.items() if key.startswith("sd/")}, arrays

    return read


@pytest.fixture
def published(golden, tmp_path):
    """Write a golden model as the published code does: beside optimiser, epoch and command line."""

    def write(name="stjd_pretrain_small", heads=None):
        path = tmp_path / f"{name}.pth"
        content = {"model": golden(name)[0], "optimizer": {"state": {}}, "epoch": 399, "scaler": None}
        content["args"] = argparse.Namespace(lr=1e-3, model_args={"depth": 8})
        torch.save(content if heads is None else {**content, "num_heads": heads}, path)
        return path

    return write


def clips_of(arrays):
    return arrays["input"].permute(0, 4, 2, 3, 1).contiguous()


@pytest.mark.parametrize("method", METHODS)
def test_an_imported_checkpoint_is_the_published_model(golden, published, tmp_path, method):
    arrays = golden(METHODS[method])[1]
    run = tmp_path / "run"
    import_weights(published(METHODS[method]), run, NTU_25, num_heads=HEADS, method=method, absent="include")
    model, clips = MASKED.load(run), clips_of(arrays)
    with torch.no_grad():
        present = (clips != 0).flatten(2).any(-1)
        output = model(clips, present, arrays["uniform"].unflatten(-2, clips.shape[:2]))
    assert torch.equal(output.selection.keep, arrays["ids_keep"])
    torch.testing.assert_close(output.loss, arrays["loss"], atol=0, rtol=1e-5)


def test_an_encoder_alone_gives_the_published_features(golden, published, tmp_path):
    arrays = golden("encoder_small")[1]
    run = tmp_path / "run"
    import_weights(published("encoder_small"), run, NTU_25, num_heads=HEADS, absent="include")
    with torch.no_grad():
        features = load_pretrained(run).encoder(clips_of(arrays))
    torch.testing.assert_close(features, arrays["features"], atol=2e-5, rtol=1e-4)
    with pytest.raises(DataError, match="an encoder alone"):
        MASKED.load(run)


def test_the_card_says_where_the_weights_are_from_and_how_clips_are_made(published, tmp_path):
    path = published()
    pretrained = import_weights(path, tmp_path / "run", NTU_25, num_heads=HEADS, num_frames=32)
    assert pretrained.card["method"] == "stjd-mp"
    assert pretrained.card["imported"] == {"file": str(path), "sha256": read_torch_file(path).sha256}
    assert pretrained.clips == ClipSettings(num_frames=32, gaps="zero")
    assert pretrained.encoder.absent == "skip"
    assert json.loads((tmp_path / "run" / "card.json").read_text()) == pretrained.card


@pytest.mark.parametrize("num_frames", [60, 80, 120, 240])
def test_time_tables_are_resampled_on_import(golden, published, tmp_path, num_frames):
    parameters = golden("mamp_pretrain_small")[0]
    run = tmp_path / "run"
    import_weights(published("mamp_pretrain_small"), run, NTU_25, num_heads=HEADS, num_frames=num_frames)
    model = MASKED.load(run)
    for part, table in (("encoder", "temp_embed"), ("decoder", "decoder_temp_embed")):
        expected = resample_table(parameters[table][0, :, 0], num_frames // 4)
        assert torch.equal(getattr(model, part).positions.time, expected)
        assert torch.equal(
            getattr(model, part).positions.joint, parameters[table.replace("temp", "pos")][0, 0]
        )


@pytest.mark.parametrize("name", [*METHODS.values(), "encoder_small"])
def test_there_and_back_is_the_identity(golden, published, tmp_path, name):
    run, out = tmp_path / "run", tmp_path / "out.pth"
    import_weights(published(name), run, NTU_25, num_heads=HEADS)
    exported = export_weights(run, out)
    file, expected = read_torch_file(out), golden(name)[0]
    assert file.parameters.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(file.parameters[key], value), key
    assert file.num_heads == exported.num_heads == HEADS
    assert exported.num_parameters == sum(value.numel() for value in expected.values())
    again = import_weights(out, tmp_path / "again", NTU_25)  # the heads are stated in the file
    clips = torch.randn(1, 1, 16, 25, 3)
    with torch.no_grad():
        assert torch.equal(again.encoder(clips), load_pretrained(run).encoder(clips))


def test_exported_weights_load_as_the_published_ones(published, tmp_path):
    import_weights(published(), tmp_path / "run", NTU_25, num_heads=HEADS)
    export_weights(tmp_path / "run", tmp_path / "out.pth")
    content = torch.load(tmp_path / "out.pth", weights_only=True)
    encoder = encoder_from_state_dict(content["model"], HEADS)
    own = load_pretrained(tmp_path / "run").encoder.state_dict()
    assert all(torch.equal(value, own[key]) for key, value in encoder.state_dict().items())
    with pytest.raises(DataError, match="exists already"):
        export_weights(tmp_path / "run", tmp_path / "out.pth")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topology": COCO_17}, "weights for 25 joints, topology coco-17 has 17"),
        ({"num_frames": 30}, "num_frames 30 is not a multiple of patch_frames 4"),
        ({"num_frames": 0}, "num_frames=0"),
        ({"method": "stjd-mp"}, "holds no density; is it mamp or mae"),
        ({"num_heads": 8}, "states 4; leave it out"),
    ],
)
def test_options_that_do_not_fit_are_refused(published, tmp_path, options, message):
    path = published("mamp_pretrain_small", heads=HEADS)
    with pytest.raises(ConfigurationError, match=message):
        import_weights(path, tmp_path / "run", **{"topology": NTU_25, **options})
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_taken_is_left_alone(published, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        import_weights(published(), tmp_path / "run", NTU_25)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def model(num_frames=16, num_joints=25, num_heads=HEADS, width=32, decoder_depth=1, **objective):
    encoder = EncoderConfig(num_joints, 3, num_frames, 4, width, 2, num_heads)
    return MaskedModel(encoder, DecoderConfig(48, decoder_depth, num_heads), MaskedObjective(**objective))


def test_pre_training_starts_from_all_parts_of_a_published_checkpoint(golden, published):
    start = load_initial_weights(str(published(heads=HEADS)))
    own = model(num_frames=32)
    assert initialise(own, start, NTU_25) == ["encoder", "decoder", "density"]
    parameters = golden("stjd_pretrain_small")[0]
    assert torch.equal(own.density.conv_weight, parameters["gen_mask.m.weight"])
    assert torch.equal(own.encoder.norm.bias, parameters["norm.bias"])
    assert torch.equal(own.decoder.predict.weight, parameters["decoder_pred.weight"])
    for part, table in (("encoder", "temp_embed"), ("decoder", "decoder_temp_embed")):
        expected = resample_table(parameters[table][0, :, 0], 8)
        assert torch.equal(getattr(own, part).positions.time, expected)


def test_stjd_mp_starts_from_mamp_with_a_density_of_its_own(published):
    start = load_initial_weights(str(published("mamp_pretrain_small", heads=HEADS)))
    own = model()
    before = own.density.conv_weight.clone()
    assert initialise(own, start, NTU_25) == ["encoder", "decoder"]
    assert torch.equal(own.density.conv_weight, before)


def test_a_learned_density_is_taken_from_a_learned_one_alone(published):
    own, other = model(density="learned"), model(density="learned")
    with torch.no_grad():
        other.density.log_bandwidth.fill_(0.25)
    assert initialise(own, InitialWeights("other", "0", other), NTU_25) == ["encoder", "decoder", "density"]
    assert isinstance(own.density, LearnedDensity)
    assert (own.density.log_bandwidth == 0.25).all()
    assert initialise(own, load_initial_weights(str(published(heads=HEADS))), NTU_25) == [
        "encoder",
        "decoder",
    ]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"num_heads": 8, "width": 64}, "with --model.width 32 --model.num_heads 4$"),
        ({"decoder_depth": 2}, "with --model.decoder_depth 1$"),
    ],
)
def test_other_sizes_are_refused_with_the_options_to_give(published, sizes, message):
    with pytest.raises(DataError, match=message):
        initialise(model(**sizes), load_initial_weights(str(published(heads=HEADS))), NTU_25)


def test_a_checkpoint_that_states_no_heads_has_the_published_number(published):
    with pytest.raises(DataError, match=r"with --model.num_heads 8$"):
        initialise(model(num_heads=4), load_initial_weights(str(published())), NTU_25)


def test_other_skeletons_are_refused(published):
    start = load_initial_weights(str(published(heads=HEADS)))
    with pytest.raises(DataError, match=r"of 25 joints, the data has coco-17 skeletons of 17; .*convert"):
        initialise(model(num_joints=17), start, COCO_17)
    known = InitialWeights("run", "0", start.model, NTU_25)
    with pytest.raises(DataError, match=r"ntu-25 skeletons of 25 .* openpose-25 .*--topology ntu-25"):
        initialise(model(), known, OPENPOSE_25)


def test_a_start_without_decoder_is_refused(published):
    with pytest.raises(DataError, match="holds no decoder"):
        load_initial_weights(str(published("encoder_small")))

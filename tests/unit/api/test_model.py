"""Embeddings of recordings at hand are those of the same recordings in a store."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import skelact
from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.models.encoder import SkeletonEncoder
from skelact.models.pretrained import Pretrained
from skelact.models.sizes import EncoderConfig
from skelact.skeleton.conversion import plan_conversion
from skelact.skeleton.tables import KINECT_20, NTU_25
from skelact.store.convert import convert_store


def seen(sequence):
    """Return a sequence's positions with NaN for all that was not seen."""
    positions = sequence.positions.copy()
    positions[~sequence.present] = np.nan
    if sequence.joint_present is not None:
        positions[~sequence.joint_present] = np.nan
    return positions


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    sizes = EncoderConfig(
        num_joints=25, num_coordinates=3, num_frames=16, patch_frames=4, width=16, depth=1, num_heads=2
    )
    made = skelact.Model(tmp_path / "run")
    clips = ClipSettings(num_frames=16, max_bodies=3)
    made.__dict__["pretrained"] = Pretrained(SkeletonEncoder(sizes).eval(), NTU_25, clips, {"method": "mae"})
    return made


def test_recordings_are_embedded_as_the_same_recordings_in_a_store(model, small_store):
    from skelact.skeleton.main_bodies import crowd_in_order
    from skelact.skeleton.view import centre
    from skelact.store.in_memory import store_in_memory

    sequences = [small_store.sequence(index) for index in range(len(small_store))]
    found = model.embed([seen(sequence) for sequence in sequences])
    assert found.shape == (len(small_store), 16)
    assert found.dtype == np.float32
    # the store's sequences are as they were written; a preparation puts bodies in order and centres
    prepared = [centre(crowd_in_order(sequence)) for sequence in sequences]
    expected = model.embed_store(store_in_memory(prepared), title="")
    np.testing.assert_array_equal(found, expected)


def test_a_store_in_memory_is_the_store_on_disk(model, small_store):
    from skelact.store.in_memory import store_in_memory

    sequences = [small_store.sequence(index) for index in range(len(small_store))]
    in_memory = store_in_memory(sequences)
    for name in ("joints", "frame_rows", "frame_numbers", "joint_start", "row_start", "frame_start"):
        np.testing.assert_array_equal(in_memory.array(name), small_store.array(name))
    np.testing.assert_array_equal(
        model.embed_store(in_memory, title=""), model.embed_store(small_store.path, title="")
    )


def test_sequences_are_embedded_as_their_positions(model, small_store):
    sequence = small_store.sequence(3)
    np.testing.assert_array_equal(model.embed(sequence), model.embed([sequence, sequence])[1:])
    np.testing.assert_allclose(model.embed(sequence), model.embed(seen(sequence)), atol=1e-6)
    flat = replace(sequence, positions=sequence.positions[..., :2])
    with pytest.raises(DataError, match=r"sequence3: positions of shape .*, expected \(T, 25, 3\)"):
        model.embed(flat)


def test_another_skeleton_is_converted_where_the_encoder_knows_no_names(model, small_store, tmp_path):
    other = convert_store(small_store, tmp_path / "other", KINECT_20).store.sequence(0)
    back = plan_conversion(KINECT_20, NTU_25).apply(other)
    with pytest.warns(SkelactWarning, match="brought from kinect-20 to ntu-25"):
        np.testing.assert_array_equal(model.embed(other), model.embed(back))
    nose = np.full((4, 17, 3), np.nan)
    nose[:, 0] = 1
    with (
        pytest.warns(SkelactWarning),
        pytest.raises(DataError, match="recording 0: no joint of ntu-25 in any"),
    ):
        model.embed(nose, topology="coco-17")


def test_one_body_and_one_recording_need_no_more_brackets(model):
    positions = np.random.default_rng(0).normal(size=(30, 25, 3))
    alone = model.embed(positions)
    assert alone.shape == (1, 16)
    np.testing.assert_array_equal(alone, model.embed([positions[None]]))


def test_where_a_recording_stands_and_a_body_that_was_never_seen_change_nothing(model):
    positions = np.random.default_rng(0).normal(size=(30, 25, 3)).astype(np.float32)
    before = model.embed(positions)
    np.testing.assert_allclose(model.embed(positions + np.array([8, -4, 2])), before, rtol=1e-4, atol=1e-5)
    nobody = np.full_like(positions, np.nan)
    np.testing.assert_array_equal(model.embed(np.stack([nobody, positions])), before)


def test_of_a_crowd_those_who_move_are_embedded_and_a_warning_says_so(model, small_store):
    """As of a prepared store: passers-by and people who stand still make no difference."""
    random = np.random.default_rng(0)
    still = np.repeat(random.normal(size=(3, 1, 25, 3)), 30, 1).astype(np.float32) + 2
    still[2, 4:] = np.nan  # who passes by
    acting = random.normal(size=(3, 1, 25, 3)) + 0.3 * random.normal(size=(3, 30, 25, 3)).cumsum(1)
    crowd = np.concatenate([still, acting[[2, 0, 1]]]).astype(np.float32)
    with pytest.warns(SkelactWarning, match="1 of 2 recordings show more people than clips hold, 3"):
        found = model.embed([crowd, crowd[3:]])
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize(("view", "matters"), [("camera", True), ("upright", False), ("body", False)])
def test_recordings_are_turned_as_the_model_was_taught(model, view, matters):
    taught = model.pretrained
    clips = replace(taught.clips, view=view)
    model.__dict__["pretrained"] = replace(
        taught, clips=clips, card={"method": "mae", "positions": {"up": "y"}}
    )
    positions = np.random.default_rng(0).normal(size=(30, 25, 3)).astype(np.float32)
    cos, sin = np.cos(2.0), np.sin(2.0)
    turned = positions @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)
    far = np.abs(model.embed(turned) - model.embed(positions)).max()
    assert far > 0.01 if matters else far < 1e-4


def test_a_joint_that_was_not_seen_is_not_one_at_the_origin(model):
    positions = np.random.default_rng(0).normal(size=(30, 25, 3)).astype(np.float32) + 3
    missing, zero = positions.copy(), positions.copy()
    missing[:, 7], zero[:, 7] = np.nan, 0
    assert np.abs(model.embed(missing) - model.embed(zero)).max() > 1e-3
    masked = np.ma.masked_array(positions, np.isnan(missing))
    np.testing.assert_array_equal(model.embed(masked), model.embed(missing))
    assert np.isfinite(model.embed(missing)).all()


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (np.zeros((30, 20, 3)), r"recording 0: positions of shape \(30, 20, 3\), expected .*25, 3"),
        (np.zeros((30, 25, 2)), r"recording 0: positions of shape \(30, 25, 2\)"),
        (
            [np.zeros((30, 25, 3)) + 1, np.full((30, 25, 3), np.nan)],
            "recording 1: no joint of any body was seen",
        ),
        (np.full((30, 25, 3), np.inf), r"recording 0: body 0, frame 0, joint 0 .* farther than"),
        ([], "no recording to embed"),
        ("x", "recording 0: an array of <U1, not of real numbers"),
        ([[1.0, "x"]], "recording 0: "),
        (np.ones((30, 25, 3), complex), "recording 0: an array of complex128, not of real numbers"),
        (np.ones((30, 25, 3), bool), "recording 0: an array of bool, not of real numbers"),
        (torch.ones(30, 25, 3, requires_grad=True), "recording 0: not an array of numbers .*detach"),
        (None, "recording 0: "),
        (np.zeros((0, 25, 3)), "recording 0: no joint"),
    ],
)
def test_recordings_that_cannot_be_embedded_are_told_by_number(model, positions, message):
    with pytest.raises(DataError, match=message):
        model.embed(positions)


@pytest.mark.parametrize("fps", [0, -5, 1e7])
def test_a_rate_that_cannot_be_is_refused(model, fps):
    with pytest.raises(ConfigurationError, match=r"fps is .*, expected a number above 0"):
        model.embed(np.zeros((20, 25, 3)), fps=fps)


def test_a_store_of_other_skeletons_is_refused(model, small_store, tmp_path):
    other = convert_store(small_store, tmp_path / "other", KINECT_20).store
    with pytest.raises(ConfigurationError, match="data convert"):
        model.embed_store(other)


def test_a_folder_without_a_model_is_told_at_once(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        skelact.load(str(tmp_path / "nothing"))

"""Clips equal those of the published loaders."""

from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.clips.rotation import rotate, rotation_matrices
from skelact.clips.sampling import train_windows
from skelact.clips.settings import ClipSettings
from skelact.clips.source import Clips, ClipSource, CropDraws
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

Numbers = dict[str, np.ndarray]


def load(file: Path) -> Numbers:
    with np.load(file) as arrays:
        return dict(arrays)


def store_of(numbers: Numbers, path: Path) -> Store:
    """A store of the padded sequences; all-zero joints mean that the body is absent."""
    with StoreWriter(
        path, data_set="golden", topology=NTU_25, class_names=["a"], fps=30.0, options={}
    ) as writer:
        for row, (frames, valid) in enumerate(zip(numbers["stored"], numbers["valid_frames"], strict=True)):
            positions = frames[:valid].reshape(valid, 2, 25, 3).transpose(1, 0, 2, 3)
            present = positions.any((2, 3))
            assert present.any(0).all()
            writer.add(SkeletonSequence(f"row{row}", positions, present, NTU_25))
        return writer.finish()


def as_published(clips: Clips) -> np.ndarray:
    """(N, M, T, V, C) -> (N, C, T, V, M)."""
    return clips.positions.permute(0, 4, 2, 3, 1).numpy()


@pytest.mark.usefixtures("either_reader")
@pytest.mark.parametrize("stream", ["joint", "bone", "motion", "bone-motion"])
def test_test_clips(golden_dir: Path, tmp_path: Path, stream: str) -> None:
    numbers = load(golden_dir / "loader_eval.npz")
    store = store_of(numbers, tmp_path / "store")
    assert len(store) == len(numbers["eval_ok"]) == numbers["eval_ok"].sum()
    clips = ClipSource(store, ClipSettings(stream=stream, gaps="zero")).test(range(len(store)))
    expected = numbers[f"eval_{stream.replace('-', '_')}"]
    np.testing.assert_allclose(as_published(clips), expected, atol=1e-5, rtol=0)
    np.testing.assert_array_equal(clips.present, numbers["eval_joint"].any((1, 2, 3)))


def draws_for(numbers: Numbers, angles: np.ndarray) -> CropDraws:
    """The draws that lead to the published crops and to ``angles`` of at most 0.3 rad."""
    room = numbers["valid_frames"] - numbers["crop_length"] + 1
    start = (numbers["crop_start"] + 0.5) / room
    turns = angles.astype(np.float64) / 0.3 / 2 + 0.5
    return CropDraws(torch.from_numpy(np.column_stack([numbers["u"], start, turns])))


@pytest.mark.usefixtures("either_reader")
@pytest.mark.parametrize("key", ["train_joint", "rotated"])
def test_training_clips(golden_dir: Path, tmp_path: Path, key: str) -> None:
    numbers = load(golden_dir / "loader_train.npz")
    store = store_of(numbers, tmp_path / "store")
    angles = numbers["angles"] if key == "rotated" else np.zeros_like(numbers["angles"])
    source = ClipSource(store, ClipSettings(gaps="zero"))
    clips = source.train(range(len(store)), draws=draws_for(numbers, angles))
    np.testing.assert_allclose(as_published(clips), numbers[key], atol=1e-5, rtol=0)


def test_crops(golden_dir: Path) -> None:
    numbers = load(golden_dir / "loader_train.npz")
    draws = draws_for(numbers, numbers["angles"]).uniform.numpy()
    windows = train_windows(numbers["valid_frames"], draws[:, 0], draws[:, 1], 0.5, 64)
    np.testing.assert_array_equal(windows.length, numbers["crop_length"])
    np.testing.assert_array_equal(windows.start, numbers["crop_start"])


def test_rotation(golden_dir: Path) -> None:
    numbers = load(golden_dir / "loader_train.npz")
    matrices = rotation_matrices(numbers["rot_angles"])
    np.testing.assert_allclose(matrices, numbers["rot_matrices"], atol=1e-5)
    clips = torch.from_numpy(numbers["train_joint"]).permute(0, 4, 2, 3, 1)
    turned = rotate(clips, torch.from_numpy(rotation_matrices(numbers["angles"])))
    np.testing.assert_allclose(turned.permute(0, 4, 2, 3, 1), numbers["rotated"], atol=1e-5)

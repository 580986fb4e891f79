"""The compiled kernel against whole tensors, and how it is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.clips import body_frames
from skelact.clips import kernel as clip_kernel
from skelact.clips.settings import STREAMS, ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.processor import NO_NUMBA
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20
from skelact.store.store import Store
from skelact.store.writer import StoreWriter


@pytest.fixture(scope="module")
def flat_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """2-D sequences of two bodies with gaps."""
    random = np.random.default_rng(2)
    path = tmp_path_factory.mktemp("flat") / "store"
    with StoreWriter(
        path,
        data_set="flat",
        topology=KINECT_20,
        class_names=["a"],
        fps=None,
        options={},
        num_coordinates=2,
    ) as writer:
        for number in range(4):
            present = random.random((2, 30)) < 0.7
            present[0, 0] = present[1, -1] = True
            positions = random.normal(size=(2, 30, 20, 2)).astype(np.float32)
            positions[~present] = 0
            writer.add(SkeletonSequence(f"s{number}", positions, present, KINECT_20, label=0))
        return writer.finish()


@pytest.mark.parametrize(
    ("name", "num_frames", "gaps", "stream"),
    [
        *(("small_store", 50, gaps, stream) for gaps in ("hold", "zero") for stream in STREAMS),
        ("small_store", 1, "zero", "bone-motion"),
        ("fixed_store", 50, "hold", "bone-motion"),
        ("flat_store", 12, "hold", "bone-motion"),
        ("flat_store", 12, "zero", "joint"),
    ],
)
def test_the_kernel_makes_the_clips_that_tensors_make(
    name: str,
    num_frames: int,
    gaps: str,
    stream: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store: Store = request.getfixturevalue(name)
    settings = ClipSettings(
        num_frames=num_frames,
        min_crop_frames=5,
        gaps=gaps,
        stream=stream,
        rotation=0.0 if name == "flat_store" else 0.3,
    )
    source = ClipSource(store, settings)
    indices = [*range(len(store))] * 12  # more bodies than tensors hold at a time
    draws = draw_crops(len(indices), torch.Generator().manual_seed(5))
    made = []
    for kernel in (clip_kernel.write_bodies, None):
        monkeypatch.setattr(body_frames, "_kernel", lambda kernel=kernel: kernel)
        made.append((source.train(indices, draws=draws), source.test(indices)))
    # float32 rounds positions of 4 to 8 metres by 2.4e-7, in three steps of interpolation and five of a turn;
    # a bone and a motion are each a difference of two
    rounding = 2e-6 * 2 ** stream.count("bone") * 2 ** stream.count("motion")
    for ours, expected in zip(*made, strict=True):
        torch.testing.assert_close(ours.positions, expected.positions, atol=rounding, rtol=0)
        assert torch.equal(ours.present, expected.present)
        assert ours.positions.any() or (num_frames == 1 and stream.endswith("motion"))


@pytest.mark.usefixtures("either_reader")
def test_only_the_places_of_the_bodies_are_written(small_store: Store) -> None:
    frames = body_frames.BodyFrames(small_store, 2, hold=True, stream="joint")
    out = torch.full((4, 1, 25, 3), 7.0)
    plan = body_frames.Interpolation(*(np.zeros((2, 1), np.int64) for _ in range(2)), np.zeros((2, 1), "f4"))
    frames.write(out, np.array([3, 1]), np.array([0, 2]), np.array([0, 0]), plan, None)
    for place, sequence in ((3, 0), (1, 2)):
        expected = small_store.sequence(sequence).positions[0, 0]
        np.testing.assert_array_equal(out[place, 0], expected)
    assert (out[[0, 2]] == 7).all()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux lists them")
def test_a_batch_loads_numba_and_starts_no_threads(small_store: Store) -> None:
    """Threads that share small steps wait for each other as soon as another process wants a core."""
    code = """if True:
        import os, sys, torch
        from skelact.clips import mixture, settings, source as clip_source
        from skelact.store.store import Store

        def num_threads():
            return len(os.listdir("/proc/self/task"))

        torch.set_num_threads(1)
        source = clip_source.ClipSource(Store.open(sys.argv[1]), settings.ClipSettings())
        print("numba" in sys.modules)
        source.test([0])
        print("numba" in sys.modules)
        torch.set_num_threads(3)
        before = num_threads()
        draws = clip_source.draw_crops(400, torch.Generator())
        source.train([*range(10)] * 40, draws)
        source.test([*range(10)] * 40)
        print(num_threads() - before)
        torch.ones(1_000_000).add(1)
        print(num_threads() - before)
    """
    result = subprocess.run(
        [sys.executable, "-c", code, str(small_store.path)],
        env={**os.environ, NO_NUMBA: "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["False", "True", "0", "2"]


@pytest.mark.parametrize(("value", "is_wanted"), [("", True), ("0", True), ("1", False)])
def test_the_kernel_can_be_left_out(value: str, is_wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_NUMBA, value)
    assert body_frames._kernel.__wrapped__() is (clip_kernel.write_bodies if is_wanted else None)

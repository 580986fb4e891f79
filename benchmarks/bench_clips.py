"""Training clips from the store, by the batch, against a plain loader that works clip by clip.

Both crop, resize to 120 frames and rotate batches of 128 sequences, drawn at random from 2,000; one in five
has a second body. The plain loader reads the same store, one sequence at a time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from alternate import compare, parse_rounds, peak_memory
from skelact.clips.rotation import rotation_matrices
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

SEQUENCES, BATCH, BATCHES = 2_000, 128, 8


def random_store(path: Path) -> Store:
    """Sequences of 40 to 160 frames, like those of NTU RGB+D."""
    random = np.random.default_rng(0)
    with StoreWriter(
        path, data_set="random", topology=NTU_25, class_names=["a"], fps=30.0, options={}
    ) as writer:
        for number in range(SEQUENCES):
            shape = (2 if number % 5 == 0 else 1, int(random.integers(40, 161)))
            positions = random.standard_normal((*shape, 25, 3), dtype=np.float32)
            writer.add(SkeletonSequence(f"s{number}", positions, np.ones(shape, bool), NTU_25, label=0))
        return writer.finish()


def plain_batch(
    store: Store, indices: list[int], settings: ClipSettings, random: np.random.Generator
) -> torch.Tensor:
    """What a data set class with ``__getitem__`` does, and the stacking after it; (N, M, T, V, C)."""
    joints, starts = store.array("joints"), store.array("joint_start")
    bodies = store.array("num_bodies")
    clips = []
    for index in indices:
        sequence = np.array(joints[starts[index] : starts[index + 1]])
        sequence = sequence.reshape(bodies[index], -1, 75)
        num = sequence.shape[1]
        share = settings.min_crop_share + (1 - settings.min_crop_share) * random.random()
        length = int(np.clip(int(num * share), min(settings.min_crop_frames, num), num))
        start = random.integers(0, num - length + 1)
        crop = torch.from_numpy(sequence[:, start : start + length]).transpose(1, 2)
        resized = torch.nn.functional.interpolate(crop, size=settings.num_frames, mode="linear")
        angles = (2 * random.random((1, 3)) - 1) * settings.rotation
        matrix = torch.from_numpy(rotation_matrices(angles)[0]).float()
        turned = resized.transpose(1, 2).reshape(bodies[index], -1, 3) @ matrix.T
        clip = torch.zeros(settings.max_bodies, settings.num_frames, 25, 3)
        clip[: bodies[index]] = turned.view(bodies[index], settings.num_frames, 25, 3)
        clips.append(clip)
    return torch.stack(clips)


def main() -> None:
    rounds = parse_rounds(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        store = random_store(Path(folder) / "store")
        settings = ClipSettings()
        source = ClipSource(store, settings)
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(SEQUENCES, generator=generator)[: BATCH * BATCHES].split(BATCH)
        plain_order = [batch.tolist() for batch in order]
        random = np.random.default_rng(0)

        def ours() -> None:
            for batch in order:
                source.train(batch, draw_crops(len(batch), generator))

        def plain() -> None:
            for batch in plain_order:
                plain_batch(store, batch, settings, random)

        name = f"training clips, batches of {BATCH}"
        compare(name, ours, plain, rounds, BATCH * BATCHES, "clips", own_allocator=True)
        held = peak_memory(lambda: source.train(order[0], draw_crops(BATCH, generator)))
        print(f"  memory of one batch while it is made: {held / 2**20:.1f} MiB, the batch itself included")


if __name__ == "__main__":
    main()

"""Features of a test set at the paper's sizes: 120 frames, two body slots, batch 32, 2 threads, float32.

The baseline has attention by explicit softmax and runs both body slots, also that of a body who is not there.
Both read their clips from the same store, and their features are checked to be equal before they are timed.
With two people in a clip the two differ in attention alone, with one also in the empty slot.

One batch is timed. Memory is that of tensors, for ours also of two batches: it does not grow.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from alternate import compare, peak_memory
from bench_pretraining_step import PlainBlock
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.evaluation.features import extract_features
from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import pool
from skelact.models.sizes import MaskedSizes
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

BATCH, FRAMES = 32, 120


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each of the two is timed")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--batch", type=int, default=BATCH, help="clips of a batch")
    parser.add_argument(
        "--bodies", type=int, nargs="+", choices=(1, 2), default=[1, 2], help="people in a clip"
    )
    options = parser.parse_args()
    if min(options.rounds, options.threads, options.batch) < 1:
        parser.error("--rounds, --threads and --batch must be at least 1")
    torch.set_num_threads(options.threads)
    return options


def random_store(path: Path, num_sequences: int, num_bodies: int) -> Store:
    """Random walks of 40 to 160 frames, like the lengths of NTU RGB+D."""
    random = np.random.default_rng(0)
    with StoreWriter(
        path, data_set="random", topology=NTU_25, class_names=["a"], fps=30.0, options={}
    ) as writer:
        for number in range(num_sequences):
            shape = (num_bodies, int(random.integers(40, 161)))
            steps = 0.01 * random.standard_normal((*shape, 25, 3))
            positions = steps.cumsum(1).astype(np.float32)
            writer.add(SkeletonSequence(f"s{number}", positions, np.ones(shape, bool), NTU_25, label=0))
        return writer.finish()


class PlainEncoder(nn.Module):
    """The same computation, done plainly: every slot runs, and the whole matrix of scores is made."""

    def __init__(self, like: SkeletonEncoder) -> None:
        super().__init__()
        self.config = like.config
        self.embed, self.positions, self.norm = like.embed, like.positions, like.norm
        self.blocks = nn.ModuleList(PlainBlock(block) for block in like.blocks)

    def forward(self, clips: Tensor) -> Tensor:
        """Map (N, M, T, V, C) to (N, M, T', V, D)."""
        num, patch, joints = len(clips), self.config.patch_frames, self.config.num_joints
        x = rearrange(clips, "N M (t p) V C -> (N M) (t V) (p C)", p=patch)
        x = self.embed(x) + self.positions()
        for block in self.blocks:
            x = block(x)
        return rearrange(self.norm(x), "(N M) (t V) D -> N M t V D", N=num, V=joints)


@torch.no_grad()
def plain_features(encoder: PlainEncoder, source: ClipSource, indices: np.ndarray) -> Tensor:
    """Return the (N, D) embeddings of the test clips of one batch."""
    clips = source.test(indices)
    return pool(encoder(clips.positions), clips.present)


def measure(encoder: SkeletonEncoder, source: ClipSource, rounds: int, name: str) -> None:
    """Print time and memory of both ways on a store that holds one batch."""
    plain = PlainEncoder(encoder).eval()
    indices = np.arange(len(source.store))

    def ours(batches: int = 1) -> Tensor:
        return extract_features(encoder, source, np.tile(indices, batches), len(indices))[0]

    def baseline() -> Tensor:
        return plain_features(plain, source, indices)

    torch.testing.assert_close(ours(), baseline(), rtol=1e-4, atol=1e-5)
    compare(name, ours, baseline, rounds, len(indices), "clips", own_allocator=True)
    one, two, slow = (peak_memory(call) / 2**20 for call in (ours, lambda: ours(2), baseline))
    print(
        f"  peak memory   ours {one:,.0f} MiB (two batches {two:,.0f} MiB), "
        f"baseline {slow:,.0f} MiB, 1 / {slow / one:.0f}"
    )


def main() -> None:
    options = parse()
    torch.manual_seed(0)
    encoder = SkeletonEncoder(MaskedSizes().encoder(25, 3, FRAMES)).eval()
    for bodies in options.bodies:
        with tempfile.TemporaryDirectory() as folder:
            store = random_store(Path(folder) / "store", options.batch, bodies)
            source = ClipSource(store, ClipSettings(num_frames=FRAMES))
            name = f"features, {bodies} of 2 bodies, batch {options.batch}"
            measure(encoder, source, options.rounds, name)


if __name__ == "__main__":
    main()

"""A training step and a feature extraction of SLiM at the published size, against MAMP's in the same run.

NTU RGB+D: 25 joints, two bodies in every clip, random positions. Operations are those of torch's
FlopCounterMode, two for every multiply-add; the two take turns to be timed. MAMP: 120 frames in patches of 4,
8 + 5 blocks, 90 % hidden. SLiM: 64 frames in patches of 8, 8 blocks, two crops and eight stretches.
``--sequences`` is the batch; the published ones are 128.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor

from alternate import compare
from skelact.clips.source import Clips
from skelact.configuration import instantiate
from skelact.models.backbone import Backbone
from skelact.models.heads import embed_clips
from skelact.pretraining.distilled.model import DistilledModel
from skelact.pretraining.distilled.views import DistilledViews, draw_views, make_views
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.methods import find_method
from skelact.skeleton.tables import NTU_25
from skelact.training.speed import operation_counter

GIGA = 1e9


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=16, help="sequences of a batch")
    parser.add_argument("--rounds", type=int, default=5, help="how often each of the two is timed")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--method", default="slim", help="slim or stjd-d")
    return parser.parse_args()


def clips_of(num: int, num_frames: int, seed: int, device: str = "cpu") -> Clips:
    """Return clips of two people who move at random."""
    generator = torch.Generator().manual_seed(seed)
    positions = torch.randn(num, 2, num_frames, 25, 3, generator=generator).cumsum(2) * 0.02
    where = torch.arange(num, device=device)
    present = torch.ones(num, 2, dtype=torch.bool, device=device)
    return Clips(positions.to(device), present, where, where)


def model_of(method: str, size: str = "base") -> MaskedModel | DistilledModel:
    """Return an untrained model of a method, by default in its published size."""
    family = find_method(method).family
    settings = find_method(method).settings(size, {"data": ["none"], "protocol": ["none"]})
    config = instantiate(family.settings, settings)
    encoder = config.model.encoder(25, 3, config.clips.num_frames)
    model: MaskedModel | DistilledModel = family.model(
        encoder, config.model, getattr(config, family.objective), NTU_25, "joint"
    )
    return model


def views_of(model: DistilledModel, num: int, num_frames: int = 64, device: str = "cpu") -> DistilledViews:
    """Return the views of a batch."""
    pair = [clips_of(num, num_frames, seed, device) for seed in (0, 1)]
    shape = tuple(pair[0].positions.shape)
    patch_frames, generator = model.encoder.config.patch_frames, torch.Generator().manual_seed(0)
    draws = draw_views(shape, patch_frames, model.config, NTU_25, generator)  # type: ignore[arg-type]
    return make_views(pair, NTU_25, model.config, "joint", patch_frames, draws)


def operations(work: Callable[[], object]) -> float:
    """Return the operations of ``work``."""
    counter = operation_counter()
    with counter:
        work()
    return float(counter.get_total_flops())


def extraction(encoder: Backbone, clips: Clips) -> Callable[[], Tensor]:
    """Return what embeds clips."""

    def work() -> Tensor:
        with torch.no_grad():
            return embed_clips(encoder, clips.positions, clips.present)

    return work


def report(
    what: str, num: int, ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> None:
    """Print operations and times of the two."""
    counts = [operations(work) / num / GIGA for work in (ours, theirs)]
    print(
        f"{what}: {counts[0]:.2f} and {counts[1]:.2f} GFLOP a clip, {counts[1] / counts[0]:.1f} times fewer"
    )
    for work in (ours, theirs):
        work()
    compare(what, ours, theirs, rounds)


def main() -> None:
    """Count and time both."""
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    num = options.sequences
    ours, theirs = model_of(options.method), model_of("mamp")
    assert isinstance(ours, DistilledModel)
    assert isinstance(theirs, MaskedModel)
    short, long = clips_of(num, 64, 0), clips_of(num, 120, 0)
    report(
        "feature extraction",
        num,
        extraction(ours.encoder, short),
        extraction(theirs.encoder.eval(), long),
        options.rounds,
    )
    views = views_of(ours, num)
    uniform = torch.rand(num, 2, theirs.encoder.config.num_tokens)
    report(
        "training step",
        num,
        lambda: ours(views).loss.backward(),
        lambda: theirs(long.positions, long.present, uniform).loss.backward(),
        options.rounds,
    )


if __name__ == "__main__":
    main()

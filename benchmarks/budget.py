"""What the tables of the suite ``paper`` cost: operations counted, and hours at rates that are named.

    python benchmarks/budget.py [--peak TFLOPS] [--share PERCENT] [--devices N] [--scaling PERCENT]

Operations are counted on this machine: of a step of masked pre-training with two body slots, as published, of
a step of STJD-CL with one person, and of the encoders' forward passes; a fine-tuning step takes three times
its forward pass. Sequences are those of the complete data sets; those of PKU-MMD are not counted from data,
but what papers tell. The rates of a processor of 2 cores were measured
(``benchmarks/results/2026-11-22-xeon-2-cores.md``); those of GPUs are computed, as a share of the peak that
the maker tells, but not of STJD-CL: its small convolutions are bound by memory, and no share of that peak
tells how fast they are. Nothing is trained.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import torch

import bench_contrastive_step
from bench_pretraining_step import build, count_operations, make_data, useful_operations
from skelact.configuration import instantiate, named_config
from skelact.formats.protocol import PROTOCOLS
from skelact.models.sizes import MaskedSizes, ProjectionConfig, STGCNConfig
from skelact.pretraining.config import ContrastiveRun
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.contrastive.objective import ContrastiveObjective
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.reproduction.cells import Cell, Pretraining, cells_of_suite
from skelact.reproduction.recipes import DatasetSpec
from skelact.reproduction.suite_files import read_suite
from skelact.skeleton.tables import NTU_25

PKU = {"pku1": (18_841, 2_704), "pku2": (5_332, 1_613)}
"""Training and test sequences of PKU-MMD under xsub, as papers tell them; not counted from data."""
MEASURED = {"masked": 451e9 / 2.277, "masked, bf16": 451e9 / 1.455}
"""Operations a second of the processor, of bench_pretraining_step.py with two bodies."""
MEASURED_CLIPS = 67
"""Clips a second of a step of STJD-CL there, of bench_contrastive_step.py."""
EXA, HOUR = 1e18, 3600


class PerClip(NamedTuple):
    """Operations of a clip."""

    masked: float
    """Of a step of masked pre-training."""
    contrastive: float
    """Of a step of STJD-CL."""
    transformer: float
    """Of the masked encoder's forward pass."""
    st_gcn: float
    """Of the ST-GCN's."""


def count() -> PerClip:
    """Count the operations of a clip, at the published sizes."""
    sizes = instantiate(MaskedSizes, named_config("size", "base")["model"], "model")
    model, _ = build(sizes, config=MaskedObjective(absent="include"))
    data = make_data(model, 4, 2)
    masked = useful_operations(model, data) / 4
    with torch.no_grad():
        transformer = count_operations(lambda: model.encoder(data[0][:1], data[1][:1]))
        step, _ = bench_contrastive_step.build(torch.device("cpu"), 8)
    contrastive = count_operations(lambda: step()) / 8
    st_gcn_model = ContrastiveModel(STGCNConfig(), ProjectionConfig(), ContrastiveObjective(), NTU_25).eval()
    shape = (1, bench_contrastive_step.SLOTS, bench_contrastive_step.FRAMES, 25, 3)
    present = torch.tensor([[True, False]])
    with torch.no_grad():
        st_gcn = count_operations(lambda: st_gcn_model.encoder(torch.randn(shape), present))
    return PerClip(masked, contrastive, transformer, st_gcn)


def sides(data: DatasetSpec) -> tuple[int, int]:
    """Return the training and the test sequences of a complete data set."""
    if data.data_set in PKU:
        return PKU[data.data_set]
    protocol = next(each for each in PROTOCOLS[data.data_set] if each.name == data.protocol)
    assert protocol.published_counts is not None
    return protocol.published_counts


def of_pretraining(run: Pretraining, per: PerClip) -> tuple[str, float, float]:
    """Return the kind of a pre-training, its clips and its operations."""
    config = run.config("", None)
    clips = sides(run.data)[0] * config.training.epochs
    kind = "contrastive" if isinstance(config, ContrastiveRun) else "masked"
    return kind, clips, clips * getattr(per, kind)


def of_evaluation(cell: Cell, per: PerClip) -> tuple[str, float, float]:
    """Return the kind of an evaluation, its clips and its operations; a sum of scores costs nothing."""
    kind = cell.evaluation.command
    if cell.members:
        return kind, 0, 0
    is_masked = not isinstance(cell.pretraining.config("", None), ContrastiveRun)
    forward = per.transformer if is_masked else per.st_gcn
    settings = cell.evaluation.settings(cell.settings)
    epochs, (train, test) = settings["training"]["epochs"], sides(cell.on)
    every = settings.get("test_every", epochs)
    learned = epochs * train * (cell.evaluation.share or 1)
    tested = -(-epochs // every) * test
    trained_forward = 3 if cell.evaluation.trains_encoder else 1
    return kind, learned + tested, forward * (trained_forward * learned + tested)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peak", type=float, default=989.0, help="TFLOP/s of a GPU in bfloat16 (H100: 989)")
    parser.add_argument("--share", type=float, default=20.0, help="percent of that which a step reaches")
    parser.add_argument("--devices", type=int, default=8, help="GPUs that share a run")
    parser.add_argument("--scaling", type=float, default=90.0, help="percent of their sum that they reach")
    options = parser.parse_args()
    per = count()
    for name, operations in per._asdict().items():
        print(f"{name:<12}{operations / 1e9:9.2f} GFLOP a clip")
    print()
    gpu = options.peak * 1e12 * options.share / 100
    several = gpu * options.devices * options.scaling / 100
    head = f"{'suite':<8}{'what':<14}{'runs':>5}{'Mclips':>9}{'EFLOP':>8}"
    print(f"{head}{'2 cores, h':>12}{'bf16, h':>9}{'1 GPU, h':>10}{f'{options.devices} GPUs, h':>11}")
    for suite in ("ntu60", "ntu120", "pku"):
        cells = cells_of_suite(read_suite(suite), None)
        runs = {run.name: run for cell in cells for run in cell.prerequisites}
        costs = [of_pretraining(run, per) for run in runs.values()] + [
            of_evaluation(cell, per) for cell in cells
        ]
        total: Counter[str] = Counter()
        for kind in dict.fromkeys(kind for kind, _, _ in costs):
            own = [(clips, operations) for each, clips, operations in costs if each == kind and clips]
            clips, operations = (sum(part) for part in zip(*own, strict=True))
            seconds = operations / MEASURED["masked"]
            in_bf16 = operations / MEASURED["masked, bf16"]
            if kind == "contrastive":
                seconds = in_bf16 = clips / MEASURED_CLIPS
            hours = {"float32": seconds, "bf16": in_bf16}
            if kind != "contrastive":
                hours |= {"one": operations / gpu, "more": operations / several}
            total.update({"runs": len(own), "clips": clips, "operations": operations, **hours})
            print_line(suite, kind, len(own), clips, operations, hours)
        print_line(suite, "all", total["runs"], total["clips"], total["operations"], total)


def print_line(
    suite: str, kind: str, runs: int, clips: float, operations: float, seconds: Mapping[str, float]
) -> None:
    """Print what a kind of command costs; a dash where no rate is known."""
    times = "".join(
        f"{seconds[name] / HOUR:>{width},.{digits}f}" if name in seconds else f"{'-':>{width}}"
        for name, width, digits in (("float32", 12, 0), ("bf16", 9, 0), ("one", 10, 1), ("more", 11, 1))
    )
    print(f"{suite:<8}{kind:<14}{runs:>5}{clips / 1e6:>9,.1f}{operations / EXA:>8.2f}{times}")


if __name__ == "__main__":
    main()

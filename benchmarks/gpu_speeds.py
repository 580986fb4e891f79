"""How fast a device trains at the published sizes, with what memory, and how fast clips are made for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

import bench_contrastive_step
import bench_pretraining_step
from alternate import most_memory
from bench_pretraining_step import make_data, make_step, matmul_rate, useful_operations, wait
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.configuration import instantiate, named_config
from skelact.models.sizes import MaskedSizes
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.pretraining.methods import find_method
from skelact.pretraining.run import pretrain
from skelact.store.store import Store
from skelact.training.config import TrainingConfig
from skelact.training.log import METRICS, read_metrics
from skelact.training.optimisers import build_optimiser

SECONDS, MOST_ROUNDS = 2.0, 10
"""How long, and how often, a step is timed at most."""


class Measured(NamedTuple):
    """What a measurement says; None where it does not apply."""

    what: str
    clips: int
    arithmetic: str
    clips_per_second: float
    times_baseline: float | None = None
    """How many times the baseline's clips a second."""
    share_of_peak: float | None = None
    """Of the rate of a large matrix product in the same arithmetic."""
    mebibytes: float | None = None
    baseline_mebibytes: float | None = None


Measurement = tuple[str, Callable[[], list[Measured]]]


def seconds_of(step: Callable[[], object], device: str) -> float:
    """Return the median time of a step, after two that are not timed."""
    times: list[float] = []
    for _ in range(2):
        step()
    wait(device)
    while len(times) < 3 or (sum(times) < SECONDS and len(times) < MOST_ROUNDS):
        begun = time.perf_counter()
        step()
        wait(device)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


@dataclass(frozen=True)
class Sizes:
    """What is measured: the published sizes, or ones that show in seconds that a measurement works."""

    size: str
    clips: tuple[int, ...]

    @cached_property
    def model(self) -> MaskedSizes:
        """Sizes of encoder and decoder."""
        return instantiate(MaskedSizes, named_config("size", self.size)["model"])

    @cached_property
    def num_frames(self) -> int:
        """Frames of a clip."""
        return int(named_config("size", self.size)["clips"]["num_frames"])


PUBLISHED, TINY = Sizes("base", (128, 32)), Sizes("tiny", (16, 8))
PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}


class Baseline(NamedTuple):
    """The plain way, in float32."""

    clips_per_second: float
    mebibytes: float


@dataclass(frozen=True)
class MaskedSteps:
    """A step of STJD-MP in every arithmetic, against the plain one of ``bench_pretraining_step``."""

    device: str
    sizes: Sizes
    bodies: int
    clips: int
    rates: Callable[[torch.dtype], float]

    @cached_property
    def sides(self) -> tuple[Any, Any, list[torch.Tensor], float]:
        """Both models and the data, on the device, and the operations that a step needs."""
        config = MaskedObjective(mask_ratio=0.9 if self.sizes is PUBLISHED else 0.8)
        ours, plain = bench_pretraining_step.build(self.sizes.model, self.sizes.num_frames, config)
        data = make_data(ours, self.clips, self.bodies)
        operations = useful_operations(ours, data)
        ours, plain, data = ours.to(self.device), plain.to(self.device), [x.to(self.device) for x in data]
        if self.bodies == 2:  # else the plain one counts the absent bodies as well
            few = [x[:4] for x in data]
            bench_pretraining_step.check(ours, plain, few)
        return ours, plain, data, operations

    @cached_property
    def baseline(self) -> Baseline | None:
        """The plain step; None if the device's memory does not hold it."""
        _, plain, data, _ = self.sides
        optimiser = torch.optim.AdamW(plain.parameters(), lr=1e-3, foreach=False)
        step = make_step(plain, optimiser, data, self.device, bf16=False)
        try:
            return Baseline(
                self.clips / seconds_of(step, self.device), most_memory(step, self.device) / 2**20
            )
        except torch.OutOfMemoryError:
            plain.zero_grad(set_to_none=True)
            return None

    def measure(self, precision: str, compiled: bool = False) -> list[Measured]:
        """Time our step and compare."""
        baseline = self.baseline
        ours, _, data, operations = self.sides
        model = torch.compile(ours) if compiled else ours
        optimiser = build_optimiser(ours, TrainingConfig())
        step = make_step(model, optimiser, data, self.device, bf16=precision == "bf16")
        seconds = seconds_of(step, self.device)
        return [
            Measured(
                f"STJD-MP step, {self.bodies} of 2 bodies{', compiled' if compiled else ''}",
                self.clips,
                precision,
                self.clips / seconds,
                self.clips / seconds / baseline.clips_per_second if baseline else None,
                operations / seconds / self.rates(PRECISIONS[precision]),
                most_memory(step, self.device) / 2**20,
                baseline.mebibytes if baseline else None,
            )
        ]


def contrastive_steps(device: str, clips: int) -> list[Measured]:
    """Time a step of STJD-CL at the published sizes, against the plain one of ``bench_contrastive_step``."""
    ours, plain = bench_contrastive_step.build(torch.device(device), clips)
    baseline = Baseline(clips / seconds_of(plain, device), most_memory(plain, device) / 2**20)
    found = []
    for precision in PRECISIONS:
        step = partial(ours, precision == "bf16")
        rate = clips / seconds_of(step, device)
        held = most_memory(step, device) / 2**20
        times = rate / baseline.clips_per_second
        found.append(
            Measured(
                "STJD-CL step, 1 of 2 bodies", clips, precision, rate, times, None, held, baseline.mebibytes
            )
        )
    return found


def training_loop(
    device: str, sizes: Sizes, store: Store, folder: Path, method: str, precision: str
) -> list[Measured]:
    """Train a dozen steps by ``pretrain``, clips from the store: what a user gets."""
    own = {
        "data": [str(store.path)] * 5,  # the small store several times, for whole batches
        "protocol": ["xsub"],
        "training": {
            "epochs": 12,
            "batch_size": sizes.clips[0],
            "precision": {"float32": "32"}.get(precision, precision),
            "tensorboard": False,
            "accelerator": "gpu" if device == "cuda" else "cpu",
        },
    }
    settings = find_method(method).settings(sizes.size, own)
    config = instantiate(find_method(method).family.settings, settings)
    out = folder / f"loop-{method}-{precision}"
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    pretrain(config, out, title="")
    epochs = read_metrics(out / METRICS)[4:]
    rate = statistics.median(epoch["clips_per_second"] for epoch in epochs)
    share = statistics.median(epoch["matmul_share"] for epoch in epochs)
    held = 1024 * epochs[-1]["peak_memory_gib"] if device == "cuda" else None
    return [Measured(f"training loop, {method}", sizes.clips[0], precision, rate, None, share, held)]


def loader(device: str, sizes: Sizes, store: Store) -> list[Measured]:
    """Make training clips from the store in one thread, as the loop does while the device computes."""
    generator = torch.Generator().manual_seed(0)
    num = sizes.clips[0]
    indices = torch.randint(len(store), (num,), generator=generator)
    found = []
    for where in dict.fromkeys(("cpu", device)):
        source = ClipSource(store, ClipSettings(num_frames=sizes.num_frames), where)

        def make(source: ClipSource = source) -> None:
            source.train(indices, draw_crops(num, generator))

        seconds = seconds_of(make, where)
        found.append(Measured(f"clips from the store to the {where}", num, "float32", num / seconds))
    return found


def measurements(
    device: str, store: Store, folder: Path
) -> tuple[dict[str, float], list[Measurement], list[Measurement]]:
    """Return the rates of large matrix products, all measurements with their names, and those that compile.

    The rates are filled in as measurements need them.
    """
    sizes = PUBLISHED if device == "cuda" else TINY
    peaks: dict[str, float] = {}

    def rate(dtype: torch.dtype) -> float:
        name = str(dtype).removeprefix("torch.")
        if name not in peaks:
            peaks[name] = matmul_rate(device, dtype)
        return peaks[name]

    def masked() -> Iterator[Measurement]:
        for clips in sizes.clips:
            for bodies in (1, 2):
                steps = MaskedSteps(device, sizes, bodies, clips, rate)
                for precision in PRECISIONS:
                    name = f"STJD-MP, {clips} clips, {bodies} of 2 bodies, {precision}"
                    yield name, partial(steps.measure, precision)

    def compiled() -> list[Measured]:
        return MaskedSteps(device, sizes, 1, sizes.clips[0], rate).measure("bf16", compiled=True)

    batch = 128 if device == "cuda" else 4
    plain = [
        ("loader", partial(loader, device, sizes, store)),
        *masked(),
        (f"STJD-CL, {batch} clips", partial(contrastive_steps, device, batch)),
        *(
            (
                f"loop, {method}, {precision}",
                partial(training_loop, device, sizes, store, folder, method, precision),
            )
            for method in ("stjd-mp", "stjd-cl")
            for precision in PRECISIONS
        ),
    ]
    return peaks, plain, [("STJD-MP, compiled", compiled)]

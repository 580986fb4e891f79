"""How fast a device trains at the published sizes, with what memory, what a step spends its time on, how fast
clips are made for it, and what that comes to.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

import bench_contrastive_step
import bench_distilled
import bench_pretraining_step
from alternate import most_memory
from bench_pretraining_step import make_data, make_step, matmul_rate, useful_operations, wait
from skelact.clips.mixture import MixedSource
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.configuration import instantiate, named_config
from skelact.formats.protocol import PROTOCOLS
from skelact.models.embedding import patchify
from skelact.models.sizes import MaskedSizes
from skelact.pretraining.distilled.model import DistilledModel
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.pretraining.methods import find_method
from skelact.pretraining.run import pretrain
from skelact.store.prepare import prepare
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.synthetic import write_data_set
from skelact.training.config import TrainingConfig
from skelact.training.log import METRICS, read_metrics
from skelact.training.optimisers import build_optimiser
from skelact.training.steps import Plan

LOOPS = ("stjd-mp", "stjd-cl", "stjd-d")
"""Methods whose batches and training loops are measured."""
DISTILLED = {"stjd-d": "STJD-D", "slim": "SLiM"}
"""Methods without a decoder, without a teacher and with one, and what they are called."""
SHARE = 0.4
"""Of the rate of large matrix products in bfloat16, what pre-training at the published sizes should reach."""
HOURS = {"stjd-mp": 3.0, "stjd-d": 1.0}
"""In which pre-training on NTU-60 xsub, as many epochs as published, should end."""
MOST_ROUNDS = 10
"""How often a step is timed at most."""


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


class Spent(NamedTuple):
    """What a step spends its time on."""

    what: str
    seconds: float
    """Of the step, when nobody looks."""
    busy: float
    """Share of it in which the device computes; in the rest it waits for its host. 0 where nothing tells."""
    costs: tuple[tuple[str, float], ...]
    """The operators that take most, with their shares of what the device computes."""
    hiding: float | None = None
    """Share of it for joint density and masks; None where that was not timed."""


class Aim(NamedTuple):
    """What a figure should be, and is."""

    what: str
    found: str
    aim: str
    is_reached: bool


Measurement = tuple[str, Callable[[], Sequence[Measured | Spent]]]


def seconds_of(step: Callable[[], object], device: str, most: float) -> float:
    """Return the median time of a step, after two that are not timed; three, or ``most`` seconds."""
    times: list[float] = []
    for _ in range(2):
        step()
    wait(device)
    while len(times) < 3 or (sum(times) < most and len(times) < MOST_ROUNDS):
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
    sequences: int
    """Recordings in the store, of which every other trains."""
    seconds: float
    """For which a step is timed, at least three times."""

    @cached_property
    def model(self) -> MaskedSizes:
        """Sizes of encoder and decoder."""
        return instantiate(MaskedSizes, named_config("size", self.size)["model"])

    @cached_property
    def num_frames(self) -> int:
        """Frames of a clip."""
        return int(named_config("size", self.size)["clips"]["num_frames"])


PUBLISHED, TINY = Sizes("base", (128, 32), 800, 2.0), Sizes("tiny", (8,), 64, 0.0)
ACTIONS = ("A006", "A010", "A022", "A023", "A026", "A055")
"""Of a sixth of the recordings, two people, about as in NTU RGB+D."""
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
                self.clips / seconds_of(step, self.device, self.sizes.seconds),
                most_memory(step, self.device) / 2**20,
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
        seconds = seconds_of(step, self.device, self.sizes.seconds)
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

    def profile(self) -> list[Spent]:
        """Tell what a step in bfloat16 spends its time on, density and masks apart."""
        ours, _, (clips, present, uniform), _ = self.sides
        optimiser = build_optimiser(ours, TrainingConfig())
        step = make_step(ours, optimiser, [clips, present, uniform], self.device, bf16=True)
        what = f"STJD-MP step, {self.bodies} of 2 bodies, {self.clips} clips, bf16"
        patches = patchify(clips[present], ours.encoder.config.patch_frames)

        @torch.no_grad()
        def hide() -> None:
            ours.select(uniform[present], ours.logits(patches, present[present], progress=1.0))

        found = spent(what, step, self.device, self.sizes)
        hiding = seconds_of(hide, self.device, self.sizes.seconds)
        return [found._replace(hiding=hiding / found.seconds)]


def contrastive_steps(device: str, sizes: Sizes, clips: int) -> list[Measured]:
    """Time a step of STJD-CL at the published sizes, against the plain one of ``bench_contrastive_step``."""
    ours, plain = bench_contrastive_step.build(torch.device(device), clips)
    rate = clips / seconds_of(plain, device, sizes.seconds)
    baseline = Baseline(rate, most_memory(plain, device) / 2**20)
    found = []
    for precision in PRECISIONS:
        step = partial(ours, precision == "bf16")
        rate = clips / seconds_of(step, device, sizes.seconds)
        held = most_memory(step, device) / 2**20
        times = rate / baseline.clips_per_second
        found.append(
            Measured(
                "STJD-CL step, 1 of 2 bodies", clips, precision, rate, times, None, held, baseline.mebibytes
            )
        )
    return found


def distilled_steps(
    device: str, sizes: Sizes, rates: Callable[[torch.dtype], float], method: str, compiled: bool = False
) -> list[Measured | Spent]:
    """Time a step without a decoder, views at hand; blocks compiled in bfloat16, or all and what it costs."""
    model = bench_distilled.model_of(method, sizes.size)
    assert isinstance(model, DistilledModel)
    num_frames = int(named_config("size-distilled", sizes.size)["clips"]["num_frames"])
    few, num = bench_distilled.views_of(model, 4, num_frames), sizes.clips[0]
    operations = bench_distilled.operations(lambda: model(few).loss.backward()) * num / 4
    model.zero_grad(set_to_none=True)
    model = model.to(device)
    views = bench_distilled.views_of(model, num, num_frames, device)
    optimiser = build_optimiser(model, TrainingConfig())
    if compiled:
        for block in {*model.learner.blocks, *model.encoder.blocks}:
            block.compile(dynamic=True)  # the number of tokens differs from batch to batch
    found: list[Measured | Spent] = []
    for precision, dtype in {"bf16": torch.bfloat16}.items() if compiled else PRECISIONS.items():

        def step(dtype: torch.dtype = dtype) -> None:
            with torch.autocast(device, torch.bfloat16, enabled=dtype == torch.bfloat16):
                loss = model(views).loss
            loss.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            model.advance(views.progress)
            wait(device)

        seconds = seconds_of(step, device, sizes.seconds)
        rate, held = num / seconds, most_memory(step, device) / 2**20
        what = f"{DISTILLED[method]} step, 2 of 2 bodies{', blocks compiled' if compiled else ''}"
        found.append(
            Measured(what, num, precision, rate, None, operations / seconds / rates(dtype), held, None)
        )
    if not compiled:
        found.append(spent(f"{what}, {num} clips, {precision}", step, device, sizes))
    return found


def spent(what: str, step: Callable[[], object], device: str, sizes: Sizes, most: int = 8) -> Spent:
    """Tell what a step that waits for the device spends its time on."""
    kinds = torch.profiler.ProfilerActivity
    seconds = seconds_of(step, device, sizes.seconds)
    with torch.profiler.profile(
        activities=[kinds.CPU, kinds.CUDA] if device == "cuda" else [kinds.CPU]
    ) as seen:
        step()
    times = {"cuda": "self_device_time_total"}.get(device, "self_cpu_time_total")
    operators, elsewhere = [], 0.0  # a kernel's time is that of its operator, and once more its own
    for event in seen.key_averages():
        if event.device_type == torch.autograd.DeviceType.CPU:
            operators.append((event.key.removeprefix("aten::"), getattr(event, times) / 1e6))
        elif not event.is_user_annotation:
            elsewhere += event.self_device_time_total / 1e6
    total = sum(cost for _, cost in operators)
    computing = total if device == "cpu" else elsewhere
    largest = sorted(operators, key=lambda each: -each[1])[:most] if total else []
    return Spent(what, seconds, computing / seconds, tuple((name, cost / total) for name, cost in largest))


def run_of(device: str, sizes: Sizes, store: Store, method: str, precision: str) -> Any:
    """Return the configuration of a run of some epochs."""
    own = {
        "data": [str(store.path)],
        "protocol": ["xsub"],
        "training": {
            "epochs": 8,
            "batch_size": sizes.clips[0],
            "precision": {"float32": "32"}.get(precision, precision),
            "tensorboard": False,
            "accelerator": "gpu" if device == "cuda" else "cpu",
        },
    }
    settings = find_method(method).settings(sizes.size, own)
    return instantiate(find_method(method).family.settings, settings)


def training_loop(
    device: str, sizes: Sizes, store: Store, folder: Path, method: str, precision: str
) -> list[Measured]:
    """Train some steps by ``pretrain``, clips from the store: what a user gets."""
    out = folder / f"loop-{method}-{precision}"
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    pretrain(run_of(device, sizes, store, method, precision), out, title="")
    epochs = read_metrics(out / METRICS)[3:]
    rate = statistics.median(epoch["clips_per_second"] for epoch in epochs)
    share = statistics.median(epoch["matmul_share"] for epoch in epochs)
    held = 1024 * epochs[-1]["peak_memory_gib"] if device == "cuda" else None
    return [Measured(f"training loop, {method}", sizes.clips[0], precision, rate, None, share, held)]


def make_store(folder: Path, sizes: Sizes) -> Store:
    """Write and prepare a data set that trains some steps of the largest batch."""
    write_data_set(folder / "raw-speeds", sequences=sizes.sequences, seed=0, actions=ACTIONS)
    prepare("synthetic", folder / "raw-speeds", folder / "store-speeds")
    return Store.open(folder / "store-speeds")


def loader(device: str, sizes: Sizes, store: Store) -> list[Measured]:
    """Make training clips from the store, and whole batches, in one thread, as the loop does meanwhile."""
    generator = torch.Generator().manual_seed(0)
    num = sizes.clips[0]
    indices = torch.randint(len(store), (num,), generator=generator)
    source = ClipSource(store, ClipSettings(num_frames=sizes.num_frames))

    def make() -> None:
        source.train(indices, draw_crops(num, generator))

    rate = num / seconds_of(make, "cpu", sizes.seconds)
    found = [Measured("clips from the store to the cpu", num, "float32", rate)]
    for method in LOOPS:
        config = run_of(device, sizes, store, method, "float32")
        family = find_method(method).family
        mixed = MixedSource([ClipSource(store, family.clips(config), device)])
        task = family.task(family.build(config, mixed), mixed)
        steps = Plan(split(store, "xsub").train, config.training).steps(0)
        make_next = partial(_make_next, task, steps)
        rate = num / seconds_of(make_next, device, sizes.seconds)
        found.append(Measured(f"batches to the {device}, {method}", num, "float32", rate))
    return found


def _make_next(task: Any, steps: Iterator[Any]) -> None:
    for part in next(steps):
        task.batch(part)


def aims(measured: Sequence[Measured], spent: Sequence[Spent]) -> list[Aim]:
    """Return what the figures come to, beside what they should."""
    in_bf16 = [each for each in measured if each.arithmetic == "bf16"]
    most_clips = max((each.clips for each in in_bf16), default=0)
    found = []
    for each in in_bf16:
        is_masked = each.what.startswith("STJD-MP") or each.what == "training loop, stjd-mp"
        if is_masked and each.clips == most_clips and each.share_of_peak is not None:
            reached = each.share_of_peak
            what = f"{each.what}: of the rate of matrix products"
            found.append(Aim(what, f"{reached:.0%}", f"{SHARE:.0%} or more", reached >= SHARE))
    loops = {each.what: each.clips_per_second for each in in_bf16}
    made = {each.what.split(", ")[-1]: each.clips_per_second for each in measured if "batches" in each.what}
    train = next(each for each in PROTOCOLS["ntu60"] if each.name == "xsub").published_counts
    assert train is not None
    for method in LOOPS:
        rate = loops.get(f"training loop, {method}")
        if rate is None:
            continue
        if method in HOURS:
            own = {"data": ["none"], "protocol": ["none"]}
            epochs = find_method(method).settings(PUBLISHED.size, own)["training"]["epochs"]
            hours = epochs * train[0] / rate / 3600
            what = f"{method}, NTU-60 xsub, {epochs} epochs of {train[0]:,} clips, computed: hours"
            found.append(Aim(what, f"{hours:.1f}", f"under {HOURS[method]:g}", hours < HOURS[method]))
        if method in made:
            times = made[method] / rate
            what = f"{method}: batches that one thread makes, to those that the loop takes"
            found.append(Aim(what, f"{times:.1f}", "more than 1", times > 1))
    for step in spent:
        if step.hiding is not None:
            what = f"{step.what}: time for density and masks"
            found.append(Aim(what, f"{step.hiding:.1%}", "under 5%", step.hiding < 0.05))
        what = f"{step.what}: time in which the device computes"
        found.append(Aim(what, f"{step.busy:.0%}", "90% or more", step.busy >= 0.9))
    return found


def measurements(
    device: str, sizes: Sizes, folder: Path
) -> tuple[dict[str, float], list[Measurement], list[Measurement]]:
    """Return the rates of large matrix products, all measurements with their names, and those that compile.

    The rates are filled in as measurements need them.
    """
    store = make_store(folder, sizes)
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
                if clips == sizes.clips[0]:
                    yield f"STJD-MP, {clips} clips, {bodies} of 2 bodies, profile", steps.profile

    def compiled() -> list[Measured]:
        return MaskedSteps(device, sizes, 1, sizes.clips[0], rate).measure("bf16", compiled=True)

    batch = 128 if device == "cuda" else 4
    plain = [
        ("loader", partial(loader, device, sizes, store)),
        *masked(),
        *((name, partial(distilled_steps, device, sizes, rate, each)) for each, name in DISTILLED.items()),
        (f"STJD-CL, {batch} clips", partial(contrastive_steps, device, sizes, batch)),
        *(
            (
                f"loop, {method}, {precision}",
                partial(training_loop, device, sizes, store, folder, method, precision),
            )
            for method in LOOPS
            for precision in PRECISIONS
        ),
    ]
    late = [
        (f"{name}, compiled", partial(distilled_steps, device, sizes, rate, each, compiled=True))
        for each, name in DISTILLED.items()
    ]
    return peaks, plain, [("STJD-MP, compiled", compiled), *late]

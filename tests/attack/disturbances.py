"""Commands that are disturbed while they work, and repeated: nothing may be lost, no byte may differ.

A case takes a command, disturbs it up to three times, and lets it run to its end. What it made is compared
with what it makes undisturbed: byte by byte, results by their values. Nothing else may be left.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from attack.in_child import Ended, in_child
from attack.parts import PREPARE, PRETRAIN, SUITE, Found, Part, World, in_folder, words_of

PAUSE, LONG_PAUSE = 2.0, 60.0
"""Seconds for which a process is stopped."""
RERUN = 300.0
"""Seconds after which work that is repeated undisturbed counts as one without end."""
TOLD_TO_STOP = (3, 143)
"""Statuses of a command that ends because of SIGTERM."""
KNN = "evaluate knn --run @run --data @store --protocol xsub --k [1] --accelerator cpu"
TUNE = (
    "evaluate finetune --run @run --data @store --protocol xsub --out @tuned --epochs 2 --seed 3 "
    "--resume auto --training.checkpoint_every 1 --training.tensorboard false --training.accelerator cpu"
)


@dataclass(frozen=True)
class Disturbed:
    """A command that is disturbed."""

    line: str
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    """Patterns of the files that must come out as from an undisturbed command."""
    weight: int = 4
    """How often it is chosen."""
    is_done_by: str = ""
    """A file that is there once all is done, where the command then refuses to do it again."""


COMMANDS = {
    "prepare": Disturbed(
        PREPARE.format(workers=1), ("raw",), ("store/*",), is_done_by="store/meta.json", weight=6
    ),
    "prepare, two workers": Disturbed(
        PREPARE.format(workers=2), ("raw",), ("store/*",), is_done_by="store/meta.json"
    ),
    "pretrain": Disturbed(
        f"{PRETRAIN} --resume auto", ("store",), ("run/weights.safetensors", "run/card.json"), weight=8
    ),
    "evaluate": Disturbed(KNN, ("store", "run"), ("run/*", "run/evaluations/knn-*xsub-trained*")),
    "finetune": Disturbed(TUNE, ("store", "run"), ("tuned/weights.safetensors", "tuned/evaluations/*")),
    "results": Disturbed("results @run/evaluations/knn-ntu60-xsub-trained-seed0.json", ("run",), ("run/*",)),
    "reproduce": Disturbed(
        "reproduce @suite.yaml --stores @stores --out @out --only */mamp/* --accelerator cpu",
        ("store",),
        ("out/results/**/*.json", "out/runs/**/weights.safetensors"),
        weight=1,
    ),
    "teach": Disturbed(
        "teach @store --from @run --out @model",
        ("store", "run"),
        ("model/*",),
        is_done_by="model/card.json",
        weight=2,
    ),
    "package": Disturbed("package @run @package", ("run",), ("package/*",), is_done_by="package/card.json"),
}
_expected: dict[str, tuple[dict[str, str], float, set[str]]] = {}
"""Of each command, undisturbed: what it makes, how long it takes, and what is in its folder then."""


def expected(world: World, name: str) -> tuple[dict[str, str], float, set[str]]:
    if name not in _expected:
        place = _place(world, COMMANDS[name])
        begun = time.monotonic()
        ended = in_child(_work(place, COMMANDS[name].line), world.folder, RERUN)
        assert ended.status == 0, f"{name}: {ended.text}"
        seconds = time.monotonic() - begun
        _expected[name] = (made(place, COMMANDS[name]), seconds, {path.name for path in place.iterdir()})
    return _expected[name]


def made(place: Path, command: Disturbed) -> dict[str, str]:
    """Return of every file that a command makes what must be the same."""
    files = sorted({path for pattern in command.makes for path in place.glob(pattern) if path.is_file()})
    return {str(path.relative_to(place)): _essence(path) for path in files}


def _essence(path: Path) -> str:
    """Return the hash of a file's bytes; of results, which tell how long they took, that of their values."""
    data = path.read_bytes()
    if path.suffix == ".json" and b'"skelact-result-1"' in data:
        content: dict[str, Any] = json.loads(data)
        data = json.dumps([content["metrics"], content["identity"]], sort_keys=True).encode()
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            data = b"".join(name.encode() + arrays[name].tobytes() for name in sorted(arrays.files))
    elif path.name == "metrics.jsonl":
        data = b""
    return hashlib.sha256(data).hexdigest()


def _place(world: World, command: Disturbed) -> Path:
    place = world.place(*(name for name in command.needs if name != "raw"))
    if "raw" in command.needs:
        (place / "raw").symlink_to(world.folder / "raw")
    if "suite" in command.line:
        (place / "suite.yaml").write_text(SUITE)
        (place / "stores").mkdir()
        (place / "stores" / "ntu60").symlink_to(place / "store")
    return place


def _work(place: Path, line: str, before: Callable[[], None] | None = None) -> Callable[[], int]:
    def work() -> int:
        if before is not None:
            before()
        return in_folder(place, words_of(line, place))

    return work


def _later(seconds: float, *signals: int, pause: float = PAUSE) -> None:
    """Let another process send signals to this one: the first after some time, the next a pause later."""
    aim = os.getpid()
    if os.fork() == 0:
        for number in signals:
            time.sleep(seconds)
            with suppress(ProcessLookupError):
                os.kill(aim, number)
            seconds = pause
        os._exit(0)


def _full(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _slow(seconds: float) -> None:
    """Let what is asked of the disk take its time, and the moments before and after it be long."""

    def slowed(call: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any, **named: Any) -> Any:
            time.sleep(seconds)
            done = call(*arguments, **named)
            time.sleep(seconds)
            return done

        return slow

    for name in ("fsync", "replace", "rename", "unlink", "rmdir"):
        setattr(os, name, slowed(getattr(os, name)))


def _jumping(random: Random) -> None:
    """Let the clock of the day jump, forwards and back, by up to a month."""
    true, jumps = time.time, random

    def jumped() -> float:
        return true() + jumps.uniform(-30, 30) * 86_400

    time.time = jumped
    time.time_ns = lambda: int(jumped() * 1e9)


def _removed(seconds: float, store: Path) -> None:
    """Let another process remove a store after some time."""
    if os.fork() == 0:
        time.sleep(seconds)
        shutil.rmtree(store, ignore_errors=True)
        os._exit(0)


def kill(random: Random, place: Path, command: Disturbed, seconds: float) -> Iterator[tuple[str, Ended]]:
    """Kill a command, or ask it to stop."""
    for _ in range(random.randint(1, 3)):
        number, moment = random.choice((signal.SIGKILL, signal.SIGTERM)), random.uniform(0, seconds)
        before = partial(_later, moment, number)
        ended = in_child(_work(place, command.line, before), place.parent, RERUN)
        fault = ended.status not in (0, -number, *(TOLD_TO_STOP if number == signal.SIGTERM else ()))
        yield f"{number.name} after {moment:.2f} s", ended if fault else Ended(0, "")


def full(random: Random, place: Path, command: Disturbed, seconds: float) -> Iterator[tuple[str, Ended]]:
    """Fill the disk after some bytes of a file."""
    size = round(10 ** random.uniform(3.3, 6))  # what it says goes into a file, too
    yield f"files of {size:,} bytes", in_child(_work(place, command.line, partial(_full, size)), place.parent)


def slow(random: Random, place: Path, command: Disturbed, seconds: float) -> Iterator[tuple[str, Ended]]:
    """Slow the disk down, and kill the command."""
    delay, moment = random.uniform(0.05, 0.3), random.uniform(0, 2 * seconds)

    def before() -> None:
        _slow(delay)
        _later(moment, signal.SIGKILL)

    ended = in_child(_work(place, command.line, before), place.parent, RERUN)
    fault = ended.status not in (0, -signal.SIGKILL)
    yield f"{delay:.2f} s a call, killed after {moment:.2f} s", ended if fault else Ended(0, "")


def clock(random: Random, place: Path, command: Disturbed, seconds: float) -> Iterator[tuple[str, Ended]]:
    """Let the clock jump; files were last written in years to come, or long ago."""
    for path in place.rglob("*"):
        if not path.is_symlink():
            moment = time.time() + random.uniform(-20, 20) * 365 * 86_400
            os.utime(path, (moment, moment))
    yield "jumps", in_child(_work(place, command.line, partial(_jumping, random)), place.parent, RERUN)


def stopped(
    random: Random, place: Path, command: Disturbed, seconds: float, pause: float = PAUSE
) -> Iterator[tuple[str, Ended]]:
    """Stop the process for a while."""
    moment = random.uniform(0, seconds)
    before = partial(_later, moment, signal.SIGSTOP, signal.SIGCONT, pause=pause)
    yield f"after {moment:.2f} s", in_child(_work(place, command.line, before), place.parent, RERUN)


def removed(random: Random, place: Path, command: Disturbed, seconds: float) -> Iterator[tuple[str, Ended]]:
    """Remove what the command reads, and bring it back."""
    name = next(name for name in ("store", "run", "raw") if name in command.needs)
    moment, aside = random.uniform(0, seconds), place.parent / "aside"
    shutil.copytree(place / name, aside)
    if (place / name).is_symlink():
        (place / name).unlink()
        shutil.copytree(aside, place / name)
    ended = in_child(_work(place, command.line, partial(_removed, moment, place / name)), place.parent)
    shutil.rmtree(place / name, ignore_errors=True)
    aside.rename(place / name)
    yield f"{name} after {moment:.2f} s", ended


def damaged(random: Random, place: Path, command: Disturbed, seconds: float) -> Iterator[tuple[str, Ended]]:
    """Kill a training, and damage its newest checkpoint; the one before it is left."""
    moment = random.uniform(seconds / 2, seconds)
    ended = in_child(_work(place, command.line, partial(_later, moment, signal.SIGKILL)), place.parent, RERUN)
    run = place / Path(command.makes[0]).parts[0]
    checkpoints, what = sorted((run / "checkpoints").glob("*.safetensors")), "no second checkpoint"
    if len(checkpoints) > 1:
        data = bytearray(checkpoints[-1].read_bytes())
        byte = random.randrange(len(data))
        if random.random() < 0.5:
            data[byte] ^= 1 << random.randrange(8)
        else:
            del data[byte:]
        checkpoints[-1].write_bytes(data)
        what = f"{checkpoints[-1].name} damaged at byte {byte:,}"
    fault = ended.status not in (0, -signal.SIGKILL)
    yield f"killed after {moment:.2f} s, {what}", ended if fault else Ended(0, "")


Disturbance = Callable[[Random, Path, Disturbed, float], Iterator[tuple[str, Ended]]]


def case(
    disturb: Disturbance, world: World, random: Random, _: int, names: Sequence[str] = tuple(COMMANDS)
) -> Found:
    """Disturb one of these commands, let it run to its end, and compare."""
    name = random.choices(names, [COMMANDS[name].weight for name in names])[0]
    command = COMMANDS[name]
    wanted, seconds, known = expected(world, name)
    place, what, faults = _place(world, command), [], []
    for words, ended in disturb(random, place, command, seconds):
        what.append(words)
        if ended.fault:
            faults.append(f"{words}: {ended.fault}")
    is_done = bool(command.is_done_by) and (place / command.is_done_by).exists()
    if not is_done:
        ended = in_child(_work(place, command.line), world.folder, RERUN)
        if ended.status != 0:
            faults.append(f"cannot be repeated: {ended.fault or ended.text.strip()[-300:]}")
    if not faults:
        found = made(place, command)
        different = sorted(path for path in {*found, *wanted} if found.get(path) != wanted.get(path))
        faults += [f"not as from an undisturbed command: {path}" for path in different[:3]]
        left = {path.name for path in place.iterdir()} - known
        left |= {str(path.relative_to(place)) for path in place.rglob("*.partial*")}
        if is_done:  # killed in its last moment; the next that writes there removes it
            left -= {f"{Path(command.is_done_by).parts[0]}.partial"}
        faults += [f"left behind: {each}" for each in sorted(left)]
    return Found(f"{name}: {'; '.join(what)}", "the same at the end", faults)


DISTURBANCES = {
    "kills": Part(200, partial(case, kill)),
    "full disks": Part(30, partial(case, full)),
    "slow disks": Part(15, partial(case, slow)),
    "clock jumps": Part(15, partial(case, clock)),
    "stops": Part(15, partial(case, stopped)),
    "long stops": Part(2, partial(case, partial(stopped, pause=LONG_PAUSE))),
    "checkpoints": Part(15, partial(case, damaged, names=("pretrain", "finetune"))),
    "removals": Part(25, partial(case, removed)),
}
"""The parts of ``make chaos``."""

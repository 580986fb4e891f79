"""The parts of the attack: what a case of each does, and what counts as a fault."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from random import Random

import skelact
from attack.command_lines import mutated_line, setting_line
from attack.in_child import Ended, in_child, in_children
from faults.mutations import IN_PLACE, flips, in_place_of, json_edits
from fuzzing.engine import fuzz, readers
from skelact.cli.main import main
from skelact.synthetic import write_data_set
from untrimmed_recordings import write_untrimmed
from written_results import write_predictions, write_share

PRELOADED = (
    "torch",
    "lightning_fabric",
    "sklearn.manifold",
    "matplotlib.backends.backend_agg",
    "scipy.stats",
)
"""What commands import when they need it; once for all children."""
FAULTS = Path(__file__).resolve().parents[1] / "faults"
HOSTILE = ("hostile_archives", "size_faults", "torch_file_faults", "zip_member_faults", "yaml_faults")
"""Tests of files that are made to do harm, by their names."""
LONG = 20.0
"""Seconds after which a mutated command, which may have been asked for years of work, is stopped."""


@dataclass(frozen=True)
class World:
    """What is attacked: each case has copies of its own."""

    folder: Path
    hashes: dict[str, dict[str, str]]
    """Of the undisturbed store and run: the SHA-256 of the files that must come out the same."""

    def place(self, *names: str) -> Path:
        """Return a new folder for a case, with copies of some of :data:`NAMES`."""
        place = self.folder / "case"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name in names:
            shutil.copytree(self.folder / name, place / name)
        return place

    def whole_place(self) -> Path:
        """Return a new folder with all that the lines of :mod:`attack.command_lines` name."""
        place = self.place(*NAMES)
        (place / "suite.yaml").write_text(SUITE)
        (place / "stores").mkdir()
        (place / "stores" / "ntu60").symlink_to(place / "store")
        return place


@dataclass
class Found:
    """What a case found."""

    what: str
    outcome: str
    faults: list[str] = field(default_factory=list)
    cases: int = 1
    stopped: float | None = None
    """Seconds that it computed, where it was stopped after :data:`LONG`."""


@dataclass(frozen=True)
class Part:
    """A part of the attack."""

    cases: int
    """Of ten minutes on two cores."""
    run: Callable[[World, Random, int], Found]
    """Does a case: what it is made of, its random numbers, and its number."""


def words_of(line: str, place: Path) -> list[str]:
    return line.replace("@", f"{place}/").split()


def command(words: list[str]) -> int:
    """Run a command in this process as one that was typed: processes that it starts are typed alike."""
    sys.argv = ["skelact", *words]
    sys.modules["__main__"].__spec__ = find_spec("skelact.cli.main")
    return main(words)


def run_line(line: str, place: Path) -> int:
    """Run a command in this process; ``@`` stands for the folder of the case."""
    return command(words_of(line, place))


PREPARE = "data prepare ntu60 @raw @store --workers {workers}"
PRETRAIN = (
    "pretrain --data @store --protocol xsub --method stjd-mp --size tiny --out @run --epochs 3 --seed 3 "
    "--training.checkpoint_every 1 --training.tensorboard false --training.accelerator cpu"
)
NAMES = ("raw", "store", "run", "model", "second", "long", "linear", "given")
"""Folders that a world has: recordings, stores, runs, a taught model; results and a checkpoint."""
SUITE = """
size: tiny
rows:
  untrained: {untrained_of: mamp}
  mamp: {method: mamp, pretrain: {training: {epochs: 1, tensorboard: false}}}
tables:
  first: {title: First, data: [ntu60-xsub], evaluate: [knn], seeds: [0]}
"""
TEACH = "teach @store --from @run --out @model"
EXPORT = "export @model @model/model.onnx"
ASK = "predict @model/model.onnx @store"
PREDICT = "predict @model @store"
KNN = "evaluate knn --run @run --data @store --protocol xsub --accelerator cpu"
LINEAR = "evaluate linear-fast --run @linear --data @store --protocol xsub --l2 [0.01] --accelerator cpu"


def make_world(folder: Path, export: bool = True) -> World:
    """Make the raw files, the store, the run and the result that all cases start from.

    Args:
        folder: where.
        export: whether with the taught model as an ONNX file, which takes longer than the rest.
    """
    for name in PRELOADED:
        import_module(name)
    for module in walk_packages(skelact.__path__, "skelact."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    place = folder / "case"  # a run knows the path of its store
    write_data_set(place / "raw", sequences=62, seed=1)
    write_data_set(place / "raw_second", sequences=62, seed=2)
    write_untrimmed(place / "untrimmed", num_train=2, num_test=1, num_actions=2, seed=1)
    for line in (
        PREPARE.format(workers=1),
        "data prepare ntu60 @raw_second @second --workers 1",
        "data prepare pku1 @untrimmed @long --untrimmed --workers 1",
        PRETRAIN,
        KNN,
        TEACH,
        *([EXPORT] if export else []),
    ):
        ended = in_child(partial(run_line, line, place), folder, 300)
        assert ended.status == 0, ended.text
    shutil.copytree(place / "run", place / "linear")
    (place / "given").mkdir()
    for line in (LINEAR, "weights export @run @given/published.pth"):
        ended = in_child(partial(run_line, line, place), folder, 300)
        assert ended.status == 0, ended.text
    _write_results(place / "given")
    for name in NAMES:
        (place / name).rename(folder / name)
    return World(folder, {name: hashes_of(folder / name) for name in ("store", "run")})


def _write_results(folder: Path) -> None:
    """Write results of two methods, and of one with few labels and with more."""
    labels = [0] * 20 + [1] * 20
    for path, name in (
        (write_predictions(folder, labels, [0] * 30 + [1] * 10, method="mae"), "first"),
        (write_predictions(folder, labels, [0] * 20 + [2] * 20, method="mamp"), "second"),
        (write_share(folder, 10, 8), "few"),
        (write_share(folder, 40, 15), "more"),
    ):
        path.parent.rename(folder / name)
        path.parent.parent.rmdir()


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the hashes of what must come out the same: a store's files, a run's weights."""
    files = [folder / "weights.safetensors"] if folder.name == "run" else sorted(folder.rglob("*"))
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def outcome(ended: Ended) -> str:
    return "stopped, at work" if ended.is_endless else "done" if ended.status in (0, 1) else "refused"


REPORT = "report @run --out @report.html"
BROWSE = "browse @store --out @browse.html"
VIEW = "view @store:3 --model @run --out @view.html"
CONFUSION = "figures confusion @{} --variant k=1 --out @confusion.png"
EDITED: dict[str, tuple[str, ...]] = {
    "store/meta.json": ("data info @store", "data verify @store", KNN, BROWSE, REPORT),
    "store/*.bin": ("data info @store", "data verify @store", KNN, BROWSE, REPORT),
    "store/names.bin": ("data info @store", BROWSE),
    "run/card.json": (KNN, REPORT, VIEW),
    "run/weights.safetensors": (KNN, REPORT, VIEW),
    "model/card.json": (PREDICT,),
    "model/weights.safetensors": (PREDICT,),
    "model/model.onnx": (ASK,),
    "run/config.yaml": (f"{PRETRAIN} --resume", REPORT),
    "run/metrics.jsonl": (f"{PRETRAIN} --resume", "figures loss --run @run --out @loss.png", REPORT),
    "run/checkpoints/*": (f"{PRETRAIN} --resume",),
    "run/evaluations/*.json": ("results @{}", CONFUSION, REPORT),
    "run/evaluations/*.npz": ("results @{}", CONFUSION, REPORT),
}
"""Files of a store, a run and a package, and the commands that read them."""


def edit(world: World, random: Random, _: int) -> Found:
    """Change one file, and let a command read it."""
    pattern = random.choice(list(EDITED))
    place = world.place("store", "run", "model")
    path = random.choice(sorted(place.glob(pattern)))
    line = random.choice(EDITED[pattern])
    if line.endswith("--resume"):
        (place / "run" / "card.json").unlink(missing_ok=True)
    if random.random() < 0.1:
        what = random.choice(list(IN_PLACE))
        in_place_of(path, what)
    elif path.suffix == ".json":
        what, text = next(json_edits(json.loads(path.read_text()), 1, random.getrandbits(32)))
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    else:
        what, data = next(flips(path.read_bytes(), 1, random.getrandbits(32)))
        path.write_bytes(data)
    result = next(place.glob("run/evaluations/*.json"), place).relative_to(place)
    line = line.replace("@{}", f"@{result}")
    ended = in_child(partial(run_line, line, place), world.folder)
    faults = [ended.fault] if ended.fault else []
    is_resumed = line.endswith("--resume") and ended.status == 0 and "checkpoints" in pattern
    if is_resumed and not ended.text and hashes_of(place / "run") != world.hashes["run"]:
        faults.append("damage went unnoticed: other weights")
    return Found(f"{path.relative_to(place)}: {what[:80]}: {line.split(' --')[0]}", outcome(ended), faults)


def read(world: World, random: Random, number: int) -> Found:
    """Feed 200 damaged files to one reader."""
    findings = fuzz(readers()[number % len(readers())], random.getrandbits(32), FUZZED, world.place())
    return Found(f"{findings.reader}, seed {findings.seed}", "read or refused", findings.wrong, FUZZED)


FUZZED = 200


def mutate(world: World, random: Random, _: int) -> Found:
    """Run a command with some words changed, or with a wild value of one of its settings."""
    place = world.whole_place()
    words = (mutated_line if random.random() < 0.5 else setting_line)(random)
    typed = [word.replace("@", f"{place}/") for word in words]
    ended = in_child(partial(in_folder, place, typed), world.folder, LONG)
    faults = [] if ended.is_endless or not ended.fault else [ended.fault]
    stopped = ended.cpu_seconds if ended.is_endless else None
    return Found(" ".join(words)[:300], outcome(ended), faults, stopped=stopped)


def in_folder(place: Path, words: list[str]) -> int:
    import os

    os.chdir(place)
    return command(words)


TWICE = (
    PREPARE.format(workers=1),
    PRETRAIN,
    f"{PRETRAIN} --resume",
    KNN,
    "figures loss --run @run --out @loss.png",
    "data export @store @out.npz --format padded-npz --protocol xsub",
    "data convert @store @other --topology kinect-20",
)


def twice(world: World, random: Random, _: int) -> Found:
    """Run a command two or three times at once: one succeeds at least, the others say who is at work."""
    line = random.choice(TWICE)
    place = world.place("raw", "store", "run")
    if line.startswith("data prepare"):
        shutil.rmtree(place / "store")
    if line.endswith("--resume"):
        (place / "run" / "card.json").unlink()
    elif line.startswith("pretrain"):
        shutil.rmtree(place / "run")
    ends = in_children([partial(run_line, line, place)] * random.randint(2, 3), world.folder, 120)
    faults = [ended.fault for ended in ends if ended.fault]
    if all(ended.status != 0 for ended in ends):
        faults.append(f"none succeeded: {[ended.text[-200:] for ended in ends]}")
    name = "store" if line.startswith("data prepare") else "run"
    if not faults and hashes_of(place / name) != world.hashes[name]:
        faults.append(f"the {name} has other bytes than that of one command alone")
    return Found(line.split(" --")[0], "at least one done", faults)


def hostile(_: World, __: Random, number: int) -> Found:
    """Run the tests of hostile files."""
    name = HOSTILE[number % len(HOSTILE)]
    words = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-rN"]
    done = subprocess.run(
        [*words, str(FAULTS / f"test_{name}.py")], capture_output=True, text=True, check=False, timeout=600
    )
    dots = re.findall(r"^([.FEsx]+) ", done.stdout, re.MULTILINE)
    faults = [] if done.returncode == 0 else [done.stdout[-1000:]]
    return Found(name, "refused, in bounds", faults, sum(map(len, dots)))


PARTS = {
    "edits": Part(5_000, edit),
    "readers": Part(20_000 // FUZZED, read),
    "commands": Part(2_000, mutate),
    "hostile": Part(len(HOSTILE), hostile),
    "at once": Part(60, twice),
}
"""The parts by their names; those that disturb commands at work are in :mod:`attack.disturbances`."""

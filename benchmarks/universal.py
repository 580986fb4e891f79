"""Make the encoders that the package ships again, and measure what they reach.

Takes a folder with ``msr_action3d.tar.xz``, ``nw_ucla.tar.xz``, ``bandai_namco_2_bvh.tar.xz`` and
``sbu.tar.xz``, and one to work in, and goes on where it was stopped:

    python benchmarks/universal.py raw made

It writes ``made/universal-small``, which learned from the training sides of the first three and from
synthetic recordings, ``made/universal-synthetic``, which learned from these alone, and ``made/universal-2d``,
which learned from them as cameras would show them, with errors of key points. All are evaluated on all four
sets, the last as other cameras would show these, without such errors and with them; none but the first has
seen a recording of a real person. Three hours of one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import skelact
from skelact.api.data import convert, project, synth
from skelact.files import read_json, write_json
from skelact.models.card import CARD

ARCHIVES = {
    "msr-action3d": ("msr_action3d.tar.xz", "xsub"),
    "nw-ucla": ("nw_ucla.tar.xz", "xview"),
    "bandai-namco-2": ("bandai_namco_2_bvh.tar.xz", "xstyle"),
    "sbu": ("sbu.tar.xz", "folds"),
}
UNSEEN = "sbu"
SYNTHETIC = "synthetic"
FLAT = "synthetic-2d"
# the shipped ones: the first was made before the method's own min_lr was halved
SETTINGS: dict[str, dict[str, Any]] = {
    "universal-small": {"epochs": 50, "training": {"min_lr": 2e-5}},
    "universal-synthetic": {"epochs": 60},
    "universal-2d": {"epochs": 20, "training": {"precision": "bf16"}},
}
ERRORS = {"jitter": 0.12, "hidden": 0.3}
"""Those of key points: up to 6 cm on an adult, and joints missed for up to 30 % of their time."""
FRAMES = 128
"""Frames of the clips that the encoders are asked with. They learned from 64 frames of a third of a recording
or more: a whole one in twice as many has the speed that they know, and among training people of MSR Action3D
ridge regression then recognises 92 % instead of 85, of NW-UCLA 77 instead of 76."""
TERMS = {
    "universal-small": "research use alone, not commercial: MSR Action3D (research use), Northwestern-UCLA "
    "(research use; CC BY-NC 4.0 as passed on), Bandai-Namco-Research-Motiondataset-2 (CC BY-NC 4.0, (c) "
    "2022 Bandai Namco Research Inc.), and synthetic recordings of skelact",
    "universal-synthetic": "none beyond those of skelact: it learned from synthetic recordings",
    "universal-2d": "none beyond those of skelact: it learned from synthetic recordings",
}


def prepared(raw: Path, work: Path) -> dict[str, Path]:
    """Prepare the data sets, and those to learn from once more in one skeleton."""
    stores = {name: work / "stores" / name for name in ARCHIVES}
    for name, path in stores.items():
        if not path.exists():
            skelact.prepare(name, raw / ARCHIVES[name][0], path)
    learned = {name: work / "ntu-25" / name for name in (*ARCHIVES, SYNTHETIC) if name != UNSEEN}
    for name, path in learned.items():
        if path.exists():
            continue
        if name == SYNTHETIC:
            if not (work / "raw-synthetic").exists():
                synth(work / "raw-synthetic", sequences=2000, seed=7)
            skelact.prepare(SYNTHETIC, work / "raw-synthetic", path)
        else:
            convert(stores[name], path, topology="ntu-25")
    if not (work / "ntu-25" / FLAT).exists():
        project(work / "ntu-25" / SYNTHETIC, work / "ntu-25" / FLAT, cameras=3, seed=1, **ERRORS)
    return stores


def seen_by_cameras(stores: dict[str, Path], **errors: float) -> dict[str, Path]:
    """Return the data sets as cameras would show them, each recording by one of its own."""
    ending = "rough-2d" if errors else "2d"
    flat = {name: path.with_name(f"{name}-{ending}") for name, path in stores.items()}
    for name, path in flat.items():
        if not path.exists():
            project(stores[name], path, turn=60, seed=9, **errors)
    return flat


def learn(name: str, work: Path) -> Path:
    """Pre-train one of them."""
    run = work / "runs" / name
    sides = {each: protocol for each, (_, protocol) in ARCHIVES.items() if each != UNSEEN}
    sides = {"universal-small": {**sides, SYNTHETIC: "all"}, "universal-2d": {FLAT: "all"}}.get(
        name, {SYNTHETIC: "all"}
    )
    if not (run / CARD).exists():
        skelact.pretrain(
            [work / "ntu-25" / each for each in sides],
            list(sides.values()),
            out=run,
            method="stjd-d",
            size="small",
            **SETTINGS[name],
            resume=run.exists(),
        )
    return run


def reached(run: Path, stores: dict[str, Path], *, untrained: bool = False) -> dict[str, str]:
    """Evaluate a run on all sets: ridge regression and nearest neighbours on moments of joints."""
    found = {}
    for name, store in stores.items():
        protocol = ARCHIVES[name][1]
        where = (run, store, protocol)
        options = {"pooling": "moments-and-bodies" if name == UNSEEN else "moments", "untrained": untrained}
        ridge = skelact.evaluate("ridge", *where, **options)
        nearest = skelact.evaluate("knn", *where, k=[1], standardise=True, **options)
        found[f"{name} {protocol}"] = f"ridge {100 * ridge.top1:.1f} %, 1-NN {100 * nearest.top1:.1f} %"
        print(f"  {name:<16}{protocol:<8}{found[f'{name} {protocol}']}", flush=True)
    return found


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("raw", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", choices=TERMS, help="make this one alone")
    arguments = parser.parse_args()
    stores = prepared(arguments.raw, arguments.work)
    for name in [arguments.only] if arguments.only else TERMS:
        run = learn(name, arguments.work)
        card = read_json(run / CARD)
        card["clips"]["num_frames"] = FRAMES
        write_json(run / CARD, card)
        asked = {"": stores}
        if name == "universal-2d":
            asked = {
                ", as cameras show it": seen_by_cameras(stores),
                ", with errors of key points": seen_by_cameras(stores, **ERRORS),
            }
        card["reaches"] = {}
        for how, seen in asked.items():
            print(f"{name}{how}", flush=True)
            card["reaches"] |= {f"{key}{how}": value for key, value in reached(run, seen).items()}
            if name != "universal-small":
                print("untrained", flush=True)
                reached(run, seen, untrained=True)
        write_json(run / CARD, card)
        out = arguments.work / name
        skelact.package(run, out, terms=TERMS[name], overwrite=out.exists())


if __name__ == "__main__":
    main()

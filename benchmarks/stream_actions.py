"""How well a stream finds actions in recordings laid end to end: share found, delay, false alarms a minute.

    python benchmarks/stream_actions.py [MSR_ACTION3D.tar.xz]

A model is taught by some people; each other person's recordings, in an order drawn once, are one stream.
Smoothing and hysteresis (the defaults) are compared with a fixed window: the class likeliest in it, at
once. Without an archive the recordings are synthetic, in two streams.

An action is found by the first event of its class whose middle lies in it; the delay is from its true start
to the frame at which it was told. Whatever else begins is a false alarm.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import skelact
from skelact.api.model import Model
from skelact.synthetic import write_data_set

ACTIONS = ("A006", "A007", "A008", "A010", "A022", "A023", "A024", "A026")
FIXED = {"begin": 1e-9, "end": 1e-9, "smoothing": 0.0}
FEW = {"size": "tiny", "quiet": True, "training": {"workers": 0, "tensorboard": False}}
Take = tuple[str, np.ndarray]


def synthetic(folder: Path) -> tuple[Model, dict[int, list[Take]], float]:
    for file in write_data_set(folder / "raw", sequences=160, seed=0, actions=ACTIONS):
        place = folder / "taught" / file.stem[-4:]
        place.mkdir(parents=True, exist_ok=True)
        file.rename(place / file.name)
    write_data_set(folder / "asked", sequences=48, seed=5, actions=ACTIONS)
    store = skelact.prepare("synthetic", folder / "taught", folder / "store", workers=1)
    run = skelact.pretrain(store, out=folder / "run", method="mamp", epochs=20, clips={"view": "body"}, **FEW)
    model = skelact.teach(folder / "taught", out=folder / "model", from_=run).model
    asked = skelact.prepare("synthetic", folder / "asked", folder / "asked-store", workers=1)
    takes: dict[int, list[Take]] = {0: [], 1: []}
    for index in range(len(asked)):
        one = asked.sequence(index)
        takes[index % 2].append((one.name[-4:], one.positions[0][one.present[0]]))
    return model, takes, 30.0


def msr_action3d(archive: Path, folder: Path) -> tuple[Model, dict[int, list[Take]], float]:
    store = skelact.prepare("msr-action3d", archive, folder / "store", workers=1)
    clips = {"view": "body", "min_crop_frames": 16}
    run = skelact.pretrain(store, "xsub", out=folder / "run", method="mamp", epochs=60, clips=clips, **FEW)
    subjects = np.asarray(store.attribute("subject"))
    taught = [store.sequence(index) for index in np.flatnonzero(subjects % 2 == 1)]
    labels = [store.class_names[one.label] for one in taught]
    taught = [replace(one, label=None) for one in taught]  # classes by name
    skelact.write_store(taught, folder / "taught", labels=labels, up=store.up, unit=store.unit)
    model = skelact.teach(folder / "taught", out=folder / "model", from_=run).model
    takes: dict[int, list[Take]] = {}
    for index in np.flatnonzero(subjects % 2 == 0):
        one = store.sequence(index)
        takes.setdefault(int(subjects[index]), []).append(
            (store.class_names[one.label], one.positions[0][one.present[0]])
        )
    return model, takes, store.fps or 15.0


def measure(model: Model, takes: dict[int, list[Take]], fps: float, **settings: float) -> str:
    """Return a row of the table: share found, median delay, false alarms a minute."""
    num, found, seconds, alarms, delays = 0, 0, 0.0, 0, []
    for person, own in takes.items():
        order = np.random.default_rng(person).permutation(len(own))
        stream, events = model.stream(**settings), []
        starts = np.cumsum([0, *(len(own[place][1]) for place in order)]) / fps
        for place in order:
            for frame in own[place][1]:
                events += stream.frame({person: frame}, fps=fps)
        events += stream.finish()
        told = [event.time for event in events if event.event == "began"]
        ended = [event for event in events if event.event == "ended"]
        done = set()
        for when, event in zip(told, ended, strict=True):
            at = int(np.searchsorted(starts, (event.start + event.end) / 2, "right")) - 1
            if at < len(order) and own[order[at]][0] == event.label and at not in done:
                done.add(at)
                delays.append(when - starts[at])
            else:
                alarms += 1
        num, found, seconds = num + len(order), found + len(done), seconds + starts[-1]
    delay = np.median(delays) if delays else np.nan
    return f"{100 * found / num:>8.1f} %{delay:>8.1f} s{60 * alarms / seconds:>10.1f}"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = msr_action3d(Path(sys.argv[1]), folder) if len(sys.argv) > 1 else synthetic(folder)
        model, takes, fps = made
        actions = sum(map(len, takes.values()))
        length = sum(len(frames) for own in takes.values() for _, frames in own) / fps
        print(f"{actions} actions of {len(takes)} streams, {length / actions:.1f} s each in the mean")
        print(f"{'':<28}{'found':>10}{'delay':>10}{'false/min':>10}")
        for share in (1.0, 0.6):
            window = share * model.stream().window
            for title, settings in (("hysteresis", {}), ("fixed window", FIXED)):
                row = measure(model, takes, fps, window=window, **settings)
                print(f"{title:<14}{window:>6.1f} s window{row}")


if __name__ == "__main__":
    main()

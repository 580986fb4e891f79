"""Does an explanation name the limb that acts: limbs that hold still against limbs that were not seen.

Actions of the built-in data set whose acting limbs are known are taught; for recordings of other people the
limb without which the right class loses most should be one of them. A limb is taken away in two ways: it
holds still as seen from the body, as ``predict --explain`` has it, or it is reported as not seen.

    python benchmarks/explain_actions.py
"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

import skelact
from skelact.recognition.occlusion import explain, holding_still
from skelact.skeleton.limbs import limbs
from skelact.store.in_memory import store_in_memory
from skelact.synthetic import write_data_set

ACTIONS = {"A010": "Shoulder", "A023": "Shoulder", "A031": "Shoulder", "A044": "Shoulder", "A024": "Hip"}
"""Clapping, hand waving, pointing, touching the head, kicking, and where the limbs begin that act."""
METHODS = ("mamp", "stjd-d")
TAUGHT, ASKED = 60, 40


def not_seen(sequence, joints):
    seen = np.ones(sequence.positions.shape[:3], bool)
    seen[..., list(joints)] = False
    seen &= sequence.present[..., None]
    return replace(sequence, positions=np.where(seen[..., None], sequence.positions, 0), joint_present=seen)


def leading(recogniser, store, index, without):
    """Return the first joint of the limb without which the likeliest class loses most odds, and the class."""
    sequence = store.sequence(index)
    groups = limbs(sequence.topology)
    variants = [sequence, *(without(sequence, limb) for limb in groups)]
    named = [replace(each, name=str(number)) for number, each in enumerate(variants)]
    chances = recogniser.ask(store_in_memory(named, store.up, store.unit))[0].astype(float)
    label = int(chances[0].argmax())
    odds = np.log(
        np.maximum(chances[:, label], 1e-30) / np.maximum(1e-30, np.delete(chances, label, 1).sum(1))
    )
    return sequence.topology.joints[groups[int((odds[0] - odds[1:]).argmax())][0]], label


def main():
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        stores = {}
        for name, num, seed in (("learn", 124, 3), ("teach", TAUGHT, 1), ("ask", ASKED, 2)):
            actions = {} if name == "learn" else {"actions": list(ACTIONS)}
            write_data_set(root / name / "raw", sequences=num, seed=seed, **actions)
            stores[name] = skelact.prepare("synthetic", root / name / "raw", root / name / "store", workers=1)
        print("encoder   limb holds still   limb not seen   (acting limb first, of recordings recognised)")
        for method in METHODS:
            run = skelact.pretrain(
                stores["learn"], out=root / method, method=method, size="tiny", epochs=10, quiet=True,
                training={"workers": 0, "tensorboard": False},
            )  # fmt: skip
            model = skelact.load(skelact.teach(stores["teach"], out=root / f"{method}-model", from_=run).path)
            right = {"still": 0, "not seen": 0}
            num, store = 0, stores["ask"]
            for index in range(len(store)):
                still, label = leading(model.recogniser, store, index, holding_still)
                action = store.names[index][-4:]
                if model.classes[label] != store.class_names[int(store.labels[index])]:
                    continue
                assert explain(model.recogniser, store, index).label == model.classes[label]
                num += 1
                right["still"] += still.startswith(ACTIONS[action])
                right["not seen"] += leading(model.recogniser, store, index, not_seen)[0].startswith(
                    ACTIONS[action]
                )
            print(f"{method:<10}{right['still']:>11} of {num}{right['not seen']:>12} of {num}", flush=True)


if __name__ == "__main__":
    main()

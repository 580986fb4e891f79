"""Synthetic takes in a row, as an untrimmed PKU-MMD data set: some labelled, the rest background."""

from pathlib import Path

import numpy as np

from skelact.formats.ntu import NtuName
from skelact.skeleton.tables import NTU_25
from skelact.synthetic import simulate
from skelact.synthetic.recording import TEST_PERFORMERS, TRAIN_PERFORMERS

LABELS = {8: 1, 10: 2, 24: 3, 26: 4}
"""Number of a synthetic action to the PKU label, from 1, that it has here; the other takes are background."""
BACKGROUND = (11, 33)


def write_untrimmed(folder: Path, *, num_train: int, num_test: int, num_actions: int, seed: int) -> None:
    """Write recordings, labels and a split by subject: actions in random order, background before each."""
    random = np.random.default_rng(seed)
    performers = (*TRAIN_PERFORMERS[:num_train], *TEST_PERFORMERS[:num_test])
    for part in ("skeleton", "label"):
        (folder / part).mkdir(parents=True)
    for number, performer in enumerate(performers):
        takes, labels, end = [], [], 0
        for _ in range(num_actions):
            for action in (int(random.choice(BACKGROUND)), int(random.choice(list(LABELS)))):
                take = simulate(NtuName(1 + int(random.integers(17)), 2, performer, 1, action), seed)
                joints = take.positions[0] - take.positions[0, :1, NTU_25.root]
                takes.append(joints)
                start, end = end, end + len(joints)
                if action in LABELS:
                    labels.append(f"{LABELS[action]},{start},{end},2\n")
        joints = np.concatenate(takes) + np.array([0.0, 0.0, 3.0])
        rows = np.concatenate([joints.reshape(len(joints), -1), np.zeros((len(joints), 75))], 1)
        np.savetxt(folder / "skeleton" / f"{number:04}-M.txt", rows, "%.4f")
        (folder / "label" / f"{number:04}-M.txt").write_text("".join(labels))
    names = ",".join(f"{number:04}-M" for number in range(num_train))
    (folder / "cross_subject.txt").write_text(f"Training videos:\n{names}\n")

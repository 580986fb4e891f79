"""What carries a decision is found where it is known: one arm, one stretch of time."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

import skelact
from skelact.recognition import occlusion
from skelact.recognition.answers import Explanation, StillJoints, StillStretch
from skelact.recognition.occlusion import explain, gliding, holding_still
from skelact.skeleton.limbs import limbs
from skelact.skeleton.sequence import SkeletonSequence, stretch
from skelact.skeleton.tables import NTU_25
from skelact.store.in_memory import store_in_memory

RIGHT_ARM = ("ShoulderRight", "ElbowRight", "WristRight", "HandRight", "ThumbRight", "HandTipRight")
HAND = NTU_25.index("HandRight")
REST = np.random.default_rng(0).normal(scale=0.3, size=(25, 3)) * [1, 2, 0.5]


def person(seed, label):
    """Everything trembles; the right arm goes up and down (0) or to and fro (1), in the frames 32 to 47."""
    random = np.random.default_rng(seed)
    positions = REST + random.normal(scale=0.03, size=(64, 25, 3))
    positions += np.cumsum(random.normal(scale=0.004, size=(64, 1, 3)), 0)
    swing = np.zeros(64)
    swing[32:48] = 0.3 * np.sin(np.linspace(0, 3 * np.pi, 16))
    for place, joint in enumerate(RIGHT_ARM[1:], 1):
        positions[:, NTU_25.index(joint), 1 if label == 0 else 0] += min(place / 3, 1) * swing
    present = np.ones((1, 64), bool)
    return SkeletonSequence(
        f"p{seed}", positions[None].astype(np.float32), present, NTU_25, None, 30.0, label
    )


class Reach:
    """Finds class ``b`` the likelier, the farther the right hand comes from its shoulder's side."""

    class_names = ("a", "b")

    def __init__(self):
        self.num_asked = 0

    def ask(self, store, title=""):
        rows = []
        for number in range(len(store)):
            path = store.sequence(number).positions[0]
            path = path[:, HAND] - path[:, NTU_25.index("ShoulderRight")]
            rows.append(20 * np.ptp(path[:, 1]) - 5)
        self.num_asked += len(rows)
        odds = np.exp(np.array(rows))
        return np.stack([1 / (1 + odds), odds / (1 + odds)], 1).astype(np.float32), None


def test_the_hand_that_is_looked_at_and_its_moment_lead():
    asked, store = Reach(), store_in_memory([person(1, 0)])
    told = explain(asked, store, 0)
    assert told.label == "b"
    assert told.joints[0].joints == ("HandRight",)
    assert told.limbs[0].joints == RIGHT_ARM
    assert told.limbs[0].named == "ShoulderRight to HandTipRight"
    assert told.joints[0].log_odds_loss > 2 > told.joints[1].log_odds_loss
    names = {each.joints[0] for each in told.joints}
    assert names == {*NTU_25.joints} - {NTU_25.joints[NTU_25.root]}, "the root hangs on nothing"
    best = max(told.stretches, key=lambda each: each.log_odds_loss)
    assert 32 <= best.first_frame <= best.last_frame < 48
    assert told.probability - best.probability == pytest.approx(best.loss)
    assert asked.num_asked == 1 + 24 + len(limbs(NTU_25)) + 8
    assert [(each.first_frame, each.last_frame) for each in told.stretches][:2] == [(0, 7), (8, 15)]


def test_what_is_asked_in_parts_is_the_same(monkeypatch):
    store = store_in_memory([person(1, 0)])
    whole = explain(Reach(), store, 0)
    monkeypatch.setattr(occlusion, "_AT_ONCE", 7 * 64 * 25)
    assert explain(Reach(), store, 0) == whole


def test_joints_hold_still_as_seen_from_the_body():
    sequence = person(2, 0)
    still = holding_still(sequence, [NTU_25.index(joint) for joint in RIGHT_ARM])
    shoulder = [NTU_25.index("ShoulderRight"), NTU_25.parents[NTU_25.index("ShoulderRight")]]
    for joint in RIGHT_ARM:
        number = NTU_25.index(joint)
        offset = still.positions[0, :, number] - still.positions[0, :, NTU_25.parents[number]]
        np.testing.assert_allclose(offset, np.tile(offset[0], (64, 1)), atol=1e-6)
    moved = np.abs(still.positions - sequence.positions).max((0, 1, 3)) > 1e-6
    assert {NTU_25.joints[joint] for joint in np.flatnonzero(moved)} == {*RIGHT_ARM}
    np.testing.assert_allclose(still.positions[0, 0], sequence.positions[0, 0], atol=1e-6)
    assert np.ptp(still.positions[0, :, shoulder[0]], axis=0).max() > 0.01, "it goes where the body goes"


def test_a_stretch_becomes_a_straight_line_and_missing_joints_stay_missing():
    sequence, seen = person(3, 1), np.ones((1, 64, 25), bool)
    seen[0, 20:30, HAND] = seen[0, :12, 3] = False
    sequence = replace(
        sequence, joint_present=seen, positions=np.where(seen[..., None], sequence.positions, 0)
    )
    path = gliding(sequence, 10, 20).positions[0]
    steps = np.diff(path[9:21, 5], axis=0)
    np.testing.assert_allclose(steps, np.tile(steps[0], (11, 1)), atol=1e-6)
    np.testing.assert_array_equal(path[[9, 20]], sequence.positions[0, [9, 20]])
    assert (path[~seen[0]] == 0).all()
    np.testing.assert_allclose(path[12:20, 3], np.tile(path[20, 3], (8, 1)), atol=1e-6)
    short = stretch(person(4, 0), slice(5, 6))
    assert explain(Reach(), store_in_memory([short]), 0).stretches[0].last_frame == 0


def test_in_words_only_what_counts_is_told():
    limb = StillJoints(("A", "B"), 0.4, 0.5, 2.6)
    told = Explanation(
        "wave",
        0.9,
        (StillJoints(("A",), 0.895, 0.005, 0.3),),
        (limb, StillJoints(("C", "D"), 0.95, -0.05, -0.7)),
        (StillStretch(0, 14, 0.9, 0.0, 0.0), StillStretch(15, 29, 0.5, 0.4, 2.2)),
    )
    assert told.sentences(30.0) == [
        "wave 90 %, when a limb holds still: A to B 40 %",
        "wave 90 %, when a joint holds still: hardly less",
        "wave 90 %, when a stretch is passed over: 0.5 to 1.0 s 50 %",
    ]
    assert "frames 15 to 29" in told.sentences(None)[2]


def test_a_taught_model_is_carried_by_the_only_arm_that_differs(tmp_path):
    store = skelact.write_store(
        [replace(person(seed, seed % 2), label=None, attributes={"subject": seed % 6}) for seed in range(30)],
        tmp_path / "store",
        labels=[("up and down", "to and fro")[seed % 2] for seed in range(30)],
    )
    few = {"size": "tiny", "epochs": 1, "training": {"workers": 0, "tensorboard": False}, "quiet": True}
    run = skelact.pretrain(store, out=tmp_path / "run", method="mamp", **few)
    model = skelact.load(skelact.teach(store, out=tmp_path / "model", from_=run).path)
    found = model.predict([person(seed, seed % 2) for seed in range(100, 112)], explain=True)
    worth: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for one in found:
        for each in (*one.explanation.limbs, *one.explanation.joints):
            worth[each.joints] += each.log_odds_loss
    by_worth = sorted(worth, key=lambda each: (len(each) == 1, -worth[each]))
    assert by_worth[0] == RIGHT_ARM
    assert next(each for each in by_worth if len(each) == 1)[0] in RIGHT_ARM
    over_time = np.sum([[each.log_odds_loss for each in one.explanation.stretches] for one in found], 0)
    assert {*np.argsort(-over_time)[:2]} == {4, 5}, "the frames 32 to 47"
    assert model.predict(person(100, 0)).explanation is None

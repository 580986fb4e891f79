from pathlib import Path

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.formats.protocol import PROTOCOLS
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.protocols import find_protocol, folds_of, split
from skelact.store.store import Store
from skelact.store.writer import StoreWriter


def store_of(path: Path, data_set: str, rows: list[dict[str, int]]) -> Store:
    with StoreWriter(
        path, data_set=data_set, topology=NTU_25, class_names=["one"], fps=None, options={}
    ) as writer:
        for number, attributes in enumerate(rows):
            positions = np.ones((1, 1, 25, 3), np.float32)
            writer.add(
                SkeletonSequence(f"{number}", positions, np.ones((1, 1), bool), NTU_25, attributes=attributes)
            )
        return writer.finish()


def test_the_tables_have_the_published_sizes() -> None:
    subjects = {name: find_protocol(name, "xsub").train for name in ("ntu60", "ntu120")}
    assert {name: len(ids) for name, ids in subjects.items()} == {"ntu60": 20, "ntu120": 53}
    assert subjects["ntu120"][:20] == subjects["ntu60"]
    assert max(subjects["ntu120"]) <= 106
    assert len(find_protocol("ntu120", "xset").train) == 16
    totals = {"ntu60": 56_578, "ntu120": 113_945}
    for name, total in totals.items():
        for protocol in PROTOCOLS[name]:
            assert protocol.published_counts is not None
            assert sum(protocol.published_counts) == total


def test_sides_are_grouped_by_value_then_in_store_order(tmp_path: Path) -> None:
    cameras = [1, 3, 2, 3, 1, 2]
    store = store_of(tmp_path / "s", "ntu60", [{"camera": camera, "subject": 1} for camera in cameras])
    sides = split(store, "xview")
    assert sides.train.dtype == np.int64
    assert sides.train.tolist() == [2, 5, 1, 3]  # cameras 2, 2, 3, 3
    assert sides.test.tolist() == [0, 4]


def test_all_other_values_test_in_ascending_order(tmp_path: Path) -> None:
    store = store_of(tmp_path / "s", "ntu60", [{"subject": subject} for subject in (40, 1, 3, 2, 40)])
    sides = split(store, "xsub")
    assert sides.train.tolist() == [1, 3]
    assert sides.test.tolist() == [2, 0, 4]


def test_unknown_names_are_answered_with_the_closest(tmp_path: Path) -> None:
    store = store_of(tmp_path / "s", "ntu60", [{"subject": 1}])
    with pytest.raises(ConfigurationError, match=r"ntu60 has no protocol 'xsubj' \(did you mean 'xsub'\?\)"):
        split(store, "xsubj")
    with pytest.raises(ConfigurationError, match=r"ntu60 has no protocol 'xset'"):
        split(store, "xset")
    with pytest.raises(ConfigurationError, match="data set 'mine' has no protocols"):
        split(store_of(tmp_path / "t", "mine", [{"subject": 1}]), "xsub")


def test_a_store_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    store = store_of(tmp_path / "s", "ntu60", [{"subject": 1}, {"subject": 2}])
    with pytest.raises(
        DataError, match=r"no test sequence under xsub, a split by subject \(here 1, 2 only\)"
    ):
        split(store, "xsub")
    with pytest.raises(DataError, match="sequences have no 'camera'"):
        split(store, "xview")


def subjects(path: Path, counts: dict[int, int]) -> Store:
    """Return a store with so many sequences of each subject."""
    return store_of(path, "own", [{"subject": who} for who, count in counts.items() for _ in range(count)])


def test_one_fold_a_value(tmp_path: Path) -> None:
    store = subjects(tmp_path / "s", {7: 2, 1: 1, 4: 3, -1: 2})
    folds = folds_of(store, "by-subject")
    assert [fold.name for fold in folds] == [f"by-subject-{number}-of-3" for number in (1, 2, 3)]
    assert [fold.test for fold in folds] == [(1,), (4,), (7,)]
    tested = np.concatenate([split(store, fold.name).test for fold in folds])
    assert sorted(tested.tolist()) == [0, 1, 2, 3, 4, 5]  # those that know their subject, once each
    for fold in folds:
        sides = split(store, fold.name)
        assert sorted([*sides.train, *sides.test]) == [0, 1, 2, 3, 4, 5]


def test_groups_of_values_have_about_equally_many_sequences(tmp_path: Path) -> None:
    store = subjects(tmp_path / "s", {1: 1, 2: 1, 3: 6, 4: 2, 5: 2})
    folds = folds_of(store, "by-subject-in-2")
    assert [fold.test for fold in folds] == [(1, 2, 4, 5), (3,)]
    assert [fold.train for fold in folds] == [(3,), (1, 2, 4, 5)]
    assert folds_of(store, "by-subject-2-of-2") == (find_protocol(store, "by-subject-2-of-2"),) == folds[1:]
    assert folds_of(store, "by-subject-in-5") == folds_of(store, "by-subject")


def test_published_folds(tmp_path: Path) -> None:
    store = store_of(tmp_path / "s", "sbu", [{"pair": pair} for pair in range(21)])
    folds = folds_of(store, "folds")
    assert [fold.name for fold in folds] == [f"fold{number}" for number in range(1, 6)]
    assert sorted(np.concatenate([split(store, fold.name).test for fold in folds])) == list(range(21))
    assert folds_of(store, "fold1") == folds_of(store, "xsub") == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("by-subjct", r"by-subjct: the sequences have no 'subjct' \(did you mean 'subject'\?\)"),
        ("by-subject-in-1", "1 folds of 3 values; expected 2 to 3"),
        ("by-subject-in-4", "4 folds of 3 values; expected 2 to 3"),
        ("by-subject-0-of-3", "there is no fold 0; expected 1 to 3"),
        ("by-subject-4-of-3", "there is no fold 4; expected 1 to 3"),
        ("by-subject", "by-subject has 3 folds; give one of them here: by-subject-1-of-3, by-subject-2-of-3"),
    ],
)
def test_folds_that_are_none(tmp_path: Path, name: str, expected: str) -> None:
    store = subjects(tmp_path / "s", {1: 1, 2: 1, 3: 1})
    with pytest.raises(ConfigurationError, match=expected):
        split(store, name)


def test_folds_need_two_values(tmp_path: Path) -> None:
    store = subjects(tmp_path / "s", {1: 3})
    with pytest.raises(DataError, match="all sequences have one subject; folds need two values or more"):
        folds_of(store, "by-subject")

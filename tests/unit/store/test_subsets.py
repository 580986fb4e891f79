"""Labelled subsets: balanced, repeatable, nested, and refused where they cannot be."""

from itertools import pairwise

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.store import Store
from skelact.store.subsets import draw_subset, read_subset
from skelact.store.writer import StoreWriter

SIZES = (50, 30, 17, 3)


def write(path, labels, shuffle=None, name="sequence{:03d}"):
    order = (
        np.arange(len(labels)) if shuffle is None else np.random.default_rng(shuffle).permutation(len(labels))
    )
    with StoreWriter(
        path, data_set="counted", topology=NTU_25, class_names=list("abcd"), fps=30.0, options={}
    ) as writer:
        for number in order:
            writer.add(
                SkeletonSequence(
                    name=name.format(number),
                    positions=np.ones((1, 1, 25, 3), np.float32),
                    present=np.ones((1, 1), np.bool_),
                    topology=NTU_25,
                    fps=30.0,
                    label=labels[number],
                    attributes={"subject": 1},
                )
            )
        return writer.finish()


LABELS = [label for label, size in enumerate(SIZES) for _ in range(size)]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return write(tmp_path_factory.mktemp("subsets") / "store", LABELS)


TRAIN = np.arange(len(LABELS))


def counts(store, subset):
    return np.bincount(store.labels[subset.indices], minlength=4).tolist()


def test_classes_give_alike_and_small_ones_all_they_have(store):
    assert sorted(counts(store, draw_subset(store, "p", TRAIN, count=10))) == [2, 2, 3, 3]
    subset = draw_subset(store, "p", TRAIN, share=0.4)
    assert len(subset.indices) == 40
    own = counts(store, subset)
    assert own[3] == 3
    assert sorted(own[:3]) == [12, 12, 13]
    assert counts(store, draw_subset(store, "p", TRAIN, share=1.0)) == list(SIZES)


def test_a_draw_depends_on_names_protocol_and_seed_alone(store, tmp_path):
    first = draw_subset(store, "p", TRAIN, share=0.2, seed=3)
    assert first.hash == draw_subset(store, "p", TRAIN[::-1], share=0.2, seed=3).hash
    shuffled = write(tmp_path / "shuffled", LABELS, shuffle=1)
    assert first.hash == draw_subset(shuffled, "p", TRAIN, share=0.2, seed=3).hash
    assert first.hash != draw_subset(store, "p", TRAIN, share=0.2, seed=4).hash
    assert first.hash != draw_subset(store, "q", TRAIN, share=0.2, seed=3).hash


def test_subsets_of_one_seed_are_nested(store):
    drawn = [set(draw_subset(store, "p", TRAIN, count=count).names) for count in range(4, 101)]
    assert all(small < large for small, large in pairwise(drawn))


def test_the_smallest_share_is_named_and_possible(store):
    with pytest.raises(ConfigurationError, match=r"gives 1 of 100 .* 4 classes; .* a share of 0.04 or"):
        draw_subset(store, "p", TRAIN, share=0.01)
    assert counts(store, draw_subset(store, "p", TRAIN, share=0.04)) == [1, 1, 1, 1]
    with pytest.raises(ConfigurationError, match="no more than all"):
        draw_subset(store, "p", TRAIN, count=101)
    with pytest.raises(ConfigurationError, match="either a share"):
        draw_subset(store, "p", TRAIN)


def test_missing_labels_are_refused(tmp_path):
    store = write(tmp_path / "store", [0, 0, None, 1])
    with pytest.raises(DataError, match=r"1 training sequences have no label, the first is sequence002"):
        draw_subset(store, "p", np.arange(4), share=1.0)


def test_a_list_comes_back_as_it_was_written(store, tmp_path):
    subset = draw_subset(store, "p", TRAIN, count=12, seed=1)
    path = tmp_path / "subset.txt"
    path.write_text(subset.text())
    read = read_subset(path, store, TRAIN)
    assert read.hash == subset.hash
    assert np.array_equal(read.indices, subset.indices)
    assert read.describe()["seed"] is None


def test_a_list_of_names_with_blanks_can_be_read_back(tmp_path):
    store = write(tmp_path / "store", [0, 1], name="walk {}")
    (tmp_path / "subset.txt").write_text("\nwalk 1 \n")
    assert read_subset(tmp_path / "subset.txt", store, np.arange(2)).names == ("walk 1",)
    store = write(tmp_path / "around", [0, 1], name=" {} ")
    (tmp_path / "subset.txt").write_text(" 1 \n")
    assert read_subset(tmp_path / "subset.txt", store, np.arange(2)).names == (" 1 ",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no sequence"),
        ("sequence001\nother\n", r"'other' \(entry 2\) is not among the training"),
        ("sequence001\nsequence001\n", "is named twice"),
        (None, "cannot be read"),
    ],
)
def test_lists_that_do_not_fit_are_refused(store, tmp_path, text, message):
    path = tmp_path / "subset.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_subset(path, store, TRAIN)

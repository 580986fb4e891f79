import threading

import pytest

from skelact.training.steps import prefetch


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_items_come_in_order_with_what_was_made_of_them(workers):
    with prefetch(lambda item: item**2, range(20), workers) as made:
        assert list(made) == [(item, item**2) for item in range(20)]


def test_the_next_item_is_made_before_it_is_asked_for():
    made_fourth = threading.Event()
    with prefetch(lambda item: made_fourth.set() if item == 3 else None, range(9), 3) as made:
        next(made)
        assert made_fourth.wait(10)


def test_no_more_is_made_ahead_than_the_workers_and_one():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    with prefetch(str, items(), 2) as made:
        next(made)
        assert len(taken) == 4


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_is_raised_where_its_item_would_come_and_the_threads_end(workers):
    def make(item):
        if item == 2:
            raise ValueError("bad item 2")
        return item

    before = threading.active_count()
    seen = []
    with pytest.raises(ValueError, match="bad item 2"), prefetch(make, range(9), workers) as made:
        seen.extend(item for item, _ in made)
    assert threading.active_count() == before


def test_threads_end_when_the_block_is_left_early():
    before = threading.active_count()
    with prefetch(str, range(1000), 2) as made:
        assert next(made) == (0, "0")
    assert threading.active_count() == before

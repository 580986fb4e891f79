"""Making the next batches in background threads while the model computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


@contextmanager
def made_ahead(
    make: Callable[[Item], Made], items: Iterable[Item], workers: int
) -> Iterator[Iterator[tuple[Item, Made]]]:
    """Give an iterator over the items, each with what ``make`` makes of it, in order, made ahead of time.

    At most ``workers + 1`` items are made ahead, so memory stays bounded. An error in ``make`` is raised
    where its item would have come. When the block ends, for whatever reason, what was not begun is dropped
    and the threads have ended.

    Args:
        make: called in any thread, for several items at once if there are several workers.
        items: taken in the calling thread.
        workers: threads; 0 makes each item when it is asked for.
    """
    if workers == 0:
        yield ((item, make(item)) for item in items)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        yield _in_order(pool, make, iter(items), workers + 1)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor, make: Callable[[Item], Made], items: Iterator[Item], ahead: int
) -> Iterator[tuple[Item, Made]]:
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    waiting.extend((item, pool.submit(make, item)) for item in islice(items, ahead))
    while waiting:
        item, future = waiting.popleft()
        made = future.result()
        waiting.extend((item, pool.submit(make, item)) for item in islice(items, 1))
        yield item, made

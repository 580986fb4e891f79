"""What a command says while it works: one live line on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from skelact.errors import printable


class Step(Protocol):
    """What is called as the work goes on."""

    def __call__(self, done: int, extra: str = "", *, total: int | None = None) -> None:
        """Say how much is done, a remark, and how much there is if that was not known before."""


@contextmanager
def progress(
    title: str, total: int | None = None, unit: str = "", *, start: int = 0, plain_lines: int = 0
) -> Iterator[Step]:
    """Show on the terminal of the standard error how far the work of the block is, at what rate, and its end.

    The line is gone when the block ends. Where the standard error is no terminal nothing is shown, or so many
    plain lines as are asked for.

    Args:
        title: what is done; an empty one shows nothing anywhere.
        total: how much there is; None until a step tells it.
        unit: what is counted, in the plural.
        start: how much was done before.
        plain_lines: lines in all where the standard error is no terminal; these need a total.

    Yields:
        A function that takes how much is done by now.
    """
    from rich.console import Console  # only where something is done: not every command shows a line
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}  {task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[extra]}", markup=False),
    )
    is_live = bool(title) and console.is_terminal
    with Progress(*columns, console=console, disable=not is_live, transient=True) as line:
        task = line.add_task(printable(title), total=total, completed=start, unit=unit, rate="", extra="")
        begun, before = time.perf_counter(), start

        def step(done: int, extra: str = "", *, total: int | None = total) -> None:
            nonlocal before
            if is_live:
                rate = f"{(done - start) / max(time.perf_counter() - begun, 1e-9):,.4g}/s"
                line.update(task, completed=done, total=total, rate=rate, extra=printable(extra))
            elif title and total and done * plain_lines // total != before * plain_lines // total:
                width = len(str(total))
                text = printable(f"{title}  {done:>{width}}/{total} {unit}  {extra}")
                print(text, file=sys.stderr, flush=True)
            before = done

        yield step

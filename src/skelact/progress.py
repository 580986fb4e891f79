"""What a run says while it runs: one live line on a terminal."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressLine:
    """A live line on a terminal; elsewhere about ten plain lines a run, or none when ``quiet``."""

    def __init__(self, title: str, total: int, *, start: int = 0, quiet: bool = False) -> None:
        console = Console(stderr=True)
        self.title, self.total, self.quiet = title, total, quiet
        self.live = console.is_terminal and not quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("epoch {task.completed}/{task.total}  {task.fields[numbers]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not self.live,
            transient=True,
        )
        self._task = self._progress.add_task(title, total=total, completed=start, numbers="")

    def __enter__(self) -> ProgressLine:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, epoch: int, numbers: str) -> None:
        """Say that ``epoch`` epochs are done, with a few numbers."""
        self._progress.update(self._task, completed=epoch, numbers=numbers)
        if (
            not self.live
            and not self.quiet
            and (epoch * 10) // self.total != ((epoch - 1) * 10) // self.total
        ):
            print(f"{self.title}  epoch {epoch:>4}/{self.total}  {numbers}", file=sys.stderr, flush=True)

"""Where the numbers and figures of a run go: JSON lines, and TensorBoard if wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from skelact.errors import ConfigurationError
from skelact.files import write_file, writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRICS, TENSORBOARD = "metrics.jsonl", "tensorboard"
GO_ON = "the last checkpoint is kept: make room, then go on with --resume"
"""What to do when a run cannot write."""


class MetricsSink(Protocol):
    """Takes what a run says after every epoch."""

    shows_figures: bool
    """Whether :meth:`draw` does anything, so that nobody draws for nothing."""

    def write(self, metrics: Mapping[str, float]) -> None:
        """Take an epoch's numbers, ``epoch`` and ``step`` among them."""

    def draw(self, name: str, figure: Figure, step: int) -> None:
        """Take a figure of the state after ``step`` steps, if figures are shown."""

    def close(self) -> None:
        """Write what is left; nothing comes after."""


class JsonLines:
    """``metrics.jsonl``: one JSON object a line, appended epoch by epoch; no figures.

    Args:
        path: the file.
        resume_at: lines of this epoch and later are cut off, for the resumed run writes them again.

    Raises:
        DataError: the file cannot be written.
    """

    shows_figures = False

    def __init__(self, path: str | Path, resume_at: int = 0) -> None:
        self.path = Path(path)
        kept = [line for line in read_metrics(path) if line["epoch"] < resume_at] if resume_at else []
        write_file(path, "".join(json.dumps(line) + "\n" for line in kept), GO_ON)

    def write(self, metrics: Mapping[str, float]) -> None:
        """Append one epoch's numbers."""
        with writing(self.path, GO_ON), self.path.open("a") as file:
            file.write(json.dumps(dict(metrics)) + "\n")

    def draw(self, name: str, figure: Figure, step: int) -> None:
        """Leave the figure out."""

    def close(self) -> None:
        """Do nothing: every line is on disk already."""


class TensorBoard:
    """Event files for ``tensorboard --logdir``; the horizontal axis is the number of steps done.

    Args:
        folder: where the event files go.
        resume_at: what an earlier run wrote of later steps is hidden, for this run writes it again.

    Raises:
        ConfigurationError: the package ``tensorboard`` is not installed.
        DataError: the folder cannot be written.
    """

    shows_figures = True

    def __init__(self, folder: str | Path, resume_at: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigurationError(
                f"training.tensorboard: the package 'tensorboard' cannot be loaded ({error}); "
                "pip install tensorboard, or leave training.tensorboard at false"
            ) from error
        self.folder = Path(folder)
        with writing(folder, GO_ON):
            self._writer = SummaryWriter(str(folder), purge_step=resume_at + 1)

    def write(self, metrics: Mapping[str, float]) -> None:
        """Write an epoch's numbers as scalars."""
        with writing(self.folder, GO_ON):
            for name, value in metrics.items():
                if name != "step":
                    self._writer.add_scalar(name, value, int(metrics["step"]))
            self._writer.flush()

    def draw(self, name: str, figure: Figure, step: int) -> None:
        """Write a figure as an image."""
        with writing(self.folder, GO_ON):
            self._writer.add_figure(name, figure, step)

    def close(self) -> None:
        """Write what is left and end the writer's thread."""
        with writing(self.folder, GO_ON):
            self._writer.close()


def read_metrics(path: str | Path) -> list[dict[str, float]]:
    """Return the lines of a metrics file; a last line cut short by a crash is left out."""
    path = Path(path)
    if not path.exists():
        return []
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


class RunLog:
    """All sinks of a run as one; without any, as in the processes that do not write, nothing is kept."""

    def __init__(self, sinks: Sequence[MetricsSink] = ()) -> None:
        self.sinks = tuple(sinks)
        self.shows_figures = any(sink.shows_figures for sink in sinks)

    def write(self, metrics: Mapping[str, float]) -> None:
        """Hand an epoch's numbers to all sinks."""
        for sink in self.sinks:
            sink.write(metrics)

    def draw(self, figures: Mapping[str, Figure], step: int) -> None:
        """Hand figures to the sinks that show them."""
        for sink in self.sinks:
            if sink.shows_figures:
                for name, figure in figures.items():
                    sink.draw(name, figure, step)


@contextmanager
def open_log(folder: str | Path, done: int, steps_per_epoch: int, tensorboard: bool) -> Iterator[RunLog]:
    """Open the log of a run that has done ``done`` steps in ``folder``, and close it at the end of the block.

    Raises:
        ConfigurationError: TensorBoard is wanted and not installed.
        DataError: the folder cannot be written.
    """
    folder = Path(folder)
    with writing(folder, GO_ON):
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        sinks: list[MetricsSink] = [JsonLines(folder / METRICS, done // steps_per_epoch)]
        if tensorboard:
            sinks.append(TensorBoard(folder / TENSORBOARD, done))
        for sink in sinks:
            stack.callback(sink.close)
        yield RunLog(sinks)

"""Where the numbers and figures of a run go: JSON lines, and TensorBoard if wanted."""

from __future__ import annotations

import gc
import io
import json
import os
import platform
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.files import checked, parse_json_bytes, read_file, write_file, writing

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

    They are for looking at: where they cannot be written, a warning says so once, and the run goes on.
    Written in the calling thread, so that an error is met where it can be told.

    Args:
        folder: where the event files go.
        resume_at: what an earlier run wrote of later steps is hidden, for this run writes it again.

    Raises:
        ConfigurationError: the package ``tensorboard`` is not installed.
    """

    shows_figures = True

    def __init__(self, folder: str | Path, resume_at: int = 0) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import (  # type: ignore[import-untyped]
                Event,
                SessionLog,
            )
            from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
            from tensorboard.summary.writer import record_writer  # type: ignore[import-untyped]
        except ImportError as error:
            raise ConfigurationError(
                f"training.tensorboard: the package 'tensorboard' cannot be loaded ({error}); "
                "pip install tensorboard, or leave training.tensorboard at false"
            ) from error
        self.folder, self._event, self._summary = Path(folder), Event, Summary
        self._records: Any = None
        with self._goes_on():
            self.folder.mkdir(parents=True, exist_ok=True)
            name = f"events.out.tfevents.{time.time_ns()}.{platform.node()}.{os.getpid()}"
            # unbuffered: what a full disk did not take is gone, and not tried again at the end
            self._records = record_writer.RecordWriter((self.folder / name).open("xb", buffering=0))
            self._add(file_version="brain.Event:2")
            self._add(step=resume_at + 1, session_log=SessionLog(status=SessionLog.START))

    def write(self, metrics: Mapping[str, float]) -> None:
        """Write an epoch's numbers as scalars."""
        numbers = [(name, value) for name, value in metrics.items() if name != "step"]
        values = [self._summary.Value(tag=name, simple_value=value) for name, value in numbers]
        with self._goes_on():
            self._add(step=int(metrics["step"]), summary=self._summary(value=values))

    def draw(self, name: str, figure: Figure, step: int) -> None:
        """Write a figure as an image."""
        if self._records is None:
            return
        width, height = (round(inches * figure.dpi) for inches in figure.get_size_inches())
        png = io.BytesIO()
        figure.savefig(png, format="png")
        image = self._summary.Image(
            width=width, height=height, colorspace=4, encoded_image_string=png.getvalue()
        )
        value = self._summary.Value(tag=name, image=image)
        with self._goes_on():
            self._add(step=step, summary=self._summary(value=[value]))

    def close(self) -> None:
        """Close the file; all is written already."""
        if self._records is not None:
            with self._goes_on():
                self._records.close()
            self._records = None

    def _add(self, **content: Any) -> None:
        if self._records is not None:
            self._records.write(self._event(wall_time=time.time(), **content).SerializeToString())

    @contextmanager
    def _goes_on(self) -> Iterator[None]:
        """Warn of an error of the operating system, and write nothing more."""
        try:
            yield
        except OSError as error:
            self._records = None
            problem = f"{self.folder}: cannot be written ({error.strerror or error}); the run goes on without"
            warnings.warn(problem, SkelactWarning, stacklevel=3)


def read_metrics(path: str | Path) -> list[dict[str, float]]:
    """Return the lines of a metrics file; a last line cut short by a crash is left out.

    Other lines that cannot be read are left out with a warning.

    Raises:
        DataError: what is there is no file, or larger than the limit ``metadata``.
    """
    path = Path(path)
    if not path.exists() and not path.is_symlink():
        return []
    *whole, last = read_file(path, remedy="move it away").split(b"\n")
    lines, damaged = [], []
    for number, line in enumerate([*whole, last], 1):
        try:
            content = parse_json_bytes(line, "", "")
            checked(content, dict[str, float], "", "")
            if not (isinstance(content["epoch"], int) and content["epoch"] >= 0):
                raise DataError("no epoch")
        except (DataError, KeyError):
            if number <= len(whole):
                damaged.append(number)
        else:
            lines.append(content)
    if damaged:
        more = f" and {len(damaged) - 1} more" if damaged[1:] else ""
        problem = f"{path}: line {damaged[0]}{more} cannot be read and is left out"
        warnings.warn(problem, SkelactWarning, stacklevel=2)
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
        gc.collect()  # a figure holds itself; those of thirty checkpoints would be in memory together


@contextmanager
def open_log(
    folder: str | Path, done: int, steps_per_epoch: int, tensorboard: bool, logger: str | None = None
) -> Iterator[RunLog]:
    """Open the log of a run that has done ``done`` steps in ``folder``, and close it at the end of the block.

    Args:
        folder: the run folder.
        done: steps that are done.
        steps_per_epoch: of the run.
        tensorboard: whether TensorBoard gets the numbers and figures, too.
        logger: ``wandb`` or ``mlflow``, likewise.

    Raises:
        ConfigurationError: TensorBoard or the logger is wanted and not installed.
        DataError: the folder cannot be written.
    """
    folder = Path(folder)
    with writing(folder, GO_ON):
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        sinks: list[MetricsSink] = [JsonLines(folder / METRICS, done // steps_per_epoch)]
        if tensorboard:
            sinks.append(TensorBoard(folder / TENSORBOARD, done))
        if logger is not None:
            from skelact.training.trackers import TRACKERS

            sinks.append(TRACKERS[logger](folder))
        for sink in sinks:
            stack.callback(sink.close)
        yield RunLog(sinks)

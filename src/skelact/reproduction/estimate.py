"""How long the rest of a suite takes: from what was done of it, else from a short measurement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skelact.reproduction.cells import Cell, Pretraining
from skelact.reproduction.commands import Place
from skelact.reproduction.matching import Results
from skelact.reproduction.measurement import Measurement
from skelact.reproduction.remaining import Task
from skelact.training.log import METRICS, read_metrics


@dataclass(frozen=True)
class Estimate:
    """Seconds that tasks take, and from what they are known."""

    recorded: float = 0.0
    """Of the tasks like which one was done."""
    num_recorded: int = 0
    measured: float = 0.0
    """Of those that were measured."""
    num_measured: int = 0
    num_unknown: int = 0
    """Tasks of which nothing is known."""

    def __str__(self) -> str:
        """Return one line: how long, and from what that is known."""
        sources = []
        if self.num_recorded:
            sources.append(f"{self.num_recorded} from the seconds that done ones took")
        if self.num_measured:
            sources.append(f"{self.num_measured} from a short measurement here")
        known = f"about {spell(self.recorded + self.measured)} ({', '.join(sources)})" if sources else ""
        unknown = f"no estimate for {self.num_unknown}: neither done ones nor the store are there"
        return "; ".join([*([known] if known else []), *([unknown] if self.num_unknown else [])])

    def brief(self) -> str:
        """Return what a progress line says."""
        known = f"about {spell(self.recorded + self.measured)} left"
        return f"{known} and {self.num_unknown} commands of unknown length" if self.num_unknown else known


class Recorded:
    """Seconds that done tasks took, by kind: a data set's pre-trainings, or one of its evaluations.

    Args:
        cells: all cells of the suite, done or not.
        place: where their runs are.
        results: where their results are.
    """

    def __init__(self, cells: Iterable[Cell], place: Place, results: Results) -> None:
        self._place = place
        self._seconds: dict[str, list[float]] = defaultdict(list)
        pretrainings: dict[str, Pretraining] = {}
        for cell in cells:
            pretrainings |= {each.name: each for each in cell.line}
            found = results.find(cell)
            if found is not None and "seconds" in found[1]:
                self.add(cell, float(found[1]["seconds"]))
        for pretraining in pretrainings.values():
            done = self._epochs(pretraining)
            if done:
                epochs = pretraining.config("", None).training.epochs
                self.add(pretraining, sum(done) / len(done) * epochs)

    def add(self, what: Pretraining | Cell, seconds: float) -> None:
        """Note what a task took."""
        self._seconds[self._kind(what)].append(seconds)

    def seconds(self, task: Task) -> float | None:
        """Return what is left of a task like those that were done, or None where none was."""
        known = self._seconds.get(self._kind(task.what))
        if not known:
            return None
        whole = sum(known) / len(known)
        if isinstance(task.what, Cell) or task.state == "absent":
            return whole
        epochs = task.what.config("", None).training.epochs
        return whole * (1 - len(self._epochs(task.what)) / epochs)

    def _epochs(self, pretraining: Pretraining) -> list[float]:
        """Return the seconds of every epoch that a run has done."""
        lines = read_metrics(self._place.run(pretraining) / METRICS)
        return [line["seconds"] for line in lines if "seconds" in line]

    @staticmethod
    def _kind(what: Pretraining | Cell) -> str:
        if isinstance(what, Pretraining):
            return f"{what.data.name}/pretrain/{what.size}"
        added = "/sum" if what.members else ""
        return f"{what.on.name}/{what.evaluation.name}{added}/{what.pretraining.size}"


def estimate(tasks: Sequence[Task], recorded: Recorded, measurement: Measurement | None = None) -> Estimate:
    """Estimate what ``tasks`` take.

    Args:
        tasks: what is left.
        recorded: what done ones took.
        measurement: measures what is not recorded; None leaves it unknown.
    """
    known = [recorded.seconds(task) for task in tasks]
    from_record = [seconds for seconds in known if seconds is not None]
    others = [task for task, seconds in zip(tasks, known, strict=True) if seconds is None]
    if measurement is None:
        return Estimate(sum(from_record), len(from_record), num_unknown=len(others))
    measured = [each for each in map(measurement.seconds, others) if each is not None]
    return Estimate(
        sum(from_record), len(from_record), sum(measured), len(measured), len(others) - len(measured)
    )


def spell(seconds: float) -> str:
    """Return a duration in words, two units at most."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} days {hours % 24} h"

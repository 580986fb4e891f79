"""What the evaluations of a frozen encoder share: their options, and model and data made ready."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from skelact.api.evaluations.inputs import read_left_out, warn_of_seen
from skelact.api.evaluations.result import Result
from skelact.api.model import Model, Run, as_model
from skelact.configuration import PathLike
from skelact.errors import ConfigurationError
from skelact.evaluation.settings import Balance
from skelact.models.sizes import Pooling
from skelact.skeleton.view import View
from skelact.store.protocols import Split, labelled, split, without
from skelact.store.store import Data, Store, as_store
from skelact.store.subsets import Subset
from skelact.training.config import TrainingConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from skelact.clips.source import ClipSource
    from skelact.evaluation.metrics import ClassificationMetrics
    from skelact.models.pretrained import Pretrained


class FrozenOptions(TypedDict, total=False):
    """What evaluations without training of a network have in common."""

    untrained: bool
    """evaluate the same encoder before any training, to compare"""
    seed: int
    """decides the weights of an untrained encoder, and all that is drawn (default: 0)"""
    devices: int
    """devices that share the sequences (default: 1)"""
    accelerator: Literal["auto", "cpu", "gpu"]
    """of what kind (default: auto)"""
    without: PathLike
    """CSV with a column 'name' of recordings that neither train nor test, as 'skelact browse' saves it"""
    view: View | None
    """whose axes the clips have, to see if others suit the data (default: as the card says)"""
    num_frames: int | None
    """frames of the clips, likewise; a multiple of the encoder's patch (default: as the card says)"""


@dataclass(frozen=True)
class Evaluation:
    """A model, the data it is evaluated on, and where that is computed."""

    model: Model
    pretrained: Pretrained
    """The model's encoder, or the same untrained, on the device."""
    trained: bool
    store: Store
    protocol: str
    split: Split
    source: ClipSource
    fabric: Fabric
    started: float
    subset: Subset | None = None
    """The training sequences that keep their labels, where not all do."""

    @classmethod
    def of(
        cls,
        run: Run,
        data: Data,
        protocol: str,
        fabric: Fabric,
        *,
        untrained: bool,
        seed: int,
        sides: Split | None = None,
        left_out: PathLike | None = None,
        view: View | None = None,
        num_frames: int | None = None,
    ) -> Evaluation:
        """Load what is named, onto the device of ``fabric``.

        Args:
            run: a model or its folder.
            data: a store or its folder.
            protocol: its name.
            fabric: the devices, launched.
            untrained: whether to take the same encoder before any training.
            seed: decides the weights of an untrained encoder.
            sides: the split, where it is not the labelled part of the protocol's.
            left_out: a list of recordings that are on neither side.
            view: whose axes the clips have; None: as the card says.
            num_frames: frames of the clips; None: as the card says.
        """
        from skelact.clips.source import ClipSource

        if seed < 0:
            raise ConfigurationError(f"--seed is {seed}, expected 0 or more")
        store = as_store(data)
        sides = sides or labelled(store, split(store, protocol))
        sides = without(store, sides, read_left_out(left_out, store))
        model = as_model(run)
        pretrained = model.pretrained.fitted(store.topology)
        if view is not None:
            pretrained = replace(pretrained, clips=replace(pretrained.clips, view=view))
        if num_frames is not None:
            pretrained = pretrained.with_num_frames(num_frames)
        pretrained.check(store)
        if untrained:
            pretrained = pretrained.untrained(seed)
        else:
            warn_of_seen(model.card, store, protocol, sides)
        pretrained.encoder.to(fabric.device)
        source = ClipSource(store, pretrained.clips, fabric.device)
        started = time.perf_counter()
        return cls(model, pretrained, not untrained, store, protocol, sides, source, fabric, started)

    @classmethod
    def frozen(
        cls, run: Run, data: Data, protocol: str, options: FrozenOptions, sides: Split | None = None
    ) -> Evaluation:
        """Do the same for an evaluation with :class:`FrozenOptions`."""
        return cls.of(
            run,
            data,
            protocol,
            fabric_of(options.get("devices", 1), options.get("accelerator", "auto")),
            untrained=options.get("untrained", False),
            seed=options.get("seed", 0),
            sides=sides,
            left_out=options.get("without"),
            view=options.get("view"),
            num_frames=options.get("num_frames"),
        )

    @property
    def is_first_process(self) -> bool:
        """Whether this process writes and prints; of several only the first does."""
        return self.fabric.global_rank == 0

    def ways(self, pooling: Pooling, balance: Balance = "none") -> str:
        """Return what the printed lines say of pooling and balance; nothing of the usual ones."""
        own = getattr(self.pretrained.encoder.config, "pooling", "mean")  # an encoder of tokens has its own
        way = own if pooling == "mean" else pooling
        told = {"mean": "", "class": ", the class token", "both": ", the class token beside the mean"}
        beside = told.get(way, f", {way.replace('-', ' ')} side by side")
        return beside + ("" if balance == "none" else f", classes balanced by {balance}")

    def write(
        self,
        evaluation: str,
        config: Mapping[str, Any],
        metrics: ClassificationMetrics | Mapping[str, Any],
        lines: Sequence[str],
        *,
        scored: Mapping[str, ClassificationMetrics] | None = None,
        beside: Mapping[str, str] | None = None,
        class_names: Sequence[str] | None = None,
        head: str | None = None,
    ) -> Result:
        """Write the result file, in the first process, and return the result.

        Args:
            evaluation: its name.
            config: its settings, the seed among them.
            metrics: what it found.
            lines: what the command prints of it.
            scored: as of :func:`skelact.results.files.write_result`; default: the metrics.
            beside: likewise.
            class_names: what the classes are called; default: the store's.
            head: the first line that is printed; default: what is evaluated on what.
        """
        from skelact.results.files import FOLDER, result, result_name, write_result

        made, learned = asdict(self.pretrained.clips), self.model.card.get("config", {}).get("clips", {})
        if any(made.get(key) != value for key, value in learned.items()):
            config = {**config, "clips": made}
        if isinstance(metrics, Mapping):
            numbers = metrics
        else:
            numbers, scored = metrics.to_dict(), {"": metrics} if scored is None else scored
        content = result(
            evaluation,
            self.pretrained,
            self.store,
            self.protocol,
            self.split,
            trained=self.trained,
            config=config,
            metrics=numbers,
            seconds=time.perf_counter() - self.started,
            device=self.fabric.device,
            subset=None if self.subset is None else self.subset.describe(),
            class_names=class_names,
        )
        if self.is_first_process:
            names = [self.store.names[index] for index in self.split.test]
            path = write_result(self.model.results, content, names, scored, beside)
        else:
            path = self.model.results / FOLDER / f"{result_name(content)}.json"
        method = self.model.name if self.trained else "untrained"
        side = "training" if self.subset is None else f"labelled ({100 * self.subset.share:.3g} %)"
        default = (
            f"{method} on {self.store.data_set} {self.protocol}: "
            f"{len(self.split.train)} {side}, {len(self.split.test)} test sequences"
        )
        return Result(path, content, "\n".join([head or default, *self.split.line(), *lines, f"  {path}"]))


def fabric_of(devices: int, accelerator: Literal["auto", "cpu", "gpu"]) -> Fabric:
    """Return the launched Fabric for features that are computed on so many devices of a kind."""
    from skelact.training.devices import make_fabric

    if devices < 1:
        raise ConfigurationError(f"--devices is {devices}, expected 1 or more")
    # of the settings of a training only the devices matter here; the batch is one that divides among them
    return make_fabric(TrainingConfig(devices=devices, accelerator=accelerator, batch_size=devices))

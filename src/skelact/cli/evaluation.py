"""What the evaluate commands share: the model, the data, the protocol, and how a result is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser, Namespace
from lightning_fabric import Fabric

from skelact.clips.source import ClipSource
from skelact.evaluation.metrics import ClassificationMetrics
from skelact.models.pretrained import Pretrained, load_pretrained
from skelact.results.files import result, write_result
from skelact.store.protocols import Split, split
from skelact.store.store import Store
from skelact.training.config import TrainingConfig
from skelact.training.loop import make_fabric


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options that every evaluation of frozen features has."""
    add_model_arguments(parser)
    add_protocol_argument(parser)


def add_protocol_argument(parser: ArgumentParser) -> None:
    """Add the option that names the protocol."""
    parser.add_argument("--protocol", type=str, required=True, help="protocol, e.g. xsub")


def add_run_arguments(parser: ArgumentParser) -> None:
    """Add the options that name a run and a store."""
    parser.add_argument("--run", type=str, required=True, help="run folder of 'skelact pretrain'")
    parser.add_argument("--data", type=str, required=True, help="store to evaluate on")


def add_model_arguments(parser: ArgumentParser) -> None:
    """Add the options that name a model, trained or not, and a store."""
    add_run_arguments(parser)
    parser.add_argument(
        "--untrained", action="store_true", help="evaluate the same encoder before any training, to compare"
    )


def add_device_arguments(parser: ArgumentParser) -> None:
    """Add the options that say where features are computed."""
    parser.add_argument("--devices", type=int, default=1, help="devices that share the sequences")
    parser.add_argument(
        "--accelerator", type=Literal["auto", "cpu", "gpu"], default="auto", help="of what kind"
    )


def fabric_of(options: Namespace) -> Fabric:
    """Return the launched Fabric that ``--devices`` and ``--accelerator`` ask for."""
    # of the settings of a training only the devices matter here; the batch is one that divides among them
    config = TrainingConfig(
        devices=options.devices, accelerator=options.accelerator, batch_size=max(1, options.devices)
    )
    return make_fabric(config)


@dataclass(frozen=True)
class Subject:
    """A model, and the data it is evaluated on."""

    run: Path
    pretrained: Pretrained
    trained: bool
    store: Store
    protocol: str
    split: Split
    source: ClipSource
    fabric: Fabric

    @classmethod
    def from_options(cls, options: Namespace, seed: int, fabric: Fabric) -> Subject:
        """Load what the parsed options name, onto the device of ``fabric``.

        Args:
            options: with run, data, protocol and untrained.
            seed: decides the weights of an untrained encoder.
            fabric: the devices, launched.

        Raises:
            DataError: no model or no store at the place named.
            ConfigurationError: a protocol that the data does not have, or skeletons that the model does not
                know.
        """
        store = Store.open(options.data)
        return cls.load(options, store, options.protocol, split(store, options.protocol), seed, fabric)

    @classmethod
    def load(
        cls, options: Namespace, store: Store, protocol: str, sides: Split, seed: int, fabric: Fabric
    ) -> Subject:
        """Do the same for sides that are split otherwise."""
        pretrained = load_pretrained(options.run)
        pretrained.check(store)
        if options.untrained:
            pretrained = pretrained.untrained(seed)
        pretrained.encoder.to(fabric.device)
        return cls(
            run=Path(options.run),
            pretrained=pretrained,
            trained=not options.untrained,
            store=store,
            protocol=protocol,
            split=sides,
            source=ClipSource(store, pretrained.clips, fabric.device),
            fabric=fabric,
        )

    @property
    def speaks(self) -> bool:
        """Whether this process writes and prints; of several only the first does."""
        return self.fabric.global_rank == 0

    def report(
        self,
        evaluation: str,
        config: Mapping[str, Any],
        metrics: Mapping[str, Any],
        scored: Mapping[str, ClassificationMetrics],
        seconds: float,
        class_names: Sequence[str] | None = None,
    ) -> Path:
        """Write the result file and return its path.

        ``scored`` is that of :func:`write_result`, ``class_names`` that of :func:`result`.
        """
        content = result(
            evaluation,
            self.pretrained,
            self.store,
            self.protocol,
            self.split,
            trained=self.trained,
            config=config,
            metrics=metrics,
            seconds=seconds,
            device=self.fabric.device,
            class_names=class_names,
        )
        names = [self.store.names[index] for index in self.split.test]
        return write_result(self.run, content, names, scored)

    def describe(self) -> str:
        """Return one line that says what is evaluated on what."""
        method = self.pretrained.card["method"] if self.trained else "untrained"
        return (
            f"{method} on {self.store.data_set} {self.protocol}: "
            f"{len(self.split.train)} training, {len(self.split.test)} test sequences"
        )


def accuracy_lines(metrics: ClassificationMetrics) -> str:
    """Return the two lines that every evaluation prints."""
    return f"  top-1 {100 * metrics.top1:5.1f} %\n  top-5 {100 * metrics.top5:5.1f} %"

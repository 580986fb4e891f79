"""What the evaluate commands share: the model, the data, the protocol, and how a result is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from skelact.batches.dataset import ClipSource
from skelact.evaluation.results import result, write_result
from skelact.models.pretrained import Pretrained, load_pretrained
from skelact.preparation.protocols import Split, split
from skelact.preparation.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options that every evaluation has."""
    parser.add_argument("--run", type=str, required=True, help="run folder of 'skelact pretrain'")
    parser.add_argument("--data", type=str, required=True, help="store to evaluate on")
    parser.add_argument("--protocol", type=str, required=True, help="protocol, e.g. xsub")
    parser.add_argument(
        "--untrained", action="store_true", help="evaluate the same encoder before any training, to compare"
    )


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

    @classmethod
    def from_options(cls, options: Namespace, seed: int) -> Subject:
        """Load what the parsed options name; ``seed`` decides the weights of an untrained encoder.

        Raises:
            DataError: no model or no store at the place named.
            ConfigurationError: a protocol that the data does not have, or skeletons that the model does not
                know.
        """
        pretrained, store = load_pretrained(options.run), Store.open(options.data)
        pretrained.check(store)
        if options.untrained:
            pretrained = pretrained.untrained(seed)
        return cls(
            run=Path(options.run),
            pretrained=pretrained,
            trained=not options.untrained,
            store=store,
            protocol=options.protocol,
            split=split(store, options.protocol),
            source=ClipSource(store, pretrained.clips),
        )

    def report(
        self, evaluation: str, config: Mapping[str, Any], metrics: Mapping[str, Any], seconds: float
    ) -> Path:
        """Write the result file and return its path."""
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
        )
        return write_result(self.run, content)

    def describe(self) -> str:
        """Return one line that says what is evaluated on what."""
        method = self.pretrained.card["method"] if self.trained else "untrained"
        return (
            f"{method} on {self.store.data_set} {self.protocol}: "
            f"{len(self.split.train)} training, {len(self.split.test)} test sequences"
        )

"""Which result files are a cell's: those that say so by their content, wherever they are, however called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from skelact.configuration import check_keys, flatten, instantiate
from skelact.errors import ConfigurationError, DataError
from skelact.files import read_json
from skelact.pretraining.methods import family_of
from skelact.reproduction.cells import Cell, Pretraining
from skelact.results.files import FORMAT, read_result

LABELS = ("data", "protocol", "method", "size", "mixing", "init")
"""Keys of a pre-training's configuration that are paths and names; what they stand for is compared."""
SAME_NUMBERS = tuple(
    f"training.{name}"
    for name in (
        *("devices", "accelerator", "compile", "workers"),
        *("checkpoint_every", "keep_checkpoints", "tensorboard"),
    )
)
"""Settings that change no number, or its last digits alone."""
OF_AN_ENCODER = ("clips.", "model.", "objective.absent")
"""All that an untrained encoder's features depend on, beside the seed."""


class Results:
    """Result files by what they are results of.

    Args:
        folders: searched with all that is in them; files that are no results are passed over.
        hashes: content hash of the store of each data set, by its name; results of other stores do not
            count. Where a data set is not named, its results must agree.

    Raises:
        DataError: a result that cannot be read, or results of one data set from different stores.
    """

    def __init__(self, folders: Iterable[Path], hashes: Mapping[str, str] | None = None) -> None:
        self.files: list[tuple[Path, dict[str, Any]]] = []
        for folder in folders:
            for path in sorted(folder.rglob("*.json")):
                if _is_result(path):
                    self.files.append((path, read_result(path)))
        self.hashes = dict(hashes or {})
        first: dict[str, str] = {}
        for path, content in self.files:
            name, data_hash = content["data_set"], content["data_hash"]
            if self.hashes.setdefault(name, data_hash) != data_hash and name not in (hashes or {}):
                raise DataError(
                    f"{path}: {name} there is another store than that of {first[name]}; "
                    "keep the results of one, or name the store's folder with --stores"
                )
            first.setdefault(name, str(path))

    @property
    def of_other_stores(self) -> list[Path]:
        """The files that do not count, for their store is another than the one named."""
        return [
            path for path, content in self.files if self.hashes[content["data_set"]] != content["data_hash"]
        ]

    def add(self, path: Path) -> None:
        """Take one more result file in, or a new one of a path that is known."""
        content = read_result(path)
        self.hashes.setdefault(content["data_set"], content["data_hash"])
        self.files = [each for each in self.files if each[0] != path]
        self.files.append((path, content))

    def find(self, cell: Cell) -> tuple[Path, dict[str, Any]] | None:
        """Return the cell's result, or None where there is none yet.

        Raises:
            DataError: two files are results of the cell, and say different things.
        """
        found = [each for each in self.files if difference(each[1], cell, self.hashes) is None]
        if not found:
            return None
        for path, content in found[1:]:
            if content["metrics"] != found[0][1]["metrics"]:
                raise DataError(f"{found[0][0]} and {path} are both results of {cell.name}; keep one of them")
        return found[0]


def difference(content: Mapping[str, Any], cell: Cell, hashes: Mapping[str, str]) -> str | None:
    """Return what makes a result not the cell's, or None where it is the cell's.

    Args:
        content: of a result file.
        cell: the cell.
        hashes: content hash of the store of each data set, as far as known.
    """
    if cell.members:
        return _sum_difference(content, cell, hashes)
    facts = {
        "evaluation": cell.evaluation.command,
        "data_set": cell.on.data_set,
        "protocol": cell.on.protocol,
        "trained": cell.trained,
    }
    for key, value in facts.items():
        if content[key] != value:
            return f"{key} {content[key]}, expected {value}"
    model = content["model"]
    if model.get("data_set") != cell.pretraining.data.data_set:
        return f"pre-trained on {model.get('data_set')}"
    for name, data_hash in (
        (cell.on.data_set, content["data_hash"]),
        (cell.pretraining.data.data_set, model.get("data_hash")),
    ):
        if hashes.get(name, data_hash) != data_hash:
            return f"another store of {name}"
    seed = content["config"].get("seed")
    # features that are trained already do not depend on the seed of an evaluation that draws nothing
    if seed != cell.seed and (cell.evaluation.draws or not cell.trained):
        return f"seed {seed}, expected {cell.seed}"
    try:
        evaluated = cell.evaluation.settings_of(content["config"])
        learned = run_settings(model.get("config", {}))
    except ConfigurationError as error:
        return str(error)
    return (
        _subset_difference(content.get("subset"), cell)
        or _settings_difference(evaluated, cell.expected)
        or _clips_difference(content)
        or _pretraining_difference(learned, model, cell.pretraining, cell.trained, hashes)
    )


def _sum_difference(content: Mapping[str, Any], cell: Cell, hashes: Mapping[str, str]) -> str | None:
    evaluation = f"ensemble-{cell.evaluation.command}"
    if content["evaluation"] != evaluation:
        return f"evaluation {content['evaluation']}, expected {evaluation}"
    parts, weights = content["config"].get("members", []), content["config"].get("weights", [])
    if len(parts) != len(cell.members) or len(set(weights)) != 1:
        return f"{len(parts)} members of weights {weights}, expected {len(cell.members)} of equal weight"
    for part, member in zip(parts, cell.members, strict=True):
        if "result" not in part:
            return "from an older version, which did not say what its members are"
        problem = difference({**content, "subset": None, **part["result"]}, member, hashes)
        if problem is not None:
            return f"member {member.name}: {problem}"
    return None


def run_settings(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a run's configuration says, settings that it does not name at their defaults.

    Raises:
        ConfigurationError: no configuration of a pre-training, or a key that this version does not know.
    """
    return _run_settings(json.dumps(config))


@lru_cache(maxsize=4096)  # every cell asks about every result
def _run_settings(text: str) -> dict[str, Any]:
    config = json.loads(text)
    listed = {key: [value] if isinstance(value, str) else value for key, value in config.items()}
    lists = {key: listed.get(key, []) for key in ("data", "protocol")}
    content = {**config, **lists}
    schema = family_of(config).settings
    check_keys(content, schema, "the run's configuration")
    return asdict(instantiate(schema, content))


def run_difference(
    card: Mapping[str, Any], pretraining: Pretraining, hashes: Mapping[str, str] | None = None
) -> str | None:
    """Return what makes a finished run not the pre-training, or None where it is.

    Args:
        card: what the run says of itself.
        pretraining: the run that is wanted.
        hashes: content hash of the store of each data set, as far as known.
    """
    name = pretraining.data.data_set
    if card.get("data_set", name) != name:
        return f"learned from {card['data_set']}"
    if "data_hash" in card and (hashes or {}).get(name, card["data_hash"]) != card["data_hash"]:
        return f"learned from another store of {name}"
    try:
        learned = run_settings(card["config"])
    except ConfigurationError as error:
        return str(error)
    return _pretraining_difference(learned, card, pretraining, True, hashes or {})


def _pretraining_difference(
    learned: Mapping[str, Any],
    card: Mapping[str, Any],
    pretraining: Pretraining,
    trained: bool,
    hashes: Mapping[str, str],
) -> str | None:
    expected = pretraining.expected
    if not trained:
        return _settings_difference(_of_an_encoder(learned), _of_an_encoder(expected))
    if learned["protocol"] != expected["protocol"]:
        return f"pre-trained under {learned['protocol']}, expected {expected['protocol']}"
    init, start = learned.get("init"), pretraining.start  # contrastive methods have none
    if (init is None) != (start is None):
        return f"started from {init or 'chance'}, expected {start.name if start else 'chance'}"
    if start is not None:
        of = card.get("init_weights", {}).get("of", {})
        if "config" not in of:
            return f"started from {init}, which does not say how it was trained; expected {start.name}"
        problem = run_difference(of, start, hashes)
        if problem is not None:
            return f"started from {init}: {problem}"
    return _settings_difference(learned, expected)


def _clips_difference(content: Mapping[str, Any]) -> str | None:
    """Return where clips of another length were evaluated than the encoder learned from; no cell has such."""
    clips = content["config"].get("clips", {})
    known = content["model"].get("config", {}).get("clips", {})
    for key in sorted({*clips} & {*known}):
        if clips[key] != known[key]:
            return f"clips.{key} = {clips[key]}, expected {known[key]}"
    return None


def _settings_difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str | None:
    a, b = flatten(found), flatten(expected)
    for key in sorted({*a, *b} - {*LABELS, *SAME_NUMBERS}):
        if a.get(key) != b.get(key):
            return f"{key} = {a.get(key)}, expected {b.get(key)}"
    return None


def _of_an_encoder(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in flatten(settings).items() if key.startswith(OF_AN_ENCODER)}


def _subset_difference(subset: Mapping[str, Any] | None, cell: Cell) -> str | None:
    share = cell.evaluation.share
    if subset is None or share is None:
        return None if subset is None and share is None else "another share of the labels"
    whole = round(subset["num_sequences"] / subset["share"])  # the training side
    if round(share * whole) != subset["num_sequences"]:
        return f"{100 * subset['share']:.3g} % of the labels, expected {100 * share:g} %"
    return None if subset["seed"] == cell.seed else f"labels drawn with seed {subset['seed']}"


def _is_result(path: Path) -> bool:
    """Return whether a JSON file says that it is a result; a damaged one is told so when it is read."""
    try:
        content = read_json(path)
    except DataError:
        return True
    return isinstance(content, dict) and content.get("format") == FORMAT

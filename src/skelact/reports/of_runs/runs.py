"""What a run folder tells without its data: curves, configuration, environment, the commands that made it."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from skelact.configuration import flatten, named_config, option_text
from skelact.errors import SkelactError, printable
from skelact.evaluation.settings import FastLinearConfig, FinetuneConfig, LinearConfig, RidgeConfig
from skelact.models.card import CARD, read_card
from skelact.pretraining.identity import card_identity, run_settings, telling
from skelact.pretraining.methods import FAMILIES, family_of, find_method, methods
from skelact.results.files import read_result, result_files
from skelact.training.log import METRICS, read_metrics
from skelact.training.run_folder import CONFIG
from skelact.yaml_files import read_yaml

MOST_EPOCHS = 500
"""Points of a curve; of a longer run every second epoch is shown, or every third."""
NOT_CURVES = ("epoch", "step")
_SEED = "training.seed"
_SHORT = {_SEED: "seed", "training.epochs": "epochs"}
"""Settings that have a shorter name as options."""
_FROZEN: Mapping[str, Mapping[str, Any]] = {
    "linear": flatten(asdict(LinearConfig())) | flatten(named_config("evaluate", "linear")),
    "linear-fast": asdict(FastLinearConfig()),
    "ridge": asdict(RidgeConfig()),
    "knn": {"k": [1, 10, 20], "tau": 0.1, "pooling": "mean", "standardise": False},
    "retrieval": {"pooling": "mean"},
}
"""Evaluations of frozen features by name, with what their settings are where nobody gives any."""
_FINETUNE: Mapping[bool, Mapping[str, Any]] = {
    trained: flatten(asdict(FinetuneConfig())) | flatten(named_config("evaluate", shipped))
    for trained, shipped in ((True, "finetune"), (False, "supervised"))
}
"""Settings of fine-tuning where nobody gives any, of encoders that have learned and that have not."""


@dataclass(frozen=True, eq=False)
class RunFolder:
    """What a run folder tells."""

    path: Path
    config: Mapping[str, Any]
    """Of ``config.yaml``; where it is not there, the card's."""
    card: Mapping[str, Any] | None
    """Of a finished run."""
    epochs: Sequence[Mapping[str, float]]
    """The lines of its log."""
    problems: Sequence[str] = ()

    @classmethod
    def read(cls, path: Path) -> RunFolder:
        """Read what there is; what cannot be read is told in :attr:`problems`."""
        problems: list[str] = []
        config: Mapping[str, Any] = {}
        card: Mapping[str, Any] | None = None
        epochs: Sequence[Mapping[str, float]] = ()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                card = read_card(path / CARD) if (path / CARD).exists() else None
            except SkelactError as error:
                problems.append(str(error))
            try:
                of_card = (card or {}).get("config", {})
                read = read_yaml(path / CONFIG) if (path / CONFIG).exists() else of_card
                config = read if isinstance(read, Mapping) else {}
            except SkelactError as error:
                problems.append(str(error))
            try:
                epochs = read_metrics(path / METRICS)
            except SkelactError as error:
                problems.append(str(error))
        return cls(path, config, card, epochs, [*problems, *(str(each.message) for each in told)])

    @property
    def method(self) -> str:
        """What trained it, as far as it is told."""
        told = (self.card or {}).get("method") or self.config.get("method") or self.config.get("evaluation")
        return printable(str(told or "unknown"))

    @property
    def identity(self) -> str:
        """Equal for runs that differ in their seeds alone; the path of one that has no card."""
        return str(self.path) if self.card is None else card_identity(self.card)

    @property
    def data(self) -> list[str]:
        """The stores that it learned from, as they were named."""
        return self._named("data")

    @property
    def protocols(self) -> list[str]:
        """The protocols whose training sides it learned from."""
        return self._named("protocol")

    def _named(self, key: str) -> list[str]:
        """Return one name, or several, of the configuration."""
        told = (self.card or {}).get("config", {}).get(key, self.config.get(key))
        listed = [told] if isinstance(told, str) else told
        return [str(each) for each in listed] if isinstance(listed, list) else []

    def data_for_page(self, name: str) -> dict[str, Any]:
        """Return what the page is told."""
        return {
            "name": name,
            "method": self.method,
            "curves": curves(self.epochs),
            "config": {
                printable(key): printable(option_text(value)) for key, value in flatten(self.config).items()
            },
            "environment": self.environment(),
            "commands": self.commands(),
        }

    def environment(self) -> list[tuple[str, str]]:
        """Return what it was computed with."""
        card = self.card or {}
        found = [("code", str(card["code"]))] if "code" in card else []
        packages = card.get("packages")
        if isinstance(packages, Mapping):  # a card may say anything
            found += [(str(key), str(value)) for key, value in packages.items()]
        devices = dict.fromkeys(str(each["device"]) for each in self._results() if "device" in each)
        found += [("evaluated on", "; ".join(devices))] * bool(devices)
        return [(printable(key), printable(value)) for key, value in found]

    def commands(self) -> list[str]:
        """Return the commands that make the run and its results again, as they are typed."""
        found = []
        known = {field.name for field in fields(family_of(self.config).settings)}
        run = run_settings({key: value for key, value in self.config.items() if key in known})
        if run is not None and str(run.method) in methods():
            found.append(_typed(pretrain_words(run, self.path)))
        stores = dict(zip(self.protocols, self.data * len(self.protocols), strict=False))
        for content in self._results():
            is_own = content.get("data_hash") == self._data_hash
            store = stores.get(content["protocol"], "STORE") if is_own else "STORE"
            clips = (self.card or {}).get("clips", {})
            words = evaluation_words(content, self.path, self.config, store, clips)
            if words is not None:
                found.append(_typed(words))
        return found

    @property
    def _data_hash(self) -> Any:
        return (self.card or {}).get("data_hash", self.config.get("data_hash"))

    def _results(self) -> list[dict[str, Any]]:
        found = []
        with suppress(SkelactError):  # told with the results
            for path in result_files(self.path):
                with suppress(SkelactError):
                    found.append(read_result(path))
        return found

    def foreign(self, content: Mapping[str, Any]) -> str | None:
        """Return in what the model of a result file differs from the one here; None: it may well be this one.

        Only evaluations that leave the model as it is are compared, and only settings that both tell.
        """
        own, other = (self.card or {}).get("config", {}), content["model"].get("config", {})
        if content["evaluation"] not in _FROZEN or "evaluation" in own:
            return None
        ours, its = ({**telling(each), _SEED: flatten(each).get(_SEED)} for each in (own, other))
        for key in sorted(ours.keys() & its.keys()):
            if None not in (ours[_SEED], its[_SEED]) and not _equal(ours[key], its[key]):
                return f"{key} {option_text(its[key])}, and not {option_text(ours[key])}"
        return None


def curves(epochs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return the numbers of a log by name, with the epochs done; of long runs as many as a curve shows.

    An epoch without one of the numbers, as of a monitor that looks at every tenth, has None.
    """
    every = max(1, -(-len(epochs) // MOST_EPOCHS))
    shown = [*epochs[:-1:every], *epochs[-1:]]
    names = dict.fromkeys(name for line in epochs for name in line if name not in NOT_CURVES)
    return {
        "epochs": [int(line["epoch"]) + 1 for line in shown],
        "values": {printable(name): [_finite(line.get(name)) for line in shown] for name in names},
        "every": every,
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not -1e300 < value < 1e300 else float(f"{value:.6g}")


def pretrain_words(run: Any, out: Path) -> list[str]:
    """Return the words of the command that pre-trains with these settings, those of the method left out.

    Args:
        run: the configuration of a run of any family.
        out: the run folder.
    """
    flat = flatten(asdict(run))
    named = ("data", "protocol", "method", "size")
    usual = flatten(find_method(run.method).settings(run.size))
    least = type(run)(run.data, run.protocol, run.method)  # what neither method nor size sets
    usual = {**flatten(asdict(least)), **usual}
    words = ["pretrain"]
    for option in ("data", "protocol"):
        words += [word for value in getattr(run, option) for word in (f"--{option}", value)]
    words += ["--method", run.method, "--size", run.size]
    changed = {
        key: value
        for key, value in flat.items()
        if key not in named and not _equal(usual.get(key), value) and value is not None
    }
    return [*words, *_options(changed), "--out", str(out)]


def evaluation_words(
    content: Mapping[str, Any], run: Path, config: Mapping[str, Any], store: str, clips: Mapping[str, Any]
) -> list[str] | None:
    """Return the words of the command that gives a result; None for one whose command is not known.

    Args:
        content: of the result file.
        run: the folder that holds it.
        config: of the folder, which says what an encoder that was trained further started from.
        store: where the data is.
        clips: as the model's card has them.
    """
    name, own = str(content["evaluation"]), flatten(content["config"])
    common = ["--data", store, "--protocol", str(content["protocol"])]
    if "left_out" in content:
        common += ["--without", str(config.get("without") or "LIST.csv")]
    if name in _FROZEN:
        words = ["evaluate", name, "--run", str(run), *common]
        usual = dict(_FROZEN[name])
        seed = own.pop("seed", 0)
        own.pop("training.seed", None)
        own.pop("remark", None)
        untrained = [] if content["trained"] else ["--untrained"]
        own = {key: value for key, value in own.items() if not key.startswith("clips.")}
        changed = {key: value for key, value in own.items() if not _equal(usual.get(key), value)}
        asked = content["config"].get("clips", {})
        for name in ("view", "num_frames"):  # those that evaluations of frozen features take
            if name in asked and not _equal(asked[name], clips.get(name)):
                changed[name.replace("_", "-")] = asked[name]
        return [*words, *untrained, *_options(changed), *(["--seed", str(seed)] if seed else [])]
    if name == "finetune" and "subset" not in content and "run" in config:
        usual = dict(_FINETUNE[content["trained"]])
        changed = {key: value for key, value in own.items() if key in usual and not _equal(usual[key], value)}
        start = ["--run", str(config["run"]), *([] if content["trained"] else ["--untrained"])]
        return ["evaluate", name, *start, *common, *_options(changed), "--out", str(run)]
    return None


def _equal(one: Any, other: Any) -> bool:
    as_list = [list(each) if isinstance(each, tuple) else each for each in (one, other)]
    return bool(as_list[0] == as_list[1])


def _options(settings: Mapping[str, Any]) -> list[str]:
    plain = {_SHORT.get(key, key): value for key, value in settings.items()}
    return [
        word
        for key, value in plain.items()
        for word in (f"--{key}", option_text(list(value) if isinstance(value, tuple) else value))
    ]


def _typed(words: Sequence[str]) -> str:
    return printable(shlex.join(["skelact", *words]))  # in a terminal, controls would be keys


def density_of_run(run: RunFolder) -> Any:
    """Return the learned density of a finished run, a module; None where it has none that learned."""
    from skelact.density.learned import LearnedDensity

    if run.card is None:
        return None
    family = next((each for each in FAMILIES if each.objective in run.card.get("config", {})), None)
    if family is None or family.density_setting is None:
        return None
    try:
        model = family.load(run.path)
    except SkelactError:  # such as a package, which keeps the encoder alone
        return None
    density = getattr(model, "density", None)
    is_learned = isinstance(density, LearnedDensity) and density.log_bandwidth.requires_grad
    return density if is_learned else None

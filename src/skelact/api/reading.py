"""Recordings on their way to a model: whatever they lie in, prepared as the model knows them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from skelact.errors import ConfigurationError, DataError
from skelact.formats.archives import raw_files
from skelact.formats.exclusions import Exclusion
from skelact.formats.known import AUTO, data_sets, find_data_set, find_out
from skelact.models.fitting import Taker, check_store, conversion_for, conversion_told, other_coordinates
from skelact.progress import progress
from skelact.recognition.description import Preparation
from skelact.skeleton.tables import TOPOLOGIES
from skelact.store.convert import convert_store
from skelact.store.metadata import META
from skelact.store.prepare import prepare
from skelact.store.remarks import STANDS, UP_UNTOLD
from skelact.store.remote import is_remote
from skelact.store.store import Data, Store, as_store

_NOT_AGAIN = ("class_names", "body_order", "first_label")
"""Settings of a preparation that do not change what recordings without a class look like."""

_OF_EVERY_PREPARATION = ("up", "unit", "resample")
_COMMAND = "of 'skelact data prepare'"


@dataclass(frozen=True)
class Readable:
    """Recordings that a model can take."""

    store: Store
    """In the model's skeleton; its folder may be gone later on."""
    recorded: Store
    """The same as they were recorded."""
    exclusions: list[Exclusion] = field(default_factory=list)
    """What was not used, and why."""
    remarks: list[str] = field(default_factory=list)
    """What the user should know, a line each."""

    @property
    def preparation(self) -> Preparation:
        """How they were prepared."""
        one = self.recorded
        return Preparation(one.data_set, dict(one.meta["options"]), one.up, one.unit)


@contextmanager
def readable(
    model: Taker | Callable[[Store], Taker],
    recordings: Data,
    *,
    class_folders: bool = False,
    as_before: Preparation | None = None,
    as_recorded: bool = False,
) -> Iterator[Readable]:
    """Prepare recordings for a model, in a folder that is gone when the context ends.

    Args:
        model: what takes them; or what chooses it when they are read.
        recordings: a store; or raw recordings in any format that ``data prepare auto`` knows.
        class_folders: whether sub-folders name the classes, where there are two or more.
        as_before: how the recordings were prepared that taught the model: these are centred and resampled
            alike, and what a file of the same format does not tell is taken from there.
        as_recorded: whether to leave skeletons as they are, where the encoder knows joints by their names.

    Raises:
        DataError: nothing there can be read.
        ConfigurationError: a skeleton, axis or unit that cannot be brought to what the encoder knows.
    """
    with tempfile.TemporaryDirectory(prefix="skelact-") as scratch:
        if isinstance(recordings, Store) or is_remote(recordings) or (Path(recordings) / META).is_file():
            opened = as_store(recordings)
            found, prepared = Readable(opened, opened), f"'{opened.where}'"
        else:
            prepared = "STORE"
            found = _prepared(Path(recordings), Path(scratch) / "store", class_folders, as_before)
        named = recordings.path if isinstance(recordings, Store) else recordings
        model = model(found.store) if callable(model) else model
        if found.store.num_coordinates != model.num_coordinates:
            size = found.store.num_coordinates
            remedy = f"teach a model with {size}-D recordings: skelact teach FOLDER --out MODEL"
            if as_recorded:  # to teach; otherwise a model is asked, which has to know classes
                remedy = other_coordinates(size, prepared)
            raise ConfigurationError(
                f"{named}: {size}-D positions, the encoder knows {model.num_coordinates}-D ones; {remedy}"
            )
        if as_recorded:
            from skelact.models.pretrained import Pretrained  # which needs torch

            model = model.fitted(found.store.topology) if isinstance(model, Pretrained) else model
        if found.store.topology.joints != model.topology.joints:
            try:
                plan = conversion_for(model, found.store.topology)
            except ConfigurationError as error:
                first = "" if prepared != "STORE" else f"skelact data prepare auto '{named}' STORE, "
                raise ConfigurationError(
                    f"{named}: {error}; train one on such recordings: {first}skelact pretrain --data "
                    f"{prepared} --out RUN, and teach it classes: skelact teach ... --from RUN"
                ) from error
            converted = convert_store(found.store, Path(scratch) / "converted", model.topology)
            remarks = [*found.remarks, conversion_told(plan)]
            exclusions = [*found.exclusions, *converted.exclusions]
            store = replace(converted.store, called=str(named))
            found = replace(found, store=store, exclusions=exclusions, remarks=remarks)
        check_store(model, found.store)
        yield found


def of_preparation(text: str) -> str:
    """Return a text whose first option of a preparation, as ``--up``, tells which command takes it."""
    names = {*_OF_EVERY_PREPARATION, *(name for known in data_sets().values() for name in known.settings)}
    options = "|".join(sorted(name.replace("_", "-") for name in names))
    value = r"(?: (?:[\d.]+|[A-Z]+|cm|mm|m|px|image)\b)?"
    return re.sub(rf"(?:^|(?<=[ (]))--(?:{options})\b(?![-.]){value}", rf"\g<0> {_COMMAND}", text, count=1)


def _prepared(raw: Path, store: Path, class_folders: bool, as_before: Preparation | None) -> Readable:
    name, settings, measures = AUTO, dict[str, Any](), dict[str, Any]()
    if as_before is not None:
        before = as_before.options
        measures = {"centred": bool(before.get("centred", True)), "resample": before.get("resample")}
    if as_before is not None:
        with raw_files(raw) as files:
            if find_out(raw, files)[0].name == as_before.data_set:
                name, settings = as_before.data_set, _settings(as_before)
                measures["unit"] = as_before.options.get("unit")
    try:
        with progress("reading", unit="files") as step:
            made = prepare(
                name,
                raw,
                store,
                num_workers=1,
                class_folders="taught" if class_folders else "ignored",
                settings=settings,
                **measures,
                on_progress=lambda now: step(now.done, total=now.total),
            )
    except (DataError, ConfigurationError) as error:
        told = of_preparation(str(error))
        if told != str(error):
            error.args = (f"{told}; its store is taken as well",)
        raise
    found, remarks = replace(made.store, called=str(raw)), made.remarks
    if as_before is not None:
        if name != AUTO and find_data_set(name).up is None and as_before.up is not None:
            # one recording tells less than the many that taught the model
            found = replace(found, meta={**found.meta, "up": as_before.up})
        if found.up == as_before.up:  # no news
            remarks = [each for each in remarks if each != UP_UNTOLD and not each.endswith(STANDS)]
    exclusions = [replace(each, detail=of_preparation(each.detail)) for each in made.exclusions]
    return Readable(found, found, exclusions, list(map(of_preparation, remarks)))


def _settings(before: Preparation) -> dict[str, Any]:
    """Return those settings of an earlier preparation that the same format can be given again."""
    known = find_data_set(before.data_set).settings
    found = {
        name: value
        for name, value in before.options.items()
        if name in known and name not in _NOT_AGAIN and value is not None
    }
    if found.get("topology") not in TOPOLOGIES:  # of a file, of which stores keep the hash alone
        found.pop("topology", None)
    return found

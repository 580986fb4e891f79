"""Whether a model can take the positions of a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from skelact.clips.scale import usual_body_size
from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError
from skelact.models.card import MEASURES
from skelact.models.shipped import UNIVERSAL, UNIVERSAL_2D
from skelact.skeleton.conversion import Conversion, plan_conversion
from skelact.skeleton.topology import Topology
from skelact.store.store import Store

OTHER_UNIT = 5.0
"""Bodies that differ in size by more than this factor are measured in another unit."""


class Taker(Protocol):
    """A model, as far as it says what it takes."""

    @property
    def topology(self) -> Topology:
        """The skeleton it was trained on."""

    @property
    def num_coordinates(self) -> int:
        """Coordinates C of its positions."""

    @property
    def clips(self) -> ClipSettings:
        """How its clips are made."""

    @property
    def card(self) -> Mapping[str, Any]:
        """All that its card says."""


def other_coordinates(found: int, store: str) -> str:
    """Return what to do with positions of so many coordinates that a model of others cannot take.

    Args:
        found: of the positions, 2 or 3.
        store: that they lie in, as one types it.
    """
    if found == 2:
        other = f"train one on them: skelact pretrain --data {store} --out RUN"
        return f"take a model of 2-D positions, as {UNIVERSAL_2D}, or {other}"
    other = f"make pictures of them: skelact data project {store} FLAT"
    return f"take a model of 3-D positions, as {UNIVERSAL}, or {other}"


def conversion_for(model: Taker, source: Topology) -> Conversion:
    """Return how skeletons are brought to those that a model knows.

    Raises:
        ConfigurationError: less than half of its joints would be there; what to do stands in no message.
    """
    target = model.topology
    try:
        plan = plan_conversion(source, target)
        num_missing = len(plan.joints("missing"))
    except ConfigurationError:  # they have nothing in common
        plan, num_missing = None, target.num_joints
    if plan is None or num_missing > target.num_joints / 2:
        raise ConfigurationError(
            f"{source.name} skeletons have {target.num_joints - num_missing} of the {target.num_joints} "
            f"joints of {target.name} that the encoder knows, too few"
        )
    return plan


def conversion_told(plan: Conversion) -> str:
    """Return what people are told of skeletons that were brought to those that a model knows."""
    return (
        f"skeletons were brought from {plan.source.name} to {plan.target.name}, as the encoder knows them; "
        f"joints that are missing: {', '.join(plan.joints('missing')) or 'none'}"
    )


def check_store(model: Taker, store: Store) -> None:
    """Raise ConfigurationError unless ``store`` holds positions that the model knows.

    They must have as many coordinates and the same joints; and, unless clips bring them there, the same axis
    up and the same unit as the data that it learned from.
    """
    topology, num_coordinates, clips, card = model.topology, model.num_coordinates, model.clips, model.card
    learned_from, again = card.get(MEASURES, {}), "prepare the recordings again"
    if store.num_coordinates != num_coordinates:
        raise ConfigurationError(
            f"{store.where}: holds {store.num_coordinates}-D positions, the model was trained on "
            f"{num_coordinates}-D ones; {other_coordinates(store.num_coordinates, str(store.where))}"
        )
    if store.topology.joints != topology.joints:
        raise ConfigurationError(
            f"{store.where} holds {store.topology.name} skeletons, the model was trained on "
            f"{topology.name} ({topology.num_joints} joints); "
            f"'skelact data convert {store.where} OUT --topology {topology.name}' brings the data "
            "there, or train a model on it as it is"
        )
    up, unit, size = (learned_from.get(name) for name in ("up", "unit", "body_size"))
    if clips.view == "camera" and None not in (up, store.up) and up != store.up:
        view = "upright" if num_coordinates == 3 else "body"
        raise ConfigurationError(
            f"{store.where}: {store.up} is up, but {up} in what the model learned from; train a model "
            f"with --clips.view {view}, which makes them alike"
        )
    if clips.scale != "stored":
        return
    remedy = "train a model with --clips.scale body"
    if num_coordinates == 3:  # pictures have no unit to bring them to
        option = "--scale" if "scale" in store.meta["options"] else "--unit"
        remedy = f"{again} with {option}, or {remedy}"
    if None not in (unit, store.unit) and unit != store.unit:
        raise ConfigurationError(
            f"{store.where}: positions are in {store.unit}, the model learned from {unit}; {remedy}"
        )
    here = None if size is None else usual_body_size(store)
    if here is not None and not 1 / OTHER_UNIT < here / size < OTHER_UNIT:
        raise ConfigurationError(
            f"{store.where}: bodies have a size of {here:.3g}, those that the model learned from of "
            f"{size:.3g}, as if in another unit; {remedy}"
        )

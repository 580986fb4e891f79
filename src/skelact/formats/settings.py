"""The user's settings for data that does not tell it itself: its skeleton, its classes, its frame rate."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from skelact.errors import ConfigurationError, DataError, suggest
from skelact.files import read_file
from skelact.limits import check_limit, limit
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology
from skelact.skeleton.topology_file import find_topology


def topology_setting(settings: Mapping[str, object]) -> Topology | None:
    """Return the topology that ``--topology`` names, or None without it.

    Raises:
        ConfigurationError: no such topology or file.
    """
    name = settings["topology"]
    return None if name is None else find_topology(str(name))


SLOWEST_RATE = 1e-3
"""Frames a second that a recording has at least."""
USUAL_RATES = (1.0, 2000.0)
"""Frames a second that recordings of movement have."""


def fps_setting(settings: Mapping[str, object]) -> float | None:
    """Return the frames a second of ``--fps``, or None without it.

    Raises:
        ConfigurationError: not a number, or one of less than a frame in 1,000 s.
    """
    fps = settings["fps"]
    if fps is not None and not (isinstance(fps, int | float) and SLOWEST_RATE <= fps < 1e6):
        raise ConfigurationError(f"--fps is {fps}; expected frames a second, {SLOWEST_RATE:g} or more")
    return None if fps is None else float(fps)


def min_confidence_setting(settings: Mapping[str, object]) -> float:
    """Return the threshold of ``--min-confidence``.

    Raises:
        ConfigurationError: not a number from 0 to 1.
    """
    threshold = settings["min_confidence"]
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ConfigurationError(f"--min-confidence is {threshold}; expected a number from 0 to 1")
    return float(threshold)


GIVEN_ORDER = "given"
"""``--body-order`` for bodies as the files have them; otherwise the main ones of a crowd come first."""
_BODY_ORDERS = ("main", GIVEN_ORDER)


def _body_order(settings: Mapping[str, object]) -> str | None:
    """Return ``--body-order`` as a store records it: None for the default, as in stores of earlier versions.

    Raises:
        ConfigurationError: not one that is known.
    """
    order = settings["body_order"]
    if order is not None and order not in _BODY_ORDERS:
        raise ConfigurationError(f"--body-order is {order}{suggest(str(order), _BODY_ORDERS)}")
    return GIVEN_ORDER if order == GIVEN_ORDER else None


def image_size_setting(settings: Mapping[str, object]) -> tuple[int, int] | None:
    """Return the width and height in pixels of ``--image-size``, or None without it.

    Raises:
        ConfigurationError: not of the form 1920x1080.
    """
    size = settings["image_size"]
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", str(size), re.ASCII)
    if size is not None and not found:
        raise ConfigurationError(f"--image-size is {size}; expected WIDTHxHEIGHT in pixels, as 1920x1080")
    return None if found is None else (int(found[1]), int(found[2]))


def first_label_setting(settings: Mapping[str, object], *, has_names: bool = False) -> int:
    """Return the number of the first class, of ``--first-label``; 0 without it.

    Args:
        settings: the user's.
        has_names: whether the data's labels are names, which have no first number.

    Raises:
        ConfigurationError: not a whole number from 0, or one for labels that are names.
    """
    first = settings["first_label"]
    if first is not None and has_names:
        raise ConfigurationError("--first-label means nothing to labels that are names; leave it out")
    if first is not None and not (isinstance(first, int) and 0 <= first < limit("classes")):
        raise ConfigurationError(f"--first-label is {first}; expected a whole number from 0")
    return 0 if first is None else int(first)


def label_remarks(lowest: int, first_label: int) -> list[str]:
    """Return a line where no label is the first; none otherwise.

    Args:
        lowest: the smallest label.
        first_label: what :func:`first_label_setting` gives.
    """
    if lowest <= first_label:
        return []
    empty = f"the smallest label is {lowest}, so class {first_label} is empty"
    return [f"{empty}; --first-label {lowest} counts from it"]


def class_names_setting(settings: Mapping[str, object], num_classes: int = 0) -> tuple[str, ...] | None:
    """Return the names in the file of ``--class-names``, a line each; None without it.

    Args:
        settings: the user's.
        num_classes: how many the data needs at least.

    Raises:
        DataError: the file is missing, not UTF-8, empty, names a class twice, or names too few.
    """
    if settings["class_names"] is None:
        return None
    path = Path(str(settings["class_names"]))
    try:
        lines = read_file(path, remedy="expected the classes' names").decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    names = [line.strip() for line in lines]
    while names and not names[-1]:
        names.pop()
    check_limit("classes", len(names), str(path))
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        check_limit("name", len(name), f"{path}: line {number}")
        if not name or name in seen:
            state = f"{name[:60]!r} is there already" if name else "is empty"
            raise DataError(f"{path}: line {number}: {state}; expected a class's name a line")
        seen.add(name)
    if len(names) < max(num_classes, 1):
        raise DataError(
            f"{path}: {len(names)} names, but the data has {num_classes} classes; expected a line for each"
        )
    return tuple(names)


def recorded_settings(
    settings: Mapping[str, object], topology: Topology | None, class_names: tuple[str, ...] | None
) -> dict[str, object]:
    """Return the settings as a store records them: what files told by a hash of their content, no paths.

    Args:
        settings: the user's.
        topology: what :func:`topology_setting` made of them, or what was found without.
        class_names: what :func:`class_names_setting` made of them.

    Raises:
        ConfigurationError: an order of bodies that is not known.
    """
    found = dict(settings)
    if "body_order" in found:
        found["body_order"] = _body_order(settings)
    if topology is not None:
        known = TOPOLOGIES.get(topology.name) == topology
        found["topology"] = topology.name if known else f"{topology.name} {_hash(topology.to_dict())}"
    if class_names is not None:
        found["class_names"] = _hash(class_names)
    return {name: value for name, value in found.items() if value is not None}


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def numbered_classes(num_classes: int) -> tuple[str, ...]:
    """Return names for classes that have none: ``class 1``, ``class 2``, ..."""
    return tuple(f"class {number + 1}" for number in range(num_classes))


def meant_rate(rate: float, rounding: float = 0.0) -> float | None:
    """Return frames a second as they were meant: a whole number where times were rounded; None: no rate.

    Args:
        rate: as times tell it.
        rounding: by what share it may be wrong; at least 0.0005 is, less than what tells 29.97 from 30.
    """
    whole = float(round(rate))
    meant = whole if whole and abs(rate - whole) < max(5e-4, rounding) * rate else rate
    return meant if 0 < meant < 1e6 else None

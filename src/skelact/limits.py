"""What is read of a stranger's file has bounds: each has a name, a default, and can be raised.

``--limit recording=1GB`` behind any command raises one for that command, the environment variable
``SKELACT_LIMITS="recording=1GB,frames=5000000"`` for every process that is started from there. From Python
:func:`set_limits` does the same as the option. A limit is there so that damaged or hostile input ends in one
line instead of filling the memory; honest data beyond it only needs the option.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from skelact.errors import ConfigurationError, DataError, suggest

VARIABLE = "SKELACT_LIMITS"
"""Environment variable that holds what was raised or lowered; processes that are started inherit it."""
KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
MOST = 10**15 - 1
"""What a limit can be raised to; more is taken as this."""
_SCALES = {"": 1, "K": KB, "M": MB, "G": GB}


@dataclass(frozen=True)
class Limit:
    """One bound."""

    default: int
    what: str
    """What it bounds."""
    is_bytes: bool = False


LIMITS = {
    "recording": Limit(256 * MB, "bytes of one raw file, unpacked", is_bytes=True),
    "pickle": Limit(8 * GB, "bytes of a pickle that holds a whole data set", is_bytes=True),
    "files": Limit(1_000_000, "files of a raw folder or an archive"),
    "unpacked": Limit(200 * GB, "bytes of one archive, unpacked", is_bytes=True),
    "weights": Limit(8 * GB, "bytes of a checkpoint or of weights, unpacked", is_bytes=True),
    "metadata": Limit(
        64 * MB, "bytes of a card, a result, a log or a store's table of contents", is_bytes=True
    ),
    "scores": Limit(2 * GB, "bytes of the class scores of one result, unpacked", is_bytes=True),
    "configuration": Limit(1 * MB, "bytes of a YAML file", is_bytes=True),
    "depth": Limit(64, "tables and lists inside each other, in JSON and YAML"),
    "seconds": Limit(600, "seconds of reading one file"),
    "frames": Limit(1_000_000, "frames of one recording"),
    "places": Limit(100_000_000, "places of joints in one recording, bodies times frames times joints"),
    "bodies": Limit(1_000, "bodies of one recording"),
    "people": Limit(200, "people found in one frame who have to be told apart"),
    "joints": Limit(1_000, "joints of a skeleton"),
    "classes": Limit(100_000, "classes of a data set"),
    "name": Limit(1_000, "characters of the name of a class, a recording or a joint"),
    "clip_frames": Limit(100_000, "frames of a clip"),
    "blocks": Limit(1_000, "blocks of a network"),
    "parameters": Limit(4_000_000_000, "numbers that a model learns"),
}
"""Every limit by its name."""


def limit(name: str) -> int:
    """Return a limit as it holds now.

    Raises:
        ConfigurationError: the environment variable cannot be read.
    """
    raised = parse_limits(os.environ[VARIABLE].split(","), VARIABLE) if os.environ.get(VARIABLE) else {}
    return raised.get(name, LIMITS[name].default)


def check_limit(name: str, value: int, where: str, kind: type[Exception] = DataError) -> None:
    """Refuse ``value`` where it is above the limit ``name``.

    Args:
        name: one of :data:`LIMITS`.
        value: what was met.
        where: how the message begins: the file and the place in it.
        kind: the error's class.

    Raises:
        DataError, or ``kind``: it is; the message says what raises the limit.
    """
    most = limit(name)
    if value > most:
        raise kind(f"{where}: {beyond(name, value)}")


def beyond(name: str, value: int | None = None) -> str:
    """Return the words for something above a limit, with what raises it.

    Args:
        name: one of :data:`LIMITS`.
        value: what was met; None where only more than the limit is known.
    """
    most = limit(name)
    found = "more" if value is None else amount(name, value)
    raised = amount(name, 2 * most if value is None else value, round_up=True).replace(" ", "")
    return (
        f"{found}, and the most of {LIMITS[name].what} is {amount(name, most)}; "
        f"--limit {name}={raised.replace(',', '')} takes it all the same"
    )


def amount(name: str, value: int, *, round_up: bool = False) -> str:
    """Return ``value`` as one writes this limit: ``256 MB``, ``1,000``."""
    if LIMITS[name].is_bytes:
        for scale, letters in ((GB, "GB"), (MB, "MB"), (KB, "KB")):
            if value >= scale:
                return f"{-(-value // scale) if round_up else value // scale:,} {letters}"
    return f"{value:,}"


def set_limits(settings: Iterable[str]) -> None:
    """Set limits for this process and those that it starts.

    Args:
        settings: ``name=value`` each; a value is a whole number, in bytes where bytes are bounded, and may
            end in K, M or G (KB, MB, GB): ``recording=1GB``.

    Raises:
        ConfigurationError: no such limit, or no such number.
    """
    before = os.environ.get(VARIABLE, "")
    held = parse_limits(before.split(","), VARIABLE) if before else {}
    held |= parse_limits(settings, "--limit")
    os.environ[VARIABLE] = ",".join(f"{name}={value}" for name, value in held.items())


def parse_limits(settings: Iterable[str], where: str) -> dict[str, int]:
    """Return limits by name, as :func:`set_limits` takes them.

    Raises:
        ConfigurationError: no such limit, or no such number; the message begins with ``where``.
    """
    found = {}
    for setting in settings:
        name, _, value = str(setting).partition("=")
        name = name.strip()
        if name not in LIMITS:
            raise ConfigurationError(f"{where}: no limit {name[:40]!r}{suggest(name[:40], LIMITS)}")
        match = re.fullmatch(r"\s*(\d{1,15})\s*([KMG]?)B?\s*", value, re.ASCII | re.IGNORECASE)
        if match is None or int(match[1]) == 0:
            raise ConfigurationError(
                f"{where}: {name} is {value[:40]!r}; expected a whole number above 0, as 5000 or 2GB"
            )
        found[name] = min(int(match[1]) * _SCALES[match[2].upper()], MOST)
    return found

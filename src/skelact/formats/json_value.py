"""JSON that users write: every value knows where it stands, so that an error can name the place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from skelact.errors import suggest
from skelact.formats.exclusions import MALFORMED, UnusableRecordingError, error_text


@dataclass(frozen=True)
class JsonValue:
    """A value and where it stands."""

    file: str
    """How errors call the file."""
    path: str
    """The way to the value, e.g. ``bodies[0].positions[3]``; empty for the whole."""
    value: Any

    def fail(self, detail: str) -> NoReturn:
        """Raise the error of a file whose value here is wrong.

        Raises:
            UnusableRecordingError: always. The other methods raise it where the value does not fit.
        """
        raise UnusableRecordingError(MALFORMED, self.file, self.path or "the whole", detail)

    def table(self, keys: set[str]) -> dict[str, JsonValue]:
        """Return the values of an object, whose keys are some of ``keys``; those not there as null."""
        if not isinstance(self.value, dict):
            self.fail(f"{json_type(self.value)}; expected an object with {', '.join(sorted(keys))}")
        for key in self.value.keys() - keys:
            self.fail(f"unknown key {key[:40]!r}{suggest(key[:40], keys)}")
        prefix = f"{self.path}." if self.path else ""
        return {key: JsonValue(self.file, f"{prefix}{key}", self.value.get(key)) for key in keys}

    def items(self, expected: str) -> list[JsonValue]:
        """Return the values of a list."""
        if not isinstance(self.value, list):
            self.fail(f"{json_type(self.value)}; expected {expected}")
        return [JsonValue(self.file, f"{self.path}[{n}]", value) for n, value in enumerate(self.value)]

    def numbers(self, expected: str) -> npt.NDArray[np.float64]:
        """Return the numbers of a list, (N,), all of them finite as 32-bit numbers."""
        if not isinstance(self.value, list):
            self.fail(f"{json_type(self.value)}; expected {expected}")
        return self.finite(self.value)

    def finite(self, numbers: list[Any]) -> npt.NDArray[np.float64]:
        """Return ``numbers``, which stand in this value, as (N,); refuse what is none or not finite."""
        if not set(map(type, numbers)) <= {int, float}:
            odd = next(value for value in numbers if type(value) not in (int, float))
            self.fail(f"holds {json_type(odd)}; expected numbers, or null for what was not seen")
        try:
            array = np.array(numbers, np.float64)
        except OverflowError:
            array = np.array([np.inf])
        if not (np.abs(array) <= np.finfo(np.float32).max).all():
            self.fail("holds a number too large; expected finite ones")
        return array


def parse_json(file: str, data: bytes) -> JsonValue:
    """Return the value that a file holds.

    Args:
        file: how errors call it.
        data: its bytes.

    Raises:
        UnusableRecordingError: not JSON in UTF-8, a key that stands twice in an object, or a number that is
            none (NaN, Infinity).
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not a number; write null for what was not seen")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            raise ValueError(f"a key stands twice among {', '.join(map(repr, sorted(table)))[:100]}")
        return table

    try:
        text = data.decode("utf-8-sig")
        return JsonValue(file, "", json.loads(text, parse_constant=refuse, object_pairs_hook=once))
    except UnicodeDecodeError as error:
        detail = "bytes that are not UTF-8; save the file as UTF-8"
        raise UnusableRecordingError(MALFORMED, file, f"byte {error.start}", detail) from error
    except json.JSONDecodeError as error:
        detail = f"not JSON ({error.msg}); expected one object"
        raise UnusableRecordingError(MALFORMED, file, f"line {error.lineno}", detail) from error
    except (ValueError, RecursionError) as error:
        found = "nested deeper than any format" if isinstance(error, RecursionError) else error_text(error)
        detail = f"not JSON that can be read ({found})"
        raise UnusableRecordingError(MALFORMED, file, "", detail) from error


def json_type(value: object) -> str:
    """Return what a value is, in JSON's words, for a message."""
    if isinstance(value, list):
        return f"{len(value)} values"
    kinds = {dict: "an object", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")


def is_number(value: object) -> bool:
    """Tell whether a value of JSON is a number; Python takes true and false for some."""
    return isinstance(value, int | float) and not isinstance(value, bool)

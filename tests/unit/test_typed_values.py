"""One check of values against annotations: of functions, of files and of what is typed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import numpy as np
import pytest

from skelact.configuration import checked_arguments
from skelact.errors import ConfigurationError
from skelact.skeleton.topology import Topology
from skelact.typed_values import described, fitted, from_text

Kind = Literal["a", "32"]


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, int, 3),
        (np.int64(3), int, 3),
        (3, float, 3.0),
        (np.float32(0.5), float, 0.5),
        (math.inf, float, math.inf),
        (True, bool, True),
        (np.True_, bool, True),
        (None, int | None, None),
        (3, int | None, 3),
        ("x", str, "x"),
        ("a", Kind, "a"),
        (32, Kind, "32"),
        (None, Optional[Kind], None),  # noqa: UP045
        ([1, 2.5], list[float], [1.0, 2.5]),
        ([1, 2], tuple[float, float], (1.0, 2.0)),
        ((1, 2, 3), tuple[int, ...], (1, 2, 3)),
        (["a", "b"], str | Sequence[str], ["a", "b"]),
        ("folder", str | Path, "folder"),
        (Path("folder"), str | Path | None, Path("folder")),
        ({"a": 1}, Annotated[Mapping[str, Any] | None, "mark"], {"a": 1}),
    ],
)
def test_what_fits_comes_back_as_the_annotation_has_it(value, hint, expected):
    found = fitted(value, hint, "x")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        ("five", int, "x is 'five', expected a whole number"),
        (2.5, int | None, "x is 2.5, expected a whole number or null"),
        (True, int, "x is True, expected a whole number"),
        ("3", float, "x is '3', expected a number"),
        (math.nan, float | None, "x is nan, expected a number"),
        (1e300, float | None, "x is 1e+300, expected a number of at most 3.4e+38, as float32 holds"),
        (1 << 63, int, "x is 9223372036854775808, expected one of at most 64 bits"),
        pytest.param(
            10**5000,
            float,
            "x is a whole number of 16610 bits, expected one of at most 64 bits",
            id="5001 digits",
        ),
        ("no", bool, "x is 'no', expected true or false"),
        (3, str, "x is 3, expected a text"),
        ("c", Kind, "x is 'c', expected 'a' or '32'"),
        (3, str | Path, "x is 3, expected a path"),
        (None, Topology | str | Path, "x is None, expected a Topology or a path"),
        ("", str | Path, "x is '', expected a path"),
        ("a\0b", str | Path | None, r"x is 'a\x00b', expected a path, which has no NUL character"),
        ("\ud800", str | Path, r"x is '\ud800', expected a path, and this one has half a character"),
        ("n" * 300, str | Path, "expected a path whose names have up to 255 bytes"),
        ("ab", Sequence[str], "x is 'ab', expected a list of texts"),
        ([1, "b"], list[int], "x is [1, 'b'], and holds 'b': expected a whole number"),
        ([1], tuple[float, float], "x is [1], expected a list of 2 values, a number each"),
        (3, Mapping[str, Any] | None, "x is 3, expected a table of settings or null"),
        (object(), int, "x is a object, expected a whole number"),
        ("\u202eabc\n", int, r"x is '\u202eabc\n', expected a whole number"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(value, hint, message):
    with pytest.raises(ConfigurationError) as told:
        fitted(value, hint, "x")
    assert str(told.value).endswith(message)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 250


def test_a_list_that_holds_itself_is_told():
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ConfigurationError, match="expected a whole number"):
        fitted(endless, list[int], "x")
    with pytest.raises(ConfigurationError, match="expected a number or null"):
        fitted(endless, float | None, "x")


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("3", int, 3),
        ("1e-3", float, 1e-3),
        ("5", float, 5.0),
        (".inf", float, math.inf),
        ("null", float | None, None),
        ("null", str | None, None),
        ("3", str, "3"),
        ("[1,2]", list[int], [1, 2]),
        ("[1,2]", tuple[int, ...], (1, 2)),
        ("1, 2", tuple[int, ...], (1, 2)),
        ("5", list[int] | None, [5]),
        ('["drink water", no, 5]', list[str], ["drink water", "no", "5"]),
        ("null", list[str] | None, None),
        ("true", bool, True),
        ("32", Kind, "32"),
        ("null", Optional[Kind], None),  # noqa: UP045
    ],
)
def test_what_is_typed_is_read_as_in_yaml(text, hint, expected):
    found = from_text(text, hint, "--x")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text", ["[" * 50_000, "&a [*a]", "59:59", "nan", "", "x", "1e400", "9" * 5000, "{a, b}"]
)
def test_what_is_no_number_is_told_whatever_is_typed(text):
    for hint in (int, float, float | None, list[int]):
        with pytest.raises(
            ConfigurationError, match=r"^--x is .*, expected a (whole )?(number|list)"
        ) as told:
            from_text(text, hint, "--x")
        assert len(str(told.value)) < 200


def test_annotations_in_words():
    assert described(int | str | Path | None) == "a whole number, a path or null"
    assert described(Optional[Kind]) == "'a', '32' or null"  # noqa: UP045


def test_functions_check_what_they_are_called_with():
    @checked_arguments
    def work(place: str | Path, *, share: float = 0.5) -> tuple[Any, ...]:
        return place, share

    assert work("here", share=1) == ("here", 1.0)
    with pytest.raises(ConfigurationError, match=r"^work: share is 'a', expected a number$"):
        work("here", share="a")
    with pytest.raises(ConfigurationError, match=r"^work: missing a required argument: 'place'"):
        work()

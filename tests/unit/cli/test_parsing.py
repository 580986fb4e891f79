"""A command's parser is made from the signature of its function, and passes on what was typed alone."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypedDict, Unpack

import pytest

from skelact.cli.parsing import make_parser, parse
from skelact.configuration import Fields, Option, Table
from skelact.errors import SkelactError


@dataclass
class Inner:
    """Inner settings."""

    depth: int = 2
    """How deep."""


@dataclass
class Settings:
    """Settings of a table."""

    rate: float | None = 0.5
    """How fast."""
    inner: Inner = field(default_factory=Inner)
    """More."""
    name: str = "a"
    """What it is called."""


class Shared(TypedDict, total=False):
    """What several commands have."""

    seed: int
    """decides the draws"""


class More(Shared, total=False):
    """And more."""

    share: float
    """a part of 100 %"""


def work(
    place: str | Path,
    data: Annotated[str | list[str] | None, Option(str, repeat=True)] = None,
    *,
    out: str | Path | None = None,
    ks: list[int] = [1, 2],  # noqa: B006
    kind: Literal["a", "b"] = "a",
    centre: bool = True,
    is_dry: bool = False,
    training: Annotated[Table | None, Fields(Settings, skip=("name",))] = None,
    **options: Unpack[More],
) -> None:
    """Do the work.

    At length.

    Args:
        place: where
        data: what, repeatable
        out: whither
        ks: numbers
        kind: which
        centre: do not centre
        is_dry: do nothing
        training: how
    """


def typed(*words):
    return parse(make_parser("work", work, ("place",)), "work", words)


def test_what_is_not_typed_is_not_passed():
    assert typed("here") == {"place": "here"}


def test_every_kind_of_parameter_can_be_typed():
    words = "here --data x --data y --out o --ks [3] --kind b --no-centre --is-dry --training.rate null "
    words += "--training.inner.depth 3 --seed 4 --share 0.5"
    assert typed(*words.split()) == {
        "place": "here",
        "data": ["x", "y"],
        "out": "o",
        "ks": [3],
        "kind": "b",
        "centre": False,
        "is_dry": True,
        "training": {"rate": None, "inner": {"depth": 3}},
        "seed": 4,
        "share": 0.5,
    }
    assert typed("here", "--is_dry") == typed("here", "--is-dry")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "work: the following arguments are required: PLACE"),
        ("here --kin b", "did you mean --kind"),
        ("here --without x", "--without x (--help lists the options)"),
        ("here --training.rat 1", "did you mean --training.rate"),
        ("here --training.name b", "unrecognized arguments: --training.name"),
        ("here --kind c", "work: --kind is 'c', expected 'a' or 'b'"),
        ("here --training.inner.depth x", "work: --training.inner.depth is 'x', expected a whole number"),
        ("here --seed x", "work: --seed is 'x', expected a whole number"),
    ],
)
def test_what_cannot_be_typed_is_answered_in_one_line(words, message):
    with pytest.raises(SkelactError) as told:
        typed(*words.split())
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_option_is_named_as_it_is_typed():
    def needs(*, out_folder: str) -> None:
        """Need something."""

    with pytest.raises(SkelactError, match=r"required: --out-folder$"):
        parse(make_parser("needs", needs), "needs", [])


def test_help_is_what_the_docstrings_say_and_tables_wait_for_help_all(capsys):
    with pytest.raises(SystemExit):
        typed("--help")
    short = capsys.readouterr().out
    assert "usage: skelact work PLACE [options]" in short
    assert "Do the work.\n\nAt length.\n" in short
    assert "a part of 100 %" in short
    assert "decides the draws" in short
    assert "numbers (default: [1, 2])" in short
    assert "--training.rate" not in short
    assert "--help-all" in short
    with pytest.raises(SystemExit):
        typed("--help-all")
    long = capsys.readouterr().out
    assert "How fast. (default: 0.5)" in long
    assert "How deep. (default: 2)" in long
    assert "--training.name" not in long

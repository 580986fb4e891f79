"""The errors a user can cause; the command line prints their message on one line and exits with status 2."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from difflib import get_close_matches


class SkelactError(Exception):
    """A mistake in the input. The message says what was met, what was expected and what to do."""

    exit_status = 2
    """Exit status of a command that it ends."""
    is_told_elsewhere = False
    """Whether another process of the same command ends with it, too, and says so."""


class DataError(SkelactError):
    """A recording, a folder or a store that cannot be used. The message names the file and the place."""


class ConfigurationError(SkelactError):
    """An option or a configuration file that cannot be used. The message names the key."""


class SkelactWarning(UserWarning):
    """Something that stops nothing and that the user will want to know; a command prints it on one line."""


_MANY = 1000


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the known word closest to ``word``, or the list of known words.

    Of very many known words only their number is said: comparing them takes long.
    """
    options = sorted(known)
    if len(options) > _MANY:
        return f" ({len(options):,} are known)"
    close = get_close_matches(word, options, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(options)})"


def install(extra: str, package: str | None = None) -> str:
    """Return how an extra of this package, which is on no registry, or another package is installed."""
    what = package or f"'.[{extra}]'"
    return f"in skelact's checkout: pip install -c constraints.txt {what}"


def printable(text: str) -> str:
    """Return ``text`` with line ends, controls, marks of direction and bytes that are not UTF-8 spelt out."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes; a wide letter, as a Chinese one, takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int) -> str:
    """Return a text with blanks behind it, so that it takes ``width`` columns of a terminal."""
    return text + " " * (width - width_of(text))


def spreadsheet_cell(text: str) -> str:
    """Return a name for a cell of CSV; spreadsheets would compute one that begins as formulas do."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def printable_lines(text: str) -> str:
    """Return a text of several lines with what :func:`printable` spells out; lines and tabs stay."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def typed(path: object) -> str:
    """Return a path as one types it in a shell, in quotes where it needs them."""
    return shlex.quote(str(path))

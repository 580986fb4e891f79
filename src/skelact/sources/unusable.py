"""The error of a recording that cannot be used: what a preparation sets aside and counts."""

from __future__ import annotations

from skelact.errors import DataError


class UnusableRecordingError(DataError):
    """One recording that cannot be used. The message is ``<file>: <place>: <detail>``.

    A preparation catches it, sets the recording aside and goes on; read alone, a file raises it.
    """

    def __init__(self, reason: str, file: str, place: str, detail: str) -> None:
        super().__init__(": ".join(part for part in (file, place, detail) if part))
        self.reason = reason
        """A few words under which the account counts the recording, e.g. ``malformed file``."""
        self.file = file
        """The recording's file, as it is called in its folder or archive."""
        self.place = place
        """Where in the file, e.g. ``line 12``; empty where the file as a whole is meant."""
        self.detail = detail
        """What was found, what was expected and, where there is one, the remedy."""


MALFORMED = "malformed file"
REMEDY = "copy the file again from the release"


def quote(word: bytes) -> str:
    """Return ``word`` for a message: printable, in quotes, and cut after 40 characters."""
    shown = word.decode(errors="replace")
    return repr(shown if len(shown) <= 40 else shown[:37] + "...")


def one_line(error: BaseException) -> str:
    """Return an error of another library for a message: printable, in one line, and not too long."""
    return printable(" ".join(str(error).split()))[:200] or type(error).__name__


def printable(text: str) -> str:
    """Return ``text`` with line ends, bytes that are not UTF-8 and the like spelt out."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def malformed(file: str, line: int, detail: str) -> UnusableRecordingError:
    """Return the error of a file that breaks its format at ``line``, counted from 1."""
    return UnusableRecordingError(MALFORMED, file, f"line {line}", f"{detail}; {REMEDY}")

"""One model for many clients: files that they send become answers, one at a time, in a thread of its own."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from skelact.api.model import Model
from skelact.api.prediction import ask
from skelact.errors import SkelactError, printable
from skelact.limits import limit

T = TypeVar("T")
MOST_WAITING = 64
"""Questions that wait for their turn; more are refused."""
BODY = "the body"
"""What a file without a name is called in answers."""
_OPTION = re.compile(r"(^|[ (])--(?!limit\b)[a-z]")
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 100
NAMELESS = f"{BODY} is no pose-JSON; tell the file's name, as /predict?file=wave.bvh"


class BusyError(Exception):
    """Too many wait already, or an answer takes too long."""


class Answering:
    """Lets one thread use the model; whoever asks waits for their turn.

    Args:
        model: that was taught classes.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._num_waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` gives, done in the model's thread.

        Raises:
            BusyError: too many wait already, or it takes longer than the limit ``seconds``.
        """
        if self._num_waiting >= MOST_WAITING:
            raise BusyError("too many ask at once; ask again later")
        self._num_waiting += 1
        try:
            future = asyncio.get_running_loop().run_in_executor(self._thread, work)
            return await asyncio.wait_for(future, limit("seconds"))
        except TimeoutError as error:
            raise BusyError("it takes too long; ask again later, or about a shorter recording") from error
        finally:
            self._num_waiting -= 1

    async def predict(self, data: bytes, name: str | None, top: int) -> dict[str, Any]:
        """Return what the recordings in a file show, as the table that is sent.

        Args:
            data: the file's bytes, in any format that ``data prepare auto`` knows.
            name: what the client calls it; some formats tell things by it. None: it does not say.
            top: classes to tell.

        Raises:
            SkelactError: it cannot be used; the message calls it by the client's name.
            BusyError: as of :meth:`run`.
        """
        return await self.run(lambda: self._predict(data, name, top))

    def _predict(self, data: bytes, name: str | None, top: int) -> dict[str, Any]:
        shown = printable(name or BODY)[:_LONGEST]
        with tempfile.TemporaryDirectory(prefix="skelact-") as folder:
            path = Path(folder) / safe_name(name or "")
            path.write_bytes(data)
            is_json = data.lstrip()[:1] in (b"{", b"[")

            def as_named(text: str) -> str:
                """Let a message speak of the client's file, not of where it lies here."""
                places = "|".join(map(re.escape, filter(None, (str(path), folder, shown))))
                own = rf"(?<![\w./-]){re.escape(path.name)}(?![\w-])"
                text = re.sub(rf"{places}|{own}|/\S*skelact-\S+", lambda _: shown, text)
                text = re.sub(rf", e\.g\. {re.escape(shown)}(?![\w./-])", "", text)  # named before
                return printable(without_commands(text))

            try:
                found, problems, notes = ask(self.model, path, shown, top)
            except SkelactError as error:
                raise SkelactError(as_named(str(error)) if name or is_json else NAMELESS) from None
            if not (found or name or is_json):
                raise SkelactError(NAMELESS)
            return {
                "recordings": [{"file": as_named(file), **one.to_dict()} for file, one in found],
                "problems": list(map(as_named, problems)),
                "notes": list(map(as_named, notes)),
            }

    def close(self) -> None:
        """Take no more; what is being done ends, and nobody waits for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def without_commands(text: str) -> str:
    """Return a message without the parts of it that tell a user of the command line what to type."""
    first, *others = text.split("; ")
    return "; ".join([first, *(each for each in others if not _is_typed(each))])


def _is_typed(part: str) -> bool:
    """Return whether a part of a message names a command or an option; limits are told to clients as well."""
    return "skelact " in part or _OPTION.search(part) is not None


def safe_name(name: str) -> str:
    """Return the last part of a client's file name, of letters that no file system minds."""
    last = re.split(r"[/\\]", name)[-1]
    made = _ODD.sub("_", last).strip(".")[-_LONGEST:]
    return made if made and made.strip("._-") else "recording.json"

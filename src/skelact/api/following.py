"""Frames that come one by one, in a file or a pipe: what is decided of them, as soon as it is known."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from skelact.api.model import Model
from skelact.errors import DataError
from skelact.limits import beyond, limit
from skelact.recognition.answers import Event
from skelact.recognition.frames import FrameReader
from skelact.recognition.stream import Stream

MOST_BROKEN = 100
"""Lines of a stream that may be left out, for they cannot be used."""


def follow_stream(model: Model, name: str, stream: Stream, tell: Callable[[str], None]) -> Iterator[Event]:
    """Give what is decided of a stream of frames; a line that cannot be used is told and left out.

    Args:
        model: that was taught classes.
        name: the file, a pipe or a device as well; - for the standard input.
        stream: what takes the frames.
        tell: is given what could not be used, a line each.

    Raises:
        DataError: no such file, or :data:`MOST_BROKEN` lines in a row that cannot be used.
        ConfigurationError: bodies of a size as if in another unit.
    """
    reader = FrameReader(model.topology, model.takes.num_coordinates)
    broken = 0
    with _lines(name) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                frame = reader.read(line, f"{name}: line {number}")
                events = []
                if frame is not None:
                    events = stream.frame(frame.people, time=frame.time, fps=frame.fps)
                broken = 0
            except DataError as error:
                broken += 1
                where = "" if str(error).startswith(f"{name}: ") else f"{name}: line {number}: "
                tell(f"{where}{error}")
                if broken >= MOST_BROKEN:
                    raise DataError(
                        f"{name}: {broken} lines in a row that cannot be used; is it such a stream?"
                    ) from None
                continue
            yield from events
    yield from stream.finish()


@contextmanager
def _lines(name: str) -> Iterator[Iterator[bytes]]:
    """Give the lines of what was named, a pipe or a device as well as a file, each when it is there.

    Raises:
        DataError: it cannot be opened, or a line is longer than a recording may be.
    """
    most = limit("recording")

    def each(file: BinaryIO) -> Iterator[bytes]:
        while line := file.readline(most + 1):
            if len(line) > most:
                raise DataError(f"{name}: a line has {beyond('recording')}")
            yield line

    if name == "-":
        yield each(sys.stdin.buffer)
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(name).open("rb"))
        except OSError as error:
            raise DataError(f"{name}: cannot be read ({error.strerror}); check the path") from error
        yield each(file)

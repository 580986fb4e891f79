"""Frames over a WebSocket: a message a frame, as lines of ``predict --follow``; events come back."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, get_type_hints

from fastapi import WebSocket, WebSocketDisconnect
from starlette.datastructures import QueryParams

from skelact.errors import ConfigurationError, SkelactError, printable, suggest
from skelact.recognition.frames import FrameReader
from skelact.recognition.stream_settings import StreamSettings
from skelact.service.answering import Answering, BusyError
from skelact.service.metrics import Metrics
from skelact.typed_values import from_text

MOST_STREAMS = 32
"""Streams at a time; more are refused."""
LARGEST_FRAME = 1 << 20
"""Bytes of a message, which all others wait for while it is read; fifty people need a tenth of it."""
PATIENCE = 60.0
"""Seconds without a frame, or without taking an event, after which a stream is closed."""
BROKEN, WRONG, BUSY = 1007, 1008, 1013
"""Codes with which a stream is closed: a frame that cannot be used; not allowed; too many."""
_REASON = 120  # bytes, of 123 that WebSocket has


def settings_of(query: QueryParams) -> dict[str, Any]:
    """Return the settings of a stream that an address gives.

    Raises:
        ConfigurationError: one that there is not, or that cannot be used.
    """
    given = dict(query)
    hints = {**get_type_hints(StreamSettings), "top": int}
    for name in given.keys() - hints.keys():
        raise ConfigurationError(f"stream: unknown key {name[:60]!r}{suggest(name[:60], hints)}")
    return {name: from_text(text, hints[name], f"stream: {name}") for name, text in given.items()}


async def follow(socket: WebSocket, answering: Answering, metrics: Metrics) -> None:
    """Answer a WebSocket that was let in, until it ends."""
    await socket.accept()
    if metrics.num_streams >= MOST_STREAMS:
        await close(socket, BUSY, "too many streams; come back later")
        return
    model = answering.model
    metrics.count_streams(1)
    number = 0
    try:
        try:
            stream = model.stream(**settings_of(socket.query_params))
        except SkelactError as error:
            await close(socket, WRONG, str(error).replace("--stream.", ""))
            return
        reader = FrameReader(model.topology, model.takes.num_coordinates)
        while True:
            message = await asyncio.wait_for(socket.receive(), PATIENCE)
            if message["type"] == "websocket.disconnect":
                return
            number += 1
            text = message.get("text")
            if text is None:
                await close(socket, BROKEN, f"message {number}: bytes; expected a frame as JSON text")
                return
            if text.strip() == "end":  # so that a client hears how it ended
                events = await answering.run(stream.finish)
            else:
                frame = reader.read(text.encode(), f"message {number}")
                if frame is None:
                    continue
                metrics.frames.inc()
                people, time, fps = frame
                take = partial(stream.frame, people, time=time, fps=fps)
                events = await answering.run(take) if stream.decides_next else take()
            try:
                for event in events:
                    metrics.events.labels(event.event).inc()
                    await asyncio.wait_for(socket.send_json(event.to_dict()), PATIENCE)
            except TimeoutError:
                await close(socket, WRONG, f"no event was taken for {PATIENCE:g} s")
                return
            if text.strip() == "end":
                await close(socket, 1000, "")
                return
    except SkelactError as error:
        where = f"message {number}: "
        await close(socket, BROKEN, where + str(error).removeprefix(where))
    except BusyError as error:
        await close(socket, BUSY, str(error))
    except TimeoutError:
        await close(socket, WRONG, f"no frame for {PATIENCE:g} s")
    except (WebSocketDisconnect, UnicodeEncodeError):
        await close(socket, BROKEN, "not text")
    finally:
        metrics.count_streams(-1)


async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Close a WebSocket, and say why; one that is gone already is left alone."""
    try:
        await asyncio.wait_for(socket.close(code, in_short(reason)), PATIENCE)
    except (RuntimeError, TimeoutError, WebSocketDisconnect):
        return


def in_short(reason: str) -> str:
    """Return as much of a reason as WebSocket takes, cut between two words."""
    whole = printable(reason)
    if len(whole.encode()) <= _REASON:
        return whole
    words, between, _ = whole.encode()[: _REASON - 2].decode(errors="ignore").rpartition(" ")
    return f"{words} ..." if between else "..."

"""``skelact serve``: the service of one model, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from skelact.api.model import Run, as_taught
from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, SkelactWarning, install, printable
from skelact.files import read_file
from skelact.limits import VARIABLE, parse_limits, set_limits
from skelact.reports.serving import is_loopback

if TYPE_CHECKING:
    import uvicorn

TOKEN = "SKELACT_TOKEN"
"""Environment variable that holds the token."""
LIMITS = {
    "recording": "16MB",
    "unpacked": "64MB",
    "pickle": "16MB",
    "files": "1000",
    "frames": "100000",
    "places": "10000000",
    "bodies": "50",
    "people": "50",
    "seconds": "60",
}
"""Limits of what clients send, unless ``--limit`` or the environment sets others."""
SHORTEST_TOKEN = 16
MOST_CONNECTIONS = 256
HEADER_SECONDS = 10
"""Seconds in which a request's head has to arrive."""
GRACE = 10
"""Seconds that requests have to end when the service is told to stop."""


@checked_arguments
def serve(
    model: Annotated[Run, Option(str)],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token_file: PathLike | None = None,
) -> None:
    """Serve a model over HTTP: a page to drop a recording on, predictions, and streams over WebSocket.

    POST /predict takes pose-JSON or a file of any format that 'data prepare auto' knows, WebSocket /stream
    takes frames; /health, /card, /metrics (Prometheus) and /openapi.json tell of the service. It is for this
    machine alone, unless --host names another address; then clients need a token. It stops on SIGTERM and
    Ctrl-C, when what was asked is answered.

    Args:
        model: folder of a model that was taught, or an .onnx file of 'skelact export'
        host: address to listen on; 0.0.0.0 for all of this machine's
        port: 0 takes a free one
        token_file: file that holds the token clients must send; or the environment's SKELACT_TOKEN

    Raises:
        ConfigurationError: a model that was not taught any classes, no token where one is needed, or packages
            that are missing.
        DataError: the port cannot be used.
    """
    token = _token(token_file)
    loopback = is_loopback(host)
    if token is None and not loopback:
        raise ConfigurationError(
            f"--host {printable(host)} lets others ask; give a token: --token-file FILE, or {TOKEN}"
        )
    try:
        import uvicorn

        from skelact.service.app import build_app
    except ImportError as error:
        raise ConfigurationError(f"the service needs {error.name}; {install('serve')}") from error
    asked = as_taught(model)
    app = build_app(asked, token=token, any_host=not loopback)
    with _as_service(), _listen(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        address = f"{asked.run}: http://{shown}:{listening.getsockname()[1]}/"

        class Telling(uvicorn.Server):
            """Tells its address when it can be asked, and stopped by a signal."""

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                print(address, flush=True)

        _run(Telling(_config(app)), listening)
    app.state.answering.close()


@contextmanager
def _as_service() -> Iterator[None]:
    """Hold the limits of what clients send, and be silent about what is only noteworthy, meanwhile."""
    before = os.environ.get(VARIABLE)
    given = parse_limits(before.split(","), VARIABLE) if before else {}
    set_limits(f"{name}={value}" for name, value in LIMITS.items() if name not in given)
    try:
        with warnings.catch_warnings():
            # each names the folder of one request: no message for a log, and Python would remember them all
            warnings.simplefilter("ignore", SkelactWarning)
            yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def _token(path: PathLike | None) -> str | None:
    found = os.environ.get(TOKEN) if path is None else read_file(path).decode("utf-8", "replace").strip()
    if found is None:
        return None
    where = TOKEN if path is None else str(path)
    if len(found) < SHORTEST_TOKEN or not found.isascii() or not found.isprintable() or " " in found:
        raise ConfigurationError(
            f"{where}: the token has to be {SHORTEST_TOKEN} or more letters, digits and signs, without spaces"
        )
    return found


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 1 << 16:
        raise ConfigurationError(f"--port is {port}; expected 0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(MOST_CONNECTIONS)
    except (OSError, UnicodeError) as error:
        raise DataError(
            f"{printable(host)}:{port}: cannot be used ({error}); choose another: --port"
        ) from error
    return made


def _config(app: Any) -> uvicorn.Config:
    import h11
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    from skelact.limits import limit
    from skelact.service.app import refusal
    from skelact.service.streaming import LARGEST_FRAME

    crowded: Any = refusal(503, "too many connections; ask again later", {"Retry-After": "5"})

    class Impatient(H11Protocol):
        """Closes connections on which no request arrives in time, and says why others are not answered."""

        _waiting: asyncio.TimerHandle | None = None
        _is_stream = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            is_idle = self.cycle is None or self.cycle.response_complete
            if not is_idle:
                self._stop_waiting()
            elif self._waiting is None and not self._is_stream:
                self._wait()

        def _stop_waiting(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _wait(self) -> None:
            self._waiting = self.loop.call_later(HEADER_SECONDS, self._give_up)

        def _give_up(self) -> None:
            self._waiting = None
            if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
                self.transport.close()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def handle_events(self) -> None:
            is_crowded = max(len(self.connections), len(self.tasks)) >= MOST_CONNECTIONS
            self.app = crowded if is_crowded else self.config.loaded_app
            super().handle_events()

        def send_400_response(self, msg: str) -> None:
            answer = refusal(400, msg, {"Connection": "close"})
            head = h11.Response(status_code=400, headers=answer.raw_headers, reason=b"Bad Request")
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._is_stream = True  # which has a patience of its own
            self._stop_waiting()
            super().handle_websocket_upgrade(event)

    return uvicorn.Config(
        app,
        http=Impatient,
        ws="websockets-sansio",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=HEADER_SECONDS,
        timeout_graceful_shutdown=GRACE,
        ws_max_size=min(LARGEST_FRAME, limit("recording")),
    )


def _run(server: uvicorn.Server, listening: socket.socket) -> None:
    """Run a server until a signal stops it; the signal then does no more."""
    if threading.current_thread() is not threading.main_thread():
        server.run([listening])
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run([listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

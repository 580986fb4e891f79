"""A page on this machine's own address, for the browser of the one who asked for it."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
import signal
import socket
import sys
import threading
import warnings
import webbrowser
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from skelact.errors import DataError, SkelactError, SkelactWarning, printable

LOOPBACK = "127.0.0.1"
Answer = Callable[[str], str | None]
TOKEN = "X-Skelact-Token"
"""Header with which a page shows that it is the one that was served, when something is to be done."""
SECONDS_OF_SILENCE = 60.0
"""After which a connection is closed on which nothing comes or nothing is taken."""
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
"""Of every answer. Notebooks and pages that hold a page in a frame hold its text, not its address."""
_OWN_PORTS = range(20_000, 30_000)
"""Below those that systems give away by themselves."""


def names_loopback(host: str) -> bool:
    """Tell whether the ``Host`` of a request is a name of this machine's loopback.

    A page of elsewhere that reaches a server under a name of its own sends that name.
    """
    name, _, port = host.rpartition(":")
    return is_loopback((name if port.isdecimal() and not name.endswith(":") else host).strip("[]"))


def is_loopback(name: str) -> bool:
    """Tell whether a name or an address is that of this machine for itself."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.lower() == "localhost"


class PageServer(ThreadingHTTPServer):
    """Serves one page, to this machine alone, under an address that nobody else can guess.

    Args:
        page: what is served, as HTML.
        port: 0 takes a free one.
        answer: gives JSON for the rest of an address below the page's, or None where there is nothing; it is
            called by one thread at a time.
        act: does what the page asks with POST, and answers likewise.
        token: what the page must send with that, in the header :data:`TOKEN`; needed with ``act``.

    Raises:
        DataError: the port is taken, or may not be used.
    """

    daemon_threads = True

    def __init__(
        self,
        page: str,
        port: int = 0,
        answer: Answer | None = None,
        act: Answer | None = None,
        token: str = "",
    ) -> None:
        self.answer, self.act, self.token = answer, act, token
        self.one_at_a_time = threading.Lock()
        self.page, self.path = page.encode(), f"/{secrets.token_urlsafe(9)}/"
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except (OSError, OverflowError) as error:
            raise DataError(
                f"port {port} of {LOOPBACK}: cannot be used ({error}); choose another: --port"
            ) from error

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_address[1]}{self.path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has left, and one line of an answer that the data does not give."""
        error = sys.exception()
        if isinstance(error, SkelactError):
            print(f"skelact: {printable(str(error))}", file=sys.stderr)
        elif not isinstance(error, ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def find(self, path: str) -> tuple[bytes, str] | None:
        """Return what is at a path of this server, and of what type it is; None: nothing."""
        if path == self.path:
            return self.page, "text/html; charset=utf-8"
        if self.answer is None or not path.startswith(self.path):
            return None
        with self.one_at_a_time:
            found = self.answer(path.removeprefix(self.path))
        return None if found is None else (found.encode(), "application/json")

    def do(self, path: str, origin: str, host: str, token: str) -> bytes | None:
        """Do what the page asks at a path of this server, and return the answer; None: it is not done.

        Only the page itself can ask: it knows the address and the token, and comes from where it asks.
        """
        is_own = bool(self.token) and secrets.compare_digest(token.encode(), self.token.encode())
        if self.act is None or not is_own or origin != f"http://{host}" or not names_loopback(host):
            return None
        if not path.startswith(self.path):
            return None
        with self.one_at_a_time:
            found = self.act(path.removeprefix(self.path))
        return None if found is None else found.encode()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version, sys_version = "skelact", ""
    timeout = SECONDS_OF_SILENCE

    def do_GET(self) -> None:
        """Answer with the page or what it asks for, or that there is no such page."""
        found = self.server.find(self.path) if names_loopback(self.headers.get("Host", "")) else None
        self._send(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, found)

    def do_POST(self) -> None:
        """Do what the page asks, or say that it is not done; what is sent along is not read."""
        told = [self.headers.get(name, "") for name in ("Origin", "Host", TOKEN)]
        done = self.server.do(self.path, *told)
        self._send(
            HTTPStatus.FORBIDDEN if done is None else HTTPStatus.OK,
            None if done is None else (done, "application/json"),
        )

    def _send(self, status: HTTPStatus, found: tuple[bytes, str] | None) -> None:
        body, kind = found or (b"not here", "text/html; charset=utf-8")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for key, value in HEADERS.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing of requests."""


def asked_recording(asked: str, num: int) -> tuple[str, int] | None:
    """Return what a page of ``num`` recordings asks for; None: there is nothing of this name.

    Args:
        asked: ``small/7`` for a small picture of recording 7, ``full/7`` for the player.
        num: recordings, numbered from 0.
    """
    kind, _, number = asked.partition("/")
    if kind not in ("small", "full") or not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    return (kind, int(number)) if int(number) < num else None


def tell_address(address: str) -> None:
    """Print where a page is shown."""
    print(f"{address}  (Ctrl-C ends it)", flush=True)


def serve(
    page: str,
    port: int = 0,
    *,
    browser: bool = True,
    tell: Callable[[str], None] = tell_address,
    answer: Answer | None = None,
    act: Answer | None = None,
    token: str = "",
) -> None:
    """Serve a page until the process is interrupted, or told to end (SIGTERM).

    Args:
        page: as HTML.
        port: 0 takes a free one.
        browser: whether to open it, where there is a screen.
        tell: is given the address; default: prints it.
        answer: as of :class:`PageServer`.
        act: likewise.
        token: likewise.

    Raises:
        DataError: the port cannot be used.
    """
    with PageServer(page, port, answer, act, token) as server:
        before = _end_alike()
        try:
            tell(server.address)
            if browser and has_screen():
                webbrowser.open(server.address)
            server.serve_forever()
        except KeyboardInterrupt:
            return
        finally:
            if before is not None:
                signal.signal(signal.SIGTERM, before)


def own_port(name: str) -> int:
    """Return the port under which a page of this name is always shown, as far as it is free; 0: it is not.

    Browsers keep what a page remembers by its address, the port included.
    """
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    port = _OWN_PORTS[number % len(_OWN_PORTS)]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            warnings.warn(
                f"port {port}, under which the browser keeps what was marked before, is taken; marks of this "
                "page stand alone",
                SkelactWarning,
                stacklevel=2,
            )
            return 0
    return port


def _end_alike() -> Any:
    """Let SIGTERM do what Ctrl-C does; return what it did, None in a thread, which cannot set that."""
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, signal.default_int_handler)


def has_screen() -> bool:
    """Tell whether a browser could open a window; without one, text browsers would take the terminal."""
    return sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )

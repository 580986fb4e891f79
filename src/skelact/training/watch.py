"""Processes of a run learn at once that one of them is gone, wherever they wait for it.

A process that fails alone, or is killed, would leave the others in an exchange to which it never comes: on
GPUs for half an hour. So each keeps a connection to the first process. One that closes without a word of
farewell tells of a process that is gone, the first passes it on, and all end. A connection outlives a process
that is only stopped for a while; where a machine is gone, the system's probes notice.
"""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from lightning_fabric import Fabric

from skelact.errors import ConfigurationError

STATUS = 3
"""Exit status of a process that ends because another is gone; as of a run that was asked to stop."""
SECONDS_TO_CONNECT = 60.0
MOST_STRANGERS = 100
"""Connections that are kept beside the processes of the run; of more, those that said nothing longest go."""
SECONDS_TO_END = 5.0
"""From the news that a process is gone to the end: where all meet the same error, each says so itself."""
SECONDS_TO_LOOK = 2.0
"""From one look at whoever started this process to the next."""
PROBES = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
"""A machine that answers nothing is gone after half a minute; on systems that let a program say so."""
FAREWELL, GONE = b".", b"x"
_NUMBER = 4
"""Bytes of a process's number."""


class Watch:
    """This process's connection to the others, watched by a thread; every process of the run makes one.

    Args:
        fabric: the processes of the run, more than one.
        address: the machine of the first process.
        is_silent: whether this process leaves it to another to say what happened.
        is_kept: whether another program keeps this process; where that is gone, this one is asked to stop.

    Raises:
        ConfigurationError: the processes cannot reach each other.
    """

    def __init__(self, fabric: Fabric, address: str, *, is_silent: bool, is_kept: bool) -> None:
        self._keeper = os.getppid() if is_kept else None
        self.rank, self.num_processes, self.is_silent = fabric.global_rank, fabric.world_size, is_silent
        self._ending = threading.Event()
        listening = _listen() if self.rank == 0 else None
        offer = (listening.getsockname()[1], secrets.token_bytes(16)) if listening else (0, b"")
        port, token = fabric.broadcast(offer)
        try:
            if listening:
                with listening:
                    self._peers = _accept(listening, token, self.num_processes - 1)
            else:
                peer = socket.create_connection((address, port), timeout=SECONDS_TO_CONNECT)
                peer.sendall(token + self.rank.to_bytes(_NUMBER))
                self._peers = {0: peer}
        except OSError as error:
            raise ConfigurationError(
                f"process {self.rank} of the run does not reach the others by {address}, port {port} "
                f"({error}); open the ports between these machines, or set MASTER_ADDR to the address "
                "by which they know the first"
            ) from error
        for peer in self._peers.values():
            _probe(peer)
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._thread.start()

    def leave(self, well: bool) -> None:
        """Close the connections, with a farewell if the work of this process is done ``well``."""
        if not self._ending.is_set():
            self._ending.set()
            if well:
                _tell(self._peers.values(), FAREWELL)
            for peer in self._peers.values():
                _shut(peer)

    def wait(self) -> None:
        """Give the thread time to end this process, where an error may come of another's that is gone."""
        self._thread.join(3 * SECONDS_TO_END)

    def _watch(self) -> None:
        with selectors.DefaultSelector() as selector:
            for rank, peer in self._peers.items():
                selector.register(peer, selectors.EVENT_READ, rank)
            while selector.get_map():
                if self._keeper not in (None, os.getppid()):
                    self._keeper = None
                    os.kill(os.getpid(), signal.SIGTERM)
                for key, _ in selector.select(SECONDS_TO_LOOK):
                    gone = _gone(self._peers[key.data], key.data)
                    if gone is None:
                        selector.unregister(key.fileobj)
                    else:
                        self._end(gone)
                        return

    def _end(self, gone: int) -> None:
        """End this process with the others, unless it ends by itself."""
        if self._ending.is_set():
            return
        if self.rank == 0:
            _tell(self._peers.values(), GONE + gone.to_bytes(_NUMBER))
        if self._ending.wait(SECONDS_TO_END):
            return
        if not self.is_silent:
            print(
                f"skelact: process {gone} (of 0 to {self.num_processes - 1}) ended before the work was done, "
                "so all end; if it said why, mend that; then run the command again, a training with --resume",
                file=sys.stderr,
                flush=True,
            )
        os._exit(STATUS)


def _listen() -> socket.socket:
    """Return a socket on a free port, for IPv6 and IPv4 where there are both."""
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    return socket.create_server(("", 0), family=family, dualstack_ipv6=both, backlog=1024)


def _accept(listening: socket.socket, token: bytes, number: int) -> dict[int, socket.socket]:
    """Return a connection for each other process, by its number.

    All that connect are heard side by side, so that a stranger who says nothing, or leaves on the way, holds
    nobody up. Who lacks the token is sent away, once he has said all of it: sooner would tell what is wrong.
    """
    found: dict[int, socket.socket] = {}
    heard: dict[socket.socket, bytes] = {}  # of those that have not said all, in the order in which they came
    until = time.monotonic() + SECONDS_TO_CONNECT
    listening.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        while len(found) < number:
            if (left := until - time.monotonic()) <= 0:
                raise TimeoutError(f"{number - len(found)} of {number} others did not come")
            for key, _ in selector.select(left):
                done = None
                if key.fileobj is listening:
                    with suppress(OSError):  # gone already
                        peer, _ = listening.accept()
                        peer.setblocking(False)
                        selector.register(peer, selectors.EVENT_READ)
                        heard[peer] = b""
                    if len(heard) > number + MOST_STRANGERS:
                        done = next(iter(heard))
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in heard:
                    done = _hear(key.fileobj, len(token) + _NUMBER, heard)
                if done:
                    selector.unregister(done)
                    said = heard.pop(done)
                    if len(said) > len(token) and secrets.compare_digest(said[: len(token)], token):
                        found[int.from_bytes(said[len(token) :])] = done
                    else:
                        done.close()
    for stranger in heard:
        stranger.close()
    return found


def _hear(peer: socket.socket, size: int, heard: dict[socket.socket, bytes]) -> socket.socket | None:
    """Add what came from ``peer`` to what was heard; return it once it has said all, or left."""
    try:
        more = peer.recv(size - len(heard[peer]))
    except OSError:
        more = b""
    heard[peer] += more
    return peer if not more or len(heard[peer]) == size else None


def _receive(peer: socket.socket, size: int) -> bytes:
    said = b""
    while len(said) < size and (more := peer.recv(size - len(said))):
        said += more
    return said


def _probe(peer: socket.socket) -> None:
    peer.settimeout(None)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in PROBES.items():
        if hasattr(socket, name):
            peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _gone(peer: socket.socket, rank: int) -> int | None:
    """Return which process is gone, after what came from one of them; None for a farewell."""
    try:
        said = _receive(peer, 1)
        if said == FAREWELL:
            return None
        return int.from_bytes(_receive(peer, _NUMBER)) if said == GONE else rank
    except OSError:
        return rank


def _tell(peers: Iterable[socket.socket], what: bytes) -> None:
    for peer in peers:
        with suppress(OSError):  # that one is gone already
            peer.sendall(what)


def _shut(peer: socket.socket) -> None:
    with suppress(OSError):  # closed by the other side
        peer.shutdown(socket.SHUT_WR)

"""Processes of a run find each other, whoever else connects to the port."""

import socket
import struct
import threading
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from skelact.training import watch
from skelact.training.watch import FAREWELL, Watch


class TwoProcesses:
    """What the processes of a run tell each other; ``comes_first`` is done before the first one accepts."""

    def __init__(self, comes_first):
        self.offer, self.is_made, self.comes_first = None, threading.Event(), comes_first

    def of(self, rank):
        return SimpleNamespace(global_rank=rank, world_size=2, broadcast=lambda offer: self.tell(rank, offer))

    def tell(self, rank, offer):
        if rank == 0:
            self.comes_first(*offer)
            self.offer = offer
            self.is_made.set()
        assert self.is_made.wait(60)
        return self.offer


def together(comes_first):
    """Return the watches of two processes, and what the first raised."""
    both, made, raised = TwoProcesses(comes_first), [], []

    def first():
        try:
            made.append(Watch(both.of(0), "127.0.0.1", is_silent=True, is_kept=False))
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    made.append(Watch(both.of(1), "127.0.0.1", is_silent=True, is_kept=False))
    thread.join()
    assert not raised
    return made


def test_strangers_hold_nobody_up(monkeypatch):
    monkeypatch.setattr(watch, "MOST_STRANGERS", 3)
    with ExitStack() as strangers:

        def come(port, token):
            silent = [
                strangers.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(8)
            ]
            silent[0].sendall(token[:7])
            silent[1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            silent[2].sendall(bytes(len(token)) + (1).to_bytes(4))
            silent[3].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            silent[3].close()  # a reset
            silent[4].close()

        watches = together(come)
        peers = {each.rank: each._peers for each in watches}
        assert [*peers[0]] == [1]
        assert peers[0][1].getpeername()[1] == peers[1][0].getsockname()[1]
        for each in watches:
            each.leave(well=True)
        for each in watches:
            each._thread.join(60)


def test_who_does_not_come_is_counted(monkeypatch):
    monkeypatch.setattr(watch, "SECONDS_TO_CONNECT", 0.2)
    with watch._listen() as listening, pytest.raises(TimeoutError, match="3 of 3 others did not come"):
        watch._accept(listening, b"token", 3)


def test_a_farewell_is_heard():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(FAREWELL)
        assert watch._gone(ours, 1) is None
        theirs.close()
        assert watch._gone(ours, 1) == 1

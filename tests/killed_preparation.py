"""A preparation that is killed in the middle of something, and what a store's files hold then."""

import hashlib
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

from skelact.store.prepare import prepare

FORK = multiprocessing.get_context("fork")


def digests(store: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in store.iterdir()}


def killed(owner: Any, name: str, call: int, raw: Path, store: Path, **options: Any) -> None:
    """Prepare in another process, which is killed in the given call of ``owner.name``."""

    def work() -> None:
        function, calls = getattr(owner, name), 0

        def deadly(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        setattr(owner, name, deadly)
        prepare("ntu60", raw, store, **options)

    process = FORK.Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

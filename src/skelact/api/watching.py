"""One run on a page while it trains, with a button that stops it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skelact.api.recordings import recording_of_store
from skelact.api.runs import look
from skelact.errors import DataError, SkelactError, typed
from skelact.locks import end_holder, holding_process
from skelact.store.store import Data, as_store

if TYPE_CHECKING:
    from skelact.reports.of_runs.live import LiveMasks
    from skelact.reports.of_runs.runs import RunFolder


@dataclass(eq=False)
class Watched:
    """A run that a page shows while it trains; what its folder says is read when the page asks.

    Args:
        run: its folder.
        data: where its store is; None: where the run says.
    """

    run: Path
    data: Data | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """What the page sends with what it asks to be done."""
    masks: LiveMasks | None = None
    remark: str = ""
    """What is not shown, and why."""

    def page(self) -> str:
        """Return the page as HTML."""
        from skelact.reports.of_runs.live import LiveMasks, live_page

        pose, folder = None, self._folder()
        try:
            named = self.data if self.data is not None else next(iter(folder.data), None)
            if named is not None and folder.config:
                store = as_store(named)
                self.masks = LiveMasks.of(self.run, folder.config, store)
                if self.masks is not None:
                    first = int(self.masks.sequences[0])
                    pose = self.masks.pose(recording_of_store(store, first))
        except SkelactError as error:
            self.masks, self.remark = None, f"No masks: {error}. --data STORE says where the data is."
        return live_page(self.run, pose, self.token, self.remark)

    def answer(self, asked: str) -> str | None:
        """Return what became of the run as JSON, where the page asks for ``state``."""
        return json.dumps(self.state(), allow_nan=False) if asked == "state" else None

    def act(self, asked: str) -> str | None:
        """Stop the run, where the page asks to ``stop``; return what became of that as JSON."""
        if asked != "stop":
            return None
        try:
            number = end_holder(self.run)
        except DataError as error:
            return json.dumps({"told": str(error)})
        return json.dumps({"told": f"Process {number} was asked to stop; it finishes its step and saves it."})

    def state(self) -> dict[str, Any]:
        """Return what the page is told: state, curves, masks, and whether the run can be stopped."""
        from skelact.reports.of_runs.runs import curves

        folder = self._folder()
        told: Mapping[str, Any] = asdict(look(self.run, str(self.run), with_results=False))
        masks = None
        if self.masks is not None and told["state"] in ("running", "stopped"):
            masks = self.masks.data(told["epochs_done"])
        return {
            **{key: told[key] for key in ("state", "method", "epochs", "epochs_done", "remark")},
            **{key: told[key] for key in ("clips_per_second", "seconds_left")},
            "curves": curves(folder.epochs),
            "masks": masks,
            "command": self._command(told["state"], folder),
            "cannot_stop": self._cannot_stop() if told["state"] == "running" else "",
        }

    def _folder(self) -> RunFolder:
        from skelact.reports.of_runs.runs import RunFolder

        return RunFolder.read(self.run)

    def _command(self, state: str, folder: RunFolder) -> str:
        """Return what is typed next."""
        if state == "finished":
            return f"skelact report {typed(self.run)}"
        commands = folder.commands()
        return f"{commands[0]} --resume" if state == "stopped" and commands else ""

    def _cannot_stop(self) -> str:
        try:
            holding_process(self.run)
        except DataError as error:
            return str(error)
        return ""

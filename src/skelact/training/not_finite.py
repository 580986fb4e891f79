"""What is said and written when loss or gradient are no longer finite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from skelact.errors import SkelactError
from skelact.training.log import writing
from skelact.training.update import Update

REPORT = "not-finite.json"
MOST_NAMES = 4
"""Sequences that the message itself names."""


class NotFiniteError(SkelactError):
    """Loss or gradient are no longer finite; the weights are those before the step."""


def not_finite(
    update: Update, step: int, epoch: int, names: Sequence[str], folder: Path | None
) -> NotFiniteError:
    """Return the error of a step, its whole batch written to ``folder/not-finite.json`` if there is a folder.

    Args:
        update: what the step computed.
        step: steps done before it.
        epoch: its epoch, from 0.
        names: the sequences of the batch.
        folder: the run folder; None writes nothing.
    """
    more = len(names) - MOST_NAMES
    listed = ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    if folder is not None:
        content = {
            "step": step,
            "epoch": epoch,
            "loss": str(update.loss),
            "grad_norm": str(update.grad_norm),
            "sequences": list(names),
        }
        with writing(folder / REPORT):
            (folder / REPORT).write_text(json.dumps(content, indent=1) + "\n")
        listed += f", all in {folder / REPORT}"
    return NotFiniteError(
        f"the loss is {update.loss} at step {step} (epoch {epoch}, norm of the gradient {update.grad_norm}; "
        f"sequences {listed}); the last checkpoint is kept; look at these sequences, or try a lower learning "
        "rate or --clip-grad"
    )

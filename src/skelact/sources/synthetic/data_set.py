"""A whole synthetic data set: a folder of files in the raw format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from skelact.errors import ConfigurationError, DataError
from skelact.sources.ntu import SUFFIX
from skelact.sources.synthetic.actions import choose_actions
from skelact.sources.synthetic.names import format_name, max_sequences, recording_name
from skelact.sources.synthetic.recording import simulate
from skelact.sources.synthetic.writer import format_recording


def write_data_set(
    out: Path,
    *,
    sequences: int,
    seed: int,
    actions: Sequence[str] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> list[Path]:
    """Write ``sequences`` recordings as ``SsssCcccPpppRrrrAaaa.skeleton`` into the folder ``out``.

    The same seed gives the same bytes. Recording i depends on the seed, i and the choice of actions only, so
    that a larger data set begins with the smaller one. Actions take turns; every one meets both sides of
    cross-subject, cross-view and cross-setup within its first eight recordings.

    Args:
        out: a folder that is empty or not yet there.
        sequences: how many recordings.
        seed: decides people, cameras and takes; not negative.
        actions: codes such as ``A010``; all of ``ACTION_NAMES`` by default.
        on_progress: called with the number of files written so far.

    Returns:
        the files, in order of their writing.

    Raises:
        ConfigurationError: a count or seed out of range, or an unknown action.
        DataError: ``out`` is a file or holds something.
    """
    numbers = choose_actions(actions)
    limit = max_sequences(len(numbers))
    if not 1 <= sequences <= limit:
        raise ConfigurationError(
            f"sequences: got {sequences}, expected 1 to {limit}, "
            f"as many as there are distinct names for {len(numbers)} actions"
        )
    if seed < 0:
        raise ConfigurationError(f"seed: got {seed}, expected 0 or more")
    if out.is_file():
        raise DataError(f"{out}: is a file, expected a folder that is empty or not yet there")
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out}: the folder is not empty; empty it or name another one")
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for index in range(sequences):
        name = recording_name(index, numbers)
        path = out / f"{format_name(name)}{SUFFIX}"
        path.write_bytes(format_recording(simulate(name, seed)).encode("ascii"))
        files.append(path)
        if on_progress is not None:
            on_progress(len(files))
    return files

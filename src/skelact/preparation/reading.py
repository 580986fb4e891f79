"""What reading one raw file gives: sequences, sequences whose class is known by name, or reasons why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from skelact.preparation.account import Exclusion
from skelact.skeleton.sequence import SkeletonSequence
from skelact.sources.archives import RawFile


@dataclass(frozen=True)
class Named:
    """A sequence whose file tells its class or an attribute by name; the store gives the names numbers."""

    sequence: SkeletonSequence
    names: Mapping[str, str] = field(default_factory=dict)
    """``label`` (the class) or an attribute's name, and the value's name: ``{"label": "jump"}``."""


Item = SkeletonSequence | Named | Exclusion
"""One sequence of a file, not yet centred, or why one in it (or the file) is not used."""

Reader = Callable[[RawFile], Iterable[Item]]
"""Reads one file. It goes to other processes, so it is a module's function or a ``partial`` of one. It may
be a generator, so that a file of many sequences never stands in memory whole."""


def one_sequence(read: Callable[[str, str, bytes], SkeletonSequence], file: RawFile) -> list[Item]:
    """Read a file that holds one sequence; ``partial(one_sequence, read)`` is a :data:`Reader`.

    Args:
        read: turns (file as errors call it, recording's name, content) into a sequence.
        file: the file.
    """
    return [read(file.name, file.stem, file.read())]

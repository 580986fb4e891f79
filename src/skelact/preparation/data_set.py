"""What a data set is to a preparation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from skelact.errors import DataError
from skelact.preparation.account import Exclusion
from skelact.preparation.protocols import PROTOCOLS, Protocol
from skelact.preparation.reading import Item, Reader
from skelact.skeleton.topology import Topology
from skelact.sources.archives import RawFile


def any_name(name: str) -> bool:
    """Let every recording belong to a data set, whatever its name."""
    return True


def not_surveyed(file: RawFile) -> Iterator[Item]:
    """Stand for the reader that :attr:`DataSet.survey` makes.

    Raises:
        DataError: always.
    """
    raise DataError(f"{file.name}: cannot be read before the survey")


@dataclass(frozen=True)
class DataSet:
    """What a preparation must know of a data set.

    Some of it may stand in side files (labels, splits, a manifest): :attr:`survey` finds them among the raw
    files and returns the data set as it is in that folder.
    """

    name: str
    """Its name on the command line and in stores."""
    topology: Topology | None
    """None: the first recording decides, and those with another skeleton are left out."""
    fps: float | None
    """Frames a second. None: the recordings tell; a store whose recordings differ has none."""
    class_names: tuple[str, ...] | None
    """None: the recordings' class names, sorted."""
    suffix: str
    """Ending of its recordings' files."""
    example: str
    """A recording's file name, for messages."""
    belongs: Callable[[str], bool]
    """Tells by a recording's name whether it is part of the data set; raises where it is no such name."""
    read: Reader
    """Turns a file into clean sequences, not yet centred."""
    num_sequences: int | None = None
    """Sequences of the complete data set, less the missing skeletons; None where there is no such number."""
    missing: frozenset[str] = frozenset()
    """Names of the recordings known to have missing or incomplete skeletons; they are left out."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Options that this data set knows beside those of every preparation, with their defaults. A store's
    options record those that the data set has after :attr:`survey`."""
    survey: Callable[[DataSet, Sequence[RawFile]], DataSet] | None = None
    """Reads side files, given the data set with the user's settings and all raw files, and returns the data
    set with what they say. None: there are no side files."""
    side_files: frozenset[str] = frozenset()
    """Names of the raw files that :attr:`survey` used: neither recordings nor left out."""
    excluded_files: tuple[Exclusion, ...] = ()
    """Raw files that :attr:`survey` refused, each with the reason."""
    remarks: tuple[str, ...] = ()
    """What :attr:`survey` wants the user to know, a line each."""
    attribute_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of an attribute's numbers 0, 1, ..., for attributes whose values have names."""
    own_protocols: tuple[Protocol, ...] = ()
    """Splits that the side files give; the store carries them."""
    attachments: Callable[[DataSet, Sequence[str]], Mapping[str, str]] | None = None
    """Returns text files to put into the store (name, content), given the data set and the names of the
    store's sequences."""

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The published splits that need no file."""
        return PROTOCOLS.get(self.name, ())

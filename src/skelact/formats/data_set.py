"""What a data set is to a preparation.

What reading one raw file gives: sequences, sequences whose class is known by name, reasons why not, notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from skelact.errors import DataError
from skelact.formats.archives import RawFile
from skelact.formats.exclusions import Exclusion
from skelact.formats.notes import Note
from skelact.formats.protocol import PROTOCOLS, Protocol
from skelact.formats.sample import Sample
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import Axis, Unit


@dataclass(frozen=True)
class LabelledSequence:
    """A sequence whose file tells its class or an attribute by name; the store gives the names numbers."""

    sequence: SkeletonSequence
    names: Mapping[str, str] = field(default_factory=dict)
    """``label`` (the class) or an attribute's name, and the value's name: ``{"label": "jump"}``."""
    notes: Sequence[Note] = ()
    """What was left out of it or taken for granted."""
    class_number: int | None = None
    """The number that its file has beside the class's name."""
    unit: Unit | None = None
    """The unit that its file tells, where files of the data set may have several."""


Item = SkeletonSequence | LabelledSequence | Exclusion | Note
"""One sequence of a file, not yet centred, or why one in it (or the file) is not used, or a note on it."""

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
    summary: str
    """One line that says what it is and in which files it comes."""
    suffix: str
    """Ending of its recordings' files."""
    example: str
    """A recording's file name, for messages."""
    topology: Topology | None = None
    """None: the first recording decides, and those with another skeleton are left out."""
    fps: float | None = None
    """Frames a second. None: the recordings tell; a store whose recordings differ has none."""
    class_names: tuple[str, ...] | None = None
    """None: the recordings' class names, sorted."""
    is_member: Callable[[str], bool] = any_name
    """Tells by a recording's name whether it is part of the data set; raises where it is no such name."""
    read: Reader = not_surveyed
    """Turns a file into clean sequences, not yet centred."""
    up: Axis | None = None
    """The axis of positions that points up, where it is known. None: the user tells, or the data."""
    unit: Unit | None = None
    """The unit of positions as :attr:`read` gives them; m: of those in space, 2-D ones have none. None: the
    user tells, or the data."""
    recording_name: Callable[[RawFile], str] = attrgetter("stem")
    """Tells a recording's name by its file; :attr:`read` gives its sequence this name."""
    recognises: Callable[[Sample], bool] | None = None
    """Tells by a file's content, not by its name, whether it is of this format; :mod:`skelact.formats.known`
    asks it. Of data sets in the same format, :attr:`is_member` tells which a name belongs to."""
    part_of: str = ""
    """Name of the more general data set that could read every file of this one, too."""
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
    recordings: tuple[RawFile, ...] | None = None
    """What :attr:`read` is called with where one recording is many files, as :attr:`survey` joined them."""
    joined_files: frozenset[str] = frozenset()
    """Names of the raw files that :attr:`recordings` are joined of."""
    remarks: tuple[str, ...] = ()
    """What :attr:`survey` wants the user to know, a line each."""
    attribute_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of an attribute's numbers 0, 1, ..., for attributes whose values have names."""
    given_protocols: tuple[Protocol, ...] = ()
    """Splits that the side files give; the store carries them."""
    attachments: Callable[[DataSet, Sequence[str]], Mapping[str, str]] | None = None
    """Returns text files to put into the store (name, content), given the data set and the names of the
    store's sequences."""

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The published splits that need no file."""
        return PROTOCOLS.get(self.name, ())

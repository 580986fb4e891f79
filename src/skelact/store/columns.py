"""The small columns of a store under construction: sizes, labels, attributes, names."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.formats.exclusions import REPEATED, UnusableRecordingError

LABEL = "label"
OTHER_CLASS = "a class that is not one of the data set's"
MIXED = "numbers and names mixed"
NO_TEXT = "a name that no file can hold"
TOO_LARGE = "a number outside what a store holds"


@dataclass(frozen=True)
class SequenceRecord:
    """One sequence of a store: all of it but the arrays."""

    name: str
    num_rows: int
    """Present body-frames."""
    num_bodies: int
    num_kept: int
    """Frames in which a body is present."""
    num_frames: int
    joints_missing: bool
    """Whether a joint of a present body is missing."""
    fps: float | None
    label: int | None
    attributes: Mapping[str, int]
    names: Mapping[str, str]
    """Class and attributes that are known by name."""
    class_number: int | None = None
    """The number that stands beside the class's name in the raw file; stores do not keep it."""

    @property
    def has_class(self) -> bool:
        """Whether its class is known, by number or by name."""
        return self.label is not None or LABEL in self.names

    @property
    def sizes(self) -> dict[str, int]:
        """By how much the sequence lengthens each array on the disk."""
        return {
            "joints": self.num_rows,
            "frame_rows": self.num_bodies * self.num_kept,
            "frame_numbers": self.num_kept,
        }


class Vocabulary:
    """Gives names numbers: the places in a fixed list, or, without one, those of the names once sorted."""

    def __init__(self, fixed: Sequence[str] | None) -> None:
        self.is_fixed = fixed is not None
        self._numbers = {name: number for number, name in enumerate(fixed or ())}

    def __contains__(self, name: str) -> bool:
        return name in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, name: str) -> int:
        """Return the provisional number of ``name``."""
        return self._numbers.setdefault(name, len(self._numbers))

    def names(self) -> list[str]:
        """Return the names by their final numbers."""
        return list(self._numbers) if self.is_fixed else sorted(self._numbers)

    def final(self, numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Replace provisional numbers (-1: none) by final ones."""
        if self.is_fixed or not self._numbers:
            return numbers
        place = {name: number for number, name in enumerate(self.names())}
        table = np.array([place[name] for name in self._numbers] + [-1], np.int32)  # the last one for -1
        return table[numbers]


class Columns:
    """One entry a sequence; a few numbers and the name of each are all that a preparation keeps in memory."""

    def __init__(
        self, class_names: Sequence[str] | None, attribute_values: Mapping[str, Sequence[str]] | None
    ) -> None:
        self.starts = {name: array("q", [0]) for name in ("joints", "frame_rows", "frame_numbers")}
        self._counts = {name: array("i") for name in ("num_bodies", "num_frames", LABEL)}
        self._attributes: dict[str, array[int]] = {}
        self._names: dict[str, None] = {}
        self.fps: list[float | None] = []
        """Frames a second of each sequence."""
        self.classes = Vocabulary(class_names)
        self._vocabularies = {name: Vocabulary(values) for name, values in (attribute_values or {}).items()}

    def __len__(self) -> int:
        return len(self._names)

    @property
    def names(self) -> list[str]:
        """Names of the sequences."""
        return list(self._names)

    @property
    def sizes(self) -> dict[str, int]:
        """Lengths of the arrays on the disk."""
        return {name: starts[-1] for name, starts in self.starts.items()}

    def check(self, record: SequenceRecord) -> None:
        """Refuse a sequence that does not fit.

        Raises:
            UnusableRecordingError: a name that is empty or no text, a repeated name, a class or an
                attribute's value outside the fixed ones, or an attribute that has numbers here and names
                there.
        """
        for name in (record.name, *record.names.values()):
            if not _is_text(name):
                detail = f"{name!r} is no name; expected text without NUL and lone surrogates"
                raise UnusableRecordingError(NO_TEXT, repr(record.name), "", detail)
        if record.name in self._names:
            raise _refusal(record, REPEATED, "a recording of this name is in the store already")
        if record.label is not None and not self._is_class(record.label):
            raise _refusal(record, OTHER_CLASS, f"class {record.label} is not one of the data set's")
        for name, value in record.names.items():
            vocabulary = self.classes if name == LABEL else self._vocabularies.get(name)
            if vocabulary is None:
                if name in self._attributes:
                    raise _refusal(record, MIXED, f"{name} is {value!r}, a number before; use one kind")
            elif vocabulary.is_fixed and value not in vocabulary:
                raise _refusal(record, OTHER_CLASS, f"{name} {value!r} is not one of the data set's")
        for name, number in record.attributes.items():
            if not -1 <= number < 1 << 31:
                raise _refusal(record, TOO_LARGE, f"{name} is {number}; expected 0 to {(1 << 31) - 1}")
            vocabulary = self._vocabularies.get(name)
            if name in record.names or (vocabulary is not None and not vocabulary.is_fixed):
                detail = f"{name} is a number here, a name elsewhere; use one kind"
                raise _refusal(record, MIXED, detail)

    def _is_class(self, label: int) -> bool:
        """Tell whether a class given by its number is one; without fixed names, numbers mean none."""
        return self.classes.is_fixed and 0 <= label < len(self.classes)

    def add(self, record: SequenceRecord) -> None:
        """Append a sequence that :meth:`check` let pass."""
        for name, more in record.sizes.items():
            self.starts[name].append(self.starts[name][-1] + more)
        numbers = dict(record.attributes)
        label = -1 if record.label is None else record.label
        for name, value in record.names.items():
            if name == LABEL:
                label = self.classes.number(value)
            else:
                numbers[name] = self._vocabularies.setdefault(name, Vocabulary(None)).number(value)
        counts = {"num_bodies": record.num_bodies, "num_frames": record.num_frames, LABEL: label}
        for column, count in counts.items():
            self._counts[column].append(count)
        for name in numbers:
            if name not in self._attributes:
                self._attributes[name] = array("i", [-1]) * len(self._names)
        for name, values in self._attributes.items():
            values.append(numbers.get(name, -1))
        self.fps.append(record.fps)
        self._names[record.name] = None

    def attribute_values(self) -> dict[str, list[str]]:
        """Return the names of the numbers of attributes that have them."""
        return {name: vocabulary.names() for name, vocabulary in sorted(self._vocabularies.items())}

    def arrays(self) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
        """Yield the finished columns, by their names in the store."""
        starts = {"joints": "joint_start", "frame_rows": "row_start", "frame_numbers": "frame_start"}
        for name, start in starts.items():
            yield start, np.array(self.starts[name], "<i8")
        for name, values in self._counts.items():
            numbers = np.array(values, "<i4")
            yield name, self.classes.final(numbers).astype("<i4") if name == LABEL else numbers
        for name, values in self._attributes.items():
            numbers = np.array(values, "<i4")
            vocabulary = self._vocabularies.get(name)
            yield f"attribute_{name}", numbers if vocabulary is None else vocabulary.final(numbers)
        yield "names", np.array([name.encode() for name in self._names], np.bytes_)


def _refusal(record: SequenceRecord, reason: str, detail: str) -> UnusableRecordingError:
    return UnusableRecordingError(reason, record.name, "", detail)


def _is_text(name: str) -> bool:
    """Tell whether a name comes back from the store as it was: UTF-8, where NUL ends a name."""
    try:
        return b"\0" not in name.encode() and bool(name)
    except UnicodeEncodeError:
        return False

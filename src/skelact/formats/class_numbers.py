"""Classes that data tells by a name and by a number beside it: the two must agree in all files."""

from __future__ import annotations

from skelact.errors import DataError


class ClassNumbers:
    """What was told so far: every name has one number, and every number one name."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, str]] = {}
        self._numbers: dict[str, tuple[int, str]] = {}

    def check(self, place: str, name: str, number: int) -> None:
        """Take in what one place says.

        Args:
            place: the file, or the file and the place in it.
            name: of the class.
            number: beside it.

        Raises:
            DataError: another place says otherwise; the message names both.
        """
        known, before = self._names.setdefault(number, (name, place))
        if known != name:
            raise DataError(
                f"{place}: label_index {number} is {name[:80]!r}, in {before} it is {known[:80]!r}; "
                "correct one"
            )
        index, before = self._numbers.setdefault(name, (number, place))
        if index != number:
            raise DataError(
                f"{place}: the label {name[:80]!r} has label_index {number}, in {before} it has {index}; "
                "correct one"
            )

"""Files of labels, one for each row of an array: whole numbers or the classes' names; -1 or nothing is none.

``.npy`` holds an array of them, perhaps one-hot, ``.txt`` and ``.csv`` have one a line, ``.pkl`` is a plain
pickle of a list, or of the sequences' names and the list, as ST-GCN writes it.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import numpy as np

from skelact.errors import DataError
from skelact.formats.archives import RawFile
from skelact.formats.exclusions import shown
from skelact.formats.manifest import NO_LABEL
from skelact.formats.npy_rows import whole_array
from skelact.formats.plain_pickle import array_of, load_plain
from skelact.limits import limit


@dataclass(frozen=True)
class Labels:
    """What a file of labels says of the sequences of an array."""

    values: tuple[int | str | None, ...]
    names: tuple[str, ...] | None = None
    """The sequences' names, where the file has them."""


def read_labels(file: RawFile) -> Labels:
    """Read a file of labels.

    Raises:
        DataError: it cannot be read, is no list of labels, or a pickle of anything but plain data.
    """
    data = file.read()
    names: tuple[str, ...] | None = None
    if file.suffix == ".pkl":
        content = load_plain(file.name, io.BytesIO(data), len(data))
        parts = [_listed(part) for part in content] if isinstance(content, list | tuple) else []
        if len(parts) >= 2 and parts[0] is not None and parts[1] is not None:
            if not all(isinstance(name, str) and name.isprintable() and name for name in parts[0]):
                raise DataError(f"{file.name}: expected the sequences' names first, then their labels")
            names, values = tuple(map(str, parts[0])), parts[1]
        else:
            found = _listed(content)
            if found is None:
                raise DataError(f"{file.name}: {shown(content)}; expected labels, or names and labels")
            values = found
    elif file.suffix == ".npy":
        array = whole_array(file.name, data)
        if array.ndim == 2 and 1 not in array.shape and array.dtype.kind in "biuf":
            if not (np.isin(array, (0, 1)).all() and (array.sum(1) == 1).all()):
                raise DataError(
                    f"{file.name}: shape {array.shape}, not one-hot; expected a label for each row"
                )
            array = array.argmax(1)
        values = array.reshape(-1).tolist() if array.ndim == 1 or 1 in array.shape else []
    else:
        try:
            lines = data.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise DataError(f"{file.name}: byte {error.start} is not UTF-8; save it as UTF-8") from error
        values = [line.strip() for line in lines]
        while values and not values[-1]:
            values.pop()
        if all(re.fullmatch(r"-?\d{1,9}|", str(value), re.ASCII) for value in values):
            values = [int(str(value)) if value else None for value in values]
    if names is not None and len(names) != len(values):
        raise DataError(f"{file.name}: {len(names)} names and {len(values)} labels; expected as many")
    return Labels(tuple(_label(file.name, row, value) for row, value in enumerate(values)), names)


def _listed(value: object) -> list[object] | None:
    array = array_of(value)
    if array is not None:
        return list(array.tolist()) if array.ndim == 1 else None
    return list(value) if isinstance(value, list | tuple) else None


def _label(file: str, row: int, value: object) -> int | str | None:
    if value in (None, "", NO_LABEL) or (isinstance(value, int | float) and value == -1):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2 * limit("classes")
    if is_number or (isinstance(value, str) and value.strip() and value.isprintable()):
        return value if isinstance(value, int) else str(value).strip()
    raise DataError(f"{file}: row {row}: label {shown(value)}; expected a whole number or a class's name")

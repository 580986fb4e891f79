"""A list of recordings to leave out: a CSV with a column ``name``, as ``skelact browse`` saves it.

Other columns, such as a reason, are for people. A name is one of a store's sequences, see ``Store.names``.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError, printable, suggest
from skelact.files import read_file
from skelact.store.store import Store

COLUMN = "name"
BY_LIST = "named in the list of --without"
"""Why a preparation leaves such a recording out."""
_REMEDY = "expected CSV with a column 'name', as 'skelact browse' saves it"


@dataclass(frozen=True)
class LeftOut:
    """The recordings that a list names."""

    path: Path
    names: tuple[str, ...]
    """In ascending order, each once."""

    @classmethod
    def read(cls, path: str | Path) -> LeftOut:
        """Read a list.

        Raises:
            DataError: the file cannot be read, has no column ``name``, names nothing, or a name twice.
        """
        path = Path(path)
        data = read_file(path, remedy=_REMEDY)
        try:
            rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
            if COLUMN not in (rows.fieldnames or ()):
                raise DataError(f"{path}: the first line has no column 'name'; {_REMEDY}")
            lines = [(rows.line_num, row[COLUMN] or "") for row in rows]
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path}: cannot be read ({error}); {_REMEDY}") from error
        seen: set[str] = set()
        for line, name in lines:
            if not name.strip() or name in seen:
                problem = f"{printable(name)[:80]!r} is named twice" if name.strip() else "names no recording"
                raise DataError(f"{path}: line {line}: {problem}; correct the list")
            seen.add(name)
        if not seen:
            raise DataError(f"{path}: names no recording; leave the option out, or mark some in the page")
        return cls(path, tuple(sorted(seen)))

    @property
    def hash(self) -> str:
        """SHA-256 of the names: equal where the recordings are."""
        return hashlib.sha256("".join(f"{name}\n" for name in self.names).encode()).hexdigest()

    def check(self, stores: Sequence[Store]) -> None:
        """Refuse a list with a name that none of these stores has.

        Raises:
            DataError: the first such name, and the nearest that there is.
        """
        self.check_names({name for store in stores for name in store.names})

    def check_names(self, known: set[str]) -> None:
        """Do so for the names that there are."""
        for name in self.names:
            if name not in known:
                hint = suggest(name[:80], known)
                hint = hint if "did you mean" in hint else ""
                raise DataError(
                    f"{self.path}: no recording is called {printable(name)[:80]!r}{hint}; correct the list"
                )

    def keep(self, store: Store, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return those of a store's sequences that the list does not name."""
        names, own = set(self.names), store.names
        return rows[np.fromiter((own[row] not in names for row in rows), np.bool_, len(rows))]

    def describe(self) -> dict[str, Any]:
        """Return what cards and result files say of it."""
        return {"num_sequences": len(self.names), "sha256": self.hash}

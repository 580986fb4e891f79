"""Notes on recordings: counted over files, kept with the store, read back."""

from pathlib import Path

import pytest

from skelact.errors import DataError
from skelact.formats.notes import FILE_NAME, Note, read_notes, summary, to_csv

NOTES = [
    Note("b.json", "strays", 2),
    Note("a.json", "strays", 1),
    Note("c.json", "shares"),
    Note("a, b", "shares"),
]


def test_what_most_files_have_comes_first() -> None:
    assert summary([*NOTES, Note("d", "shares")]) == ["shares: in 3 files", "strays: 3, in 2 files"]
    assert summary([Note("a", "x", 1200)]) == ["x: 1,200, in 1 file"]
    assert summary([]) == []


def test_a_table_is_read_back_in_the_order_of_the_files(tmp_path: Path) -> None:
    assert read_notes(tmp_path) == []
    (tmp_path / FILE_NAME).write_text(to_csv(NOTES))
    assert read_notes(tmp_path) == sorted(NOTES)


@pytest.mark.parametrize("text", ["file,what\na,b\n", "file,what,count\na,b,many\n"])
def test_another_table_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(DataError, match=r"notes\.csv: not a table of notes"):
        read_notes(tmp_path)

"""Lists of recordings to leave out: read, refused with the place, and the same for a store and a split."""

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.store.left_out import LeftOut
from skelact.store.protocols import Split, training_side, without


def written(tmp_path, text):
    path = tmp_path / "without.csv"
    path.write_text(text)
    return path


def test_a_list_leaves_its_recordings_out_of_both_sides(small_store, tmp_path):
    names = small_store.names
    listed = LeftOut.read(written(tmp_path, f"name,odd\n{names[2]},\n{names[7]},a reason\n"))
    listed.check([small_store])
    sides = without(small_store, Split(np.arange(5), np.arange(5, 10)), listed)
    assert (sides.train.tolist(), sides.test.tolist()) == ([0, 1, 3, 4], [5, 6, 8, 9])
    assert sides.num_left_out == (1, 1)
    assert sides.line() == [f"  left out by {listed.path}: 1 training, 1 test sequences"]
    assert training_side(small_store, "all", listed).train.tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    assert training_side(small_store, "all").train.tolist() == list(range(10))


def test_the_hash_is_of_the_names_alone(tmp_path):
    one = LeftOut.read(written(tmp_path, "odd,name\nx,b\ny,a\n"))
    other = LeftOut.read(written(tmp_path, "name\na\nb\n"))
    assert one.hash == other.hash
    assert one.hash != LeftOut.read(written(tmp_path, "name\na\n")).hash


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column 'name'"),
        ("file\na\n", "no column 'name'"),
        ("name\n", "names no recording"),
        ("name\na\na\n", "line 3: 'a' is named twice"),
        ("name,x\na,\n,b\n", "line 3: names no recording"),
        ('name\n"a\n', "cannot be read"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        LeftOut.read(written(tmp_path, text))


def test_unknown_names_and_whole_sides_are_refused(small_store, tmp_path):
    near = small_store.names[3][:-1] + "x"
    with pytest.raises(DataError, match=f"no recording is called '{near}' .did you mean"):
        LeftOut.read(written(tmp_path, f"name\n{near}\n")).check([small_store])
    everyone = LeftOut.read(written(tmp_path, "name\n" + "\n".join(small_store.names) + "\n"))
    with pytest.raises(DataError, match="names all 10 training sequences"):
        training_side(small_store, "all", everyone)

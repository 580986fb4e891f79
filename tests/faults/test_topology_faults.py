import re
from pathlib import Path

import pytest

from skelact.errors import ConfigurationError
from skelact.skeleton.topology_file import find_topology, load_topology

GOOD = {"name": "rig", "joints": "[a, b, c]", "parents": "{b: a, c: b}"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"joint": "[a]"}, "'joint': not a key of a topology (did you mean 'joints'?)"),
        ({"name": "[]"}, "name: got []"),
        ({"joints": "a b"}, "joints: got 'a b', expected a list of joint names"),
        ({"joints": "[1, 2]"}, "joints: got [1, 2]"),
        ({"joints": "[a, b, a]"}, "joints: 'a' stands there twice"),
        ({"joints": '[a, "b\\n", c]'}, "joints: got ['a', 'b\\n', 'c']"),
        ({"joints": '[a, "", c]'}, "joints: got ['a', '', 'c']"),
        ({"name": "ntu-25"}, "name: ntu-25 is a known topology with other joints"),
        ({"parents": "[a, b]"}, "parents: got ['a', 'b'], expected joint: parent"),
        ({"parents": "{b: a}"}, "parents: 2 joints without one (a, c)"),
        ({"parents": "{a: c, b: a, c: b}"}, "parents: one for every joint"),
        ({"parents": "{b: a, c: bb}"}, "parents: no joint 'bb' (did you mean 'b'?)"),
        ({"parents": "{b: a, c: b, d: a}"}, "parents: no joint 'd'"),
        ({"parents": "{b: c, c: b}"}, "is in a loop"),
        ({"parents": "{b: a, c: [b]}"}, "parents: no joint ['b']"),
        ({"pairs": "[[a, b, c]]"}, "pairs: got [['a', 'b', 'c']], expected a list of [left, right]"),
        ({"pairs": "[[a, b], [b, c]]"}, "one left-right pair at most"),
        ({"pairs": "[[a, x]]"}, "pairs: no joint 'x'"),
        ({"centre": "hips"}, "centre: no joint 'hips'"),
        ({"centre": "[a]"}, "centre: no joint ['a']"),
    ],
)
def test_a_bad_key_is_named(tmp_path: Path, change: dict[str, str], expected: str) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text("\n".join(f"{key}: {value}" for key, value in (GOOD | change).items()))
    with pytest.raises(ConfigurationError, match=re.escape(expected)) as caught:
        load_topology(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"- a\n", b"\xff\xfe\x00", b"a: [", b"name: {a: *b}", b"a: " + b"1" * 5000, b"[" * 5000]
)
def test_a_file_that_holds_no_topology(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rig.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=re.escape(f"{path}: ")) as caught:
        load_topology(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_or_file() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("no topology 'ntu25' (did you mean 'ntu-25'?)")):
        find_topology("ntu25")
    with pytest.raises(ConfigurationError, match=re.escape("nowhere.yaml: cannot be read")):
        find_topology("nowhere.yaml")

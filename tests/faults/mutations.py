"""Ways to change a file that a program wrote: values of a JSON tree, bits, what lies in its place.

All are functions of a seed or of a random generator, so every change can be made again. ``json_edits`` yields
texts to write; ``flips`` bytes; ``in_place_of`` puts a folder, a pipe or a link where a file was.

    from faults.mutations import json_edits
    for what, text in json_edits(json.loads(path.read_text()), count=500, seed=0):
        path.write_text(text)
"""

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

WILD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 7, 255, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63), 10**9, 10**18),
    *(0.0, -0.0, 0.5, -3.7, 1e-300, 1e9, 1e308, 1e20),
    *(
        "",
        " ",
        "x",
        "0",
        "-1",
        "1e9",
        "null",
        ".inf",
        "-.inf",
        ".nan",
        "<f4",
        "<i8",
        "|O",
        "O",
        "S",
        "<f4,<f4",
    ),
    *(
        "../../x",
        "/etc/passwd",
        "a/b",
        ".",
        "..",
        "meta.json",
        "~",
        "$x$",
        "\x1b[31mred",
        "\u202eltr",
        "a\nb",
    ),
    *("\x00", "\ud800", "A" * 5000, "\u00e9", "joints", "ntu-25", "skelact-store-9"),
    *([], {}, [[]], [0], [-1], [None], ["x"], [1, 2, 3], [1e9], [[1, 2], [3]], {"a": 1}, {"": None}),
    *({"dtype": "<f4", "shape": [1]}, [2**62, 2**62], [0, 0], ["a", "a"], list(range(200))),
]
"""Values to put anywhere."""
WILD_TEXTS: list[str] = [
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "1" + "0" * 400, "9" * 30, "9" * 5000),
    *("18446744073709551615", "18446744073709551616", "-9223372036854775809"),
    *("[" * 70 + "]" * 70, "[" * 100_000 + "]" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000),
    *('{"a": 1, "a": 2}', "01", "+1", "'x'", "tru", "", '"', '"\\ud800"', '"\\u0000"'),
]
"""The same as JSON text, for what no tree holds; the last ones are no JSON at all."""
_MARK = "(here stands the wild value)"

Place = tuple[str | int, ...]


def places(tree: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the keys that lead to every value of a tree of tables and lists, the whole tree first."""
    yield place
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in entries:
        yield from places(value, (*place, key))


def replaced(tree: Any, place: Place, value: Any) -> Any:
    """Return a copy of ``tree`` that has ``value`` at ``place``."""
    if not place:
        return value
    tree = copy.deepcopy(tree)
    node = tree
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return tree


def removed(tree: Any, place: Place) -> Any:
    """Return a copy of ``tree`` without what stands at ``place``, which is not the whole."""
    tree = copy.deepcopy(tree)
    node = tree
    for key in place[:-1]:
        node = node[key]
    del node[place[-1]]
    return tree


def json_edits(tree: Any, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield ``count`` times what was changed, in a few words, and the changed tree as JSON text.

    A third goes to the places near the root, where files have few, and one in eight removes a value, adds
    one or changes two at once.
    """
    random = Random(seed)
    everywhere = list(places(tree))
    near = [place for place in everywhere if len(place) <= 2]
    for _ in range(count):
        place = random.choice(near if random.random() < 0.33 else everywhere)
        kind = random.randrange(24)
        if kind == 0 and place:
            yield f"without {shown(place)}", json.dumps(removed(tree, place))
        elif kind == 1:
            more = replaced(tree, place, {"new": random.choice(WILD_VALUES)})
            yield f"{shown(place)} is a table", json.dumps(more)
        elif kind == 2 and place:
            value, other = random.choice(WILD_VALUES), random.choice(near)
            changed = replaced(tree, place, value)
            changed = replaced(changed, other, value) if other[: len(place)] != place and other else changed
            yield f"{shown(place)} and {shown(other)} = {value!r:.60}", json.dumps(changed)
        elif kind < 9:
            text = random.choice(WILD_TEXTS)
            marked = json.dumps(replaced(tree, place, _MARK))
            yield f"{shown(place)} = {text:.60}", marked.replace(json.dumps(_MARK), text)
        else:
            value = random.choice(WILD_VALUES)
            yield f"{shown(place)} = {value!r:.60}", json.dumps(replaced(tree, place, value))


def shown(place: Place) -> str:
    """Return a place as one writes it: ``arrays.joints.shape.0``."""
    return ".".join(map(str, place)) or "(all)"


def flips(data: bytes, count: int, seed: int, most: int = 4) -> Iterator[tuple[str, bytes]]:
    """Yield ``count`` times what was changed, and the bytes: some bits flipped, cut, or longer."""
    random = Random(seed)
    for _ in range(count):
        kind = random.randrange(10)
        if kind == 0:
            cut = random.randrange(len(data) + 1)
            yield f"cut to {cut} bytes", data[:cut]
        elif kind == 1:
            more = random.randbytes(random.choice([1, 4, 100]))
            yield f"{len(more)} bytes longer", data + more
        else:
            changed, bits = bytearray(data), []
            for _ in range(random.randint(1, most)):
                at, bit = random.randrange(len(data)), random.randrange(8)
                changed[at] ^= 1 << bit
                bits.append(f"{at}:{bit}")
            yield f"bits {', '.join(bits)}", bytes(changed)


def _folder(path: Path) -> None:
    path.mkdir()


def _link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


IN_PLACE: dict[str, Callable[[Path], Any]] = {
    "nothing": lambda path: None,
    "an empty file": lambda path: path.write_bytes(b""),
    "a folder": _folder,
    "a pipe": os.mkfifo,
    "a link to nothing": _link_to_nothing,
    "a link to itself": _link_to_itself,
    "a link to /dev/zero": _link_to("/dev/zero"),
    "a link to /dev/full": _link_to("/dev/full"),
    "a link to a folder": _link_to("/"),
    "a sparse file of 3 TB": lambda path: _sparse(path, 3 << 40),
    "NULs": lambda path: path.write_bytes(bytes(1000)),
}
"""What may lie where a file should, by its name: functions that make it at a path where nothing is."""


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        try:
            file.truncate(size)
        except OSError:  # a file system with a lower most
            file.truncate(1 << 40)


def in_place_of(path: Path, what: str) -> None:
    """Remove the file ``path`` and put what :data:`IN_PLACE` calls ``what`` there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    IN_PLACE[what](path)

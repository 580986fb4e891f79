"""Ways to damage a file: its bytes, words and lines, and the values in its trees and arrays.

Every function takes a random generator, so that a damaged file can be made again.
"""

import copy
import math
import re
from random import Random

import numpy as np

ODD_WORDS = [
    *(
        "",
        "0",
        "-1",
        "1",
        "2",
        "26",
        "007",
        "1.5",
        "-0",
        "+3",
        "nan",
        "-inf",
        "Infinity",
        "1e39",
        "1e999",
        "-1e-999",
    ),
    *(
        "4294967296",
        "99999999999",
        "9223372036854775808",
        "9" * 400,
        "1" * 5000,
        "0x10",
        "1_0",
        "1e",
        "--1",
        ".",
    ),
    *("null", "true", "[]", "{}", '"', "\u0663", "\u00e9", "\ufeff1", "1\x00", "1,5", "MOTION", "x" * 3000),
]
SEPARATORS = [
    b"",
    b" ",
    b"  ",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b",",
    b";",
    b"\x0b",
    b"\x0c",
    b"\x00",
    b"\x1a",
    b"\xa0",
    b"\x85",
]
WORD = re.compile(rb"[^\s,:\[\]{}\"]+")


def random_bytes(random: Random, data: bytes) -> bytes:
    length = random.choice([0, 1, 3, 20, 500])
    return (
        random.randbytes(length) if random.random() < 0.5 else bytes(random.choices(data or b" ", k=length))
    )


def truncated(random: Random, data: bytes) -> bytes:
    cut = random.randrange(len(data) + 1)
    return data[:cut] if random.random() < 0.8 else data[cut:]


def bytes_changed(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        alphabet = b"0123456789.-+eE \n\r\t" if random.random() < 0.5 else bytes(range(256))
        changed[random.randrange(len(changed))] = random.choice(alphabet)
    return bytes(changed)


def slice_moved(random: Random, data: bytes) -> bytes:
    start = random.randrange(len(data))
    part = data[start : start + random.choice([1, 2, 8, 100, 2000])]
    to = random.randrange(len(data) + 1)
    without = data[:start] + data[start + len(part) :] if random.random() < 0.6 else data
    return without[:to] + part * random.choice([0, 1, 1, 3]) + without[to:]


def words_changed(random: Random, data: bytes) -> bytes:
    words = list(WORD.finditer(data))
    if not words:
        return data
    few = words[:12] if random.random() < 0.5 else words  # counts stand at the beginning
    for match in sorted(random.sample(few, min(len(few), random.randint(1, 3))), key=lambda at: -at.start()):
        data = data[: match.start()] + random.choice(ODD_WORDS).encode() + data[match.end() :]
    return data


def lines_changed(random: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    for _ in range(random.randint(1, 3)):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        action = random.randrange(4)
        if action == 0:
            lines[at], lines[other] = lines[other], lines[at]
        elif action == 1:
            lines.insert(at, random.choice([b"\n", b"\r\n", b" \n", lines[other]]))
        elif len(lines) > 1:
            del lines[at]
    return b"".join(lines)


def separators_changed(random: Random, data: bytes) -> bytes:
    old, new = random.choice([b" ", b"\n", b"\r\n", b".", b","]), random.choice(SEPARATORS)
    return data.replace(old, new, random.choice([1, 2, -1]))


def encoded(random: Random, data: bytes) -> bytes:
    text = data.decode("latin-1")
    if random.random() < 0.3:
        return b"\xef\xbb\xbf" + data
    return text.encode(random.choice(["utf-16", "utf-16-le", "utf-32", "utf-8", "utf-7", "cp037"]))


DAMAGES = [
    *(random_bytes, truncated, bytes_changed, bytes_changed, slice_moved, words_changed, words_changed),
    *(lines_changed, separators_changed, encoded),
]


def grown(random: Random, data: bytes, size: int) -> bytes:
    """Return ``data`` with one piece of it, or one sign, repeated until it has ``size`` bytes more."""
    kind = random.randrange(4)
    if kind == 0:
        lines = data.splitlines(keepends=True) or [b"\n"]
        number = random.randrange(len(lines))
        start = sum(map(len, lines[:number]))
        piece = b"".join(lines[number : number + random.choice([1, 1, 2, 20, 27])])
    elif kind == 1:
        words = list(WORD.finditer(data)) or [re.match(rb"", data)]
        match = random.choice(words)
        assert match is not None
        start, piece = match.start(), match[0] + random.choice([b"", b" ", b",", b", ", b"/"])
    elif kind == 2:
        start, piece = (
            random.randrange(len(data) + 1),
            bytes([random.choice(b'0123456789[]{}()",.:;-/e \n\r\tNx\x94')]),
        )
    else:
        start = random.randrange(len(data) + 1)
        piece = data[start : start + random.choice([1, 2, 5, 40, 300, 2000])]
    return data[:start] + (piece or b" ") * (size // max(len(piece), 1)) + data[start:]


ODD_VALUES: list[object] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2.5,
        10**30,
        1e308,
        math.nan,
        math.inf,
        "",
        "x",
        "ntu-25",
        "\ud800",
        "a" * 3000,
    ),
    *([], {}, [[]], [1], [[1, 2, 3]], [None] * 3, {"a": 1}, ["a", "a"], list(range(200))),
]


def tree_changed(random: Random, tree: object, odd_values: list[object] = ODD_VALUES) -> object:
    """Return a copy of a tree of dicts and lists in which one to three nodes are odd, missing or repeated."""
    tree = copy.deepcopy(tree)
    for _ in range(random.randint(1, 3)):
        node = tree
        while isinstance(node, dict | list) and node:
            key = random.choice(list(node)) if isinstance(node, dict) else random.randrange(len(node))
            child = node[key]
            if isinstance(child, dict | list) and child and random.random() < 0.8:
                node = child
                continue
            action = random.randrange(6)
            if action == 0:
                del node[key]
            elif action == 1 and isinstance(node, list):
                node.append(copy.deepcopy(child))
            else:
                node[key] = copy.deepcopy(random.choice(odd_values))
            break
    return tree


def array_changed(random: Random, array: np.ndarray) -> np.ndarray:
    action = random.randrange(7)
    if action == 0:
        return array.astype(random.choice(["f2", "f8", ">f4", "i1", "i8", "u2", "?", "c8", "O", "S4", "U3"]))
    if action == 1:
        return array[random.choice([slice(0, 0), slice(1, None), slice(0, 1), 0])]
    if action == 2:
        return np.asfortranarray(array)
    if action == 3:
        return array.reshape(
            random.choice([(-1,), (1, *array.shape), (*array.shape, 1), (array.shape[0], -1)])
        )
    if action == 4:
        return np.delete(array, 0, axis=random.randrange(array.ndim))
    if action == 5:
        return np.zeros(array.shape, [("a", "f4")])
    changed = array.copy()
    if array.dtype.kind == "f":
        odd = [math.nan, math.inf, -math.inf, 1e38, -1, 0.5]
        changed.reshape(-1)[random.randrange(array.size)] = random.choice(odd)
    return changed

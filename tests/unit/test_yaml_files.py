"""YAML is read as tables, lists, texts, numbers, true, false and null, and nothing else."""

from __future__ import annotations

import math
import re
from importlib.resources import files

import pytest
import yaml

from skelact.errors import ConfigurationError
from skelact.limits import VARIABLE
from skelact.yaml_files import parse_yaml, read_yaml, yaml_text


def shipped(folder=None):
    for entry in (folder or files("skelact") / "configs").iterdir():
        if entry.is_dir():
            yield from shipped(entry)
        elif entry.name.endswith(".yaml"):
            yield entry


@pytest.mark.parametrize("entry", list(shipped()), ids=lambda entry: f"{entry.parent.name}-{entry.name}")
def test_shipped_files_read_as_another_reader_reads_them(entry):
    assert parse_yaml(entry.read_bytes(), "x") == yaml.safe_load(entry.read_text())


def test_what_a_run_wrote_is_read_back():
    config = {
        "data": ["a: b", "#c", "yes", "1e3", "007", "2024-01-01", "12:30:00", "", "null", "\x1b[0m", "日本"],
        "numbers": [1, -1, 0, 1e-5, 1e300, -2.5, 0.1, math.inf, -math.inf, 1 << 62, -(1 << 63)],
        "words": {"true": True, "false": False, "null": None, "list": [], "table": {}, "2": [[{}]]},
    }
    text = yaml_text(config)
    assert parse_yaml(text, "x") == config
    assert yaml.safe_load(text) == config
    assert math.isnan(parse_yaml(yaml_text({"a": math.nan}), "x")["a"])
    twice = [1, 2]
    assert parse_yaml(yaml_text({"a": twice, "b": twice}), "x") == {"a": twice, "b": twice}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        (".5", 0.5),
        ("5.", 5.0),
        ("+7", 7),
        ("1_000", 1000),
        ("-0", 0),
        ("No", False),
        ("NULL", None),
        (".Inf", math.inf),
        ("", None),
        ("'1'", "1"),
        ('"~"', "~"),
        ("|\n  5\n", "5\n"),
        ("59:59:59", "59:59:59"),
        ("2024-13-45", "2024-13-45"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1.2.3", "1.2.3"),
        ("_1", "_1"),
        ("on: 1", {"on": 1}),
        ("1: 2", {"1": 2}),
        ("~: 1", {"~": 1}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_values(text, value):
    found = parse_yaml(text.encode(), "x")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &b 1\nc: *b", "line 1, column 4: the reference 'b' is not taken; write the value out"),
        ("a: &a\n  b: *a", "line 1, column 4: the reference 'a' is not taken"),
        ("a: *b", "line 1, column 4: the reference 'b' is not taken"),
        ("a: !!set {b}", "line 1, column 4: the tag '!!set' is not taken; leave it out"),
        ("a: !!binary aGk=", "the tag '!!binary' is not taken"),
        ("!!python/object/apply:os.system [ls]", "the tag '!!python/object/apply:os.system' is not taken"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: 'a' stands there twice; keep one"),
        ("{[1, 2]: 3}", "line 1, column 2: a key is a table or a list; expected text"),
        ("a: 1\n---\nb: 2", "line 2, column 1: a second document begins; expected one"),
        ("9" * 5000, f"line 1, column 1: the number {'9' * 20}... has more than 64 bits"),
        ("a: 9223372036854775808", "the number 9223372036854775808 has more than 64 bits"),
        ("1e400", "the number 1e400 is beyond what a computer holds"),
        ("a: [1,,2]", "line 1, column 7: not YAML ("),
        ("\ta: 1", "line 1, column 1: not YAML ("),
        ("a: \x00", "not YAML ("),
        ("[" * 50_000, "line 1, column 65: 65, and the most of tables and lists inside each other"),
        ("a: " + "{a: " * 50_000, "and the most of tables and lists inside each other"),
        ("- " * 50_000, "and the most of tables and lists inside each other"),
    ],
)
def test_what_is_refused_is_told_in_one_line(text, message):
    with pytest.raises(ConfigurationError, match="^f.yaml: " + ".*" + re.escape(message)) as caught:
        parse_yaml(text.encode(), "f.yaml")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("data", [b"\xff\xfea\x00", b"a: \xe9", b"\x80"])
def test_other_bytes_than_utf_8_are_told(data):
    with pytest.raises(ConfigurationError, match=r"^f.yaml: not YAML \(not UTF-8 text\)$"):
        parse_yaml(data, "f.yaml")


def test_files_are_regular_and_bounded(tmp_path, monkeypatch):
    with pytest.raises(ConfigurationError, match=r"/dev/zero: a device, expected a file; check the path"):
        read_yaml("/dev/zero")
    with pytest.raises(ConfigurationError, match=r"nowhere: cannot be read \(No such file or directory\)"):
        read_yaml(tmp_path / "nowhere")
    path = tmp_path / "long.yaml"
    path.write_text("a: " + "x" * 2_000_000)
    with pytest.raises(ConfigurationError, match="--limit configuration=2MB takes it all the same"):
        read_yaml(path)
    monkeypatch.setenv(VARIABLE, "configuration=2MB,depth=3")
    assert read_yaml(path) == {"a": "x" * 2_000_000}
    assert parse_yaml("a: {b: [1]}", "x") == {"a": {"b": [1]}}
    with pytest.raises(ConfigurationError, match="--limit depth=4 takes it"):
        parse_yaml("a: {b: [[1]]}", "x")

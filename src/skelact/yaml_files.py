"""YAML as this package takes it: tables, lists, texts, numbers, true, false and null; nothing else.

The text is read event by event, and a value is made only of what is allowed: no file can make an object of
Python, refer to itself, grow by references or lie too deep. What differs from PyYAML's ``safe_load``: there
are no dates and no numbers to base 60 or 8 (they are text), ``1e-3`` is a number, a key is text, and a key
that stands twice, a reference and a tag are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from skelact.errors import ConfigurationError, DataError, printable
from skelact.files import read_file, whole_number
from skelact.limits import check_limit

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_WORDS: dict[str, bool | float | None] = {"": None, "~": None, "null": None}
_WORDS |= {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WORDS |= {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}


def read_yaml(path: str | Path, remedy: str = "check the path") -> Any:
    """Return what a YAML file holds, at most as large as the limit ``configuration``.

    Args:
        path: the file.
        remedy: what the message of an error says at its end where the file cannot be read.

    Raises:
        ConfigurationError: it cannot be read, or not as :func:`parse_yaml` reads it.
    """
    try:
        data = read_file(path, "configuration", remedy)
    except DataError as error:
        raise ConfigurationError(str(error)) from error
    return parse_yaml(data, str(path))


def parse_yaml(data: bytes | str, where: str, *, only_texts: bool = False) -> Any:
    """Return what YAML text holds, None where it holds nothing.

    Args:
        data: the text, bytes as UTF-8.
        where: how errors call it.
        only_texts: numbers, true, false and null are texts, too.

    Raises:
        ConfigurationError: it is not YAML, is nested deeper than the limit ``depth``, or holds what this
            module does not take; the message begins with ``where`` and names the line and the column.
    """
    import yaml  # here, for a command that reads no such file

    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _value(events, where, only_texts)
    except UnicodeError as error:
        raise ConfigurationError(f"{where}: not YAML (not UTF-8 text)") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigurationError(f"{_place(where, mark)}: not YAML ({printable(problem)})") from error


def yaml_text(content: Mapping[str, Any]) -> str:
    """Return a table as YAML that :func:`parse_yaml` reads as the same."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # what stands there twice is written twice
            return True

    Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"(?:{_NUMBER.pattern})$"), None)
    return yaml.dump(dict(content), Dumper=Dumper, sort_keys=False)


def _place(where: str, mark: Any) -> str:
    return where if mark is None else f"{where}: line {mark.line + 1}, column {mark.column + 1}"


class _Open:
    """A table or list that is not closed yet."""

    def __init__(self, content: dict[str, Any] | list[Any]) -> None:
        self.content = content
        self.key: str | None = None
        """Of a table: the key whose value comes next."""

    @property
    def awaits_key(self) -> bool:
        """Whether what comes next is a key."""
        return isinstance(self.content, dict) and self.key is None

    def add(self, value: Any) -> None:
        """Put a value where it belongs."""
        if isinstance(self.content, list):
            self.content.append(value)
        else:
            assert self.key is not None
            self.content[self.key], self.key = value, None


def _value(events: Iterable[Any], where: str, only_texts: bool) -> Any:
    """Return the value that the parser's events describe."""
    import yaml

    top: list[Any] = []
    opened = [_Open(top)]  # the innermost last
    for event in events:
        place, inner = _place(where, event.start_mark), opened[-1]
        if isinstance(event, yaml.DocumentStartEvent) and top:
            raise ConfigurationError(f"{place}: a second document begins; expected one")
        if isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
            opened[-1].add(inner.content)
        if not isinstance(event, yaml.AliasEvent | yaml.ScalarEvent | yaml.CollectionStartEvent):
            continue
        if event.anchor is not None:
            raise ConfigurationError(
                f"{place}: the reference {event.anchor[:40]!r} is not taken; write the value out"
            )
        if (tag := getattr(event, "tag", None)) is not None:
            tag = tag[:60].replace("tag:yaml.org,2002:", "!!")
            raise ConfigurationError(f"{place}: the tag {tag!r} is not taken; leave it out")
        if isinstance(event, yaml.ScalarEvent):
            is_plain = event.implicit[0] and not only_texts
            if not inner.awaits_key:
                inner.add(_scalar(event.value, place) if is_plain else event.value)
            elif event.value in inner.content:
                raise ConfigurationError(f"{place}: {event.value[:60]!r} stands there twice; keep one")
            else:
                inner.key = event.value
        elif inner.awaits_key:
            raise ConfigurationError(f"{place}: a key is a table or a list; expected text")
        else:
            check_limit("depth", len(opened), place, ConfigurationError)
            opened.append(_Open([] if isinstance(event, yaml.SequenceStartEvent) else {}))
    return top[0] if top else None


def _scalar(text: str, place: str) -> Any:
    """Return what a text without quotes means."""
    word = text.lower() if text.isupper() or text.istitle() or text in (".Inf", ".NaN") else text
    if word in _WORDS:
        return _WORDS[word]
    try:
        if _WHOLE.fullmatch(text):
            return whole_number(text.replace("_", ""))
        if _NUMBER.fullmatch(text) and not _LEADING_ZERO.fullmatch(text):
            number = float(text.replace("_", ""))
            if math.isinf(number):
                raise ValueError(f"the number {text[:20]} is beyond what a computer holds")
            return number
    except ValueError as error:
        raise ConfigurationError(f"{place}: {error}") from error
    return text

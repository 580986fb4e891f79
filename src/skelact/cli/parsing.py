"""The parser of a command, made from the signature of its function.

A parameter becomes an option, or an argument without dashes where the command says so; its help is what the
docstring says of it. A parameter marked with :class:`~skelact.configuration.Fields` becomes an option for
each field of its data classes, with the fields' docstrings as help: ``--help`` leaves these out,
``--help-all`` shows them. What is not typed is not passed, so that a default is the function's alone.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import shutil
import textwrap
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, Union, get_args, get_origin

import docstring_parser

from skelact.configuration import Fields, Option, flatten, named_config, nested, option_text
from skelact.errors import SkelactError
from skelact.typed_values import from_text

HELP_ALL = "--help-all"
HIDDEN = "quiet"
_CLOSE = 0.65
"""How alike a misspelt option and a known one are at least, without their dashes; 1 is the same."""


class Parameter(NamedTuple):
    """One parameter of a command's function."""

    name: str
    hint: Any
    """Its annotation, without the marks."""
    option: Option
    """How it is typed."""
    tables: Fields | None
    """What a table may set, where it is one."""
    default: Any
    """``inspect.Parameter.empty`` where there is none."""
    help: str


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """Return a function's parameters in order, with the keys of ``Some`` for ``**settings: Unpack[Some]``."""
    helps = _helps(function)
    hints = typing.get_type_hints(function, include_extras=True)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (keys,) = get_args(hints[name])
            inner_helps = {key: text for each in reversed(_bases(keys)) for key, text in _helps(each).items()}
            inner_hints = typing.get_type_hints(keys, include_extras=True)
            found += [_parameter(key, hint, None, inner_helps) for key, hint in inner_hints.items()]
        else:
            found.append(_parameter(name, hints[name], parameter.default, helps))
    return found


def _bases(keys: type) -> list[type]:
    """Return a typed dictionary and those that it is made of, itself first; the class itself forgets them."""
    (definition,) = ast.parse(inspect.getsource(keys)).body
    assert isinstance(definition, ast.ClassDef)
    names = [base.id for base in definition.bases if isinstance(base, ast.Name) and base.id != "TypedDict"]
    module = inspect.getmodule(keys)
    return [keys, *(base for name in names for base in _bases(getattr(module, name)))]


def _parameter(name: str, hint: Any, default: Any, helps: Mapping[str, str]) -> Parameter:
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        marks = tuple(rest)
    option = next((mark for mark in marks if isinstance(mark, Option)), Option())
    tables = next((mark for mark in marks if isinstance(mark, Fields)), None)
    return Parameter(name, option.kind or typed(hint), option, tables, default, helps.get(name, ""))


def typed(hint: Any) -> Any:
    """Return an annotation as one can type it: where a path may be given, only that, as text.

    ``Store | str | Path`` is ``str``, and ``str | Path | None`` is ``str | None``.
    """
    if get_origin(hint) not in (Union, types.UnionType):
        return str if hint is Path else hint
    kinds = get_args(hint)
    if Path not in kinds:
        return hint
    return str | None if type(None) in kinds else str


def _helps(documented: Any) -> dict[str, str]:
    """Return what docstrings say of a function's parameters, or of a class's fields."""
    if isinstance(documented, type):
        parsed = docstring_parser.parse_from_object(documented)
    else:
        parsed = docstring_parser.parse(documented.__doc__ or "", docstring_parser.DocstringStyle.GOOGLE)
    return {each.arg_name: " ".join((each.description or "").split()) for each in parsed.params}


class Setting(NamedTuple):
    """One field of a table, by its dotted name."""

    name: str
    hint: Any
    default: str
    """As one types it; empty where the data class has none."""
    help: str


def settings_of(name: str, tables: Fields) -> Iterator[Setting]:
    """Yield the fields that a table may set, those of inner tables by their dotted names, each name once."""
    seen: set[str] = set()
    shipped = {} if tables.shipped is None else flatten(named_config(*tables.shipped))
    for schema in tables.schemas:
        for setting in _fields(name, schema):
            if setting.name not in seen and setting.name.removeprefix(f"{name}.") not in tables.skip:
                seen.add(setting.name)
                if tables.varying:
                    yield setting._replace(default="")
                elif setting.name in shipped:
                    yield setting._replace(default=option_text(shipped[setting.name]))
                else:
                    yield setting


def _fields(prefix: str, schema: type) -> Iterator[Setting]:
    hints = typing.get_type_hints(schema)
    bases = filter(is_dataclass, reversed(schema.__mro__))
    helps = {key: text for each in bases for key, text in _helps(each).items()}
    for field in fields(schema):
        name, hint = f"{prefix}.{field.name}", hints[field.name]
        if is_dataclass(hint):
            yield from _fields(name, hint)  # type: ignore[arg-type]
            continue
        default = "" if field.default is MISSING else option_text(field.default)
        yield Setting(name, hint, default, helps.get(field.name, ""))


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with the first spelling of every option, as wide as the terminal up to 110 characters."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size((110, 24)).columns, 110)
        super().__init__(prog, max_help_position=34, width=width)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)  # names stay whole

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return str(action.metavar or action.dest).upper()
        value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
        return (
            "-h, --help" if isinstance(action, _Help) and not action.show_all else action.option_strings[0]
        ) + value


class _Help(argparse.Action):
    """Prints the help, and ends."""

    def __init__(
        self,
        option_strings: Sequence[str],
        dest: str,
        *,
        show_all: bool,
        help: str,
        default: str,
        special: Collection[str] = (),
    ) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, default=default, nargs=0, help=help)
        self.show_all, self.special = show_all, special

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        for action in parser._actions:
            if ("." in action.dest or action.dest in self.special) and not self.show_all:
                action.help = argparse.SUPPRESS
        print(parser.format_help(), end="")
        parser.exit()


def metavar(hint: Any) -> str:
    """Return what stands for a value of this type in the help."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    if get_origin(hint) is Literal:
        return "|".join(map(str, kinds))
    if get_origin(hint) in (Union, types.UnionType):
        return "|".join(map(metavar, kinds))
    if get_origin(hint) in (list, tuple, Collection, Sequence):
        return f"[{metavar(kinds[0])},...]"
    return {int: "INT", float: "NUMBER", bool: "true|false", str: "TEXT"}.get(hint, "VALUE")


class Parser(argparse.ArgumentParser):
    """A parser that raises its complaints, and takes every way of writing a number below zero."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._negative_number_matcher = re.compile(r"-(\.?\d|\.inf)")

    def error(self, message: str) -> NoReturn:
        """Raise what cannot be parsed."""
        raise argparse.ArgumentError(None, message)


def make_parser(name: str, function: Callable[..., Any], positional: Collection[str] = ()) -> Parser:
    """Return the parser of a command.

    Args:
        name: the command's words.
        function: what it calls.
        positional: parameters that are typed without a name.
    """
    found = [each for each in parameters_of(function) if not each.option.hidden and each.name != HIDDEN]
    parser = Parser(
        prog=f"skelact {name}",
        usage=_usage(name, found, positional),
        description=_description(function),
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
        formatter_class=Formatter,
    )
    for each in found:
        if each.tables is None:
            _add(parser, each, each.name in positional, name)
    tables = [each for each in found if each.tables is not None]
    special = [each.name for each in found if each.option.special]
    parser.add_argument("-h", "--help", action=_Help, show_all=False, special=special, help="show this")
    if not tables and not special:
        parser.add_argument(HELP_ALL, action=_Help, show_all=True, help=argparse.SUPPRESS)
    else:
        names = ", ".join(
            [*(f"--{each.name}.*" for each in tables), *(f"--{_dashed(each)}" for each in special)]
        )
        parser.add_argument(HELP_ALL, action=_Help, show_all=True, help=f"show the rest too: {names}")
    for each in tables:
        assert each.tables is not None
        title = f"{each.name}: {each.help}" if each.help else each.name
        title += f" (defaults: {each.tables.varying})" if each.tables.varying else ""
        group = parser.add_argument_group(title)
        for setting in settings_of(each.name, each.tables):
            text = f"{setting.help} (default: {setting.default})" if setting.default else setting.help
            group.add_argument(
                f"--{setting.name}",
                type=_reading(f"--{setting.name}", setting.hint, name),
                help=_escaped(text),
                metavar=metavar(setting.hint),
            )
    return parser


def _usage(name: str, found: Sequence[Parameter], positional: Collection[str]) -> str:
    needed = [each for each in found if each.default is inspect.Parameter.empty]
    words = [
        each.name.upper() + ("..." if each.option.words else "") for each in needed if each.name in positional
    ]
    words += [
        f"--{_dashed(each.name)} {each.name.rstrip('_').upper()}"
        for each in needed
        if each.name not in positional
    ]
    return " ".join([f"skelact {name}", *words, "[options]"])


def _description(function: Callable[..., Any]) -> str:
    """Return the docstring's text, without what it says of arguments and errors."""
    parsed = docstring_parser.parse(function.__doc__ or "", docstring_parser.DocstringStyle.GOOGLE)
    text = parsed.short_description or ""
    if parsed.long_description:
        text += "\n\n" + parsed.long_description
    return text


def _reading(option: str, hint: Any, command: str) -> Callable[[str], Any]:
    """Return what reads the text of an option."""
    return lambda text: from_text(text, hint, f"{command}: {option}")


def _add(parser: Parser, each: Parameter, is_positional: bool, command: str) -> None:
    kind = _reading(each.name if is_positional else f"--{_dashed(each.name)}", each.hint, command)
    is_needed = each.default is inspect.Parameter.empty
    shown = each.help
    untold = (inspect.Parameter.empty, None, False, True)  # 0 and 1, which equal the last, are told
    if each.default != () and not any(each.default is one for one in untold):
        shown += f" (default: {option_text(each.default)})"
    more: dict[str, Any] = {"help": _escaped(shown)}
    if is_positional:
        if each.option.words:
            more["nargs"] = "+"
        elif not is_needed:
            more["nargs"] = "?"
        parser.add_argument(each.name, type=kind, **more)
        return
    flag = f"--{_dashed(each.name)}"
    if each.hint is bool and each.default is True:
        parser.add_argument(f"--no-{_dashed(each.name)}", dest=each.name, action="store_false", **more)
        return
    if each.hint is bool:
        parser.add_argument(flag, action="store_true", **more)
        return
    if bool in get_args(each.hint):  # --resume, or --resume auto
        words = next(metavar(inner) for inner in get_args(each.hint) if get_origin(inner) is Literal)
        parser.add_argument(flag, type=kind, nargs="?", const=True, metavar=f"[{words}]", **more)
        return
    if each.option.repeat:
        more["action"] = "append"
    if each.option.words:
        more["nargs"] = "+"
    parser.add_argument(
        flag, dest=each.name, type=kind, required=is_needed, metavar=metavar(each.hint), **more
    )


def _dashed(name: str) -> str:
    """Return an option's name; ``from_``, which Python cannot call ``from``, is typed ``--from``."""
    return name.rstrip("_").replace("_", "-")


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def parse(parser: Parser, name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return what was typed, by the names of the function's parameters; tables are mappings.

    Raises:
        SkelactError: an option that is unknown or missing, or a value that does not fit.
    """
    try:
        return nested(vars(parser.parse_args([as_spelled(parser, word) for word in arguments])))
    except argparse.ArgumentError as error:
        raise SkelactError(f"{name}: {explain(parser, error)}") from error


def as_spelled(parser: Parser, word: str) -> str:
    """Return a word as the parser spells it: in names of options, - and _ are the same."""
    name, equals, value = word.partition("=")
    known = parser._option_string_actions
    if not name.startswith("--") or name in known:
        return word
    plain = name.replace("_", "-")
    return next((each for each in known if each.replace("_", "-") == plain), name) + equals + value


def explain(parser: Parser, error: argparse.ArgumentError) -> str:
    """Return the parser's complaint on one line, with the closest known option for a misspelt one."""
    text = " ".join(str(error).split()).removeprefix("argument ")
    if "arguments are required: " in text:
        start, names = text.split("required: ")
        options = {
            action.dest: action.dest.upper() for action in parser._actions if not action.option_strings
        }
        return f"{start}required: {', '.join(options.get(word, word) for word in names.split(', '))}"
    if "nrecognized arguments" not in text:
        return text
    known = [option[2:] for action in parser._actions for option in action.option_strings]
    misspelt = [word[2:].split("=")[0] for word in text.split() if word.startswith("--")]
    close = get_close_matches(misspelt[0], known, n=1, cutoff=_CLOSE) if misspelt else []
    return text + (f" (did you mean --{close[0]}?)" if close else " (--help lists the options)")

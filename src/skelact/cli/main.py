"""The entry point: imports the chosen command alone; a user's mistake becomes one line and status 2."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from skelact import __version__
from skelact.errors import SkelactError, SkelactWarning
from skelact.processor import keep_large_blocks

if TYPE_CHECKING:
    from jsonargparse import Namespace


@dataclass(frozen=True)
class Command:
    """A command: its words, the module that holds ``add_arguments`` and ``run``, and what it is for."""

    words: tuple[str, ...]
    module: str
    summary: str


COMMANDS = (
    Command(("demo",), "demo", "the main job, end to end, on the built-in data set"),
    Command(("data", "synth"), "data_synth", "write a synthetic data set in the raw NTU RGB+D format"),
    Command(("data", "prepare"), "data_prepare", "turn raw recordings into a store"),
    Command(("data", "info"), "data_info", "show what a store holds"),
    Command(("data", "verify"), "data_verify", "check a store's content"),
    Command(("data", "export"), "data_export", "write a store as padded .npz or PYSKL pickle"),
    Command(("data", "convert"), "data_convert", "write a store with another skeleton"),
    Command(("pretrain",), "pretrain", "learn a representation without labels"),
    Command(("weights", "import"), "weights_import", "make a run folder of a published checkpoint"),
    Command(("weights", "export"), "weights_export", "write a run's weights under the published names"),
    Command(("evaluate", "linear"), "evaluate_linear", "train a linear layer on frozen features"),
    Command(("evaluate", "linear-fast"), "evaluate_linear_fast", "the same in seconds, on features kept"),
    Command(("evaluate", "knn"), "evaluate_knn", "classify by nearest neighbours of frozen features"),
    Command(("evaluate", "retrieval"), "evaluate_retrieval", "rank training sequences by cosine"),
    Command(("evaluate", "one-shot"), "evaluate_one_shot", "recognise novel actions from one example each"),
    Command(("evaluate", "detection"), "evaluate_detection", "find actions in untrimmed recordings"),
    Command(("evaluate", "finetune"), "evaluate_finetune", "train the whole encoder and a head from labels"),
    Command(("evaluate", "semi"), "evaluate_semi", "fine-tune with few labels"),
    Command(("evaluate", "transfer"), "evaluate_transfer", "fine-tune on another data set"),
    Command(("evaluate", "supervised"), "evaluate_supervised", "train from labels alone, from scratch"),
    Command(("evaluate", "ensemble"), "evaluate_ensemble", "add up the class scores of several runs"),
    Command(("results",), "results", "tabulate result files and test differences"),
    Command(("figures", "confusion"), "figures_confusion", "draw which classes are taken for which"),
    Command(("figures", "classes"), "figures_classes", "draw the accuracy of every class"),
    Command(("figures", "differences"), "figures_differences", "draw in which classes two methods differ"),
    Command(("figures", "learning-curve"), "figures_learning_curve", "draw accuracy by share of labels"),
    Command(("figures", "tsne"), "figures_tsne", "draw the features of test sequences on a plane"),
    Command(
        ("figures", "prime-joints"), "figures_prime_joints", "draw which joints are prime in which action"
    ),
    Command(("reproduce",), "reproduce", "compute a table of results, cell by cell"),
)


def usage() -> str:
    """Return the list of commands."""
    width = max(len(" ".join(command.words)) for command in COMMANDS)
    lines = [f"  {' '.join(command.words):<{width}}  {command.summary}" for command in COMMANDS]
    return "\n".join(["usage: skelact COMMAND ...  (skelact COMMAND --help tells its options)", "", *lines])


def find_command(arguments: Sequence[str]) -> tuple[Command, list[str]]:
    """Return the command that ``arguments`` begin with, and the arguments left.

    Raises:
        SkelactError: no command has these words.
    """
    for command in COMMANDS:
        if tuple(arguments[: len(command.words)]) == command.words:
            return command, list(arguments[len(command.words) :])
    typed = " ".join(argument for argument in arguments[:2] if not argument.startswith("-"))
    known = [" ".join(command.words) for command in COMMANDS]
    family = [name for name in known if name.split()[0] == arguments[0]]
    close = get_close_matches(typed, known, n=1)
    hint = ", ".join(family or close) or "skelact --help lists the commands"
    raise SkelactError(f"no command {typed!r}; try: {hint}")


def explain(error: str, known: Sequence[str]) -> str:
    """Return the parser's complaint on one line, with the closest known option for a misspelt one."""
    text = " ".join(error.split())
    if "nrecognized arguments" in text:
        misspelt = [word.split("=")[0] for word in text.split() if word.startswith("--")]
        close = get_close_matches(misspelt[0], known, n=1) if misspelt else []
        text += f" (did you mean {close[0]}?)" if close else " (--help lists the options)"
    return text


def parse(arguments: Sequence[str]) -> tuple[ModuleType, Namespace]:
    """Return the module of the command that ``arguments`` name, and its options as objects.

    Raises:
        SkelactError: no such command, an option that is unknown or missing, or a value that does not fit.
    """
    command, rest = find_command(arguments)
    from jsonargparse import ArgumentError, ArgumentParser, set_parsing_settings

    from skelact.configuration import option_text

    if {"-h", "--help"} & {*rest}:  # what stands below a setting's field describes it
        set_parsing_settings(docstring_parse_attribute_docstrings=True)
    module = import_module(f"skelact.cli.{command.module}")
    name = " ".join(command.words)
    parser = ArgumentParser(
        prog=f"skelact {name}", description=module.__doc__, exit_on_error=False, allow_abbrev=False
    )
    module.add_arguments(parser)
    if hasattr(module, "add_dependent_arguments"):
        module.add_dependent_arguments(parser, rest)
    settings = module.defaults(rest) if hasattr(module, "defaults") else {}
    # as options before the user's own: the parser checks them alike, and the last one given wins
    before = [f"--{key}={option_text(value)}" for key, value in settings.items()]
    try:
        return module, parser.instantiate(parser.parse_args([*before, *rest]))
    except ArgumentError as error:
        known = [option for action in parser._actions for option in action.option_strings]
        raise SkelactError(f"{name}: {explain(str(error), known)}") from error


def in_one_line(others: Callable[..., None]) -> Callable[..., None]:
    """Return what prints the package's own warnings as errors are printed; ``others`` shows any other."""

    def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, SkelactWarning):
            print(f"skelact: {message}", file=sys.stderr)
        else:
            others(message, category, *where)

    return show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``skelact`` with ``arguments`` (default: the process's) and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if arguments[0] == "--version":
        print(f"skelact {__version__}")
        return 0
    try:
        module, options = parse(arguments)
        keep_large_blocks()
        with warnings.catch_warnings():
            warnings.showwarning = in_one_line(warnings.showwarning)
            return int(module.run(options) or 0)
    except SkelactError as error:
        if error.is_told_elsewhere:  # a failing process would be killed together with the first
            return 0
        print(f"skelact: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("skelact: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())

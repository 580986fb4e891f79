"""The entry point: imports the chosen command alone; a user's mistake becomes one line and status 2."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from skelact import __version__
from skelact.errors import ConfigurationError, SkelactError, SkelactWarning, printable, printable_lines
from skelact.limits import VARIABLE, set_limits
from skelact.processor import set_up_command

LIMIT = "--limit"
"""The option of every command that raises a bound of what is read, see :mod:`skelact.limits`."""


LESS_MEMORY = "smaller settings take less, as --training.batch_size, or --training.accumulate"
LIMITING = f"  any command: {LIMIT} NAME=VALUE raises a bound of what is read, as recording=1GB"


@dataclass(frozen=True)
class Command:
    """A command: its words, the function that it calls, and what it is for."""

    words: tuple[str, ...]
    function: str
    """``module:name`` inside the package."""
    summary: str
    positional: tuple[str, ...] = ()
    """Parameters that are typed without a name."""

    @property
    def name(self) -> str:
        """The words as one types them."""
        return " ".join(self.words)

    def load(self) -> Callable[..., Any]:
        """Import the function."""
        module, name = self.function.split(":")
        return getattr(import_module(f"skelact.{module}"), name)  # type: ignore[no-any-return]


COMMANDS = tuple(
    Command(tuple(words.split()), function, summary, tuple(positional.split()))
    for words, function, summary, positional in (
        ("demo", "api.demo:demo", "the main job, end to end, on the built-in data set", ""),
        ("data synth", "api.data:synth", "write a synthetic data set in the raw NTU RGB+D format", "out"),
        ("data check", "api.checking:check", "show what is understood of one raw file", "file"),
        ("data prepare", "api.data:prepare", "turn raw recordings into a store", "data_set raw store"),
        ("data info", "api.data:info", "show what a store holds", "store"),
        ("data verify", "api.data:verify", "check a store's content", "store"),
        ("data export", "api.data:export", "write a store as padded .npz or PYSKL pickle", "store out"),
        ("data convert", "api.data:convert", "write a store with another skeleton", "store out"),
        ("data project", "api.data:project", "write a store as cameras would show it, 2-D", "store out"),
        ("pretrain", "api.pretraining:pretrain", "learn a representation without labels", ""),
        (
            "weights import",
            "api.weights:import_checkpoint",
            "make a run folder of a published checkpoint",
            "file run",
        ),
        (
            "weights export",
            "api.weights:export_checkpoint",
            "write a run's weights under the published names",
            "run out",
        ),
        ("evaluate linear", "api.evaluations.linear:linear", "train a linear layer on frozen features", ""),
        (
            "evaluate linear-fast",
            "api.evaluations.linear:linear_fast",
            "the same in seconds, on features kept",
            "",
        ),
        ("evaluate ridge", "api.evaluations.linear:ridge", "fit a linear layer by ridge regression", ""),
        (
            "evaluate knn",
            "api.evaluations.neighbours:knn",
            "classify by nearest neighbours of frozen features",
            "",
        ),
        (
            "evaluate retrieval",
            "api.evaluations.neighbours:retrieval",
            "rank training sequences by cosine",
            "",
        ),
        (
            "evaluate one-shot",
            "api.evaluations.neighbours:one_shot",
            "recognise novel actions from one example each",
            "",
        ),
        (
            "evaluate detection",
            "api.evaluations.detection:detection",
            "find actions in untrimmed recordings",
            "",
        ),
        (
            "evaluate finetune",
            "api.evaluations.finetuning:finetune",
            "train the whole encoder and a head from labels",
            "",
        ),
        ("evaluate semi", "api.evaluations.finetuning:semi", "fine-tune with few labels", ""),
        ("evaluate transfer", "api.evaluations.finetuning:transfer", "fine-tune on another data set", ""),
        (
            "evaluate supervised",
            "api.evaluations.finetuning:supervised",
            "train from labels alone, from scratch",
            "",
        ),
        (
            "evaluate ensemble",
            "api.evaluations.ensemble:ensemble",
            "add up the class scores of several runs",
            "",
        ),
        ("teach", "api.teaching:teach", "teach a model your classes with a few recordings", "recordings"),
        ("predict", "api.prediction:predict", "say what recordings show", "model files"),
        ("video", "api.video:video", "find who is in a video or before a camera", "source"),
        ("serve", "service.serving:serve", "let programs and browsers ask a model", "model"),
        ("package", "api.teaching:package", "write a model into one folder, to be handed on", "run out"),
        ("runs", "api.runs:runs", "list the runs in a folder: state, progress, speed, results", "folder"),
        ("export", "api.exporting:export", "write a model into one ONNX file", "model out"),
        ("results", "api.tabulation:results", "tabulate result files and test differences", "files"),
        ("figures confusion", "api.figures:confusion", "draw which classes are taken for which", "files"),
        ("figures classes", "api.figures:classes", "draw the accuracy of every class", "files"),
        (
            "figures differences",
            "api.figures:differences",
            "draw in which classes two methods differ",
            "files",
        ),
        ("figures learning-curve", "api.figures:learning_curve", "draw accuracy by share of labels", "files"),
        ("figures tsne", "api.figures:tsne", "draw the features of test sequences on a plane", ""),
        (
            "figures prime-joints",
            "api.figures:prime_joints",
            "draw which joints are prime in which action",
            "",
        ),
        ("figures bodies", "api.figures:bodies", "draw the prime joints of classes on bodies", ""),
        ("figures strip", "api.figures:strip", "draw a recording with its prime joints", ""),
        ("figures density", "api.figures:density", "draw how joint density changes over a recording", ""),
        ("figures loss", "api.figures:loss", "draw the loss of a run", ""),
        ("view", "api.viewing:show", "play a recording on a page, with its joint density", "source"),
        ("browse", "api.browsing:browse", "look through a store, and mark what is bad", "store"),
        ("report", "api.reporting:report", "show runs on a page: results, curves, confusions, a map", "runs"),
        ("reproduce", "api.tabulation:reproduce", "compute a table of results, cell by cell", "suite"),
        ("completion", "cli.completion:completion", "print the completion of a shell", "shell"),
    )
)


def usage(family: str | None = None) -> str:
    """Return the list of commands, or of those that begin with a word."""
    shown = [command for command in COMMANDS if family in (None, command.words[0])]
    width = max(len(command.name) for command in shown)
    lines = [f"  {command.name:<{width}}  {command.summary}" for command in shown]
    typed = f"skelact {family} WHAT" if family else "skelact COMMAND"
    return "\n".join([f"usage: {typed} ...  ({typed} --help tells its options)", "", *lines, "", LIMITING])


def find_command(arguments: Sequence[str]) -> tuple[Command, list[str]]:
    """Return the command that ``arguments`` begin with, and the arguments left.

    Raises:
        SkelactError: no command has these words.
    """
    for command in COMMANDS:
        if tuple(arguments[: len(command.words)]) == command.words:
            return command, list(arguments[len(command.words) :])
    if arguments[0].startswith("-"):
        named = next((each for each in COMMANDS if _is_within(each.words, arguments)), None)
        raise SkelactError(
            f"{arguments[0]}: options stand behind the command, as in "
            f"skelact {named.name if named else 'COMMAND'} {arguments[0]}"
        )
    typed = " ".join(argument for argument in arguments[:2] if not argument.startswith("-"))
    known = [command.name for command in COMMANDS]
    family = [name for name in known if name.split()[0] == arguments[0]]
    close = get_close_matches(typed, known, n=1)
    hint = ", ".join(family or close) or "skelact --help lists the commands"
    raise SkelactError(f"no command {typed!r}; try: {hint}")


def _is_within(words: tuple[str, ...], arguments: Sequence[str]) -> bool:
    """Tell whether words stand in a row somewhere."""
    return any(tuple(arguments[place : place + len(words)]) == words for place in range(len(arguments)))


def raise_limits(arguments: Sequence[str]) -> list[str]:
    """Set the limits that ``--limit NAME=VALUE`` names, which any command takes; return the other arguments.

    Raises:
        ConfigurationError: no such limit, or no such value.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument(LIMIT, action="append", default=[])
    try:
        known, rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise ConfigurationError(f"{LIMIT}: expected NAME=VALUE, as recording=1GB") from error
    if known.limit:
        set_limits(known.limit)
    return rest


def parse(arguments: Sequence[str]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the function of the command that ``arguments`` name, and what it is called with.

    Raises:
        SkelactError: no such command, an option that is unknown or missing, or a value that does not fit.
    """
    command, rest = find_command(arguments)
    rest = raise_limits(rest)
    from skelact.cli import parsing

    function = command.load()
    parser = parsing.make_parser(command.name, function, command.positional)
    return function, parsing.parse(parser, command.name, rest)


def in_one_line(others: Callable[..., None]) -> Callable[..., None]:
    """Return what prints the package's own warnings as notes, in a line each; ``others`` shows any other."""

    def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, SkelactWarning):
            print(f"note: {printable(str(message))}", file=sys.stderr)
        else:
            others(message, category, *where)

    return show


class Terminated(KeyboardInterrupt):
    """SIGTERM: a command ends as on Ctrl-C, and leaves as little behind."""


def stop_on_sigterm() -> Any:
    """Let SIGTERM raise :class:`Terminated`; return what it did before, None where others handle it."""
    ours = os.getpid()

    def stop(number: int, _: Any) -> None:
        if os.getpid() == ours:
            raise Terminated
        signal.signal(number, signal.SIG_DFL)  # a copy of this process, whose parent wants it to end
        os.kill(os.getpid(), number)

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return None
    return signal.signal(signal.SIGTERM, stop)


def _devices() -> Any:
    """Return the module by which several processes share a command's work; None where it is not in use."""
    return sys.modules.get("skelact.training.devices")


def ran_out_of_memory(error: Exception) -> bool:
    """Say whether an error of Python, of NumPy or of PyTorch says that there is no more memory."""
    words = ("not enough memory", "out of memory", "can't allocate memory")
    return isinstance(error, MemoryError) or any(each in str(error) for each in words)


def told_at_once(arguments: Sequence[str]) -> str:
    """Return the lists of commands, or the version, where these are what is asked for; otherwise nothing."""
    helps = ("-h", "--help", "help")
    if not arguments or arguments[0] in helps:
        return usage()
    if arguments[0] == "--version":
        return f"skelact {__version__}"
    families = {command.words[0] for command in COMMANDS if command.words[1:]}
    is_family = arguments[0] in families and (len(arguments) == 1 or arguments[1:] in (["-h"], ["--help"]))
    return usage(arguments[0]) if is_family else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``skelact`` with ``arguments`` (default: the process's) and return its exit status."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks how its line goes on
        from skelact.cli.completion import complete

        complete()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if text := told_at_once(arguments):
        with suppress(BrokenPipeError):
            print(text, flush=True)
        return 0
    limits = os.environ.get(VARIABLE)
    before = stop_on_sigterm()
    is_done = False
    try:
        set_up_command()
        function, options = parse(arguments)
        with warnings.catch_warnings():
            warnings.showwarning = in_one_line(warnings.showwarning)
            result = function(**options)
            is_first = not (devices := _devices()) or devices.is_first_process()
            if result is not None and is_first and (text := str(result)):
                print(printable_lines(text))
            is_done = True
            return int(getattr(result, "exit_status", 0))
    except SkelactError as error:
        if error.is_told_elsewhere:
            is_done = True  # the others end, too, and one of them may still be at it
        else:
            print(f"skelact: {printable(str(error))}", file=sys.stderr)
        return error.exit_status
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            if (devices := _devices()) and devices.ends_with_others():  # it may come of one that is gone
                return 143
            raise
        print(f"skelact: out of memory ({printable(str(error))[:200]}); {LESS_MEMORY}", file=sys.stderr)
        return SkelactError.exit_status
    except KeyboardInterrupt as stopped:
        print("skelact: stopped", file=sys.stderr)
        return 143 if isinstance(stopped, Terminated) else 130
    except BrokenPipeError:
        return 0
    except PermissionError as error:  # such as a folder that may not be entered
        if error.filename is None:
            raise
        where = printable(os.fsdecode(error.filename))
        print(
            f"skelact: {where}: {error.strerror}; check the path, and that it is yours to use",
            file=sys.stderr,
        )
        return SkelactError.exit_status
    finally:
        if not is_done and (devices := _devices()):
            devices.leave_others(well=False)
        if before is not None:
            signal.signal(signal.SIGTERM, before)
        if limits is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = limits


if __name__ == "__main__":
    sys.exit(main())

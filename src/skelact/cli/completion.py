"""Completion of the command line in a shell, by argcomplete."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Literal

import argcomplete

from skelact.cli import main, parsing


def completion(shell: Literal["bash", "zsh", "fish"]) -> str:
    """Print what makes a shell complete commands and options: ``eval "$(skelact completion bash)"``.

    In fish: ``skelact completion fish | source``.

    Args:
        shell: bash, zsh or fish
    """
    return str(argcomplete.shell_integration.shellcode(["skelact"], shell=shell))


def complete() -> None:
    """Answer a shell that asks how its line goes on, and end the process."""
    line = os.environ.get("COMP_LINE", "").split()[1:]
    root = argparse.ArgumentParser(prog="skelact", add_help=False)
    top = root.add_subparsers()
    families: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    for command in main.COMMANDS:
        first = command.words[0]
        if len(command.words) > 1 and first not in families:
            families[first] = top.add_parser(first, add_help=False).add_subparsers()
        within = families.get(first, top)
        typed = within.add_parser(command.words[-1], add_help=False)
        if tuple(line[: len(command.words)]) == command.words:  # only the command on the line is loaded
            _add_options(typed, command)
    argcomplete.autocomplete(root, exit_method=sys.exit)


def _add_options(parser: argparse.ArgumentParser, command: main.Command) -> None:
    for action in parsing.make_parser(command.name, command.load(), command.positional)._actions:
        if action.option_strings:
            flag = "store_true" if action.nargs == 0 else "store"
            parser.add_argument(action.option_strings[0], action=flag, dest=action.dest.replace(".", "_"))
        elif action.dest != argparse.SUPPRESS:
            parser.add_argument(action.dest, nargs="?")

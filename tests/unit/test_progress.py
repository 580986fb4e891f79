"""The one line of progress: on a terminal alone, and gone at the end."""

from __future__ import annotations

import io
import re
import sys

import pytest

from skelact.progress import progress


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in the place of the standard error, in the test itself: pytest takes it back before."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def shown(terminal: Terminal) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())


def test_a_terminal_shows_title_count_unit_rate_and_remark(monkeypatch):
    terminal = a_terminal(monkeypatch)
    with progress("preparing [x]", total=40, unit="files") as step:
        step(30, "3 set aside")
    line = shown(terminal)
    assert re.search(r"preparing \[x\] .*30/40 files  [\d,.e+]+/s .*3 set aside", line)
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")  # what was shown is wiped out


def test_the_total_may_come_with_a_step(monkeypatch):
    terminal = a_terminal(monkeypatch)
    with progress("exporting") as step:
        step(2, total=7)
    assert "2/7" in shown(terminal)


def test_without_a_title_nothing_is_shown(monkeypatch):
    terminal = a_terminal(monkeypatch)
    with progress("", total=4, unit="epochs", plain_lines=4) as step:
        step(1)
    assert not terminal.getvalue()


def test_nothing_is_shown_where_there_is_no_terminal(capsys):
    with progress("writing", total=4, unit="files") as step:
        for done in range(1, 5):
            step(done)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_a_few_plain_lines(capsys):
    with progress("stjd-mp", total=100, unit="epochs", start=20, plain_lines=10) as step:
        for done in range(21, 101):
            step(done, f"loss {done}")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"stjd-mp  {done:>3}/100 epochs  loss {done}" for done in range(30, 101, 10)]


def test_an_error_ends_the_line(monkeypatch):
    terminal = a_terminal(monkeypatch)
    with pytest.raises(ZeroDivisionError), progress("counting", total=3, unit="files"):
        raise ZeroDivisionError
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")

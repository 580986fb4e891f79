import re
import shlex
import subprocess
import sys
import warnings

import pytest

from skelact import __version__
from skelact.cli.main import COMMANDS, main, parse
from skelact.cli.parsing import make_parser, parameters_of
from skelact.errors import SkelactError, SkelactWarning


def test_help_lists_every_command(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    for command in COMMANDS:
        assert " ".join(command.words) in printed


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"skelact {__version__}\n"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_a_family_of_commands_is_listed(option, capsys):
    assert main(["data", option]) == 0
    assert capsys.readouterr().out.startswith("usage: skelact data WHAT")


def test_who_reads_no_further_hears_nothing():
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -m skelact --help | true",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""


def test_defaults_in_the_help_are_those_of_the_command(capsys):
    for words, shown in (
        (["evaluate", "linear"], r"lr NUMBER .*?\(default: 0\.1\)"),
        (["evaluate", "semi"], r"batch_size INT .*?\(default: 48\)"),
        (["pretrain"], r"objective: [^\n]* \(defaults: those of the method and the size"),
        (["data", "project"], r"--jitter NUMBER .*?\(default: 0\.0\).*--seed INT .*?\(default: 0\)"),
    ):
        with pytest.raises(SystemExit):
            main([*words, "--help-all"])
        assert re.search(shown, capsys.readouterr().out, re.S), words


def test_python_runs_the_package_as_the_command():
    words = [sys.executable, "-m", "skelact", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"skelact {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.words))
def test_every_command_explains_itself(command, capsys):
    shown = []
    for words in [["--help"], ["--help-all"]]:
        with pytest.raises(SystemExit) as stop:
            main([*command.words, *words])
        assert stop.value.code == 0
        printed = capsys.readouterr().out
        assert "usage: skelact " + " ".join(command.words) in printed
        lines = printed.splitlines()
        for number, line in enumerate(lines):
            if re.match(r"  (--)?\S", line) and number > lines.index("options:"):
                described = re.search(r"\S {2,}\S", line) or (lines[number + 1 : number + 2] or [""])[
                    0
                ].startswith(" " * 20)
                assert described, line
        shown.append(printed)
        assert words == ["--help-all"] or len(lines) <= 48, "fits on one screen"
    assert (shown[0] == shown[1]) == (not has_tables(command))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.words))
def test_every_option_of_help_all_has_a_description(command):
    parser = make_parser(command.name, command.load(), command.positional)
    without = [
        action.dest for action in parser._actions if not re.sub(r"\(default: .*\)$", "", action.help).strip()
    ]
    assert without == []


def has_tables(command):
    return any(each.tables or each.option.special for each in parameters_of(command.load()))


def test_an_error_that_another_process_tells_is_not_told_twice(monkeypatch, capsys):
    error = SkelactError("stopped")
    error.is_told_elsewhere = True

    def fail(store: str, *, figure: str | None = None) -> None:
        raise error

    monkeypatch.setattr("skelact.api.data.info", fail)
    assert main(["data", "info", "any"]) == 2
    assert capsys.readouterr().err == ""
    error.is_told_elsewhere = False
    assert main(["data", "info", "any"]) == 2
    assert capsys.readouterr().err == "skelact: stopped\n"


def test_the_packages_own_warnings_are_one_line_and_others_stay_as_they_are(monkeypatch, capsys):
    def warn(store: str, *, figure: str | None = None) -> None:
        warnings.warn("mind the gap", SkelactWarning, stacklevel=1)
        warnings.warn("of another package", UserWarning, stacklevel=1)

    monkeypatch.setattr("skelact.api.data.info", warn)
    with pytest.warns(UserWarning, match="of another package") as told:
        assert main(["data", "info", "any"]) == 0
    assert [str(warning.message) for warning in told] == ["of another package"]
    assert capsys.readouterr().err == "note: mind the gap\n"


def test_what_may_not_be_read_is_one_line(monkeypatch, capsys):
    def refused(store: str, *, figure: str | None = None) -> None:
        raise PermissionError(13, "Permission denied", "shut/\x1b")

    monkeypatch.setattr("skelact.api.data.info", refused)
    assert main(["data", "info", "any"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("skelact: shut/\\x1b: Permission denied; check the path")
    assert error.count("\n") == 1


def test_help_does_not_wait_for_torch():
    code = "import sys; from skelact.cli.main import main; main(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("word", ["--training.batch-size", "--training.batch_size"])
def test_hyphens_and_underscores_in_names_of_options_are_the_same(word):
    _, given = parse(["pretrain", "--out", "run", word, "16", "--monitor_knn_every=2"])
    assert given["training"] == {"batch_size": 16}
    assert given["monitor_knn_every"] == 2

"""Limits: their names, how they are raised, and what is said beyond them."""

from __future__ import annotations

import pytest

from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError
from skelact.limits import LIMITS, VARIABLE, check_limit, limit, set_limits


@pytest.fixture(autouse=True)
def no_limits(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("7", 7),
        ("2GB", 2 << 30),
        ("2g", 2 << 30),
        ("3 MB", 3 << 20),
        ("4kb", 4 << 10),
        ("5B", 5),
        ("999999999999999G", 10**15 - 1),
    ],
)
def test_a_limit_is_raised_by_name(typed, value):
    set_limits(["frames=9", f"recording={typed}"])
    assert (limit("recording"), limit("frames")) == (value, 9)
    assert limit("joints") == LIMITS["joints"].default
    set_limits(["frames=10"])
    assert (limit("recording"), limit("frames")) == (value, 10)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("recordng=1", "no limit 'recordng' (did you mean 'recording'?)"),
        ("recording", "recording is ''; expected a whole number above 0"),
        ("recording=-1", "recording is '-1'"),
        ("recording=0", "recording is '0'"),
        ("recording=1e9", "recording is '1e9'"),
        ("recording=9" + "0" * 30, "recording is '9000"),
        ("recording=\u0664", "recording is '\u0664'"),
        ("", "no limit ''"),
    ],
)
def test_what_is_no_limit_is_refused(setting, expected):
    with pytest.raises(ConfigurationError) as caught:
        set_limits([setting])
    assert expected in str(caught.value)
    assert str(caught.value).startswith("--limit: ")


def test_the_message_says_what_raises_the_limit():
    with pytest.raises(DataError) as caught:
        check_limit("recording", 300 << 20, "a.json")
    assert str(caught.value) == (
        "a.json: 300 MB, and the most of bytes of one raw file, unpacked is 256 MB; "
        "--limit recording=300MB takes it all the same"
    )
    set_limits(["recording=300MB"])
    check_limit("recording", 300 << 20, "a.json")
    with pytest.raises(DataError, match="--limit recording=301MB"):
        check_limit("recording", (300 << 20) + 1, "a.json")


def test_every_command_takes_limits_for_itself_alone(capsys, tmp_path):
    assert main(["data", "info", str(tmp_path), "--limit", "frmes=3"]) == 2
    assert "no limit 'frmes' (did you mean 'frames'?)" in capsys.readouterr().err
    assert main(["data", "info", str(tmp_path), "--limit"]) == 2
    assert "--limit: expected NAME=VALUE" in capsys.readouterr().err
    assert main(["data", "info", str(tmp_path), "--limit=frames=3", "--limit", "joints=4"]) == 2
    assert "not a store" in capsys.readouterr().err
    assert limit("frames") == LIMITS["frames"].default

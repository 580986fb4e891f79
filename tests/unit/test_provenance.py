import os
import re
import subprocess

from skelact import __version__, provenance
from skelact.provenance import code_version, package_versions


def test_code_version_begins_with_the_package_version():
    assert code_version().startswith(__version__)


def test_the_checkout_is_left_alone(tmp_path, monkeypatch):
    """Even where the disk is full; else git would leave a lock in the way of whoever works there."""
    (tmp_path / "src" / "skelact").mkdir(parents=True)
    (tmp_path / "file").write_text("one")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "src" / "skelact" / "provenance.py"))
    code_version.cache_clear()
    clean = code_version()
    assert re.fullmatch(rf"{re.escape(__version__)} \([0-9a-f]+\)", clean)
    os.utime(tmp_path / "file", (0, 0))  # git would note it in its index
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / ".git").iterdir()}
    code_version.cache_clear()
    assert code_version() == clean
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / ".git").iterdir()} == before
    (tmp_path / "file").write_text("two")
    assert code_version() == clean, "what a process began with"
    code_version.cache_clear()
    assert code_version() == clean.replace(")", "+changes)")
    code_version.cache_clear()


def test_versions_name_python_and_torch():
    versions = package_versions()
    assert versions["python"][0] == "3"
    assert versions["torch"][0].isdigit()
    assert "not installed" not in versions.values()

"""What a result came from: the code's version and the packages it ran with."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from skelact import __version__

PACKAGES = ("torch", "numpy", "lightning-fabric", "scikit-learn")


@cache
def code_version() -> str:
    """Return the package's version, with the commit and ``+changes`` where it runs from a checkout.

    Asked first when work begins, it is the code that this process runs, whatever is committed meanwhile.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "src" / "skelact").is_dir() or not (root / ".git").exists():
        return __version__
    try:
        commit = _git(root, "describe", "--always", "--exclude=*")
        changes = "+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else ""
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__} ({commit}{changes})" if commit else __version__


def _git(root: Path, *words: str) -> str:
    """Return what git says, the checkout untouched: ``describe --dirty`` would lock and write its index."""
    command = ["git", "--no-optional-locks", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide the numbers."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions

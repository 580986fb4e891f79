"""Packages that a machine without a network may lack: fetched elsewhere as wheels, and used from a folder.

Such a machine has PyTorch, numpy, numba, rich and scikit-learn, with what these need. What else the GPU check
imports is named here, 4 MiB in all for Python 3.11 to 3.14.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WHEELS = ROOT / "build" / "wheels"
PACKAGES = {
    "einops": "einops",
    "lightning_fabric": "lightning-fabric",
    "lightning_utilities": "lightning-utilities",
    "msgspec": "msgspec",
    "packaging": "packaging",
    "safetensors": "safetensors",
    "yaml": "PyYAML",
}
"""The package that each module is in."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def fetch(folder: Path = WHEELS) -> list[Path]:
    """Download the wheels for Linux on x86-64 into ``folder``, in the pinned versions; return them.

    Raises:
        subprocess.CalledProcessError: pip cannot find or fetch one; it has said why.
    """
    options = ["--no-deps", "--only-binary", ":all:", "--constraint", str(ROOT / "constraints.txt")]
    options += [word for platform in PLATFORMS for word in ("--platform", platform)]
    for python in PYTHONS:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            *options,
        ]
        subprocess.run(
            [*command, "--python-version", python, "--dest", str(folder), *PACKAGES.values()], check=True
        )
    return sorted(folder.glob("*.whl"))


def provide(folder: Path = WHEELS) -> list[str]:
    """Make the packages that are missing here importable, from wheels in ``folder``; return their names.

    They are unpacked into a folder of this process's own that stands last in the search path, so nothing that
    is installed is changed or hidden.

    Raises:
        SystemExit: a package is missing and its wheel is not there, or does not fit this Python.
    """
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if missing:
        target = tempfile.mkdtemp(prefix="carried-wheels-")
        atexit.register(shutil.rmtree, target, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += [
            "--no-index",
            "--no-deps",
            "--no-compile",
            "--find-links",
            str(folder),
            "--target",
            target,
        ]
        done = subprocess.run([*command, *missing], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
            print(
                f"{folder}: no wheels for {', '.join(missing)} ({reason}); run 'make gpu-wheels' where there "
                "is a network, and bring the folder here",
                file=sys.stderr,
            )
            raise SystemExit(2)
        sys.path.append(target)
    if find_spec("skelact") is None:
        sys.path.append(str(ROOT / "src"))
    return missing

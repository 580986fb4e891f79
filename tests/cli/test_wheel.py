"""The wheel holds all that the package reads at run time, and works outside the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    left_out = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "src", source / "src", ignore=left_out)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    built = subprocess.run(
        [*command, "--wheel-dir", folder, source], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    [path] = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel):
    package = ROOT / "src" / "skelact"
    expected = {
        f"skelact/{path.relative_to(package)}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("skelact/")}
        [entry_points] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "skelact = skelact.cli.main:main" in archive.read(entry_points).decode()
    assert {"skelact/py.typed", "skelact/formats/ntu_missing.txt", "skelact/configs/size/base.yaml"} <= held
    assert held == expected


@pytest.mark.slow
def test_the_installed_wheel_does_the_first_steps(wheel, tmp_path):
    place = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", place, wheel]
    subprocess.run(command, capture_output=True, check=True)
    environment = {**os.environ, "PYTHONPATH": str(place)}

    def run(*words):
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    script = str(place / "bin" / "skelact")
    code = "import skelact; print(skelact.__file__)"
    assert run(sys.executable, "-c", code).strip() == str(place / "skelact" / "__init__.py")
    assert "pretrain" in run(script, "--help")
    code = "import skelact; print(skelact.load('universal-small'))"
    assert "universal-small: stjd-d" in run(sys.executable, "-c", code)
    run(script, "data", "synth", "raw", "--sequences", "31")
    run(script, "data", "prepare", "ntu60", "raw", "store", "--workers", "1")
    assert "31" in run(script, "data", "info", "store")

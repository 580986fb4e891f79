"""The layers hold: a folder imports only what stands to its left."""

import ast
import subprocess
import sys
from pathlib import Path

import skelact

ROOT = Path(skelact.__file__).parent
ORDER = (
    "skeleton",
    "formats",
    "synthetic",
    "store",
    "clips",
    "density",
    "models",
    "training",
    "pretraining",
    "evaluation",
    "detection",
    "results",
    "recognition",
    "compat",
    "reports",
    "reproduction",
    "api",
    "service",
    "cli",
)
ANYWHERE = {
    "configuration",
    "errors",
    "files",
    "limits",
    "locks",
    "notebooks",
    "processor",
    "progress",
    "provenance",
    "typed_values",
    "yaml_files",
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "tools", "common"}


def imported_folders(path):
    """Return the package's folders that a file imports, inner imports included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "skelact":
                names = [f"skelact.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "skelact" and len(parts) > 1:
                yield parts[1]


def files():
    return sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT)


def test_imports_go_left():
    wrong = []
    for path in files():
        own = path.relative_to(ROOT).parts[0]
        for other in imported_folders(path):
            if other in ANYWHERE or other.startswith("__"):
                continue
            if other not in ORDER:
                wrong.append(f"{path}: imports the unknown folder {other}")
            elif ORDER.index(other) > ORDER.index(own):
                wrong.append(f"{path}: {own} must not import {other}")
    assert not wrong


def test_every_folder_is_in_the_plan_and_says_what_it_is_for():
    folders = {path.parent for path in files()}
    top = {folder for folder in folders if folder.parent == ROOT}
    assert {folder.name for folder in top} <= set(ORDER)
    for folder in top:
        text = (folder / "__init__.py").read_text()
        assert ast.get_docstring(ast.parse(text)), f"{folder.name} does not say what it is for"


def test_nothing_is_called_utils():
    for path in ROOT.rglob("*"):
        assert path.stem not in FORBIDDEN_NAMES, path


def test_training_knows_no_method():
    for path in (ROOT / "training").glob("*.py"):
        assert not {"pretraining", "evaluation"} & set(imported_folders(path)), path


def test_reading_a_store_imports_nothing_of_writing(small_store):
    """Whoever trains or embeds opens stores; what writes them (and parses raw files) stays out."""
    code = f"""
import sys
from skelact.store import fixed_point, overview, protocols, subsets
from skelact.store.store import Store

store = Store.open({str(small_store.path)!r})
store.sequence(0), overview.class_counts(store), protocols.protocols_of(store)
print(*sys.modules)
"""
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    of_reading = {
        "fixed_point",
        "indices",
        "left_out",
        "remote",
        "linked",
        "metadata",
        "overview",
        "protocols",
        "store",
    }
    of_reading.add("subsets")
    assert {name.split(".")[2] for name in found if name.startswith("skelact.store.")} == of_reading
    assert not {"torch", "numba"} & set(found)
    parsers = {name.split(".")[2] for name in found if name.startswith("skelact.formats.")}
    assert "known" not in parsers
    assert "ntu" not in parsers

"""What the README and the docs tell a reader to type exists."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from skelact.cli.main import parse

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "skelact"
ORDER = next(
    ast.literal_eval(node.value)
    for node in ast.parse((ROOT / "tests" / "unit" / "test_architecture.py").read_text()).body
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ORDER"
)
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def command_lines(document):
    """Return the lines of the document's shell blocks, loops written out for one value."""
    lines = []
    for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", document.read_text(), re.S):
        text = re.sub(r"\\\n\s*", " ", block)
        for line in text.splitlines():
            line = re.sub(r"^\s*(for .*; do|done|do)\b", "", line).strip().removeprefix("$ ")
            line = re.sub(r"\$\{?\w+(%[.\w]+)?\}?", "0", line)
            lines += [one.strip() for one in line.split(" | ")]
    return lines


def commands(word):
    return [
        pytest.param(line, id=f"{document.name}: {line[:70]}")
        for document in DOCUMENTS
        for line in command_lines(document)
        if line.startswith(word + " ")
    ]


@pytest.mark.parametrize("line", commands("skelact"))
def test_every_command_in_the_documents_parses(line):
    words = shlex.split(line, comments=True)[1:]
    if "--help" not in words:
        parse(words)


@pytest.mark.parametrize("line", commands("make"))
def test_every_make_target_in_the_documents_exists(line):
    makefile = (ROOT / "Makefile").read_text()
    for target in shlex.split(line, comments=True)[1:]:
        assert "=" in target or re.search(rf"^{target}:", makefile, re.M), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_readme_shows_commands():
    assert len(commands("skelact")) >= 5
    assert len(commands("make")) >= 2


FILE = r"(?:skelact/)?(?:\w+/)+\w+\.py"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_the_documents_name_exist(document):
    for path in re.findall(rf"(?<![\w/]){FILE}\b", document.read_text()):
        assert (PACKAGE / path).is_file() or (ROOT / path).is_file(), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_modules_and_names_that_the_documents_import_exist(document):
    text = re.sub(r"<!-- not run: .*?-->\n```.*?```", "", document.read_text(), flags=re.S)
    dotted = re.findall(r"\bskelact(?:\.\w+)+", text)
    imported = re.findall(r"^from (skelact[\w.]*) import ([\w, ]+)$", text, re.M)
    names = [f"{module}.{name.strip()}" for module, several in imported for name in several.split(",")]
    for name in [*dotted, *names]:
        module, *rest = name.split(".")
        found = importlib.import_module(module)
        for part in rest:
            if not hasattr(found, part):
                found = importlib.import_module(f"{found.__name__}.{part}")
            else:
                found = getattr(found, part)


def where_names_are():
    """Yield (file, name) for every "`file.py`: `Name`" of names.md and "file.py  Name" of architecture.md."""
    yield from re.findall(rf"`({FILE})`: `(\w+)`", (ROOT / "docs" / "names.md").read_text())
    yield from re.findall(
        rf"({FILE}) +([A-Za-z]\w+)(?= {{2}}|\n)", (ROOT / "docs" / "architecture.md").read_text()
    )


@pytest.mark.parametrize(
    ("file", "name"), [pytest.param(*pair, id="-".join(pair)) for pair in where_names_are()]
)
def test_what_the_documents_say_is_in_a_file_is_there(file, name):
    text = (PACKAGE / file).read_text()
    assert re.search(rf"^(?:def|class|async def) {name}\b|^{name}\b.*=", text, re.M), (
        f"{name} is not in {file}"
    )


def test_enough_names_are_checked():
    assert len(list(where_names_are())) > 50


def test_every_folder_stands_in_the_architecture_page_in_its_order():
    text = (ROOT / "docs" / "architecture.md").read_text()
    row = text[text.index("    skeleton ->") : text.index("\n\n| folder")]
    folders = re.findall(r"\w+", row)
    assert set(folders) == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == [name for name in ORDER if name in folders]
    assert re.findall(r"^\| `(\w+)` \|", text, re.M) == folders

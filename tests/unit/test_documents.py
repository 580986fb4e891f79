"""What the README and the docs tell a reader to type exists."""

import re
import shlex
from pathlib import Path

import pytest

from skelact.cli.main import parse

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def command_lines(document):
    """Return the lines of the document's shell blocks, loops written out for one value."""
    lines = []
    for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", document.read_text(), re.S):
        text = re.sub(r"\\\n\s*", " ", block)
        for line in text.splitlines():
            line = re.sub(r"^\s*(for .*; do|done|do)\b", "", line).strip().removeprefix("$ ")
            lines.append(re.sub(r"\$\{?\w+\}?", "0", line))
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

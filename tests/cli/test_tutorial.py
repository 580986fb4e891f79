"""The tutorial's cells run in their order, and what ends a cell shows itself as a notebook would show it."""

import ast
import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "tutorial.ipynb"


def shown_by(cell, names):
    """Run a cell and return the value of its last line, where that is one."""
    tree = ast.parse("".join(cell["source"]))
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells), "the notebook is kept without outputs"
    names, pages, tables = {}, 0, 0
    for cell in cells:
        if cell["cell_type"] == "code":
            shown = getattr(shown_by(cell, names), "_repr_html_", str)()
            pages, tables = pages + shown.startswith("<iframe"), tables + shown.startswith("<p><b>")
    assert pages == 2
    assert tables >= 3, "a store, a sequence, a result"
    assert "Hidden by the method" in names["page"].page
    assert Path("recording.html").read_text() == names["page"].page
    assert names["embedding"].shape[0] == 1

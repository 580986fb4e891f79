"""How objects show themselves in a notebook: a heading and a table, of text alone."""

from __future__ import annotations

import html
from collections.abc import Sequence

from skelact.errors import printable


def table_html(title: str, rows: Sequence[tuple[str, object]], remark: str = "") -> str:
    """Return a table of words and values as HTML.

    Args:
        title: the heading.
        rows: words and what they say.
        remark: a line under it; empty for none.
    """
    left = "style='text-align: left'"
    cells = "".join(
        f"<tr><th {left}>{_text(word)}</th><td {left}>{_text(value)}</td></tr>" for word, value in rows
    )
    under = f"<p>{_text(remark)}</p>" if remark else ""
    return f"<p><b>{_text(title)}</b></p><table>{cells}</table>{under}"


def _text(value: object) -> str:
    return html.escape(printable(str(value)))

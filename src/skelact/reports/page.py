"""Pages that one file holds: markup, style, script and data, and nothing from anywhere else.

The parts are files of ``skelact/pages``. A page forbids itself every connection, and runs the one script that
belongs to it alone (its Content-Security-Policy names the script's digest); what it shows of data is text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.errors import printable

PAGES = files("skelact") / "pages"
DATA = "{{data}}"
"""What stands in a page for the data that is not there yet."""
_FIELD = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class PageCode:
    """Style and script of a page, joined from the parts that it names."""

    style: str
    script: str

    @classmethod
    def read(cls, styles: Sequence[str], scripts: Sequence[str]) -> PageCode:
        """Read ``pages/<style>.css`` and ``pages/<script>.js``."""
        style = "\n".join((PAGES / f"{each}.css").read_text("utf-8") for each in styles)
        joined = "\n".join((PAGES / f"{each}.js").read_text("utf-8") for each in scripts)
        return cls(style, f'"use strict";\n(() => {{\n{joined}\n}})();')


def fill_page(
    name: str,
    scripts: Sequence[str],
    *,
    title: str,
    data: Mapping[str, Any] | None,
    styles: Sequence[str] = (),
    inside: Sequence[PageCode] = (),
    asks_server: bool = False,
) -> str:
    """Return a page as HTML.

    Args:
        name: of its markup and style, ``pages/<name>.html`` and ``pages/<name>.css``.
        scripts: names of ``pages/<script>.js``, which become one script in this order.
        title: what the browser's tab says.
        data: tables, lists, texts and finite numbers; the script finds them in the element ``data``. None
            leaves :data:`DATA` there, which another page fills in.
        styles: names of ``pages/<style>.css``; default: the page's own.
        inside: code of the pages that this one shows in frames; what it forbids is forbidden to them.
        asks_server: whether the page may ask the address that it came from.
    """
    own, title = PageCode.read(styles or (name,), scripts), printable(title)
    allowed = [
        " ".join(f"'{_digest(each)}'" for each in texts)
        for texts in ([code.script for code in (own, *inside)], [code.style for code in (own, *inside)])
    ]
    asked = "connect-src 'self'; " if asks_server else ""
    policy = (
        f"default-src 'none'; script-src {allowed[0]}; style-src {allowed[1]}; {asked}"
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": html.escape(title),
        "style": own.style,
        "script": own.script,
        "data": DATA if data is None else script_json(data),
    }
    markup = (PAGES / f"{name}.html").read_text("utf-8")
    return _FIELD.sub(lambda field: parts[field[1]], markup)


def script_json(data: Any) -> str:
    """Return data as JSON that can stand in a script element: no character of it ends the element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def packed(array: npt.NDArray[Any]) -> str:
    """Return the bytes of an array, the lowest first, as base64: what a typed array of a page is made of."""
    return base64.b64encode(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()).decode()


def in_frame(page: str, height: int) -> str:
    """Return a page inside another, as notebooks show it: its script has no access to what is around it."""
    source = html.escape(page, quote=True)
    return (
        f'<iframe srcdoc="{source}" sandbox="allow-scripts" width="100%" height="{height}" '
        'style="border: 0" title="skelact" loading="lazy"></iframe>'
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

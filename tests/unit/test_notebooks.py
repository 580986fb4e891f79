"""What notebooks show of stores, sequences and results: what they are, as text."""

import re
from dataclasses import replace
from pathlib import Path

from skelact.api.evaluations.result import Result
from skelact.notebooks import table_html

HOSTILE = "<img src=x onerror=alert(1)>\u202e&"


def text_of(shown):
    return re.sub(r"<[^>]+>", " ", shown)


def test_a_store_and_a_sequence_say_what_they_are(small_store):
    of_store = text_of(small_store._repr_html_())
    assert "10" in of_store
    assert "a, b, c, d" in of_store
    assert "ntu-25, 25 joints, 3-D" in of_store
    one = small_store.sequence(3)
    shown = one._repr_html_()
    assert "sequence3" in shown
    assert f"40, {one.present.any(0).sum()} with somebody" in text_of(shown)
    hostile = replace(one, name=HOSTILE)._repr_html_()
    assert "<img" not in hostile
    assert "\u202e" not in hostile


def test_a_result_shows_the_lines_of_its_command():
    shown = Result(Path("r.json"), {}, f"linear <b>\n  top-1 80.0 %\n  {HOSTILE}")._repr_html_()
    assert "  top-1 80.0 %" in shown
    assert "<img" not in shown
    assert "linear &lt;b&gt;" in shown


def test_tables_hold_text_alone():
    shown = table_html(HOSTILE, [(HOSTILE, HOSTILE)], HOSTILE)
    assert "<img" not in shown
    assert shown.count("&lt;img") == 4

"""Tables say how many seeds stand behind a number; docs/results.md shows what results/ holds."""

import json
from pathlib import Path

import pytest

from skelact.errors import DataError
from skelact.reproduction.cells import cells_of, cells_of_suite, choose
from skelact.reproduction.commands import Place
from skelact.reproduction.matching import Results
from skelact.reproduction.suite_files import read_suite
from skelact.reproduction.tables import TextTable, cell_text, loop, with_tables
from skelact.results.files import FORMAT

ROOT = Path(__file__).resolve().parents[3]


class Fixed:
    """Results with a number for each seed."""

    def __init__(self, numbers):
        self.numbers = numbers

    def find(self, cell):
        return (
            (Path("x"), {"metrics": {"top1": self.numbers[cell.seed]}}) if cell.seed in self.numbers else None
        )


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ({}, "not yet [published 85.4]"),
        ({1: 0.8}, "80.0 (1 of 3 seeds) [published 85.4]"),
        ({0: 0.8, 1: 0.9}, "85.0 ± 63.5 (80.0, 90.0; 2 of 3 seeds) [published 85.4]"),
        ({0: 0.8, 1: 0.8, 2: 0.8}, "80.0 ± 0.0 (80.0, 80.0, 80.0) [published 85.4]"),
    ],
)
def test_a_place_tells_mean_interval_seeds_and_the_published_number(numbers, text):
    cells = choose(cells_of_suite(read_suite("ntu60"), [0, 1, 2]), ["ntu60-xsub/stjd-mp/linear/*"])
    published = {("stjd-mp", "linear", "ntu60-xsub"): 85.4}
    assert cell_text(cells, Fixed(numbers), published) == text


def test_markdown():
    table = TextTable("t", ("encoder", "a, %"), (("x", "1.0"), ("y", "not yet")))
    assert table.markdown() == "| encoder | a, % |\n|---|---|\n| x | 1.0 |\n| y | not yet |"


def test_the_loop_holds_every_command_once_and_what_is_trained_once_stands_before_it():
    [few_labels] = [table for table in read_suite("ntu60") if table.name == "ntu60-few-labels"]
    lines = loop(few_labels, Place(Path("stores"), Path("out"))).splitlines()
    assert len(lines) == len(set(lines))
    start = lines.index("for seed in 0 1 2 3 4; do")
    assert [line.split()[1] for line in lines[:start]] == ["pretrain"] * 6
    assert not any("$seed" in line for line in lines[:start])
    assert all("--seed $seed" in line for line in lines[start + 1 : -1])
    assert len(lines) == 6 + 1 + 2 * 3 * 2 + 1


def test_a_document_without_a_place_for_a_table_is_refused():
    with pytest.raises(DataError, match=r"page.md: no place for table msr-action3d-cl; add the lines"):
        with_tables("nothing here", Path("page.md"), "small", read_suite("small"), Results([]))


def test_the_results_page_is_up_to_date_with_the_result_files():
    page = ROOT / "docs" / "results.md"
    tables = read_suite("small")
    written = with_tables(page.read_text(), page, "small", tables, Results([ROOT / "results"]))
    assert page.read_text() == written, "run `make results`"


def test_result_files_stand_where_reproduce_puts_them():
    results = Results([ROOT / "results"])
    expected = {
        ROOT / cell.file for table in read_suite("small") for cell in cells_of(table) if results.find(cell)
    }
    assert expected
    assert all(path.is_file() for path in expected)
    for path in expected:
        assert json.loads(path.read_text())["format"] == FORMAT

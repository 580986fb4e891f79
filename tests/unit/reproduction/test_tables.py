"""Tables say how many seeds stand behind a number; docs/results shows what results/ holds."""

import json
from pathlib import Path

import pytest

from cell_results import cells
from skelact.errors import DataError
from skelact.reproduction.cells import cells_of_suite, choose
from skelact.reproduction.pending import Results
from skelact.reproduction.suite_files import read_suite
from skelact.reproduction.tables import cell_text, render_table, with_tables
from skelact.results.files import FORMAT
from skelact.results.rendering import TextTable

ROOT = Path(__file__).resolve().parents[3]
SUITES = ("small", "public", "successor")
"""Those whose tables stand in docs/results."""


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


class ByFold:
    """Results with a number for each seed and fold."""

    def __init__(self, numbers):
        self.numbers = numbers

    def find(self, cell):
        number = self.numbers.get((cell.seed, cell.on.protocol))
        return None if number is None else (Path("x"), {"metrics": {"top1": number, "k=1": {"top1": number}}})


def test_a_seed_counts_with_the_mean_over_its_folds_once_all_are_there():
    found = choose(cells("public"), ["sbu-*/mamp-*/linear/*"])
    first = {(0, f"fold{number}"): number / 10 for number in range(1, 6)}
    second = {(1, f"fold{number}"): 0.5 for number in range(1, 5)}
    assert cell_text(found, ByFold({**first, **second}), {}) == "30.0 (1 of 3 seeds)"
    whole = ByFold({**first, **second, (1, "fold5"): 0.5})
    assert cell_text(found, whole, {}).startswith("40.0 ± 127.1 (30.0, 50.0; 2 of 3 seeds)")
    table = next(table for table in read_suite("public") if table.name == "sbu")
    rendered = render_table(table, whole)
    assert rendered.columns == ("encoder", "linear, %", "linear, fast, %", "nearest neighbour, %")


def test_seeds_that_nothing_depends_on_are_one_number(tmp_path):
    """Neighbours draw nothing, and one encoder answers for all seeds."""
    (tmp_path / "own.yaml").write_text(
        "size: tiny\nrows:\n  mae: {method: mae}\ntables:\n  one: {title: One, data: [ntu60-xsub], "
        "pretrain_seed: 0, evaluate: [knn, linear], seeds: [0, 1, 2]}\n"
    )
    cells, numbers = cells_of_suite(read_suite(str(tmp_path / "own.yaml"))), Fixed({0: 0.8, 1: 0.8, 2: 0.8})
    assert cell_text(choose(cells, ["*/linear/*"]), numbers, {}) == "80.0 ± 0.0 (80.0, 80.0, 80.0)"

    class Neighbours:
        def find(self, cell):
            return Path("x"), {"metrics": {"k=1": {"top1": 0.8}}}

    assert cell_text(choose(cells, ["*/knn/*"]), Neighbours(), {}) == "80.0"


def test_markdown():
    table = TextTable("t", ("encoder", "a, %"), (("x", "1.0"), ("y", "not yet")))
    assert table.markdown() == "| encoder | a, % |\n| --- | ---: |\n| x | 1.0 |\n| y | not yet |"


def test_a_document_without_a_place_for_a_table_is_refused():
    with pytest.raises(DataError, match=r"page.md: no place for table msr-action3d-cl; add the lines"):
        with_tables(
            {Path("page.md"): "nothing here"}, Path("page.md"), "small", read_suite("small"), Results([])
        )


def test_each_table_is_written_into_the_documents_that_have_a_place_for_it():
    first, second = read_suite("small")[:2]
    place = "<!-- table small/{0} -->\nold\n<!-- end of table small/{0} -->\n"
    documents = {
        Path("a.md"): "before\n" + place.format(first.name) + "after\n",
        Path("b.md"): place.format(second.name) + place.format(first.name),
        Path("c.md"): "no table",
    }
    written = with_tables(documents, Path("."), "small", [first, second], Results([]))
    assert written[Path("c.md")] == "no table"
    assert written[Path("a.md")].startswith("before\n<!-- table")
    assert written[Path("a.md")].endswith("after\n")
    command = "skelact reproduce small --stores stores --out again --only-table {} --dry-run"
    assert command.format(first.name) in written[Path("a.md")]
    assert command.format(second.name) not in written[Path("a.md")]
    assert all(command.format(table.name) in written[Path("b.md")] for table in (first, second))
    assert "old" not in "".join(written.values())


@pytest.mark.parametrize("suite", SUITES)
def test_the_results_pages_are_up_to_date_with_the_result_files(suite):
    pages = ROOT / "docs" / "results"
    documents = {path: path.read_text() for path in sorted(pages.glob("*.md"))}
    written = with_tables(documents, pages, suite, read_suite(suite), Results([ROOT / "results"]))
    assert documents == written, "run `make results`"


def test_result_files_stand_where_reproduce_puts_them():
    results = Results([ROOT / "results"])
    expected = {ROOT / each.file for suite in SUITES for each in cells(suite) if results.find(each)}
    assert expected
    assert all(path.is_file() for path in expected)
    for path in expected:
        assert json.loads(path.read_text())["format"] == FORMAT

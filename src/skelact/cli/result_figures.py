"""What the commands share that draw result files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from matplotlib.figure import Figure

from skelact.errors import DataError
from skelact.reports.canvas import check_name, write_figure
from skelact.results.classes import ClassResult, read_class_results
from skelact.results.tables import Entry


def add_out_argument(parser: ArgumentParser) -> None:
    """Add the option that says where the figure goes."""
    parser.add_argument("--out", type=str, required=True, help="the figure, .png, .svg or .pdf")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of figures by class."""
    parser.add_argument("files", type=str, nargs="+", help="result files (.json) of 'skelact evaluate'")
    parser.add_argument(
        "--variant", type=str | None, help="which numbers, where a file has several, e.g. k=1 of kNN"
    )
    add_out_argument(parser)


def read(options: Namespace) -> list[ClassResult]:
    """Return the methods that the files are about."""
    check_name(Path(options.out))
    return read_class_results([Path(name) for name in options.files], options.variant)


def the_method(results: Sequence[ClassResult]) -> ClassResult:
    """Return the only method; raise DataError where the files are of several."""
    if len(results) > 1:
        raise DataError(
            f"{results[1].method.entries[0].path}: of another method than "
            f"{results[0].method.entries[0].path} ({', '.join(labels_of(results))}); "
            "draw one at a time, or compare two with 'skelact figures differences'"
        )
    return results[0]


def write(figure: Figure, options: Namespace) -> None:
    """Write the figure and print where it is."""
    write_figure(figure, Path(options.out))
    print(f"  {options.out}")


def labels_of(results: Sequence[ClassResult]) -> list[str]:
    """Return the methods' names; with the evaluation where it is not the same."""
    evaluations = [result.method.table[2] for result in results]
    if len(set(evaluations)) == 1:
        return [result.method.label for result in results]
    return [
        f"{result.method.label}, {evaluation}"
        for result, evaluation in zip(results, evaluations, strict=True)
    ]


def tested_on(entry: Entry) -> str:
    """Return the data set and the protocol, e.g. ``ntu60 xsub``."""
    return " ".join(entry.table[:2])


def heading(result: ClassResult) -> str:
    """Return what was tested how, with the number of seeds and sequences."""
    first, num = result.method.entries[0], len(result.method.entries)
    seeds = f"{num} seeds" if num > 1 else "1 seed"
    return (
        f"{result.method.label}, {first.table[2]}\n"
        f"{tested_on(first)}, {result.num_sequences.sum():,} test sequences, {seeds}"
    )

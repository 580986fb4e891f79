"""Draw in which classes two methods differ, and test each class over its test sequences.

Give the files of two methods, each with one or several seeds; the first file's method is the first. The
test is McNemar's, exact, on the class's sequences; p values are adjusted for the number of classes (Holm). It
needs the class scores that lie beside the results. A class of few sequences can hardly show a difference.
"""

from __future__ import annotations

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import result_figures
from skelact.errors import DataError
from skelact.reports.results import LEVEL, class_difference_figure, is_different
from skelact.results.classes import class_differences


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    result_figures.add_arguments(parser)


def run(options: Namespace) -> None:
    """Draw the differences, and print the classes that differ."""
    results = result_figures.read(options)
    labels = result_figures.labels_of(results)
    if len(results) != 2:
        found = f"{len(results)} methods ({', '.join(labels)})"
        if len(results) == 1:
            found = f"one method ({labels[0]}): its files differ in their seeds at most"
        raise DataError(f"{options.files[0]}: {found}; expected the results of two to compare")
    first, second = results
    differences = class_differences(first, second)
    entry = first.method.entries[0]
    title = f"{result_figures.tested_on(entry)}, {first.num_sequences.sum():,} test sequences"
    result_figures.write(class_difference_figure(differences, *labels, title=title), options)
    tested = [each for each in differences if each.adjusted_p is not None]
    if not tested:
        print("  not tested: a result without class scores beside it; evaluate again to have them")
        return
    clear = [each for each in differences if is_different(each)]
    print(f"  {len(clear)} of {len(tested)} classes differ (McNemar, p < {LEVEL} after Holm's correction)")
    for each in clear:
        print(f"    {each.name}: {each.difference:+.1f} points, p {each.adjusted_p:.2g}")

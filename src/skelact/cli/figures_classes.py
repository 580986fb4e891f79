"""Draw the accuracy of every class, the best on top.

The result files are one method's; of several seeds the mean is drawn, with each seed as a dot.
"""

from __future__ import annotations

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import result_figures
from skelact.reports.results import class_accuracy_figure


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    result_figures.add_arguments(parser)


def run(options: Namespace) -> None:
    """Draw the bars."""
    result = result_figures.the_method(result_figures.read(options))
    result_figures.write(class_accuracy_figure(result, title=result_figures.heading(result)), options)

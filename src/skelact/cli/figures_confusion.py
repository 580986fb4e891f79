"""Draw which classes a method takes for which, as shares of the true class.

The result files are one method's; several seeds are added up.
"""

from __future__ import annotations

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import result_figures
from skelact.reports.figures import confusion_figure


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    result_figures.add_arguments(parser)


def run(options: Namespace) -> None:
    """Draw the matrix."""
    result = result_figures.the_method(result_figures.read(options))
    title = result_figures.heading(result)
    figure = confusion_figure(result.confusions.sum(0), result.class_names, title=title)
    result_figures.write(figure, options)

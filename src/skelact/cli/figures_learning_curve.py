"""Draw accuracy by the share of labels, from results of 'skelact evaluate semi', 'supervised' and 'finetune'.

Results that differ in labels and seeds alone are one curve; finetune and supervised without a subset count as
100 %. A point is the mean over seeds with its 95 % interval (Student's t).
"""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import result_figures
from skelact.reports.canvas import check_name
from skelact.reports.results import learning_curve_figure
from skelact.results.curves import learning_curves
from skelact.results.tables import read_entries


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("files", type=str, nargs="+", help="result files (.json) of 'skelact evaluate'")
    result_figures.add_out_argument(parser)


def run(options: Namespace) -> None:
    """Draw the curves."""
    check_name(Path(options.out))
    entries = read_entries([Path(name) for name in options.files])
    curves = learning_curves(entries)
    title = result_figures.tested_on(entries[0])
    result_figures.write(learning_curve_figure(curves, title=title), options)

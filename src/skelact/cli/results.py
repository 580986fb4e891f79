"""Tabulate result files: mean and 95 % interval over seeds, and whether methods differ.

Results that differ in their seeds alone are one method. p is that of McNemar's paired test over the test
sequences, seed by seed (twice the median of several); it needs the scores that lie beside the results. Among
many comparisons some have a small p by chance. Detections are compared by mAP_a at overlap 0.5, with no test.
"""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from skelact.results.rendering import Format, render
from skelact.results.tables import compare, group, read_entries


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("files", type=str, nargs="+", help="result files (.json) of 'skelact evaluate'")
    parser.add_argument("--format", type=Format, default="text", help="how the tables are written")


def run(options: Namespace) -> None:
    """Print the tables."""
    methods = group(read_entries([Path(name) for name in options.files]))
    methods.sort(key=lambda method: method.table)
    print(render(methods, compare(methods), options.format))

"""What all figures share: colours that colour-blind readers tell apart, quiet axes, and the file."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skelact.errors import DataError

COLOUR_MAP = "cividis"
INK, GREY, MISSING = "#262626", "#8c8c8c", "#e6e6e6"
BLUE, VERMILION = "#0072b2", "#d55e00"  # from the palette of Okabe and Ito
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK, "#f0e442")
"""Colours of several things, those of Okabe and Ito, the palest last."""
SHAPES = ("o", "^", "s", "D", "v", "P", "X", "*")
"""Markers that tell things apart without colour."""
DOTS_PER_INCH = 150
NO_DATE = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""The kinds of files, and what keeps their date out: equal figures are equal files."""


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of ``width`` by ``height`` inches and its one pair of axes, with few lines.

    The figure belongs to no window system and no global state, so figures can be drawn in any thread.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    return figure, axes


def quiet_bar(bar: Axes) -> None:
    """Make a colour bar's axis as light as the figure's."""
    bar.tick_params(length=0, labelsize=8)
    bar.yaxis.label.set_fontsize(9)
    bar.yaxis.labelpad = 10
    bar.spines[:].set_visible(False)


def check_name(path: Path) -> None:
    """Raise DataError unless a figure can get this name; called before the work that it would show."""
    if path.suffix.lower() not in NO_DATE:
        raise DataError(f"{path}: figures are written as {', '.join(NO_DATE)}; give the file such an ending")
    if not path.parent.is_dir():
        raise DataError(f"{path}: cannot be written (no folder {path.parent}); make it, or choose another")


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG (letters as outlines) or PDF (fonts embedded), by the name's ending.

    Raises:
        DataError: the name has another ending, or the file cannot be written.
    """
    check_name(path)
    try:
        with rc_context({"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "skelact"}):
            metadata = NO_DATE[path.suffix.lower()]
            figure.savefig(path, dpi=DOTS_PER_INCH, facecolor="white", metadata=metadata)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another place") from error

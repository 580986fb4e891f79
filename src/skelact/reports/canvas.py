"""What all figures share: colours that colour-blind readers tell apart, quiet axes, and the PNG file."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skelact.errors import DataError

COLOUR_MAP = "cividis"
INK, GREY, MISSING = "#262626", "#8c8c8c", "#e6e6e6"
BLUE, VERMILION = "#0072b2", "#d55e00"  # from the palette of Okabe and Ito
DOTS_PER_INCH = 150


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


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure.

    Raises:
        DataError: the name does not end in ``.png``, or the file cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise DataError(f"{path}: figures are written as PNG; give the file a name that ends in .png")
    try:
        figure.savefig(path, dpi=DOTS_PER_INCH, facecolor="white")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another place") from error

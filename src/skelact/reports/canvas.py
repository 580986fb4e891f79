"""What all figures share: colours that colour-blind readers tell apart, quiet axes, and the file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from skelact.errors import DataError, SkelactWarning, printable
from skelact.files import ELSEWHERE, check_new, write_file, writing

COLOUR_MAP = "cividis"
INK, GREY, MISSING = "#262626", "#8c8c8c", "#e6e6e6"
BLUE, VERMILION = "#0072b2", "#d55e00"  # from the palette of Okabe and Ito
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK, "#f0e442")
"""Colours of several things, those of Okabe and Ito, the palest last."""
SHAPES = ("o", "^", "s", "D", "v", "P", "X", "*")
"""Markers that tell things apart without colour."""
DOTS_PER_INCH, DOTS_IN_PRINT = 150, 300
Width = Literal["one", "two"]
"""Columns of a paper that a figure is wide."""
WIDTHS: Mapping[Width, float] = {"one": 3.5, "two": 7.16}
"""Inches, those of most journals of two columns."""
_SMALLEST = 0.75
"""Texts of figures, of 8 points and more, are made smaller by this factor at most."""
MOST_LETTERS = 120
"""Of a line of text in a figure; the rest is left out."""
FEWER_LETTERS = (60, 30, 15)
"""Where so long lines leave no room for what is drawn, they are cut shorter and shorter."""
LEAST_SHARE = 0.15
"""Of a figure's area that is not words."""
_NO_ROOM = "constrained_layout not applied"
_MADE = "figure of skelact"
_METADATA = {
    ".png": {"Software": _MADE},
    ".svg": {"Creator": _MADE, "Date": None},
    ".pdf": {"Creator": _MADE, "CreationDate": None},
}
"""The kinds of files, and what they say of themselves; no date, for equal figures are equal files."""


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


def check_name(path: str | Path) -> None:
    """Raise DataError unless a figure can get this name; called before the work that it would show."""
    path = Path(path)
    _check_kind(path)
    with writing(path, ELSEWHERE):
        if path.is_file() and path.stat().st_size and _MADE.encode() not in path.read_bytes():
            raise DataError(
                f"{path}: exists already and is no figure of skelact; choose another name, or remove it"
            )


def _check_kind(path: Path) -> None:
    if path.suffix.lower() not in _METADATA:
        raise DataError(
            f"{path}: figures are written as {', '.join(_METADATA)}; give the file such an ending"
        )
    check_new(path, makes_folders=False)


def write_figure(figure: Figure, path: str | Path, width: Width | None = None) -> None:
    """Write a figure as PNG, SVG (letters as outlines) or PDF (fonts embedded), by the name's ending.

    Args:
        figure: it is changed.
        path: the file.
        width: one or two columns of a paper; None: as it was drawn.

    Its texts are what they say, dollar signs included. Letters that the usual font lacks are drawn with one
    that has them; where there is none, a warning names them.

    Raises:
        DataError: the name has another ending, or the file cannot be written.
    """
    path = Path(path)
    _check_kind(path)
    settle_texts(figure)
    if width is not None:
        fit_columns(figure, WIDTHS[width])
    try:
        with (
            rc_context({"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "skelact"}),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", "Glyph .* missing from")  # said already
            metadata = _METADATA[path.suffix.lower()]
            drawn = io.BytesIO()
            kind = path.suffix.lower().removeprefix(".")
            dots = DOTS_PER_INCH if width is None else DOTS_IN_PRINT
            warnings.filterwarnings("error", _NO_ROOM)
            for most in (*FEWER_LETTERS, None):
                drawn.seek(0)
                drawn.truncate()
                try:
                    figure.savefig(drawn, format=kind, dpi=dots, facecolor="white", metadata=metadata)
                    if most is None or _share_of_axes(figure) >= LEAST_SHARE:
                        break
                except UserWarning as error:
                    if most is None:
                        raise RuntimeError("its words leave no room") from error
                _shorten(figure, most)
    except (ValueError, MemoryError, RuntimeError) as error:  # more pixels than an image has
        raise DataError(f"{path}: cannot be drawn ({printable(str(error))}); show less in it") from error
    write_file(path, drawn.getvalue(), ELSEWHERE)


def fit_columns(figure: Figure, width: float) -> None:
    """Make a figure ``width`` inches wide: texts stay readable, so rows of words keep their height.

    Args:
        figure: as it was drawn for the screen.
        width: inches.
    """
    own_width, own_height = figure.get_size_inches()
    factor = width / own_width
    smaller = min(max(factor, _SMALLEST), 1.0)
    is_to_scale = any(axes.get_aspect() != "auto" for axes in figure.axes)
    figure.set_size_inches(width, own_height * (max(factor, 0.55 * smaller) if is_to_scale else smaller))
    sizes = [(text, text.get_fontsize()) for text in figure.findobj(Text) if isinstance(text, Text)]
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):  # which makes labels again when it is drawn
            for label in axis.get_ticklabels(which="both")[:1]:
                axis.set_tick_params(labelsize=label.get_fontsize() * smaller)
        for part in axes.collections:
            part.set_linewidth(np.asarray(part.get_linewidth()) * smaller)
            if isinstance(part, PathCollection):
                part.set_sizes(part.get_sizes() * min(factor, 1.0) ** 2)
    for text, size in sizes:
        text.set_fontsize(size * smaller)


def settle_texts(figure: Figure) -> None:
    """Make texts of a figure such as can be drawn: no formulas, no endless lines, fonts that have them."""
    texts = _shorten(figure, MOST_LETTERS)
    for text in texts:
        text.set_parse_math(False)
    _choose_fonts(texts)


def _shorten(figure: Figure, most: int) -> list[Text]:
    """Cut the lines of all texts, those of ticks included, at so many letters; return the texts."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            words = axis.get_major_formatter()
            if isinstance(words, FuncFormatter):  # makes the texts again whenever they are drawn
                axis.set_major_formatter(_Shortened(words, most))
            axis.get_ticklabels(which="both")  # makes them
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    for text in texts:
        text.set_text(short(text.get_text(), most))
    return texts


def _share_of_axes(figure: Figure) -> float:
    """Return what share of a figure that was laid out lies inside its axes."""
    boxes = [axes.get_position() for axes in figure.axes]
    return float(sum(box.width * box.height for box in boxes))


class _Shortened(FuncFormatter):
    """Words at ticks as :func:`short` has them."""

    def __init__(self, words: FuncFormatter, most: int) -> None:
        super().__init__(lambda place, number: short(words(place, number), most))


def short(text: str, most: int = MOST_LETTERS) -> str:
    """Return a text of a figure with what cannot be drawn spelt out, and its lines cut where far too long."""
    lines = [printable(line) for line in text.split("\n")]
    return "\n".join(line[: most - 3] + "..." if len(line) > most else line for line in lines)


def _choose_fonts(texts: Sequence[Text]) -> None:
    """Give texts with letters that the usual font lacks another font for those, as far as there is one."""
    usual = get_font(findfont(FontProperties()))
    lacking = _lacking({letter for text in texts for letter in text.get_text()}, str(usual.fname))
    if not lacking:
        return
    # a font of last resort has a box for every letter there is
    files = {font.fname: font.name for font in fontManager.ttflist if "Last Resort" not in font.name}
    still = {path: _lacking(lacking, path) for path in files}
    best = min(still, key=lambda path: (len(still[path]), path))
    for text in texts:
        if lacking & {*text.get_text()}:
            text.set_fontfamily([usual.family_name, files[best]])
    if still[best]:
        warnings.warn(
            f"no font of this machine has the letters {' '.join(sorted(still[best])[:5])}: boxes stand for "
            "them; install one that has them, such as the package fonts-noto-cjk",
            SkelactWarning,
            stacklevel=3,
        )


def _lacking(letters: set[str], font: str) -> set[str]:
    """Return the letters that a font file does not have."""
    try:
        known = get_font(font).get_charmap()
    except (OSError, RuntimeError):  # a file that is no font after all
        return letters
    return {letter for letter in letters if letter.isprintable() and ord(letter) not in known}

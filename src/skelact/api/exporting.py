"""Writing a taught model into one ONNX file, for programs that have no PyTorch."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from skelact.api.model import ONNX, Model, Run, as_model
from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError
from skelact.files import check_new
from skelact.store.store import Data

if TYPE_CHECKING:
    from skelact.recognition.export import Comparison, Exported

Weights = Literal["int8"]


@dataclass(frozen=True)
class Export:
    """A model in one file; ``print(export)`` tells how exact it is."""

    path: Path
    """The file."""
    size: int
    """Bytes."""
    largest_difference: float
    """Between a probability of the file, with float32 weights, and PyTorch's."""
    agreement: float
    """Share of the recordings compared of which the file's likeliest class is the one of float32."""
    text: str
    """The lines that the command prints."""

    def __str__(self) -> str:
        return self.text

    @property
    def model(self) -> Model:
        """The model in it."""
        return Model(self.path)


@checked_arguments
def export(
    model: Annotated[Run, Option(str)],
    out: PathLike,
    *,
    quantize: Weights | None = None,
    recordings: Annotated[Data | None, Option(str)] = None,
    overwrite: bool = False,
) -> Export:
    """Write a model that knows classes into one ONNX file, which needs no PyTorch to recognise them.

    The graph goes from the positions of joints to calibrated probabilities and the distance to the nearest
    example: scale, view, resizing and normalisation are in it. 'skelact predict OUT.onnx FILE' asks it. The
    file is written only if its probabilities are PyTorch's, within 0.0001.

    Args:
        model: folder of a model that was taught, or of a fine-tuning
        out: file to write, OUT.onnx
        quantize: keep the network's weights as 8-bit integers: a smaller file, less exact probabilities
        recordings: folder, file or store on which file and PyTorch are compared (default: made up ones)
        overwrite: replace OUT if it exists

    Returns:
        What was written, and how exact it is.

    Raises:
        DataError: no such model, OUT is taken or cannot be written, or the file's probabilities are not
            PyTorch's.
        ConfigurationError: a model that was not taught any classes, or a package is missing.
    """
    from skelact.api.reading import readable
    from skelact.recognition.export import export as write
    from skelact.recognition.recogniser import Recogniser

    out = Path(out)
    if out.suffix.lower() != ONNX:
        raise ConfigurationError(f"{out}: the name of the file to write ends in {ONNX}; choose {out}{ONNX}")
    check_new(out, overwrite)
    taught = as_model(model)
    recogniser = taught.recogniser
    if not isinstance(recogniser, Recogniser):
        raise ConfigurationError(f"{taught.run}: is an exported model; take the model that it was made of")
    before = recogniser.about.preparation
    reading = nullcontext() if recordings is None else readable(taught.takes, recordings, as_before=before)
    with reading as found:
        made = write(
            recogniser, out, compared=None if found is None else found.store, quantize=quantize is not None
        )
    last = made.exactness if made.price is None else made.price
    where = "made-up recordings" if recordings is None else f"recordings of {recordings}"
    return Export(
        out, made.size, made.exactness.largest_difference, last.agreement, "\n".join(_account(made, where))
    )


def _account(made: Exported, where: str) -> list[str]:
    """Return the lines that tell what was written."""
    lines = [
        f"{'file':<12}{made.path}, {made.size / 1e6:.1f} MB",
        f"{'compared':<12}{made.exactness.num_recordings} {where}, with PyTorch: {_said(made.exactness)}",
    ]
    if made.price is not None:
        lines.append(f"{'int8':<12}the same, with float32: {_said(made.price)}")
    return lines


def _said(found: Comparison) -> str:
    return (
        f"same class in {100 * found.agreement:.1f} %, probabilities differ by {found.mean_difference:.1e} "
        f"in the mean and {found.largest_difference:.1e} at most"
    )

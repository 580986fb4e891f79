"""Positions as 16-bit whole numbers: half the size, and an error that is known.

A position is its number times a scale, one for each sequence: the sequence's largest coordinate becomes
32,767. There is no offset, so 0 stays 0: the origin of a centred sequence, and the place of a missing joint.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, suggest
from skelact.formats.exclusions import UnusableRecordingError

FLOAT32 = "float32"
INT16 = "int16"
POSITION_TYPES = (FLOAT32, INT16)
"""What a store can keep positions as: exactly, or as fixed-point numbers."""

TOO_FAR = "too far from the origin for 16-bit positions"
LARGEST_NUMBER = 32_767
FINEST_SCALE = 2.0**-30
"""The scale of a sequence that never leaves the origin."""
COARSEST_SCALE = 0.001
"""The largest scale of 3-D positions that is let pass, in m: 32.8 m from the origin."""
COARSEST_SCALE_2D = 0.25
"""Likewise of 2-D positions, in pixels."""

_SCALE_BITS = 18


def check_position_type(name: str) -> None:
    """Refuse a type that no store has.

    Raises:
        ConfigurationError: ``name`` is not one of :data:`POSITION_TYPES`.
    """
    if name not in POSITION_TYPES:
        raise ConfigurationError(f"--positions {name!r}: not known{suggest(name, POSITION_TYPES)}")


def to_fixed_point(
    positions: npt.NDArray[np.float32], name: str
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """Return a sequence's positions as whole numbers, and their scale.

    Numbers that are turned into positions and back are the same again, and so is their scale.

    Args:
        positions: (R, V, C) finite, C of 2 (pixels) or 3 (metres).
        name: the sequence's name, for the error.

    Returns:
        (R, V, C) little-endian int16 from -32,767 to 32,767, and (1,) float32, the positions' unit a number.

    Raises:
        UnusableRecordingError: the sequence goes so far from the origin that the scale would be too coarse.
    """
    largest = float(np.abs(positions).max(initial=0))
    # few enough bits to find the same scale again from positions that were rounded once, and enough for the
    # largest coordinate to become 32,767 whichever way the scale is rounded
    mantissa, exponent = math.frexp(largest / LARGEST_NUMBER)
    rounded = math.ldexp(round(math.ldexp(mantissa, _SCALE_BITS)), exponent - _SCALE_BITS)
    scale = max(rounded, FINEST_SCALE)
    coarsest, unit = (COARSEST_SCALE_2D, "pixels") if positions.shape[2] == 2 else (COARSEST_SCALE, "m")
    if scale > coarsest:
        detail = (
            f"a coordinate of {largest:.6g} {unit} would make 16-bit positions steps of {scale:.2g}; "
            f"expected at most {coarsest:g}: check the unit, or use --positions float32"
        )
        raise UnusableRecordingError(TOO_FAR, name, "", detail)
    numbers = np.rint(positions.astype(np.float64) / scale).astype("<i2")
    return numbers, np.array([scale], "<f4")


def from_fixed_point(
    numbers: npt.NDArray[np.int16], scale: np.float32 | npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return the float32 positions of whole numbers, in the unit that they had.

    Args:
        numbers: int16 of any shape.
        scale: one, or an array that broadcasts against ``numbers``.
    """
    positions: npt.NDArray[np.float32] = numbers.astype(np.float32) * np.asarray(scale, np.float32)
    return positions


def largest_error(scales: npt.NDArray[np.float32]) -> float:
    """Return how far, at most, a coordinate is from the one that was stored, in the positions' unit.

    Half a step of the coarsest scale, and 1/512 of it for the rounding of the product to float32.

    Args:
        scales: (N,) the sequences' scales.
    """
    return float(scales.max(initial=0)) * (1 / 2 + 1 / 512)

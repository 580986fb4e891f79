"""The splits that foreign data brings along: which of its sequences train, and which test.

A sequence keeps its side of the protocol ``xsub`` in its attribute ``split_xsub``; a store keeps the
protocol.
"""

from __future__ import annotations

SIDES = ("train", "test")
"""Names of the attribute's values, in their order."""
TRAIN, TEST = range(2)
GIVEN = "given"
"""Name of the only split of data that does not name it."""


def attribute_of(protocol: str) -> str:
    """Return the name of the attribute that holds the sides of ``protocol``."""
    return f"split_{protocol}"

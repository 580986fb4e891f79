"""The names of the generated recordings: valid NTU RGB+D names, spread over every protocol's two sides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from skelact.sources.ntu import NtuName

TRAIN_PERFORMERS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
"""Training performers of NTU-60 cross-subject (Shahroudy et al. 2016, section 3.2.1)."""
TEST_PERFORMERS = tuple(person for person in range(1, 41) if person not in TRAIN_PERFORMERS)
"""The other twenty."""

NUM_SETUPS = 17
NUM_CAMERAS = 3
NUM_REPLICATIONS = 2

# Setup: performers of whom a real recording of that setup is on the published list of bad recordings. These
# pairs are not used, since cleaning leaves out every recording with such a name.
_PERFORMERS_TO_AVOID = {
    1: (2, 5, 6),
    2: (8, 10, 11, 14),
    3: (2, 16, 18, 19),
    4: (3, 8, 20),
    5: (4, 10, 16, 18, 21),
    6: (1, 7, 16, 17, 22, 23, 24),
    7: (7, 8, 15, 18, 19, 25, 26, 27, 28),
    8: (1, 7, 8, 25, 29, 31, 32, 33, 34, 35),
    9: (7, 8, 15, 16, 17, 25),
    10: (7, 8, 16, 17, 19, 25),
    11: (1, 2, 8, 15, 16, 17, 18, 19, 25, 27, 28),
    12: (8, 15, 16, 17, 18, 19, 25, 27, 28),
    13: (8, 15, 17, 18, 25, 27, 28),
    14: (7, 15, 19, 25, 27, 39),
    15: (7, 8, 15, 16, 17, 25),
    16: (8, 19, 25, 39, 40),
    17: (7, 8, 15, 16, 17, 20),
}

_ACTION_STRIDE = 7
"""By how many places the order of people and cameras is shifted from one action to the next."""


def format_name(name: NtuName) -> str:
    """Return the name as the data set's files carry it, ``SsssCcccPpppRrrrAaaa``."""
    return (
        f"S{name.setup:03d}C{name.camera:03d}P{name.performer:03d}R{name.replication:03d}A{name.action:03d}"
    )


@cache
def _places() -> tuple[tuple[int, int, int, int], ...]:
    """All (setup, camera, performer, replication), so ordered that any few in a row are mixed.

    Performers of the two sides of cross-subject take turns. The counts of performers of a side, cameras and
    setups have no common divisor, so that counting through all three at once meets every triple once.
    """
    sides = (_side_places(TRAIN_PERFORMERS), _side_places(TEST_PERFORMERS))
    return tuple(place for pair in zip(*sides, strict=False) for place in pair)


def _side_places(performers: Sequence[int]) -> list[tuple[int, int, int, int]]:
    triples = len(performers) * NUM_CAMERAS * NUM_SETUPS
    places = []
    for number in range(triples * NUM_REPLICATIONS):
        performer = performers[number % len(performers)]
        camera = number % NUM_CAMERAS + 1
        setup = 5 * number % NUM_SETUPS + 1
        replication = (number // 2 + number // triples) % NUM_REPLICATIONS + 1
        if performer not in _PERFORMERS_TO_AVOID[setup]:
            places.append((setup, camera, performer, replication))
    return places


def max_sequences(num_actions: int) -> int:
    """Return how many distinct names there are for ``num_actions`` actions."""
    return num_actions * len(_places())


def recording_name(index: int, actions: Sequence[int]) -> NtuName:
    """Return the name of recording ``index``, counted from 0; actions take turns.

    Every action meets both sides of cross-subject, cross-view and cross-setup within its first eight
    recordings.
    """
    turn, place = index % len(actions), index // len(actions)
    places = _places()
    setup, camera, performer, replication = places[(place + _ACTION_STRIDE * turn) % len(places)]
    return NtuName(setup, camera, performer, replication, actions[turn])

"""Random numbers that depend on the seed, the purpose and the step alone.

Nothing carries over from one step to the next, so a resumed run draws what an uninterrupted one would have
drawn, whatever the number of processes or data workers, and a checkpoint has no generator to store.
"""

from __future__ import annotations

import hashlib

import torch


def derive_seed(seed: int, purpose: str, *counters: int) -> int:
    """Return a 63-bit seed for ``purpose`` (say ``"clips"``) at ``counters`` (say the step)."""
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator_for(seed: int, purpose: str, *counters: int) -> torch.Generator:
    """Return a CPU generator seeded by :func:`derive_seed`."""
    return torch.Generator().manual_seed(derive_seed(seed, purpose, *counters))

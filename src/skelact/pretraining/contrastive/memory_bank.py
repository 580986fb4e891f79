"""The memory bank: embeddings of earlier sequences, to be told apart from.

Source: He et al., *Momentum Contrast for Unsupervised Visual Representation Learning*, CVPR 2020, where it is
called the queue.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from skelact.errors import ConfigurationError
from skelact.pretraining.gathering import gather_rows


class MemoryBank(nn.Module):
    """A ring of K unit vectors of size D; new keys take the place of the oldest.

    It starts with random directions. All of it is buffers, so that a checkpoint restores the bank and its
    place; a batch need not divide K. With several processes every one of them holds the same bank.

    Args:
        size: keys K.
        width: size D of a key.
        generator: a CPU generator for the random start.

    Raises:
        ConfigurationError: a size or width below 1.
    """

    keys: Tensor
    """(K, D) unit vectors. :meth:`add` replaces the tensor, so that a loss may still use the old one."""
    born: Tensor
    """(K,) int64: the number of the batch that wrote each key, from 1; 0 for the random start."""
    num_batches: Tensor
    """() int64: batches added so far."""
    pointer: Tensor
    """() int64: place of the oldest key, which is the next to go."""

    def __init__(self, size: int, width: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if size < 1 or width < 1:
            raise ConfigurationError(f"a memory bank of {size} keys of {width} numbers; expected 1 or more")
        self.register_buffer("keys", normalize(torch.randn(size, width, generator=generator), dim=1))
        self.register_buffer("born", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.keys)

    @torch.no_grad()
    def add(self, keys: Tensor) -> None:
        """Add a batch of keys, those of all processes, in the order of the processes.

        Every process must call it, if only with no key. Of more keys than the bank holds, the last stay.

        Args:
            keys: (n, D) this process's keys, of any length; n may differ between processes.

        Raises:
            ValueError: keys of another size than the bank's.
        """
        size, width = self.keys.shape
        if keys.ndim != 2 or keys.shape[1] != width:
            raise ValueError(f"keys of shape {tuple(keys.shape)}, this bank takes (n, {width})")
        new = gather_rows(normalize(keys.detach().float(), dim=1))
        num, fit = len(new), min(len(new), size)
        places = (self.pointer + torch.arange(num - fit, num, device=self.keys.device)) % size
        self.num_batches = self.num_batches + 1
        self.keys = self.keys.index_copy(0, places, new[num - fit :].to(self.keys.dtype))
        self.born = self.born.index_copy(0, places, self.num_batches.expand(fit))
        self.pointer = (self.pointer + num) % size

    @property
    def ages(self) -> Tensor:
        """(K',) int64: batches since each key was written, 0 for the newest; the random start is left out."""
        return self.num_batches - self.born[self.born > 0]

"""What the user of a run will want to know before it starts, and that does not stop it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from skelact.batches.dataset import ClipSource
from skelact.batches.sampling import Whole
from skelact.errors import SkelactWarning


def warn_of_whole_sequences(sources: Sequence[ClipSource], sides: Sequence[Whole]) -> None:
    """Warn of training sequences that are mostly too short to be cropped, so that they look alike every time.

    Args:
        sources: a source for each store.
        sides: for each store, (N_s,) the sequences that train.
    """
    settings, total = sources[0].settings, sum(len(side) for side in sides)
    whole = sum(source.num_taken_whole(side) for source, side in zip(sources, sides, strict=True))
    if settings.min_crop_share < 1 and 2 * whole > total:
        warnings.warn(
            f"{whole:,} of {total:,} training sequences have no more than clips.min_crop_frames = "
            f"{settings.min_crop_frames} frames and are taken whole every time; with a smaller "
            "--clips.min_crop_frames they are cropped as well, which short recordings may need",
            SkelactWarning,
            stacklevel=2,
        )


def warn_of_own_keys(bank: int, num_training: int) -> None:
    """Warn of a memory bank that always holds each sequence's own earlier keys, as false negatives.

    Args:
        bank: keys in the bank.
        num_training: sequences of an epoch.
    """
    if bank >= num_training:
        warnings.warn(
            f"contrast.bank is {bank}, but an epoch has {num_training} sequences: most of them are compared "
            f"with an earlier embedding of their own as if it were another's; --contrast.bank "
            f"{max(1, num_training // 2)} or less avoids most of it",
            SkelactWarning,
            stacklevel=2,
        )

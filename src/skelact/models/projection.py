"""The projection head of contrastive learning; it is dropped afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from skelact.errors import ConfigurationError
from skelact.models.batch_norm import BatchNorm


@dataclass(frozen=True)
class ProjectionConfig:
    """Sizes of a projection head; the defaults are the published ones.

    Raises:
        ConfigurationError: a size that is not positive.
    """

    hidden: int = 256
    """Numbers between the two layers."""
    width: int = 128
    """Numbers that are compared."""
    batch_norm: bool = False
    """Normalise what stands between the two layers over the batch. Embeddings of an untrained encoder are
    nearly the same for all sequences; this draws them apart from the first step."""

    def __post_init__(self) -> None:
        for name in ("hidden", "width"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"projection.{name} is {getattr(self, name)}, expected 1 or more")


class ProjectionHead(nn.Sequential):
    """Two linear layers with a ReLU between them: (N, num_in) to (N, width), of any length.

    While it trains with batch normalisation, N must be more than 1.

    Args:
        num_in: size of the embeddings that come in.
        config: the sizes behind it.
    """

    def __init__(self, num_in: int, config: ProjectionConfig) -> None:
        normalisation = [BatchNorm(config.hidden)] if config.batch_norm else []
        super().__init__(
            nn.Linear(num_in, config.hidden, bias=not config.batch_norm),
            *normalisation,
            nn.ReLU(),
            nn.Linear(config.hidden, config.width),
        )

"""The projection head of contrastive learning; it is dropped afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from skelact.errors import ConfigurationError


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

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ConfigurationError(f"projection.{name} is {value}, expected 1 or more")


class ProjectionHead(nn.Sequential):
    """Two linear layers with a ReLU between them: (N, num_in) to (N, width), of any length.

    Args:
        num_in: size of the embeddings that come in.
        config: the sizes behind it.
    """

    def __init__(self, num_in: int, config: ProjectionConfig) -> None:
        super().__init__(nn.Linear(num_in, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.width))

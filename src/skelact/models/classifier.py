"""An encoder and a head that learn together: from clips to class scores."""

from __future__ import annotations

from torch import Tensor, nn

from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import FinetuneHead
from skelact.models.st_gcn import STGCN


class Classifier(nn.Module):
    """Maps clips to class scores by an encoder and the published head for fine-tuning."""

    def __init__(self, encoder: SkeletonEncoder | STGCN, head: FinetuneHead) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, clips: Tensor, present: Tensor) -> Tensor:
        """Map (N, M, T, V, C) clips, with (N, M) bodies present, to (N, K) scores."""
        scores: Tensor = self.head(self.encoder(clips, present), present)
        return scores

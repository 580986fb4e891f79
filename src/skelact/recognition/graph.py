"""All that stands between the positions of recordings and probabilities, as one network.

Shape legend: N recordings, M people, T frames, V joints, C coordinates; B = N M bodies, D width.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from skelact.clips.in_graph import ClipsInGraph, GraphClips
from skelact.models.blocks import Block
from skelact.models.embedding import patchify
from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import per_body, pool_bodies
from skelact.models.sizes import of_body
from skelact.models.token_encoder import TokenEncoder
from skelact.recognition.recogniser import Recogniser
from skelact.skeleton.view import Axis


class PositionsToProbabilities(nn.Module):
    """A recogniser with the making of its clips.

    Absent people are computed as well and not counted, so that no size depends on what is seen.

    Args:
        recogniser: what tells the classes apart.
        up: the axis of positions that points up; positions in the plane and the view ``upright`` ask for it.

    Raises:
        ConfigurationError: clips that positions alone do not make.
    """

    def __init__(self, recogniser: Recogniser, up: Axis) -> None:
        super().__init__()
        pretrained, preparation = recogniser.pretrained, recogniser.about.preparation
        centred = preparation is None or bool(preparation.options.get("centred", True))
        self.recogniser, self.encoder, self.head = recogniser, pretrained.encoder, recogniser.head
        self.clips = ClipsInGraph(pretrained.clips, pretrained.topology, up, centred)

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, K) probabilities, and (N,) distances to the nearest example, NaN where none is known.

        Args:
            positions: (N, M, T, V, C) float32, NaN where a joint was not seen. Frames without anybody count
                as if they were not there: recordings of a batch are filled up with them.
        """
        clips = self._with_all_slots(self.clips(positions))
        neighbours, layer = self.recogniser.neighbours, self.recogniser.layer
        distances = positions.new_full((positions.shape[0],), torch.nan)
        features, embedding = self._encode(clips)
        scores = embedding
        if neighbours is not None:
            points = (embedding - neighbours.mean) @ neighbours.axes  # (N, R)
            apart = (points[:, None] - neighbours.points).square().mean(-1).sqrt()  # (N, examples)
            of_class = torch.arange(neighbours.num_classes)[:, None] == neighbours.labels
            nearest = torch.where(of_class, apart[:, None], torch.inf).amin(-1)  # (N, K)
            distances, scores = nearest.amin(1), -nearest
        if layer is not None:
            scores = layer(embedding)
        if self.head is not None:
            scores = self.head.head(features, clips.present)
        probabilities = (scores.double() / self.recogniser.about.temperature).softmax(1).float()
        return probabilities, distances

    def _with_all_slots(self, clips: GraphClips) -> GraphClips:
        """Fill up with absent people where an encoder counts them, too, as the published systems do."""
        if self.encoder.absent == "skip":
            return clips
        num = self.clips.settings.max_bodies
        return GraphClips(*(_with_slots(each, num) for each in clips))

    def _encode(self, clips: GraphClips) -> tuple[Tensor, Tensor]:
        """Return the (N, M, T', V, D) features of clips, and their (N, D) embeddings."""
        encoder, pooling = self.encoder, self.recogniser.about.pooling
        bodies = clips.positions.flatten(0, 1)
        slots = clips.present.shape
        vectors = None
        if isinstance(encoder, TokenEncoder):
            patch = encoder.config.patch_frames
            is_there = rearrange(clips.seen.flatten(0, 1), "B (t p) V -> B t p V", p=patch).any(2)
            encoded = encoder.encode(patchify(bodies, patch), is_there)
            vectors = encoder.vectors(encoded, is_there, of_body(pooling))
            vectors = vectors.reshape(*slots, -1)
            vectors = torch.where(clips.present[..., None], vectors, 0.0)
            features = torch.where(is_there[..., None], encoded.tokens, 0.0)
        elif isinstance(encoder, SkeletonEncoder):
            patches = patchify(bodies, encoder.config.patch_frames).flatten(1, 2)
            x = encoder.embed(patches) + encoder.positions()
            for block in encoder.blocks:
                assert isinstance(block, Block)
                x = x + block.attention(block.attention.qkv(block.attention_norm(x)))
                x = x + block.mlp(block.mlp_norm(x))
            features = rearrange(encoder.norm(x), "B (t V) D -> B t V D", V=encoder.config.num_joints)
        else:
            x = encoder.input_norm(bodies.flatten(2)).reshape(bodies.shape)
            for block in encoder.blocks:
                x = block(x)
            features = x
        features = features.reshape(*slots, *features.shape[1:])
        if encoder.absent == "skip":
            features = torch.where(clips.present[..., None, None, None], features, 0.0)
        if vectors is None:
            vectors = per_body(features, pooling)
        present = clips.present
        if pooling.endswith("bodies"):
            num = self.clips.settings.max_bodies
            vectors, present = _with_slots(vectors, num), _with_slots(present, num)
        return features, pool_bodies(vectors, present, encoder.absent, pooling)


def _with_slots(values: Tensor, num: int) -> Tensor:
    """Return (N, M, ...) as (N, num, ...), filled up with zeros; M is at most so many."""
    return torch.cat([values, values.new_zeros(values.shape[0], num, *values.shape[2:])], 1)[:, :num]

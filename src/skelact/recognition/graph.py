"""All that stands between the positions of recordings and probabilities, as one network.

What :class:`~skelact.clips.source.ClipSource` does with the sequences of a store by their indices is done here by
operations on whole tensors, so that it can be written into a file of its own (:mod:`skelact.recognition.export`).

Shape legend: N recordings, M people, T frames, V joints, C coordinates; F frames of a clip, D width.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from skelact.clips.body_frames import JointSubstitutes
from skelact.clips.scale import FRAMES
from skelact.clips.streams import to_stream
from skelact.errors import ConfigurationError
from skelact.models.blocks import Block
from skelact.models.embedding import patchify
from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import pool, pool_bodies
from skelact.models.st_gcn import STGCN
from skelact.models.token_encoder import TokenEncoder
from skelact.recognition.recogniser import Recogniser
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import ADULT, COINCIDENT, NEARLY, SLANTED, Axis, body_axes, up_vector


class PositionsToProbabilities(nn.Module):
    """From positions to the probabilities of a recogniser.

    Args:
        recogniser: what tells the classes apart.
        up: the axis of 3-D positions that points up; only ``--clips.view upright`` asks for it.

    Raises:
        ConfigurationError: clips whose scale positions do not tell.
    """

    def __init__(self, recogniser: Recogniser, up: Axis) -> None:
        super().__init__()
        clips = recogniser.pretrained.clips
        if clips.scale == "image":
            raise ConfigurationError(
                "clips have the scale of the image, whose height positions do not tell; export a model "
                "trained with --clips.scale body"
            )
        self.recogniser, self.clips, self.up = recogniser, clips, up
        self.topology = recogniser.pretrained.topology
        self.network = recogniser.pretrained.encoder if recogniser.head is None else recogniser.head
        self.examples = recogniser.pretrained.encoder  # of a fine-tuned model the same one
        preparation = recogniser.about.preparation
        self.centred = preparation is None or bool(preparation.options.get("centred", True))

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, K) probabilities, and (N,) distances to the nearest example, NaN where none are known.

        Args:
            positions: (N, M, T, V, C) float32, NaN where a joint was not seen. Frames without anybody count
                as if they were not there, so shorter recordings are filled up with NaN at the end.
        """
        clips, present, seen = self.make_clips(positions)
        about, neighbours, head = self.recogniser.about, self.recogniser.neighbours, self.recogniser.head
        scores, distances = positions.new_zeros(positions.shape[0], 1), None
        features = self.features(clips, present, seen)
        if neighbours is not None:
            embedding = self.embed(features, present)
            found = (embedding - neighbours.mean) @ neighbours.axes  # (N, R)
            apart = (found[:, None] - neighbours.points).square().sum(-1) / neighbours.points.shape[1]
            of_class = torch.arange(neighbours.num_classes)[:, None] == neighbours.labels  # (K, examples)
            nearest = torch.where(of_class, apart.sqrt()[:, None], torch.inf).amin(-1)
            distances, scores = nearest.amin(1), -nearest
            if self.recogniser.layer is not None:
                scores = self.recogniser.layer(embedding)
        if head is not None:
            scores = head.head(features.by_joint, present)
        probabilities = (scores.double() / about.temperature).softmax(1).float()
        return probabilities, positions.new_full((positions.shape[0],), torch.nan) if distances is None else distances

"""The figures that TensorBoard shows during pre-training: what is hidden or prime, and learned bandwidths."""

from __future__ import annotations

from dataclasses import replace

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from skelact.clips.settings import ClipSettings
from skelact.clips.source import Clips, ClipSource
from skelact.density.learned import START, LearnedDensity
from skelact.evaluation.prime_joints import prime_joints
from skelact.models.backbone import frozen
from skelact.models.embedding import patchify
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.masked.model import MaskedModel
from skelact.reports.canvas import BLUE, GREY, new_figure
from skelact.reports.skeletons import joint_map, limb_order
from skelact.skeleton.topology import Topology
from skelact.store.store import Store
from skelact.training.randomness import generator_for

NUM_DRAWS = 64
"""Masks drawn of the one clip that is shown."""


class TrainingFigures:
    """Called by the training loop with every checkpoint; draws from the model as it is.

    Args:
        store: where the clip that is shown comes from.
        sequence: its number in the store; of its bodies the first in the clip is shown.
        clips: how sequences become clips.
    """

    def __init__(self, store: Store, sequence: int, clips: ClipSettings) -> None:
        self.name, self.topology = store.names[sequence], store.topology
        self.clip = ClipSource(store, clips).test([sequence])
        self.body = self.clip.positions[self.clip.present][:1]  # (1, T, V, C)
        self.joints = ClipSource(store, replace(clips, stream="joint")).test([sequence]).positions

    def __call__(self, epoch: int, model: nn.Module) -> dict[str, Figure]:
        """Return the figures after ``epoch`` epochs, those that the model's method has."""
        figures: dict[str, Figure] = {}
        if isinstance(model, MaskedModel):
            shares = hidden_shares(model, self.body)
            figures["masks"] = joint_map(
                shares.double().numpy(),
                self.topology,
                f"share of {NUM_DRAWS} masks that hide it",
                largest=1.0,
                title=f"{self.name}, epoch {epoch}",
            )
            density = model.density
        elif isinstance(model, ContrastiveModel) and model.detector is not None:
            density = model.detector.density
            if density is not None:
                mask = prime_mask_of(model, self.clip, self.joints)
                figures["prime joints"] = joint_map(
                    mask.double().numpy(),
                    self.topology,
                    "prime mask",
                    largest=1.0,
                    title=f"{self.name}, epoch {epoch}",
                )
        else:
            return figures
        if isinstance(density, LearnedDensity) and density.log_bandwidth.requires_grad:
            bandwidth = density.bandwidth.detach().cpu()
            figures["bandwidths"] = bandwidth_bars(bandwidth, self.topology, f"epoch {epoch}")
        return figures


def prime_mask_of(model: ContrastiveModel, clip: Clips, joints: Tensor) -> Tensor:
    """Return the (T', V) prime mask of the first body of a clip, on the CPU; the model is left as it is.

    Args:
        model: with a density in its detector; on any device.
        clip: one clip, on the CPU.
        joints: (1, M, T, V, C) its joint positions, whatever stream it shows.
    """
    device = next(model.parameters()).device
    moved = clip._replace(
        **{name: value.to(device) for name, value in clip._asdict().items() if isinstance(value, Tensor)}
    )
    with frozen(model):  # statistics of normalisations are not to see this clip
        mask = prime_joints(model, moved, joints.to(device))
    return mask[clip.present.to(device)][0].cpu()


@torch.no_grad()
def hidden_shares(model: MaskedModel, body: Tensor) -> Tensor:
    """Return how often each token of a clip is hidden, of 64 masks that are the same at every call.

    Args:
        model: on any device; masks are drawn as at the end of a run.
        body: (1, T, V, C) positions of one body in metres.

    Returns:
        (T', V) shares in [0, 1], on the CPU.
    """
    device = next(model.parameters()).device
    num_steps, num_joints = model.encoder.config.num_steps, model.encoder.config.num_joints
    uniform = torch.rand(NUM_DRAWS, num_steps * num_joints, generator=generator_for(0, "figures"))
    patches = patchify(body.to(device), model.encoder.config.patch_frames)
    logits = model.logits(patches, torch.ones(1, dtype=torch.bool, device=device), 1.0)
    logits = None if logits is None else logits.expand(NUM_DRAWS, -1)
    hidden = model.select(uniform.to(device), logits).is_hidden
    return hidden.float().mean(0).view(num_steps, num_joints).cpu()


def bandwidth_bars(bandwidth: Tensor, topology: Topology, title: str) -> Figure:
    """Return a figure of the (V,) bandwidths of a learned density, limb by limb, with the start as a line."""
    order = limb_order(topology)
    figure, axes = new_figure(5, 1.5 + 0.16 * topology.num_joints)
    axes.barh(range(len(order)), bandwidth[order].tolist(), color=BLUE)
    axes.axvline(START, color=GREY, linewidth=1)
    axes.set_yticks(range(len(order)), [topology.joints[joint] for joint in order], fontsize=7)
    axes.invert_yaxis()
    axes.set(xlabel="bandwidth (body sizes; line: before training)", ylabel="joint", title=title)
    return figure

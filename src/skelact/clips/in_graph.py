"""Clips of positions at hand, by operations on whole tensors alone, as a graph can hold them.

:class:`~skelact.clips.source.ClipSource` makes the same clips of a store, by the indices that it keeps; a
test compares them. Here what is not there is NaN.

Shape legend: N recordings, M people, T frames, V joints, C coordinates; F frames of a clip.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from skelact.clips.body_frames import JointSubstitutes
from skelact.clips.scale import SIZE_FRAMES
from skelact.clips.settings import ClipSettings
from skelact.clips.streams import to_stream
from skelact.clips.viewpoint import upright
from skelact.errors import ConfigurationError
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import ADULT, COINCIDENT, NEARLY, SLANTED, Axis, body_axes, up_vector


class GraphClips(NamedTuple):
    """Test clips of N recordings."""

    positions: Tensor
    """(N, M, F, V, C) float32, zero for absent people; M is at most the settings' ``max_bodies``."""
    present: Tensor
    """(N, M) bool: seen in at least one frame of the crop."""
    seen: Tensor
    """(N, M, F, V) bool: True where the joint was seen."""


class ClipsInGraph(nn.Module):
    """Makes test clips (centre crop, nothing random) of positions.

    Args:
        settings: how a sequence becomes a clip.
        topology: the skeleton.
        up: the axis of positions that points up; positions in the plane and the view ``upright`` ask for it.
        centred: move the origin to the first body's centre joint, as preparations do.

    Raises:
        ConfigurationError: clips in heights of an image, which positions do not tell.
    """

    def __init__(self, settings: ClipSettings, topology: Topology, up: Axis, centred: bool = True) -> None:
        super().__init__()
        if settings.scale == "image":
            raise ConfigurationError(
                "clips have the scale of the image (--clips.scale image), whose height positions do not "
                "tell; take a model trained with --clips.scale body"
            )
        self.settings, self.topology, self.up, self.centred = settings, topology, up, centred
        self.substitutes = _Substitutes(topology)

    def forward(self, positions: Tensor) -> GraphClips:
        """Make the clips.

        Args:
            positions: (N, M, T, V, C) float32, NaN where a joint was not seen. Frames without anybody, and
                people without a frame, count as if they were not there.
        """
        settings = self.settings
        seen = ~positions.isnan().any(-1)  # (N, M, T, V)
        order, _ = _trues_first(seen.any(-1).any(-1))
        seen = seen.gather(1, order[..., None, None].expand(seen.shape))
        positions = positions.gather(1, order[..., None, None, None].expand(positions.shape))
        positions = torch.where(seen[..., None], positions, 0.0)
        if self.centred:
            positions = torch.where(seen[..., None], positions - self._origin(positions, seen), 0.0)
        factor, turn = self._factor(positions[:, 0], seen[:, 0]), self._turn(positions, seen)
        # what is nearest is counted in frames that show anybody, those left out included
        time = seen.any(-1).any(1).long().cumsum(-1)
        positions, seen = positions[:, : settings.max_bodies], seen[:, : settings.max_bodies]
        there = seen.any(-1)
        frames, num_frames = _trues_first(there.any(1))  # (N, T) numbers of the frames that show somebody
        time = time.gather(1, frames)[:, None].expand(there.shape)
        there = there.gather(2, frames[:, None].expand(there.shape))

        lower, upper, weight, start, length = self._plan(num_frames)
        asked = (
            torch.stack([lower, upper], -1).flatten(1)[:, None].expand(-1, there.shape[1], -1)
        )  # (N, M, 2F)
        is_there, nearest = _nearest(there, time, asked)
        row = frames[:, None].expand(there.shape).gather(2, nearest)[..., None]
        seen = seen.gather(2, row.expand(-1, -1, -1, seen.shape[3]))  # (N, M, 2F, V)
        row = row[..., None].expand(-1, -1, -1, *positions.shape[3:])
        found = self.substitutes(positions.gather(2, row), seen)
        shares = torch.stack([1 - weight, weight], -1).flatten(1)[:, None] * factor[:, None, None]
        if settings.gaps == "zero":
            shares = torch.where(is_there, shares, 0.0)
        shares = shares.expand(is_there.shape)
        pairs = (settings.num_frames, 2)
        clips = (
            (found * shares[..., None, None]).reshape(*is_there.shape[:2], *pairs, *found.shape[3:]).sum(3)
        )
        if turn is not None:
            clips = (turn[:, None, None, None] @ clips[..., None]).squeeze(-1)
        clips = to_stream(clips, settings.stream, self.topology)

        frame = torch.arange(there.shape[2])
        crop = (frame >= start[:, None]) & (frame < (start + length)[:, None])
        present = (there & crop[:, None]).any(-1)
        told = (seen & is_there[..., None]).reshape(*is_there.shape[:2], *pairs, seen.shape[3])
        late = (weight > 0.5)[:, None, :, None]
        told = (late & told[:, :, :, 1]) | (~late & told[:, :, :, 0])  # ONNX Runtime has no Where of truths
        clips = torch.where(present[..., None, None, None], clips, 0.0)
        return GraphClips(clips, present, told & present[..., None, None])

    def _plan(self, num_frames: Tensor) -> tuple[Tensor, ...]:
        """Return ``interpolate(centre_windows(...))`` of :mod:`skelact.clips.sampling`: (N, F) three times,
        and (N,) start and length of the crop."""
        settings = self.settings
        num_frames = num_frames.clamp(min=1)  # of a recording without anybody nothing is made
        dropped = (num_frames.double() * ((1 - settings.test_crop_share) / 2) + 1e-9).long()
        dropped = torch.minimum(dropped, (num_frames - 1) // 2)
        length = num_frames - 2 * dropped
        centres = torch.arange(settings.num_frames).double() + 0.5
        place = (centres * length[:, None].double() / settings.num_frames - 0.5).clamp(min=0)
        last = length[:, None] - 1
        lower = torch.minimum(place.long(), last)
        upper = torch.minimum(lower + 1, last)
        start = dropped[:, None]
        return start + lower, start + upper, (place - lower.double()).float(), dropped, length

    def _origin(self, positions: Tensor, seen: Tensor) -> Tensor:
        """Return the (N, 1, 1, 1, C) origin, as :func:`skelact.skeleton.view.centre` finds it."""
        body, joints = positions[:, 0], seen[:, 0]  # (N, T, V, C), (N, T, V)
        with_centre, place = _first_true(joints[..., self.topology.centre])
        _, first = _first_true(joints.any(-1))

        def frame(of: Tensor, number: Tensor) -> Tensor:
            return of.gather(1, number.reshape(-1, *[1] * (of.ndim - 1)).expand(-1, 1, *of.shape[2:]))[:, 0]

        shown = frame(joints, first)[..., None]
        mean = (frame(body, first) * shown).sum(1) / shown.sum(1).clamp(min=1)
        centre = frame(body, place)[:, self.topology.centre]
        return torch.where(with_centre[:, None], centre, mean)[:, None, None, None]

    def _factor(self, body: Tensor, seen: Tensor) -> Tensor:
        """Return (N,) by what positions are multiplied, of the (N, T, V, C) first body."""
        if self.settings.scale == "stored":
            return body.new_ones(body.shape[0])
        frames, num = _trues_first(seen.any(-1))
        chosen = torch.arange(SIZE_FRAMES) * num[:, None] // SIZE_FRAMES
        row = frames.gather(1, chosen)[..., None].expand(-1, -1, body.shape[2])  # (N, 32, V)
        places, shown = body.gather(1, row[..., None].expand(*row.shape, body.shape[3])), seen.gather(1, row)
        count = shown.sum(-1)
        counts = (count >= NEARLY * count.amax(-1, keepdim=True)) & (count > 1)
        sizes = torch.where(counts, _sizes(places.double(), shown), torch.inf).sort(-1).values
        middle = (counts.sum(-1, keepdim=True) - 1).clamp(min=0) // 2
        size = sizes.gather(1, middle)[:, 0]
        known = (size > 0) & (size < torch.inf)
        return torch.where(known, ADULT / torch.where(known, size, 1.0), 1.0).float()

    def _turn(self, positions: Tensor, seen: Tensor) -> Tensor | None:
        """Return (N, C, C) turns, as :func:`skelact.clips.viewpoint.sequence_turns` finds them."""
        view = self.settings.view
        if view == "camera":
            return None
        axes, num_coordinates = body_axes(self.topology), positions.shape[-1]
        places = positions.double()
        sizes = _sizes(places, seen)  # (N, M, T)

        def between(start: tuple[int, ...], end: tuple[int, ...]) -> tuple[Tensor, Tensor]:
            vectors = places[..., list(end), :].mean(-2) - places[..., list(start), :].mean(-2)
            apart = _length(vectors)[..., 0] > COINCIDENT * sizes
            return vectors, seen[..., [*start, *end]].all(-1) & (seen.sum(-1) > 1) & apart

        if num_coordinates == 2:
            trunk, usable = between(axes.low, axes.high)
            y = _unit(trunk)
            rows = [torch.stack([y[..., 1], -y[..., 0]], -1), y]
        else:
            across, usable = between(axes.left, axes.right)
            if view == "upright":
                y = torch.from_numpy(up_vector(self.up)).expand(across.shape)
                x, is_across = _perpendicular(across, y)
            else:
                x = _unit(across)
                trunk, has_trunk = between(axes.low, axes.high)
                y, is_across = _perpendicular(trunk, x)
                is_across = is_across & has_trunk
            usable = usable & is_across
            rows = [x, y, torch.linalg.cross(x, y)]
        turns = torch.stack(rows, -2).flatten(1, 2)  # (N, M T, C, C)
        tells, first = _first_true(usable.flatten(1))
        found = turns.gather(1, first[:, None, None, None].expand(-1, 1, *turns.shape[2:]))[:, 0]
        up = self.up if view == "upright" or num_coordinates == 2 else "y"
        as_it_is = torch.from_numpy(upright(up, num_coordinates))
        return torch.where(tells[:, None, None], found, as_it_is).float()


class _Substitutes(nn.Module):
    """What :class:`~skelact.clips.body_frames.JointSubstitutes` finds, by one look at all ancestors."""

    def __init__(self, topology: Topology) -> None:
        super().__init__()
        lines = []
        for joint in range(topology.num_joints):
            line = [joint]
            while line[-1] != topology.root:
                line.append(topology.parents[line[-1]])
            lines.append(line)
        longest = max(map(len, lines))
        self.ancestors = torch.tensor([line + [topology.root] * (longest - len(line)) for line in lines])
        self.outwards = torch.tensor(JointSubstitutes(topology).outwards)

    def forward(self, positions: Tensor, seen: Tensor) -> Tensor:
        """Return (..., V, C) positions, a missing joint's where its substitute stands."""
        any_above, generation = _first_true(seen[..., self.ancestors])  # (..., V)
        joints = torch.arange(seen.shape[-1])
        above = self.ancestors[joints.expand(generation.shape), generation]
        _, nearest = _first_true(seen[..., self.outwards])
        chosen = torch.where(any_above, above, self.outwards[nearest][..., None])
        return positions.gather(-2, chosen[..., None].expand(positions.shape))


def _first_true(told: Tensor) -> tuple[Tensor, Tensor]:
    """Return (...) whether any of (..., L) is true, and the place of the first that is, the last if none."""
    places = torch.arange(told.shape[-1])
    first = torch.where(told, places, told.shape[-1] - 1).amin(-1)
    return told.any(-1), first


def _trues_first(told: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (..., L) places of (..., L), those that are true first, in order, and (...) how many are."""
    num = told.shape[-1]
    places = torch.arange(num)
    keys = torch.where(told, places, places + num).sort(-1).values
    return torch.where(keys >= num, keys - num, keys), told.sum(-1)


def _nearest(there: Tensor, time: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether (..., T) is true at (..., Q) places, and the nearest place in (..., T) time where it is.

    Of two that are equally near it is the first.
    """
    places, num = _trues_first(there)
    num = num[..., None]
    upto = there.long().cumsum(-1).gather(-1, asked)
    before = places.gather(-1, (upto - 1).clamp(min=0))
    after = places.gather(-1, torch.minimum(upto, (num - 1).clamp(min=0)))
    now, earlier, later = (time.gather(-1, place) for place in (asked, before, after))
    use_before = (upto > 0) & ((upto >= num) | (now - earlier <= later - now))
    return there.gather(-1, asked), torch.where(use_before, before, after)


def _sizes(positions: Tensor, seen: Tensor) -> Tensor:
    """Return (...), of (..., V, C) bodies, what :func:`skelact.skeleton.view.frame_sizes` does; 0 for NaN."""
    num = seen.sum(-1, keepdim=True).clamp(min=1).unsqueeze(-1)
    shown = seen[..., None]
    mean = torch.where(shown, positions, 0.0).sum(-2, keepdim=True) / num
    square = torch.where(shown, (positions - mean).square(), 0.0).sum((-2, -1)) / num[..., 0, 0]
    return square.sqrt()


def _length(vectors: Tensor) -> Tensor:
    return vectors.square().sum(-1, keepdim=True).sqrt()


def _unit(vectors: Tensor) -> Tensor:
    """Return vectors of length 1; those without a length stay 0."""
    length = _length(vectors)
    return vectors / torch.where(length > 0, length, 1.0)


def _perpendicular(vectors: Tensor, axis: Tensor) -> tuple[Tensor, Tensor]:
    """Return the directions of (..., 3) vectors across unit vectors, and whether they lie across them."""
    across = vectors - (vectors * axis).sum(-1, keepdim=True) * axis
    return _unit(across), (_length(across) > SLANTED * _length(vectors))[..., 0]

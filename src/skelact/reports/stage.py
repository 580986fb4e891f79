"""People in space, drawn picture by picture: what a film shows of a recording, as its page would.

A camera stands where the page's does, or goes along where people wander; the picture is drawn twice as large
as it is wanted, so that its edges are smooth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw

from skelact.density.arrays import without_gaps
from skelact.reports.player import USUAL_RATE, Bools, Floats, Measured, Played, Space

GROUND, SOFT, RING, LINE = (255, 255, 255), (82, 91, 105), (194, 74, 0), (25, 28, 34)
GRID, SHADOW, MISSING = (141, 151, 166), (221, 224, 229), (228, 231, 236)
PEOPLE = ((0, 114, 178), (163, 80, 138), (0, 122, 90), (178, 106, 0), (58, 63, 71), (46, 134, 184))
"""Colours of people, as on the page."""
COLOURS = "viridis"
FINER = 2
"""How many times as large a picture is drawn as it is shown."""
_FIELD = math.tan(math.radians(16))
_TURN, _TILT = 0.42, 0.14
"""How far the camera stands beside and above the front, in rad."""
_MARGIN = 26
"""Dots around what is seen of people."""
Colour = tuple[int, int, int]
Place = tuple[float, float]
Drawing = Callable[[ImageDraw.ImageDraw], None]


@dataclass(frozen=True, eq=False)
class Camera:
    """Maps places to a picture."""

    right: Floats
    up: Floats
    forward: Floats
    distance: float
    """From the camera to what it looks at."""

    @classmethod
    def of(cls, space: Space) -> Camera:
        """Return the camera of the page's first view; of flat recordings it looks straight at the plane."""
        turn, tilt = (0.0, 0.0) if space.floor is None else (space.front + _TURN, _TILT)
        sy, cy, sp, cp = math.sin(turn), math.cos(turn), math.sin(tilt), math.cos(tilt)
        return cls(
            right=np.array([cy, 0, -sy]),
            up=np.array([-sy * sp, cp, -cy * sp]),
            forward=np.array([-sy * cp, -sp, -cy * cp]),
            distance=max(space.around if space.wanders else space.reach, space.size) * 1.08 / _FIELD,
        )

    def see(self, places: Floats, targets: Floats) -> Floats:
        """Return (..., 3) places as x to the right, y downwards and a size, all 1 / distance large.

        Args:
            places: (..., 3).
            targets: what the camera looks at, of a shape that goes with the places.
        """
        away = places - targets
        depth = np.maximum(self.distance + away @ self.forward, self.distance * 0.02)
        return np.stack([away @ self.right / depth, -(away @ self.up) / depth, 1 / depth], -1)


class Stage:
    """The pictures of a recording.

    Args:
        played: the recording; somebody is seen in it.
        places: (M, T, V, C) its positions, NaN where nothing was seen.
        seen: (M, T, V) where something was.
        told: what is measured of its joints; the first layer gives them their colour.
        size: width and height of a picture, in dots.
    """

    def __init__(
        self, played: Played, places: Floats, seen: Bools, told: Measured, size: tuple[int, int]
    ) -> None:
        self.topology, self.seen, self.told, self.size = played.sequence.topology, seen, told, size
        self.present: Bools = np.asarray(seen.any(2))
        self.space = Space.of(places, seen, played)
        shown = self.space.shown(places)
        for body in range(len(shown)):
            ever: Bools = np.asarray(seen[body].any(0))
            shown[body][:, ever] = without_gaps(shown[body][:, ever], seen[body][:, ever])
        self.shown = shown
        self.camera = Camera.of(self.space)
        self.targets = self._targets(played.sequence.fps or USUAL_RATE)
        self.scale, self.middle = self._fit()
        layer = told.layers[0]
        steps = np.arange(shown.shape[1]) if layer.step_of is None else layer.step_of
        values = np.asarray(layer.values)[:, np.maximum(steps, 0)]
        self.colours = (colormaps[COLOURS](np.nan_to_num(values / layer.scale))[..., :3] * 255).astype(int)
        self.colours[np.isnan(values) | (steps < 0)[:, None]] = MISSING

    def _targets(self, rate: float) -> Floats:
        """Return (T, 3) what the camera looks at: the middle of all, or of those who wander, smoothly."""
        middle = (self.space.low + self.space.high) / 2
        num_frames = self.shown.shape[1]
        if not self.space.wanders:
            return np.tile(middle, (num_frames, 1))
        count = self.seen.sum((0, 2))
        sums = np.nansum(np.where(self.seen[..., None], self.shown, 0), axis=(0, 2))
        reach = max(1, round(rate / 2))
        window = np.ones(2 * reach + 1)
        known = np.convolve(count, window, "same") > 0
        smooth = np.stack([np.convolve(axis, window, "same") for axis in sums.T], 1)
        smooth[known] /= np.convolve(count, window, "same")[known, None]
        frames = np.arange(num_frames)
        smooth = np.stack([np.interp(frames, frames[known], axis[known]) for axis in smooth.T], 1)
        smooth[:, 1] = middle[1]
        return smooth

    def _fit(self) -> tuple[float, Place]:
        """Return the scale and the shift, in dots, that show nearly all of everybody as large as they can."""
        targets = self.targets[None, :, None]
        flat = self.camera.see(self.shown, np.broadcast_to(targets, self.shown.shape))[self.seen][:, :2]
        low, high = np.quantile(flat, 0.002, axis=0), np.quantile(flat, 0.998, axis=0)
        width, height = (each - 2 * _MARGIN for each in self.size)
        across, tall = np.maximum(high - low, self.space.size / 2 / self.camera.distance)
        scale = min(width / across, height / tall)
        x, y = (low + high) / 2
        return scale, (self.size[0] / 2 - x * scale, self.size[1] / 2 - y * scale)

    def draw(self, frame: int) -> Image.Image:
        """Return the picture of a frame."""
        width, height = self.size
        image = Image.new("RGB", (width * FINER, height * FINER), GROUND)
        pen = ImageDraw.Draw(image)
        if self.space.floor is not None:
            self._floor(pen, frame)
        joints = self._dots(self.shown[:, frame], frame)  # (M, V, 3): x, y and dots a unit
        bodies = np.flatnonzero(self.present[:, frame]).tolist()
        if self.space.floor is not None:
            for body in bodies:
                self._shadow(pen, body, frame)
        parts = [part for body in bodies for part in self._parts(joints[body], body, frame)]
        for _, draw in sorted(parts, key=lambda part: part[0]):
            draw(pen)
        return image.resize(self.size, Image.Resampling.BOX)

    def _dots(self, places: Floats, frame: int) -> Floats:
        """Return (..., 3) places of a frame as dots of the large picture, and a unit's dots there."""
        found = self.camera.see(places, self.targets[frame])
        found *= self.scale * FINER
        found[..., :2] += np.array(self.middle) * FINER
        return found

    def _parts(self, joints: Floats, body: int, frame: int) -> Iterator[tuple[float, Drawing]]:
        """Give the bones and joints of a body: how near each is, more is nearer, and what draws it."""
        seen, known = self.seen[body, frame], ~np.isnan(joints[:, 0])
        colour, unit = PEOPLE[body % len(PEOPLE)], self.space.size
        for joint, parent in self.topology.bones:
            if known[joint] and known[parent]:
                wide = 0.062 * unit * (joints[joint, 2] + joints[parent, 2]) / 2
                is_seen = bool(seen[joint] and seen[parent])
                ends = [(x, y) for x, y, _ in joints[[joint, parent]].tolist()]
                near = min(joints[joint, 2], joints[parent, 2])
                yield near, _Bone(ends, max(wide, 2.0 * FINER), colour, is_seen)
        for joint in np.flatnonzero(known).tolist():
            x, y, dots = joints[joint].tolist()
            radius = max(0.05 * unit * dots, 2.6 * FINER)
            red, green, blue = self.colours[body, frame, joint].tolist()
            is_prime = bool(self.told.prime[body, frame, joint] and seen[joint])
            near = 1 / (1 / dots - 0.05 * unit / (self.scale * FINER))
            yield near, _Joint((x, y), radius, (red, green, blue), bool(seen[joint]), is_prime)

    def _floor(self, pen: ImageDraw.ImageDraw, frame: int) -> None:
        """Draw squares around the middle, fainter farther out."""
        grid, floor, target = self.space.grid, self.space.floor, self.targets[frame]
        middle = np.round(target[[0, 2]] / grid) * grid
        reach = self.space.around if self.space.wanders else self.space.reach
        cells = min(max(math.ceil(1.6 * reach / grid), 4), 14)
        across, along = np.meshgrid(np.arange(-cells, cells + 1), np.arange(-cells, cells))
        for swapped in (False, True):
            ends = [np.stack([across, along + far], -1).reshape(-1, 2) * grid for far in (0, 1)]
            pairs = np.stack(ends, 1)[..., ::-1] if swapped else np.stack(ends, 1)  # (P, 2, 2)
            strengths = np.round((1 - np.linalg.norm(pairs.mean(1), axis=1) / (cells * grid)) * 6)
            places = np.stack(
                [pairs[..., 0] + middle[0], np.full(pairs.shape[:2], floor), pairs[..., 1] + middle[1]], -1
            )
            for line, strength in zip(self._dots(places, frame), strengths.tolist(), strict=True):
                if strength >= 1:
                    shade = mixed(GROUND, GRID, strength / 14)
                    pen.line([(x, y) for x, y, _ in line.tolist()], shade, FINER)

    def _shadow(self, pen: ImageDraw.ImageDraw, body: int, frame: int) -> None:
        flat = self.shown[body, frame].copy()
        flat[:, 1] = self.space.floor
        joints = self._dots(flat, frame)
        for joint, parent in self.topology.bones:
            ends = joints[[joint, parent]]
            if not np.isnan(ends).any():
                wide = max(0.07 * self.space.size * float(ends[:, 2].mean()), FINER)
                pen.line([(x, y) for x, y, _ in ends.tolist()], SHADOW, round(wide))


@dataclass(frozen=True)
class _Bone:
    ends: Sequence[Place]
    width: float
    colour: Colour
    is_seen: bool

    def __call__(self, pen: ImageDraw.ImageDraw) -> None:
        strokes = [(GROUND, self.width + 2.5 * FINER), (self.colour, self.width)]
        for colour, width in strokes if self.is_seen else [(SOFT, 1.4 * FINER)]:
            pen.line(list(self.ends), colour, round(width))
            for end in self.ends:
                _disc(pen, end, width / 2, colour)


@dataclass(frozen=True)
class _Joint:
    place: Place
    radius: float
    colour: Colour
    is_seen: bool
    is_prime: bool

    def __call__(self, pen: ImageDraw.ImageDraw) -> None:
        if not self.is_seen:
            _disc(pen, self.place, self.radius + FINER, SOFT)
            _disc(pen, self.place, self.radius - 0.5 * FINER, GROUND)
            return
        if self.is_prime:
            for wider, colour in ((7.2, GROUND), (5.8, RING), (3.2, GROUND)):
                _disc(pen, self.place, self.radius + wider * FINER, colour)
        _disc(pen, self.place, self.radius + 0.6 * FINER, LINE)
        _disc(pen, self.place, self.radius - 0.4 * FINER, self.colour)


def _disc(pen: ImageDraw.ImageDraw, place: Place, radius: float, colour: Colour) -> None:
    x, y = place
    pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """Return the first colour with a share of the second."""
    red, green, blue = (round(one + share * (two - one)) for one, two in zip(first, second, strict=True))
    return red, green, blue

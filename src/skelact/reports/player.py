"""The page that plays a recording: what it holds, and in which packing.

Positions are whole numbers of 16 bits in steps of the largest distance / 32,767, joints that were not seen
are marked; numbers by joint and time have 16 bits too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from skelact.density.arrays import BANDWIDTH
from skelact.density.positions import SHARE, density_change, joint_density, prime_of, rank_joints
from skelact.errors import DataError
from skelact.recognition.answers import Explanation
from skelact.reports.page import PageCode, fill_page, packed
from skelact.reports.skeletons import limb_order
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.view import Axis, body_axes, body_size, find_up

SCRIPTS = ("elements", "recording", "colours", "scene", "charts", "player")
MOST_PLACES = 4_000_000
"""Bodies times frames times joints of one page; 4 million are about 50 MB."""
MISSING, ABSENT = -32768, 65535
"""What stands for a joint that was not seen, among positions and among numbers."""
USUAL_RATE = 30.0
"""Frames a second at which a recording is played that does not tell."""
_UPRIGHT: dict[str, tuple[tuple[int, int], ...]] = {
    "y": ((0, 1), (1, 1), (2, 1)),
    "-y": ((0, 1), (1, -1), (2, -1)),
    "z": ((0, 1), (2, 1), (1, -1)),
    "-z": ((0, 1), (2, -1), (1, 1)),
    "x": ((1, -1), (0, 1), (2, 1)),
    "-x": ((1, 1), (0, -1), (2, 1)),
}
"""For each axis that points up: which axis, with which sign, goes to the right, up and to the viewer. In
space each is a rotation, so that left stays left."""
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Layer:
    """A number for every body, time step and joint, as the page's map shows it."""

    key: str
    label: str
    about: str
    """One sentence on what it is."""
    values: npt.NDArray[np.floating[Any]]
    """(M, T', V), not negative; NaN where there is none."""
    scale: float
    """The number that has the last colour; larger ones have it as well."""
    step_of: npt.NDArray[np.int32] | None = None
    """(T,) the time step of each frame, -1 for none; None: a step is a frame."""
    is_share: bool = False
    """Whether it is a share, written in percent."""


@dataclass(frozen=True, eq=False)
class Decision:
    """What a classifier says of stretches of a recording."""

    classes: Sequence[str]
    """K names."""
    middles: Sequence[float]
    """(W,) the middle frame of each stretch."""
    shares: npt.NDArray[np.floating[Any]]
    """(W, K) probabilities."""
    shown: Sequence[int]
    """The classes that are drawn."""
    about: str
    explanation: Explanation | None = None
    """What carries it."""


@dataclass(frozen=True, eq=False)
class Played:
    """A recording and what a page says of it."""

    sequence: SkeletonSequence
    up: Axis | None = None
    """The axis of its positions that points up; None: found by how people stand, or taken for granted."""
    unit: str | None = None
    """What positions are measured in; None: not known."""
    facts: Sequence[tuple[str, str]] = ()
    """What stands under the title: words and values."""
    notes: Sequence[str] = ()
    place: str = ""
    """How errors call it: the path of the store or the file."""
    layers: Sequence[Layer] = ()
    """What a model adds to joint density and its change."""
    prime: Bools | None = None
    """(M, T, V) the prime joints of a run; None: those by the density of positions."""
    prime_about: str | None = None
    """What makes those prime, for the end of a sentence."""
    decision: Decision | None = None


def player_page(played: Played) -> str:
    """Return the page of a recording as HTML: one file, which asks nothing of any network.

    Raises:
        DataError: a recording without a frame, or one that is too large for a page.
    """
    return fill_page("view", SCRIPTS, title=played.sequence.name, data=player_data(played))


def player_frame() -> tuple[str, PageCode]:
    """Return the player's page without a recording, for a page that fills one in, and the code in it."""
    return fill_page("view", SCRIPTS, title="Player", data=None), PageCode.read(("view",), SCRIPTS)


def player_data(played: Played, *, bare: bool = False) -> dict[str, Any]:
    """Return what the page's script is given, or without density and prime joints, for a small picture.

    Raises:
        DataError: as of :func:`player_page`.
    """
    sequence = played.sequence
    topology, shape = sequence.topology, sequence.positions.shape
    if shape[1] == 0:
        raise DataError(f"{sequence.name}: has no frame, so there is nothing to view")
    if math.prod(shape[:3]) > MOST_PLACES:
        frames = MOST_PLACES // (shape[0] * shape[2])
        raise DataError(
            f"{sequence.name}: {shape[0]} bodies in {shape[1]:,} frames are too many for a page; "
            f"view a stretch of it: --frames 0:{frames}"
        )
    places, seen = places_of(sequence)
    common: dict[str, Any] = {
        "title": sequence.name,
        "facts": [list(fact) for fact in played.facts],
        "notes": list(played.notes),
        "joints": list(topology.joints),
        "parents": list(topology.parents),
        "order": limb_order(topology),
        "bodies": shape[0],
        "frames": shape[1],
        "coordinates": shape[3],
        "fps": sequence.fps,
        "unit": played.unit,
    }
    if not seen.any():
        empty = "Nobody is seen in this recording: not one joint of it has a position."
        return common | _nothing(shape) | {"empty": True, "emptyText": empty}
    space = Space.of(places, seen, played)
    positions, precision = _packed_positions(places, seen, played.unit)
    where = {"empty": False, "positions": positions, "precision": precision, **space.data()}
    if bare:
        return {**common, **_nothing(shape), **where}
    told = measured(played, places, seen)
    return {
        **common,
        **where,
        "prime": packed(np.packbits(told.prime, bitorder="little")),
        "ranked": told.ranked,
        "person": told.person,
        "layers": [_layer_data(layer) for layer in told.layers],
        "decision": None if played.decision is None else _decision_data(played.decision, sequence.fps),
    }


def places_of(sequence: SkeletonSequence) -> tuple[Floats, Bools]:
    """Return (M, T, V, C) positions, NaN where nothing was seen, and (M, T, V) where something was."""
    seen = sequence.seen
    return np.where(seen[..., None], sequence.positions, np.nan).astype(np.float64), seen


@dataclass(frozen=True, eq=False)
class Measured:
    """What the joints of a recording do, as its pictures show it."""

    layers: Sequence[Layer]
    """Change of density, density, and what a model adds."""
    prime: Bools
    """(M, T, V) the prime joints."""
    ranked: Sequence[int]
    """All joints that were seen, the most prime first."""
    person: int
    """The body of which there is most to see."""


def measured(played: Played, places: Floats, seen: Bools) -> Measured:
    """Measure the density of what :func:`places_of` gives, its change, and which joints are prime."""
    step = density_step(played.sequence.fps)
    density = joint_density(torch.from_numpy(places))
    change = density_change(density, step=step)
    prime = prime_of(density, change).numpy() if played.prime is None else played.prime
    own = _density_layers(density.numpy(), change.numpy(), step, played.prime_about)
    return Measured([*own, *played.layers], prime, rank_joints(change), _most_to_see(seen, prime))


def density_step(fps: float | None) -> int:
    """Return the frames from one density to that which it is compared with: about an eighth of a second."""
    return max(1, round((fps or USUAL_RATE) / 8))


def _most_to_see(seen: Bools, prime: Bools) -> int:
    """Return the body with the most prime joints over all frames, of several the one that is seen most."""
    return (
        int(np.lexsort((seen.sum((1, 2)), prime.sum((1, 2))))[-1])
        if prime.any()
        else int(seen.sum((1, 2)).argmax())
    )


def _density_layers(
    density: npt.NDArray[Any], change: npt.NDArray[Any], step: int, about: str | None
) -> list[Layer]:
    """Return the joint density of positions and its change, as maps."""
    frames = "from frame to frame" if step == 1 else f"over {step} frames"
    marked = about or f"the {SHARE:.0%} of all joints and frames that change most"
    return [
        Layer(
            "change",
            "Density change",
            f"How much the density of joint positions around each joint changes {frames} (bandwidth "
            f"{BANDWIDTH:g} body sizes). Underlined: prime joints, {marked}.",
            change,
            _scale(change),
        ),
        Layer(
            "density",
            "Joint density",
            f"How crowded it is around each joint: 1 where all joints of the body meet (bandwidth "
            f"{BANDWIDTH:g} body sizes).",
            density,
            _scale(density),
        ),
    ]


def _scale(values: npt.NDArray[Any]) -> float:
    """Return the end of a map's colours: a joint that jumps once would hide the others."""
    known = values[~np.isnan(values)]
    return (float(np.quantile(known, 0.99)) or float(known.max()) or 1.0) if known.size else 1.0


@dataclass(frozen=True)
class Space:
    """Where things are, with x to the right, y up and z to the viewer; in the unit of the positions."""

    axes: tuple[tuple[int, int], ...]
    """Axis and sign of the positions for x, y and z."""
    size: float
    """Of a body, :func:`skelact.skeleton.view.body_size`."""
    low: Floats
    high: Floats
    """Corners of the box that holds nearly all joints."""
    around: float
    """How far people reach around their middle."""
    floor: float | None
    """Height of the feet; None in the plane, which has no floor."""
    front: float
    """The direction from which people are looked at: its angle about the vertical from z to x, in rad."""
    unit: str

    @classmethod
    def of(cls, places: Floats, seen: Bools, played: Played) -> Space:
        """Find them for (M, T, V, C) positions with NaN where nothing was seen."""
        topology, flat = played.sequence.topology, places.shape[3] == 2
        up = played.up or (None if flat else _standing(places, seen, played)) or ("-y" if flat else "y")
        axes = _UPRIGHT[up]
        shown = _turned(places, axes)
        points = shown[seen]
        low, high = np.quantile(points, 0.005, axis=0), np.quantile(points, 0.995, axis=0)
        sizes = body_size(places, seen)
        size = float(np.nanmedian(sizes)) if not np.isnan(sizes).all() else 0.0
        size = size or float(np.linalg.norm(high - low)) / 4 or 1.0
        floor = None if flat else _floor(shown, seen)
        if floor is not None:
            low[1] = min(low[1], floor)
        return cls(
            axes=axes,
            size=size,
            low=low,
            high=high,
            around=_around(shown, seen, size),
            floor=floor,
            front=0.0 if flat else _front(shown, seen, body_axes(topology)),
            unit=played.unit or "",
        )

    def shown(self, places: Floats) -> Floats:
        """Return (M, T, V, 3) positions as they are looked at: x to the right, y up, z to the viewer."""
        return _turned(places, self.axes)

    @property
    def reach(self) -> float:
        """How far nearly all joints are from the middle of the box, at most."""
        return max(float(np.linalg.norm(self.high - self.low)) / 2, self.size)

    @property
    def grid(self) -> float:
        """The side of a square of the floor."""
        return _round(max(self.size, self.reach / 8))

    @property
    def wanders(self) -> bool:
        """Whether people go so far that who looks should go with them."""
        across = float(max(self.high[0] - self.low[0], self.high[2] - self.low[2]))
        return self.floor is not None and across > 8 * self.size

    def data(self) -> dict[str, Any]:
        """Return what the page is told."""
        reach, grid = self.reach, self.grid
        is_flat = self.floor is None
        unit = f" {self.unit}" if self.unit else " (unit not told)"
        return {
            "axes": [list(axis) for axis in self.axes],
            "size": self.size,
            "box": {"middle": ((self.low + self.high) / 2).tolist(), "reach": reach},
            "around": max(self.around, self.size),
            "wanders": self.wanders,
            "floor": self.floor,
            "front": self.front,
            "grid": grid,
            "scaleText": "" if is_flat else f"a square of the floor: {grid:g}{unit}",
        }


def _turned(places: Floats, axes: Sequence[tuple[int, int]]) -> Floats:
    nothing = np.zeros(places.shape[:3])
    return np.stack(
        [sign * places[..., axis] if axis < places.shape[3] else nothing for axis, sign in axes], -1
    )


def _standing(places: Floats, seen: Bools, played: Played) -> Axis | None:
    rows = seen.any(2)
    return find_up(np.nan_to_num(places[rows][:2000]), seen[rows][:2000], played.sequence.topology)


def _floor(shown: Floats, seen: Bools) -> float:
    """Return the height on which feet mostly stand: the median over body-frames of the lowest joint's."""
    heights = np.where(seen, shown[..., 1], np.inf).min(2)[seen.any(2)]
    return float(np.median(heights))


def _around(shown: Floats, seen: Bools, size: float) -> float:
    """Return how far nearly all joints are from the middle of all people of their frame."""
    frames = seen.any((0, 2))
    middles = np.nanmean(shown[:, frames], axis=(0, 2))  # (T, 3)
    far = np.linalg.norm(shown[:, frames] - middles[None, :, None], axis=-1)
    return max(float(np.nanquantile(far, 0.98)), size)


def _front(shown: Floats, seen: Bools, axes: Any) -> float:
    """Return where to look from: one person from the front, several across the line between them.

    Of the two sides of such a line it is the one nearer to the recording camera, which sees along +z in the
    axes of depth sensors.
    """
    present: Bools = np.asarray(seen.any(2))
    together = present.sum(0) > 1
    if together.any():
        first, second = (int(body) for body in np.argsort(-(present & together).sum(1), kind="stable")[:2])
        both = present[first] & present[second]
        if both.any():
            line = np.nanmean(np.nanmean(shown[second, both], 1) - np.nanmean(shown[first, both], 1), 0)
            across = np.array([-line[2], line[0]])  # x, z
            if np.linalg.norm(across) > 0:
                return math.atan2(*(across if across[1] < 0 else -across))
    body = int(present.sum(1).argmax())
    left, right = list(axes.left), list(axes.right)
    if left and right:
        usable: Bools = np.asarray(seen[body][:, [*left, *right]].all(1))
        if usable.any():
            joints = shown[body, usable]
            x = (joints[:, right].mean(1) - joints[:, left].mean(1)).mean(0)
            if np.hypot(x[0], x[2]) > 0:
                return math.atan2(x[2], -x[0])  # up x right points forward
    return math.pi


def _round(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, near ``value``."""
    ten = 10.0 ** math.floor(math.log10(value))
    return min((ten, 2 * ten, 5 * ten, 10 * ten), key=lambda each: abs(math.log(each / value)))


def _packed_positions(places: Floats, seen: Bools, unit: str | None) -> tuple[dict[str, Any], str]:
    """Return positions as 16-bit numbers, and how exact they are, in words."""
    low, high = places[seen].min(0), places[seen].max(0)
    origin = (low + high) / 2
    step = float((high - low).max()) / 2 / 32767 or 1e-9
    numbers = np.where(seen[..., None], np.round((places - origin) / step), MISSING).astype(np.int16)
    exact = f"Positions are exact to {step / 2:.2g} {unit or 'of their unit'}."
    return {"data": packed(numbers), "origin": origin.tolist(), "step": step}, exact


def _layer_data(layer: Layer) -> dict[str, Any]:
    values = np.asarray(layer.values, np.float64)
    largest = max(float(np.nanmax(values, initial=0)), layer.scale)
    numbers = np.where(np.isnan(values), ABSENT, np.round(np.nan_to_num(values) / largest * 65534))
    return {
        "key": layer.key,
        "label": layer.label,
        "about": layer.about,
        "data": packed(numbers.astype(np.uint16)),
        "bodies": values.shape[0],
        "steps": values.shape[1],
        "largest": largest,
        "scale": layer.scale,
        "step_of": None if layer.step_of is None else packed(layer.step_of.astype(np.int32)),
        "format": "share" if layer.is_share else "number",
    }


def _decision_data(decision: Decision, fps: float | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "classes": list(decision.classes),
        "middles": [float(middle) for middle in decision.middles],
        "shares": np.round(decision.shares, 4).tolist(),
        "shown": [int(place) for place in decision.shown],
        "about": decision.about,
        "words": [],
        "stretches": [],
        "stretchesAbout": "",
    }
    told = decision.explanation
    if told is None or not told.stretches:
        return data
    most = max(*(each.log_odds_loss for each in told.stretches), math.log(10))
    shares = [max(each.log_odds_loss / most, 0.0) for each in told.stretches]
    ends = [(each.first_frame, each.last_frame + 1) for each in told.stretches]
    return {
        **data,
        "words": told.sentences(fps),
        "stretches": [[*end, share] for end, share in zip(ends, shares, strict=True)],
        "stretchesAbout": f"The strip under the curves: how many times smaller the odds of {told.label} are "
        f"when that stretch is passed over, from none (dark) to {math.exp(min(most, 50)):.2g} (yellow).",
    }


def _nothing(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the numbers of a page on which nobody is seen."""
    numbers = np.full(shape, MISSING, np.int16)
    return {
        "positions": {"data": packed(numbers), "origin": [0.0] * shape[3], "step": 1.0},
        "precision": "",
        "prime": packed(np.zeros(-(-math.prod(shape[:3]) // 8), np.uint8)),
        "ranked": [],
        "person": 0,
        "layers": [],
        "decision": None,
        "axes": [list(axis) for axis in _UPRIGHT["y"]],
        "size": 1.0,
        "box": {"middle": [0.0, 0.0, 0.0], "reach": 1.0},
        "around": 1.0,
        "wanders": False,
        "floor": None,
        "front": 0.0,
        "grid": 1.0,
        "scaleText": "",
    }

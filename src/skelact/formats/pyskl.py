"""PYSKL's pickle: a dict of ``split`` (name to list of sequences) and ``annotations`` (one dict a sequence).

==================  ===================  =====================================================================
key                 value                what
==================  ===================  =====================================================================
``frame_dir``       string               the sequence's name (``filename`` in some files)
``label``           integer or string    class from 0, or its name; -1 or missing: none
``keypoint``        (M, T, V, C) floats  positions: metres, in 2-D pixels; zeros where a body is absent, NaN
                                         where a joint was not seen
``keypoint_score``  (M, T, V) floats     confidence of each joint; may be missing
``img_shape``       (height, width)      of the image in pixels; 2-D only, may be missing
==================  ===================  =====================================================================

Other keys are not read, but for ``total_frames``, which should be T. Without ``keypoint_score``, three
numbers a joint of which the first two span far more than metres and the third lies within 0 and 1 are x, y
and a confidence. Splits are called ``xsub_train`` and ``xsub_val`` (or ``_test``), which make the protocol
``xsub``; ``train`` and ``val`` alone make the protocol ``given``, ``train1`` and ``test1`` protocol ``1``.
Others that share no sequence are further sides of ``given``, see :mod:`skelact.formats.protocol`. Older files
are the list of annotations alone, a file for each side. A pickle is read whole; see
:mod:`skelact.formats.plain_pickle` for what it may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.formats.data_set import LabelledSequence
from skelact.formats.exclusions import ALL_ZERO, BAD_POSITIONS, MALFORMED, UnusableRecordingError, shown
from skelact.formats.plain_pickle import array_of, load_plain
from skelact.formats.protocol import GIVEN, MOST_FREE, attribute_of, side_names, side_number, side_of
from skelact.limits import limit
from skelact.skeleton.sequence import SkeletonSequence, without_unseen_bodies
from skelact.skeleton.topology import Topology

HEIGHT, WIDTH = "image_height", "image_width"
"""Attributes that keep the image's size in pixels."""

_SPLIT = re.compile(
    r"(?:(?P<name>\w+?)(?:_|(?<=\d))|(?P<known>xsub|xview|xset|cs|cv))?"
    r"(?P<side>train(?:ing)?|val(?:id(?:ation)?)?|dev|test(?:ing)?)_?(?P<number>\d*)"
)
_SIDE_WORD = re.compile(r"(?<![a-z])(?:train|test|val|dev)")
_SAMPLED = 32  # annotations that tell whether a third number is a confidence
_FAR = 30.0  # metres that no person spans

Item = SkeletonSequence | LabelledSequence | UnusableRecordingError
Annotation = Mapping[object, object]


@dataclass(frozen=True)
class PysklPickle:
    """What a file holds; annotations are checked one by one, in :meth:`sequences`."""

    file: str
    """How errors call the file."""
    annotations: Sequence[object]
    sides: Mapping[str, Mapping[str, str]]
    """For each protocol, the side of each sequence by name."""
    num_joints: int
    """Joints of the first annotation that can be read."""
    num_coordinates: int
    """Coordinates of it."""
    is_list: bool
    """Whether the file is a list of annotations, without splits."""
    has_confidence: bool
    """Whether one more number after the coordinates is a confidence."""
    has_names: bool
    """Whether labels are names."""
    labels: range
    """From the smallest to the largest label that is a number; empty where there is none."""
    side_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each protocol, the names of its sides' numbers; :func:`read_pyskl` gives those of the one file."""
    remarks: tuple[str, ...] = ()
    """What the user should know of the file, a line each."""

    def __len__(self) -> int:
        return len(self.annotations)

    def missing(self) -> list[str]:
        """Return the names that a split lists and no annotation has, in the splits' order."""
        known = {_name(annotation) for annotation in self.annotations}
        listed = dict.fromkeys(name for sides in self.sides.values() for name in sides)
        return [name for name in listed if name not in known]

    def sequences(
        self, topology: Topology, fps: float | None, min_confidence: float, first_label: int = 0
    ) -> Iterator[Item]:
        """Yield every annotation's sequence, or why it cannot be used.

        Args:
            topology: what the joints are.
            fps: frames a second, which the file does not tell.
            min_confidence: a joint with a score below it, or of 0, is missing.
            first_label: the number in the file of class 0.
        """
        for number, annotation in enumerate(self.annotations):
            try:
                place = f"annotation {number}"
                name = _name(annotation)
                if name is None or not isinstance(annotation, Mapping):
                    raise self._malformed(place, "no printable string under frame_dir")
                place += f" ({name})"
                label = self._label(annotation, place, first_label)
                positions, joint_present = self._positions(annotation, topology, min_confidence, place)
                sequence = without_unseen_bodies(
                    SkeletonSequence(
                        name=name,
                        positions=positions,
                        present=np.asarray(joint_present.any(2)),
                        joint_present=None if _is_whole(joint_present) else joint_present,
                        topology=topology,
                        fps=fps,
                        label=label if isinstance(label, int) else None,
                        attributes=self._sides_of(name) | self._image(annotation),
                    )
                )
                yield LabelledSequence(sequence, {"label": label}) if isinstance(label, str) else sequence
            except UnusableRecordingError as error:
                yield error

    def _positions(
        self, annotation: Annotation, topology: Topology, min_confidence: float, place: str
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return (M, T, V, C) positions, 0 where unseen, and (M, T, V) which joints were seen."""
        numbers = self._numbers(annotation, "keypoint", place)
        expected = (topology.num_joints, self.num_coordinates + self.has_confidence)
        if numbers.ndim != 4 or numbers.shape[2:] != expected or 0 in numbers.shape:
            raise self._malformed(
                place, f"keypoint has shape {numbers.shape}; expected (M, T, {expected[0]}, {expected[1]})"
            )
        positions, score = numbers[..., : self.num_coordinates], None
        is_there = (positions != 0).any((2, 3), keepdims=True)[..., 0]  # NaN is not 0
        joint_present = np.broadcast_to(is_there, positions.shape[:3]) & ~np.isnan(positions).any(3)
        if self.has_confidence:
            score = numbers[..., self.num_coordinates]
            if not (np.isnan(score) | (np.abs(score - 0.5) <= 0.5)).all():
                raise self._malformed(place, "a confidence, the third number, beyond 0 to 1")
        elif annotation.get("keypoint_score") is not None:
            score = self._numbers(annotation, "keypoint_score", place)
            if score.shape != positions.shape[:3]:
                raise self._malformed(
                    place, f"keypoint_score has shape {score.shape}, keypoint {positions.shape}"
                )
        if score is not None:
            joint_present &= (score > 0) & (score >= np.float32(min_confidence))
        self._check_finite("keypoint", numbers, np.isinf(positions) & joint_present[..., None], place)
        if not joint_present.any():
            detail = "expected a body in at least one frame"
            raise UnusableRecordingError(ALL_ZERO, self.file, place, detail)
        return np.where(joint_present[..., None], positions, np.float32(0)), joint_present

    def _numbers(self, annotation: Annotation, key: str, place: str) -> npt.NDArray[np.float32]:
        """Return an array of numbers, in which NaN stands for what is not known."""
        array = array_of(annotation.get(key))
        if array is None or array.dtype.kind not in "fiu":
            raise self._malformed(place, f"no array of numbers under {key}")
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = array.astype(np.float32)
        if key != "keypoint":  # of which what was not seen may be anything
            self._check_finite(key, numbers, np.isinf(numbers), place)
        return numbers

    def _check_finite(
        self, key: str, numbers: npt.NDArray[np.float32], is_bad: npt.NDArray[np.bool_], place: str
    ) -> None:
        if is_bad.any():
            where = np.argwhere(is_bad)[0].tolist()
            detail = f"{key}{where} is {numbers[tuple(where)]}; expected finite numbers"
            raise UnusableRecordingError(BAD_POSITIONS, self.file, place, detail)

    def _label(self, annotation: Annotation, place: str, first_label: int) -> int | str | None:
        label = _label_of(annotation)
        if _has_no_label(annotation) or isinstance(label, str):
            return label if isinstance(label, str) else None
        last_label = first_label + limit("classes") - 1
        if label is not None and not self.has_names and first_label <= label <= last_label:
            return label - first_label
        numbers = f"an integer from {first_label} to {last_label}"
        expected = "a class's name, as others have" if self.has_names else numbers
        raise self._malformed(place, f"label is {shown(annotation['label'])}; expected {expected}")

    def _sides_of(self, name: str) -> dict[str, int]:
        return {
            attribute_of(split): side_number(self.side_names[split], sides[name])
            for split, sides in self.sides.items()
            if name in sides
        }

    def _image(self, annotation: Annotation) -> dict[str, int]:
        size = _image_size(annotation) if self.num_coordinates == 2 else None
        return {} if size is None else dict(zip((HEIGHT, WIDTH), size, strict=True))

    def _malformed(self, place: str, detail: str) -> UnusableRecordingError:
        return UnusableRecordingError(MALFORMED, self.file, place, detail)


def read_pyskl(name: str, file: IO[bytes], size: int) -> PysklPickle:
    """Read a file and its splits.

    Args:
        name: how errors call the file; of a list of annotations, it tells the side.
        file: the file, at its beginning.
        size: its length in bytes.

    Raises:
        DataError: the file is no pickle of plain data, neither a list of annotations nor a dict with
            ``annotations`` and perhaps ``split``, has no annotation with keypoints, or its splits overlap.
    """
    content = load_plain(name, file, size)
    if isinstance(content, Mapping) and "annotations" in content:
        split, annotations = content.get("split") or {}, content["annotations"]
        if not isinstance(split, Mapping) or not isinstance(annotations, list | tuple):
            raise DataError(f"{name}: expected a dict under split and a list under annotations")
        sides, remarks = _sides(name, split)
    elif isinstance(content, list | tuple) and any(_name(annotation) for annotation in content):
        annotations, sides, remarks = content, _side_by_name(name, content), []
    else:
        raise DataError(
            f"{name}: not PYSKL's format; expected a dict with the keys split and annotations, or a list of "
            "annotations"
        )
    first = next(_keypoints(annotations), None)
    if first is None or first.shape[3] not in (2, 3):
        raise DataError(
            f"{name}: no annotation has a keypoint array of shape (M, T, V, 2 or 3); expected at least one"
        )
    has_confidence, looks_flat = _third_numbers(annotations)
    labels = [_label_of(annotation) for annotation in annotations]
    numbers = [label for label in labels if isinstance(label, int)]
    return PysklPickle(
        file=name,
        annotations=annotations,
        sides=sides,
        num_joints=first.shape[2],
        num_coordinates=2 if has_confidence else first.shape[3],
        is_list=not isinstance(content, Mapping),
        has_confidence=has_confidence,
        has_names=any(isinstance(label, str) for label in labels),
        labels=range(min(numbers), max(numbers) + 1) if numbers else range(0),
        side_names={split: side_names(found.values()) for split, found in sides.items()},
        remarks=(*remarks, *_remarks(name, annotations, has_confidence, looks_flat)),
    )


def _keypoints(annotations: Sequence[object]) -> Iterator[npt.NDArray[np.generic]]:
    """Yield the keypoints of all annotations whose shape may be right."""
    for annotation in annotations:
        array = array_of(annotation.get("keypoint")) if isinstance(annotation, Mapping) else None
        if array is not None and array.ndim == 4:
            yield array


def _third_numbers(annotations: Sequence[object]) -> tuple[bool, bool]:
    """Tell whether a joint's third number is a confidence, for its first two are places in an image, and
    whether it may be one, for all three lie within 0 and 1.
    """
    if any(isinstance(each, Mapping) and each.get("keypoint_score") is not None for each in annotations):
        return False, False
    some = annotations[:: max(len(annotations) // _SAMPLED, 1)]
    arrays = [array for array in _keypoints(some) if array.shape[3] == 3 and array.dtype.kind in "fiu"]
    if not arrays or any(array.shape[3] != 3 for array in _keypoints(some)):
        return False, False
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = np.concatenate([array.reshape(-1, 3).astype(np.float64) for array in arrays])
    numbers = numbers[np.isfinite(numbers).all(1) & numbers.any(1)]
    if not len(numbers):
        return False, False
    is_share = (numbers >= 0) & (numbers <= 1)
    is_far = np.ptp(numbers[:, :2], 0).min() > _FAR
    return bool(is_far and is_share[:, 2].all()), bool(is_share.all())


def _remarks(file: str, annotations: Sequence[object], has_confidence: bool, looks_flat: bool) -> list[str]:
    """Return what is put up with in annotations, a line each."""
    remarks = []
    if has_confidence:
        remarks.append(
            f"{file}: the third number of joints lies within 0 and 1 and the others span an image: read as "
            "2-D positions with a confidence"
        )
    if looks_flat:
        remarks.append(
            f"{file}: three numbers a joint, all within 0 and 1, read as positions in 3-D; if they are x and "
            "y as shares of an image and a score, keep the score under keypoint_score"
        )
    tables = [annotation for annotation in annotations if isinstance(annotation, Mapping)]
    odd_sizes = sum(each.get("img_shape") is not None and _image_size(each) is None for each in tables)
    if odd_sizes:
        remarks.append(
            f"{file}: img_shape of {odd_sizes:,} annotations is no (height, width); taken as unknown"
        )
    odd_lengths = sum(_has_other_length(each) for each in tables)
    if odd_lengths:
        remarks.append(
            f"{file}: total_frames of {odd_lengths:,} annotations is not what keypoint has; not used"
        )
    return remarks


def _has_other_length(annotation: Annotation) -> bool:
    told, array = _whole(annotation.get("total_frames")), array_of(annotation.get("keypoint"))
    return annotation.get("total_frames") is not None and (
        array is not None and array.ndim == 4 and told != array.shape[1]
    )


def _whole(value: object) -> int | None:
    """Return a whole number, however it was pickled, or None for anything else."""
    array = array_of(value)
    if array is not None and array.size == 1 and array.dtype.kind in "fiu":
        value = array.reshape(-1)[0].item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _image_size(annotation: Annotation) -> tuple[int, int] | None:
    """Return the height and width of the image, or None where they are not told."""
    shape = annotation.get("img_shape")
    array = array_of(shape)
    values = array.tolist() if array is not None and array.ndim == 1 else shape
    if not isinstance(values, list | tuple) or len(values) != 2:
        return None
    height, width = map(_whole, values)
    if height is None or width is None or not (0 < height < 1 << 20 and 0 < width < 1 << 20):
        return None
    return height, width


def _label_of(annotation: object) -> int | str | None:
    """Return the label of an annotation, or None where it has none that can be used."""
    label = annotation.get("label") if isinstance(annotation, Mapping) else None
    if isinstance(label, str):
        return label.strip() if label.strip() and label.isprintable() else None
    number = _whole(label)
    return number if number is not None and 0 <= number < 2 * limit("classes") else None


def _has_no_label(annotation: Annotation) -> bool:
    """Tell whether an annotation says that it has no label."""
    label = annotation.get("label")
    return label is None or (isinstance(label, str) and not label.strip()) or _whole(label) == -1


def _name(annotation: object) -> str | None:
    """Return the name of an annotation, or None where it has none."""
    if not isinstance(annotation, Mapping):
        return None
    name = annotation.get("frame_dir", annotation.get("filename"))
    return name if isinstance(name, str) and name and name.isprintable() else None


def _is_whole(joint_present: npt.NDArray[np.bool_]) -> bool:
    """Tell whether all joints of every body-frame that is there were seen."""
    return bool((joint_present.any(2) == joint_present.all(2)).all())


def _side_by_name(file: str, annotations: Sequence[object]) -> dict[str, dict[str, str]]:
    """Return the side of a list of annotations, which the file's name tells, for all of them."""
    words = re.findall(r"[a-z]+", PurePosixPath(file).stem.lower())
    told = [side for word in words if (side := side_of(word)) in ("train", "val", "test")]
    if len(set(told)) != 1:
        return {}
    return {GIVEN: {name: told[0] for annotation in annotations if (name := _name(annotation))}}


def _sides(file: str, split: Annotation) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return each protocol's sequences, by name, with their side, and a line for each split that is none."""
    sides: dict[str, dict[str, str]] = {}
    come_from: dict[tuple[str, str], str] = {}
    others: dict[object, list[str]] = {}
    for key, listed in split.items():
        match, names = _SPLIT.fullmatch(_plain(key)) if isinstance(key, str) else None, _listed(listed)
        if match is None:
            others[key] = names or []
            continue
        if names is None:
            raise DataError(f"{file}: split {shown(key)}: expected a list of sequences' names")
        protocol = "_".join(filter(None, (match["name"], match["known"], match["number"]))) or GIVEN
        side = side_of(match["side"]) or ""
        other = come_from.setdefault((protocol, side), str(key))
        if other != key:
            raise DataError(
                f"{file}: splits {other!r} and {key!r} are both a {side} side; leave one of them out"
            )
        members = sides.setdefault(protocol, {})
        for name in names:
            if members.setdefault(name, side) != side:
                which = f"is in {members[name]} and {side} of {protocol}"
                raise DataError(f"{file}: {name} {which}; it can be in one of them")
    used = _add_others(sides, others)
    unused = "is neither a training nor a test side; not used"
    remarks = [f"{file}: split {shown(key)} {unused}" for key in others if key not in used]
    if used and GIVEN not in sides:
        remarks.append(
            f"{file}: {len(used)} splits with names of their own, expected 2 to {MOST_FREE}; not used"
        )
    return sides, remarks


def _plain(key: str) -> str:
    """Return a split's name in small letters, with lines where words end: xsub_train of XSubTrain."""
    return re.sub(r"(?<=[a-z0-9])(?=(?:Train|Test|Val|Dev))|[-. ]+", "_", key).lower()


def _listed(value: object) -> list[str] | None:
    """Return the names of a split's sequences, or None where it is no list of names."""
    array = array_of(value)
    names = array.tolist() if array is not None and array.ndim == 1 else value
    if not isinstance(names, list | tuple | set):
        return None
    return list(names) if all(isinstance(name, str) and name.isprintable() for name in names) else None


def _add_others(sides: dict[str, dict[str, str]], others: Mapping[object, list[str]]) -> set[object]:
    """Make splits with other names sides of ``given``, unless they are too many; return all that could be.

    Small ones go first, for a list of everything shares its sequences with all others, and so is none; nor
    is one that is called a side of something else.
    """
    members, used = dict(sides.get(GIVEN, {})), dict[str, object]()
    for key, names in sorted(others.items(), key=lambda item: len(item[1])):
        is_free = isinstance(key, str) and not _SIDE_WORD.search(key.lower())
        side = side_of(re.sub(r"[^a-z0-9]", "", str(key).lower())) if is_free else None
        if side and names and side not in {*members.values()} and members.keys().isdisjoint(names):
            used[side] = key
            members.update(dict.fromkeys(names, side))
    if used and (GIVEN in sides or 1 < len(used) <= MOST_FREE):
        sides[GIVEN] = members
    return set(used.values()) if len(used) > 1 or GIVEN in sides else set()

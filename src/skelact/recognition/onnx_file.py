"""A recogniser in one ONNX file, asked by ONNX Runtime; PyTorch is not needed.

The file holds the graph of :mod:`skelact.recognition.graph` and, as metadata, the card of the model. A
checksum of the whole file stands in it, so that a damaged file is told before the runtime sees it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct

from skelact.clips.settings import ClipSettings
from skelact.clips.viewpoint import up_of, upright
from skelact.errors import ConfigurationError, DataError, install, printable
from skelact.files import checked, parse_json_bytes, read_file
from skelact.models.card import checked_card, read_sizes
from skelact.processor import THREADS
from skelact.progress import progress
from skelact.recognition.description import Recognition, read_recognition
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import Axis
from skelact.store.store import Store

FORMAT = "skelact-onnx-1"
POSITIONS, PROBABILITIES, DISTANCE = "positions", "probabilities", "distance"
"""What goes into the graph, and what comes out."""
ABOUT, CHECKSUM = "skelact", "skelact-sha256"
"""Keys of the metadata: JSON, and what :func:`seal` writes."""
EXPORT_AGAIN = "export the model again (skelact export MODEL OUT.onnx)"
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""ONNX Runtime would keep a number of this machine at home, and tell its makers of its use."""
_EMPTY = "0" * 64
_SEAL = re.compile(CHECKSUM.encode() + rb"\x12@([0-9a-f]{64})")  # as protobuf writes a text of 64 letters


class About(Struct, frozen=True):
    """What the metadata says."""

    format: str
    card: dict[str, Any]
    up: Axis
    """The axis of positions that points up."""
    quantized: str | None = None
    """``int8`` where the weights are."""
    largest_difference: Annotated[float, Meta(ge=0)] | None = None
    """Of a probability from PyTorch's, when it was exported."""


@dataclass(frozen=True, eq=False)
class OnnxRecogniser:
    """A model in an ONNX file that knows classes."""

    path: Path
    topology: Topology
    """The skeleton that positions must have."""
    num_coordinates: int
    clips: ClipSettings
    """How the graph makes its clips."""
    card: Mapping[str, Any]
    """The card of the model that was exported."""
    about: Recognition
    exported: About
    session: Any
    """Of ONNX Runtime, on the CPU."""

    @classmethod
    def open(cls, path: Path | str) -> OnnxRecogniser:
        """Open a file.

        Raises:
            DataError: it cannot be read, is not of ``skelact export``, or was changed since.
            ConfigurationError: ONNX Runtime is not installed.
        """
        return cls.of(read_file(path, "weights"), Path(path))

    @classmethod
    def of(cls, data: bytes, path: Path) -> OnnxRecogniser:
        """Return the recogniser that the content of a file is, as :meth:`open` does; errors name the path."""
        told = check_seal(data, path)
        session = _session(data, path)
        metadata = session.get_modelmeta().custom_metadata_map
        if metadata.get(CHECKSUM) != told or ABOUT not in metadata:
            raise DataError(f"{path}: says nothing of a model; {EXPORT_AGAIN}")
        content = parse_json_bytes(metadata[ABOUT], f"{path}: metadata", EXPORT_AGAIN)
        exported = checked(content, About, f"{path}: metadata", EXPORT_AGAIN)
        if exported.format != FORMAT:
            raise DataError(f"{path}: format {exported.format!r:.60}, this version reads {FORMAT!r}")
        where = f"{path}: card"
        card = checked_card(exported.card, where)
        sizes, _, topology, clips = read_sizes(where, card)
        about = read_recognition(card, where, str(path))
        _check_shapes(session, path, (topology.num_joints, sizes.num_coordinates), len(about.class_names))
        return cls(path, topology, sizes.num_coordinates, clips, card, about, exported, session)

    @property
    def class_names(self) -> list[str]:
        """What the classes are called."""
        return self.about.class_names

    @property
    def takes(self) -> OnnxRecogniser:
        """What it says of the recordings that it takes."""
        return self

    def run(self, positions: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """Return (N, K) probabilities and (N,) distances, NaN where no examples are known.

        Args:
            positions: (N, M, T, V, C), NaN where a joint was not seen.
        """
        found: list[npt.NDArray[np.float32]] = self.session.run(
            [PROBABILITIES, DISTANCE], {POSITIONS: positions}
        )
        return tuple(found)

    def ask(
        self, store: Store, title: str = ""
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """Return (N, K) probabilities of a store's sequences, and (N,) distances, None where not known."""
        turn = self._turn(store)
        chances, distances = [], []
        with progress(title, len(store), "sequences") as step:
            for index in range(len(store)):
                positions = seen_frames(store.sequence(index)) @ turn.T
                one, far = self.run(positions[None])
                chances.append(one)
                distances.append(far)
                step(index + 1)
        far = np.concatenate(distances)
        return np.concatenate(chances), None if np.isnan(far).any() else far

    def _turn(self, store: Store) -> npt.NDArray[np.float32]:
        """Return the (C, C) turn that brings the axis which is up in a store to the graph's."""
        num_coordinates = self.num_coordinates
        if self.clips.view == "camera" or (self.clips.view == "body" and num_coordinates == 3):
            return np.eye(num_coordinates, dtype=np.float32)
        turn = upright(self.exported.up, num_coordinates).T @ upright(up_of(store), num_coordinates)
        return turn.astype(np.float32)


def seen_frames(sequence: SkeletonSequence) -> npt.NDArray[np.float32]:
    """Return the (M, T, V, C) positions of the frames that show somebody, NaN where a joint was not seen."""
    return sequence.with_nan()[:, sequence.present.any(0)]


def seal(data: bytes) -> bytes:
    """Write the SHA-256 of a file into it; what it is written over are the 64 zeros behind its key.

    Raises:
        ValueError: there are no such zeros.
    """
    start = _place(data)
    if data[start : start + 64].decode() != _EMPTY:
        raise ValueError("no place for a checksum")
    return data[:start] + hashlib.sha256(data).hexdigest().encode() + data[start + 64 :]


def check_seal(data: bytes, path: Path) -> str:
    """Return the checksum in a file.

    Raises:
        DataError: there is none, or it is not the file's.
    """
    try:
        start = _place(data)
    except ValueError:
        raise DataError(f"{path}: not a file of 'skelact export', or cut short; {EXPORT_AGAIN}") from None
    told = data[start : start + 64].decode()
    digest = hashlib.sha256(data[:start])
    digest.update(_EMPTY.encode())
    digest.update(memoryview(data)[start + 64 :])
    if digest.hexdigest() != told:
        raise DataError(f"{path}: changed since it was written (its checksum says so); {EXPORT_AGAIN}")
    return told


def _place(data: bytes) -> int:
    """Return where the checksum begins: of what looks like one the last, for metadata stands at the end."""
    found = None
    start = data.rfind(CHECKSUM.encode())
    if start >= 0:
        found = _SEAL.match(data, start)
    if found is None:
        raise ValueError("no checksum")
    return found.start(1)


def _session(data: bytes, path: Path) -> Any:
    """Return a session on the CPU."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigurationError(f"{path}: needs ONNX Runtime; {install('onnx')}") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it would print is in the error
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # see skelact.processor
    threads = os.environ.get(THREADS[0], "")
    options.intra_op_num_threads = int(threads) if threads.isdigit() else 0  # 0: its own choice
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        reason = printable(str(error))[:200]
        raise DataError(f"{path}: ONNX Runtime cannot load it ({reason}); {EXPORT_AGAIN}") from error


def _check_shapes(session: Any, path: Path, joints: tuple[int, int], num_classes: int) -> None:
    """Refuse a graph that is not the card's.

    Raises:
        DataError: it takes or gives something else.
    """
    (taken, *others), given = session.get_inputs(), {each.name: each.shape for each in session.get_outputs()}
    fits = not others and taken.name == POSITIONS and tuple(taken.shape[3:]) == joints
    if not fits or given.get(PROBABILITIES, [])[1:] != [num_classes] or DISTANCE not in given:
        raise DataError(f"{path}: its graph is not that of its card; {EXPORT_AGAIN}")

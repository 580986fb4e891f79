"""A recogniser written into one ONNX file, after it was compared with PyTorch.

Source: ONNX, https://onnx.ai; eight-bit weights: ONNX Runtime's dynamic quantization.
"""

from __future__ import annotations

import importlib
import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from skelact.errors import ConfigurationError, DataError, install
from skelact.files import json_text, write_file
from skelact.models.card import MEASURES
from skelact.progress import Step, progress
from skelact.recognition.graph import PositionsToProbabilities
from skelact.recognition.onnx_file import (
    ABOUT,
    CHECKSUM,
    DISTANCE,
    FORMAT,
    POSITIONS,
    PROBABILITIES,
    About,
    OnnxRecogniser,
    seal,
    seen_frames,
)
from skelact.recognition.prediction import taught_up
from skelact.recognition.recogniser import Recogniser
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.view import ADULT, Axis, centre
from skelact.store.in_memory import store_in_memory
from skelact.store.store import Store

TOLERANCE = 1e-4
"""By how much a probability may differ from PyTorch's, and a distance, as a share of itself where above 1."""
MADE_UP = 8
"""Recordings that are compared where none are given."""
_TOGETHER = 8
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Comparison:
    """How alike two answers to the same recordings are."""

    num_recordings: int
    agreement: float
    """Share of the recordings of which the likeliest class is the same."""
    mean_difference: float
    largest_difference: float
    """Of probabilities."""
    largest_difference_of_distances: float
    """As a share of the distance where that is above 1; 0 where no distances are known."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    size: int
    """Bytes."""
    exactness: Comparison
    """PyTorch and the graph with float32 weights."""
    price: Comparison | None
    """The graph with float32 weights and the one that was written, where its weights are others."""


def export(
    recogniser: Recogniser, out: Path, *, compared: Store | None = None, quantize: bool = False
) -> Exported:
    """Write a recogniser into one file.

    Args:
        recogniser: what tells the classes apart.
        out: the file.
        compared: recordings on which the graph is compared with PyTorch; default: people who move at random.
        quantize: keep the network's weights as 8-bit integers.

    Raises:
        ConfigurationError: a package is missing, or clips that positions alone do not make.
        DataError: the graph gives other probabilities than PyTorch, or the file cannot be written.
    """
    for name in _PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigurationError(f"export needs {name}; {install('onnx')}") from error
    with progress("exporting", 2 + quantize, "steps") as step:
        return _export(recogniser, out, compared, quantize, step)


def _export(
    recogniser: Recogniser, out: Path, compared: Store | None, quantize: bool, step: Step
) -> Exported:
    step(0, "writing the graph")
    store = made_up(recogniser) if compared is None else compared
    up = _up(recogniser)
    proto = to_onnx(PositionsToProbabilities(recogniser, up).eval())
    step(1, "comparing it with PyTorch")
    about = About(FORMAT, dict(recogniser.pretrained.card), up)
    graph = OnnxRecogniser.of(_sealed(proto, about), out)
    answer = graph.ask(store)
    exactness = compare(recogniser.ask(store), answer)
    apart = exactness.largest_difference_of_distances
    if not max(exactness.largest_difference, apart) <= TOLERANCE:
        raise DataError(
            f"{out}: not written, for its probabilities differ from PyTorch's by up to "
            f"{exactness.largest_difference:.2g} and its distances by {apart:.2g}, more than "
            f"{TOLERANCE:g}; use the package itself, and report this"
        )
    _check_batch(graph, store, answer[0], out)
    about = msgspec.structs.replace(about, largest_difference=exactness.largest_difference)
    price = None
    if quantize:
        step(2, "rounding its weights")
        proto, about = quantized(proto, recogniser), msgspec.structs.replace(about, quantized="int8")
    data = _sealed(proto, about)
    if quantize:
        price = compare(answer, OnnxRecogniser.of(data, out).ask(store))
    write_file(out, data)
    return Exported(out, len(data), exactness, price)


def compare(expected: tuple[Floats, Floats | None], found: tuple[Floats, Floats | None]) -> Comparison:
    """Compare probabilities and distances of the same N recordings."""
    difference = np.abs(expected[0].astype(np.float64) - found[0])
    apart = 0.0
    if expected[1] is not None and found[1] is not None:
        apart = float((np.abs(expected[1] - found[1]) / np.maximum(expected[1], 1)).max())
    elif (expected[1] is None) != (found[1] is None):
        apart = np.inf
    agreement = float((expected[0].argmax(1) == found[0].argmax(1)).mean())
    return Comparison(len(difference), agreement, float(difference.mean()), float(difference.max()), apart)


def to_onnx(network: PositionsToProbabilities) -> Any:
    """Return the ONNX model of a network; recordings, people and frames are free."""
    from onnxscript.optimizer import fold_constants, remove_unused_nodes

    settings = network.clips.settings
    encoder = network.encoder.config
    shape = (2, 3, settings.num_frames + 5, network.clips.topology.num_joints, encoder.num_coordinates)
    example = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    free = {number: torch.export.Dim(name) for number, name in enumerate(("recordings", "people", "frames"))}
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)  # it tells of packages that are not needed
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                input_names=[POSITIONS],
                output_names=[PROBABILITIES, DISTANCE],
                dynamic_shapes={POSITIONS: free},
                verbose=False,
                optimize=False,  # takes half as long again, and the runtime does it when it reads the file
            )
    finally:
        logger.setLevel(level)
    assert program is not None
    fold_constants(program.model)  # transposed weights above all, which eight bits need as constants
    remove_unused_nodes(program.model)
    proto = program.model_proto
    for node in proto.graph.node:  # they hold the paths of the source
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    return proto


def quantized(proto: Any, recogniser: Recogniser) -> Any:
    """Return an ONNX model with the network's weights as 8-bit integers; those of the classifier stay."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    kept: list[Floats] = []
    if recogniser.neighbours is not None:
        kept.append(recogniser.neighbours.axes.numpy())
    if recogniser.layer is not None:
        kept += [recogniser.layer.weight.numpy(), recogniser.layer.weight.T.numpy()]
    stay = {
        each.name
        for each in proto.graph.initializer
        if any(
            tuple(each.dims) == one.shape and (onnx.numpy_helper.to_array(each) == one).all() for one in kept
        )
    }
    excluded = [node.name for node in proto.graph.node if stay & set(node.input)]
    with tempfile.TemporaryDirectory(prefix="skelact-") as name:
        before, after = Path(name) / "float32.onnx", Path(name) / "int8.onnx"
        onnx.save(proto, before)
        root = logging.getLogger()
        level = root.level
        try:
            root.setLevel(logging.ERROR)  # it advises to prepare models, which changes nothing here
            quantize_dynamic(
                before,
                after,
                per_channel=True,
                op_types_to_quantize=["MatMul", "Gemm"],
                weight_type=QuantType.QInt8,
                nodes_to_exclude=excluded,
            )
        finally:
            root.setLevel(level)
        return onnx.load(after)


def made_up(recogniser: Recogniser) -> Store:
    """Return recordings of people of random shapes who move at random, some of them not seen throughout."""
    pretrained = recogniser.pretrained
    topology, size = pretrained.topology, pretrained.num_coordinates
    about = pretrained.card.get(MEASURES, {})
    usual = about.get("body_size") or ADULT
    sequences = []
    for seed in range(MADE_UP):
        draw = np.random.default_rng(seed)
        shape = (1 + seed % 2, 20 + 17 * seed)
        rest = draw.normal(size=(shape[0], 1, topology.num_joints, size))
        motion = 0.1 * draw.normal(size=(*shape, topology.num_joints, size)).cumsum(1)
        positions = usual * (rest + motion) / np.sqrt(size)
        present, seen = np.ones(shape, np.bool_), np.ones((*shape, topology.num_joints), np.bool_)
        if seed % 4 == 3:
            present = draw.random(shape) > 0.2
            present[:, 0] = True
            seen = (draw.random(seen.shape) > 0.1) & present[..., None]
            seen[..., topology.root] = present
        positions = np.where(seen[..., None], positions, 0).astype(np.float32)
        sequences.append(
            centre(SkeletonSequence(f"made up {seed}", positions, present, topology, seen, fps=30.0))
        )
    return store_in_memory(sequences, _up(recogniser), about.get("unit"))


def _up(recogniser: Recogniser) -> Axis:
    """Return the axis that is up in what taught a model, y where that is not known."""
    return taught_up(recogniser) or "y"


def _check_batch(graph: OnnxRecogniser, store: Store, alone: Floats, out: Path) -> None:
    """Refuse a graph that says something else of recordings that are asked about together.

    Raises:
        DataError: it does.
    """
    recordings = [seen_frames(store.sequence(index)) for index in range(min(_TOGETHER, len(store)))]
    sizes = np.array([each.shape[:2] for each in recordings]).max(0)
    batch = np.full((len(recordings), *sizes, *recordings[0].shape[2:]), np.nan, np.float32)
    for place, each in zip(batch, recordings, strict=True):
        place[: each.shape[0], : each.shape[1]] = each
    difference = float(np.abs(graph.run(batch)[0] - alone[: len(batch)]).max())
    if not difference <= TOLERANCE:
        raise DataError(
            f"{out}: not written, for recordings that are asked about together get other probabilities, by "
            f"up to {difference:.2g}; use the package itself, and report this"
        )


def _sealed(proto: Any, about: About) -> bytes:
    """Return the content of the file."""
    del proto.metadata_props[:]
    for key, value in ((ABOUT, json_text(msgspec.to_builtins(about))), (CHECKSUM, "0" * 64)):
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    return seal(proto.SerializeToString())

"""Pre-training that starts from a trained model instead of random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from skelact.errors import DataError
from skelact.models.embedding import resample_table
from skelact.pretraining.masked.model import MaskedModel
from skelact.skeleton.topology import Topology

TIME_TABLE = "positions.time"


@dataclass(frozen=True)
class InitialWeights:
    """A trained model that a run starts from."""

    name: str
    """How errors call it: the file or folder."""
    sha256: str
    """SHA-256 of the file that holds its weights."""
    model: MaskedModel
    """Encoder, decoder and, where its method has one, density."""
    topology: Topology | None = None
    """The skeleton it was trained on; None where the file does not say."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """What its card says of the training: method, configuration, data, and what it started from itself."""


LoadInitialWeights = Callable[[str], InitialWeights]
"""Loads what ``--init`` names."""


def initialise(model: MaskedModel, start: InitialWeights, topology: Topology) -> list[str]:
    """Give ``model`` the weights of ``start``, in place.

    Position tables of another length are resampled in time. The density is taken over where both models have
    one of the same kind; else the model keeps its own, untrained.

    Args:
        model: the model to train.
        start: where the weights come from.
        topology: the skeletons that ``model`` will learn from.

    Returns:
        The parts that were taken over: encoder, decoder, and perhaps density.

    Raises:
        DataError: weights for other skeletons, or of other sizes; the message says what to do.
    """
    _check_skeleton(model, start, topology)
    _check_sizes(model, start)
    parts = ["encoder", "decoder"]
    if _shapes(model.density) == _shapes(start.model.density) != {}:
        parts.append("density")
    num_steps = model.encoder.config.num_steps
    for part in parts:
        weights = getattr(start.model, part).state_dict()
        getattr(model, part).load_state_dict(resample_time(weights, num_steps))
    return parts


def resample_time(weights: Mapping[str, Tensor], num_steps: int) -> dict[str, Tensor]:
    """Return ``weights`` with every temporal position table resampled to ``num_steps`` rows.

    Args:
        weights: parameters by our names, of a whole model or a part.
        num_steps: time steps T' of a clip.
    """
    return {
        name: resample_table(value, num_steps)
        if name.endswith(TIME_TABLE) and len(value) != num_steps
        else value
        for name, value in weights.items()
    }


def _check_skeleton(model: MaskedModel, start: InitialWeights, topology: Topology) -> None:
    theirs, ours = start.model.encoder.config, model.encoder.config
    known = start.topology
    if theirs.num_joints != ours.num_joints or (known is not None and known.joints != topology.joints):
        skeletons = f"{known.name} skeletons" if known is not None else "skeletons"
        to = known.name if known is not None else f"TOPOLOGY, one of {theirs.num_joints} joints"
        raise DataError(
            f"{start.name}: weights for {skeletons} of {theirs.num_joints} joints, the data has "
            f"{topology.name} skeletons of {ours.num_joints}; write the data with the other skeleton first: "
            f"skelact data convert STORE OUT --topology {to}"
        )
    if theirs.num_coordinates != ours.num_coordinates:
        raise DataError(
            f"{start.name}: weights for {theirs.num_coordinates}-D positions, the data has "
            f"{ours.num_coordinates}-D ones; start without --init"
        )


def _check_sizes(model: MaskedModel, start: InitialWeights) -> None:
    theirs, ours = _sizes(start.model), _sizes(model)
    options = [f"--model.{name} {value}" for name, value in theirs.items() if value != ours[name]]
    if options:
        raise DataError(
            f"{start.name}: weights of a model of other sizes; start from it with {' '.join(options)}"
        )


def _sizes(model: MaskedModel) -> dict[str, float]:
    """Return the sizes that must agree, by the names of their options."""
    encoder, decoder = model.encoder.config, model.decoder.config
    return {
        "patch_frames": encoder.patch_frames,
        "width": encoder.width,
        "depth": encoder.depth,
        "num_heads": encoder.num_heads,
        "mlp_ratio": encoder.mlp_ratio,
        "decoder_width": decoder.width,
        "decoder_depth": decoder.depth,
    }


def _shapes(part: nn.Module | None) -> dict[str, Any]:
    return {} if part is None else {name: value.shape for name, value in part.state_dict().items()}

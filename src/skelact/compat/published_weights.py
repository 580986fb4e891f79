"""Published checkpoints as starts of pre-training and as run folders, and run folders as checkpoints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from skelact.clips.settings import ClipSettings
from skelact.compat.mamp_checkpoint import (
    DECODER,
    DENSITY,
    PUBLISHED_HEADS,
    encoder_from_state_dict,
    pretrainer_from_state_dict,
)
from skelact.compat.mamp_export import (
    published_decoder,
    published_density,
    published_encoder,
    write_published,
)
from skelact.compat.torch_file import Checkpoint, read_torch_file
from skelact.density.published import FixedDensity
from skelact.errors import ConfigurationError, DataError
from skelact.files import write_json
from skelact.models.card import CARD
from skelact.models.encoder import SkeletonEncoder
from skelact.models.pretrained import PREFIX, WEIGHTS, Pretrained, load_pretrained, model_card
from skelact.models.sizes import Absent, EncoderConfig, MaskedSizes
from skelact.models.tensor_file import write_tensors
from skelact.pretraining.identity import with_identity
from skelact.pretraining.masked.initialisation import InitialWeights, resample_time
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.pretraining.methods import MASKED
from skelact.pretraining.run import load_run_weights
from skelact.provenance import code_version, package_versions
from skelact.skeleton.topology import Topology

Method = Literal["stjd-mp", "mamp", "mae"]
OBJECTIVES = {
    "stjd-mp": MaskedObjective(),
    "mamp": MaskedObjective(masking="motion"),
    "mae": MaskedObjective(masking="uniform", target="coordinates"),
}
"""What each published method hides and predicts."""


def load_initial_weights(path: str) -> InitialWeights:
    """Load weights that pre-training starts from: a finished run's folder, or a published checkpoint.

    A checkpoint has 8 heads unless it states another number.

    Raises:
        DataError: no such file or folder, or no pre-trained model in it.
    """
    if Path(path).is_dir():
        return load_run_weights(path)
    file = read_torch_file(Path(path))
    heads = file.num_heads or PUBLISHED_HEADS
    try:
        model = pretrainer_from_state_dict(file.parameters, heads, name=path)
    except ConfigurationError as error:
        raise DataError(f"{path}: {error}") from error
    _model_config(model, path)
    return InitialWeights(path, file.sha256, model)


def import_weights(
    path: str | Path,
    run: str | Path,
    topology: Topology,
    *,
    num_frames: int | None = None,
    stream: str = "joint",
    gaps: str = "zero",
    num_heads: int | None = None,
    method: Method | None = None,
    absent: Absent = "skip",
) -> Pretrained:
    """Make a run folder of a published checkpoint, so that all that takes a run takes it.

    Args:
        path: the ``.pth`` file, of pre-training or of fine-tuning (of which the encoder is taken).
        run: the folder to write; new or empty.
        topology: the skeleton it was trained on, its joints in the published order.
        num_frames: frames of a clip; default: the checkpoint's. Position tables are resampled to others.
        stream: what clips show, as in ``ClipSettings``.
        gaps: a present body's absent frames, as in ``ClipSettings``; zeros are the published way.
        num_heads: attention heads; default: what the file states, else 8 as in all published models.
        method: what trained it; default: stjd-mp where the file holds a density, else mamp.
        absent: whether absent bodies are skipped, or run as zeros as published.

    Returns:
        What :func:`skelact.models.pretrained.load_pretrained` reads of the new folder.

    Raises:
        DataError: the file is damaged, unsafe or no such checkpoint, or the folder is taken.
        ConfigurationError: a topology of another number of joints, or sizes that do not fit.
    """
    path, run = Path(path), Path(run)
    file = read_torch_file(path)
    heads = num_heads if num_heads is not None else file.num_heads or PUBLISHED_HEADS
    if file.num_heads not in (None, heads):
        raise ConfigurationError(
            f"num_heads is {num_heads}, but {path} states {file.num_heads}; leave it out"
        )
    encoder, weights, about = _converted(file, heads, method, absent)
    if encoder.num_joints != topology.num_joints:
        raise ConfigurationError(
            f"{path}: weights for {encoder.num_joints} joints, topology {topology.name} has "
            f"{topology.num_joints}; name the topology that the weights were trained on"
        )
    clips = ClipSettings(
        num_frames=encoder.num_frames if num_frames is None else num_frames, stream=stream, gaps=gaps
    )
    encoder = replace(encoder, num_frames=clips.num_frames)
    weights = resample_time(weights, encoder.num_steps)
    about["config"]["clips"] = asdict(clips)
    about |= {
        "imported": {"file": str(path), "sha256": file.sha256},
        "code": code_version(),
        "packages": package_versions(),
    }
    card = model_card(SkeletonEncoder(encoder, absent), topology, clips, with_identity(about))
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise DataError(f"{run}: exists already; choose another folder for the run")
    write_tensors(run / WEIGHTS, weights, remedy="choose another folder")
    write_json(run / CARD, card, "choose another folder")
    return load_pretrained(run)


@dataclass(frozen=True)
class ExportSummary:
    """What an exported checkpoint holds."""

    num_parameters: int
    """Numbers in it."""
    num_heads: int
    """Attention heads."""
    parts: tuple[str, ...]
    """Of encoder, decoder and density, those in it."""
    left_out: str | None
    """What of the run the published code has no place for."""


def export_weights(run: str | Path, path: str | Path, *, overwrite: bool = False) -> ExportSummary:
    """Write a run's weights as a checkpoint of the published code.

    Args:
        run: a run folder.
        path: the ``.pth`` file to write.
        overwrite: replace a file that is there.

    Raises:
        DataError: the folder holds no finished model, or one that is no skeleton transformer; or the file
            exists, or cannot be written.
    """
    run, path = Path(run), Path(path)
    pretrained = load_pretrained(run)
    encoder = pretrained.encoder
    if not isinstance(encoder, SkeletonEncoder):
        raise DataError(f"{run}: holds no skeleton transformer; the published code has no other encoder")
    parts, left_out = {"encoder": published_encoder(encoder)}, None
    if "objective" in pretrained.card.get("config", {}):
        model = MASKED.load(run)
        parts["decoder"] = published_decoder(model.decoder)
        if isinstance(model.density, FixedDensity):
            parts["density"] = published_density(model.density)
        elif model.density is not None:
            left_out = "learned density"
    parameters = {name: value for part in parts.values() for name, value in part.items()}
    write_published(path, parameters, encoder.config.num_heads, overwrite)
    num_parameters = sum(value.numel() for value in parameters.values())
    return ExportSummary(num_parameters, encoder.config.num_heads, tuple(parts), left_out)


def _converted(
    file: Checkpoint, num_heads: int, method: Method | None, absent: Absent
) -> tuple[EncoderConfig, dict[str, Tensor], dict[str, Any]]:
    """Return the encoder's sizes, all weights by our names, and what the card says of them."""
    name, has_density = str(file.path), DENSITY in file.parameters
    method = method or ("stjd-mp" if has_density else "mamp")
    if DECODER not in file.parameters:
        encoder = encoder_from_state_dict(file.parameters, num_heads, absent, name=name)
        weights = {PREFIX + key: value for key, value in encoder.state_dict().items()}
        return encoder.config, weights, {"method": method, "config": {}}
    objective = replace(OBJECTIVES[method], absent=absent)
    if objective.has_density and not has_density:
        raise ConfigurationError(f"method is {method}, but {name} holds no density; is it mamp or mae?")
    model = pretrainer_from_state_dict(file.parameters, num_heads, objective, name=name)
    config = {"model": asdict(_model_config(model, name)), "objective": asdict(objective)}
    return model.encoder.config, dict(model.state_dict()), {"method": method, "config": config}


def _model_config(model: MaskedModel, name: str) -> MaskedSizes:
    """Return a model's sizes as configurations name them: one MLP ratio for encoder and decoder."""
    encoder, decoder = model.encoder.config, model.decoder.config
    if encoder.mlp_ratio != decoder.mlp_ratio:
        raise DataError(
            f"{name}: its MLPs are {encoder.mlp_ratio:g} times as wide as a token in the encoder and "
            f"{decoder.mlp_ratio:g} times in the decoder; expected one ratio, as in the published models"
        )
    return MaskedSizes(
        patch_frames=encoder.patch_frames,
        width=encoder.width,
        depth=encoder.depth,
        num_heads=encoder.num_heads,
        mlp_ratio=encoder.mlp_ratio,
        decoder_width=decoder.width,
        decoder_depth=decoder.depth,
    )

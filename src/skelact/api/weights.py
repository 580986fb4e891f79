"""Published checkpoints: to run folders, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from skelact.api.model import Model
from skelact.configuration import PathLike, checked_arguments
from skelact.models.sizes import Absent
from skelact.skeleton.topology_file import find_topology


class ImportedModel(Model):
    """A model that was imported; ``print(model)`` tells what it is."""

    def __str__(self) -> str:
        sizes = self.encoder.config
        parts = "encoder and decoder" if "objective" in self.card["config"] else "encoder alone"
        return "\n".join(
            [
                f"{'run':<10}{self.run}",
                f"{'model':<10}{self.method}, {parts}; "
                f"{sizes.depth} blocks of width {sizes.width}, {sizes.num_heads} heads",
                f"{'clips':<10}{sizes.num_frames} frames in patches of {sizes.patch_frames}, "
                f"{self.topology.name} ({sizes.num_joints} joints)",
            ]
        )


@checked_arguments
def import_checkpoint(
    file: PathLike,
    run: PathLike,
    *,
    topology: PathLike,
    num_frames: int | None = None,
    stream: str = "joint",
    gaps: Literal["hold", "zero"] = "zero",
    absent: Absent = "skip",
    num_heads: int | None = None,
    method: Literal["mae", "mamp", "stjd-mp"] | None = None,
) -> ImportedModel:
    """Make a run folder of a checkpoint that the published code of MAMP or STJD-MP wrote.

    Everything that takes a run folder then takes it: evaluation, pretrain --init, skelact.load. Of a
    checkpoint without a decoder, as fine-tuning writes it, the encoder is taken.

    Args:
        file: the checkpoint, a .pth or .pt file
        run: folder to write; new or empty
        topology: skeleton it was trained on, e.g. ntu-25, or a .yaml file
        num_frames: frames of a clip (default: as many as it was trained on)
        stream: what its clips show
        gaps: a present body's absent frames: hold its nearest frame, or zero, as published
        absent: absent bodies: skip them, or include them as zeros, as published
        num_heads: attention heads (default: stated, else 8)
        method: what trained it (default: by whether it holds a density)

    Raises:
        DataError: the file cannot be read or is no such checkpoint, or the folder is taken.
        ConfigurationError: sizes that do not fit.
    """
    from skelact.compat.published_weights import import_weights

    import_weights(
        Path(file),
        Path(run),
        find_topology(str(topology)),
        num_frames=num_frames,
        stream=stream,
        gaps=gaps,
        num_heads=num_heads,
        method=method,
        absent=absent,
    )
    return ImportedModel(run)


@dataclass(frozen=True)
class ExportedWeights:
    """A checkpoint under the published names."""

    path: Path
    lines: list[tuple[str, str]]

    def __str__(self) -> str:
        return "\n".join(f"{name:<10}{value}" for name, value in self.lines)


@checked_arguments
def export_checkpoint(run: PathLike, out: PathLike, *, overwrite: bool = False) -> ExportedWeights:
    """Write a run's weights under the published names, as a checkpoint that MAMP or STJD-MP loads.

    'skelact weights import' reads it again. A learned density is left out: the published code has none.

    Args:
        run: folder of a finished run
        out: .pth file to write; it appears when it is complete
        overwrite: replace OUT if it is there

    Raises:
        DataError: no finished masked model there, or a file that is taken or cannot be written.
    """
    from skelact.compat.published_weights import export_weights

    path = Path(out)
    exported = export_weights(Path(run), path, overwrite=overwrite)
    lines = [
        ("file", f"{path}  ({path.stat().st_size / 1e6:,.1f} MB)"),
        ("holds", f"{', '.join(exported.parts)}; {exported.num_parameters:,} numbers"),
        ("heads", f"{exported.num_heads}"),
    ]
    if exported.left_out:
        lines.append(("left out", f"{exported.left_out}: the published code has none like it"))
    return ExportedWeights(path, lines)

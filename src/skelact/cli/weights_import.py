"""Make a run folder of a checkpoint that the published code of MAMP or STJD-MP wrote.

Everything that takes a run folder then takes it: evaluation, pretrain --init, load_pretrained. Of a
checkpoint without a decoder, as fine-tuning writes it, the encoder is taken.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from jsonargparse import ArgumentParser, Namespace

from skelact.compat.published_weights import Method, import_weights
from skelact.models.sizes import Absent, EncoderConfig
from skelact.skeleton.topology_file import find_topology


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=str, help="the checkpoint, a .pth or .pt file")
    parser.add_argument("run", type=str, help="folder to write; new or empty")
    parser.add_argument(
        "--topology", type=str, required=True, help="skeleton it was trained on, e.g. ntu-25, or a .yaml file"
    )
    parser.add_argument(
        "--num-frames", type=int | None, help="frames of a clip (default: as many as it was trained on)"
    )
    parser.add_argument("--stream", type=str, default="joint", help="what its clips show")
    parser.add_argument(
        "--gaps",
        type=Literal["hold", "zero"],
        default="zero",
        help="a present body's absent frames: hold its nearest frame, or zero, as published",
    )
    parser.add_argument(
        "--absent",
        type=Absent,
        default="skip",
        help="absent bodies: skip them, or include them as zeros, as published",
    )
    parser.add_argument("--num-heads", type=int | None, help="attention heads (default: stated, else 8)")
    parser.add_argument(
        "--method",
        type=Method | None,
        help=f"what trained it: {', '.join(get_args(Method))} (default: by whether it holds a density)",
    )


def run(options: Namespace) -> None:
    """Write the run folder and say what is in it."""
    pretrained = import_weights(
        Path(options.file),
        Path(options.run),
        find_topology(options.topology),
        num_frames=options.num_frames,
        stream=options.stream,
        gaps=options.gaps,
        num_heads=options.num_heads,
        method=options.method,
        absent=options.absent,
    )
    sizes, has_decoder = pretrained.encoder.config, "objective" in pretrained.card["config"]
    assert isinstance(sizes, EncoderConfig)  # published checkpoints are of skeleton transformers
    parts = "encoder and decoder" if has_decoder else "encoder alone"
    print(f"{'run':<10}{options.run}")
    print(
        f"{'model':<10}{pretrained.card['method']}, {parts}; "
        f"{sizes.depth} blocks of width {sizes.width}, {sizes.num_heads} heads"
    )
    print(
        f"{'clips':<10}{sizes.num_frames} frames in patches of {sizes.patch_frames}, "
        f"{pretrained.topology.name} ({sizes.num_joints} joints)"
    )

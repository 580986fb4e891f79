"""Write a run's weights under the published names, as a checkpoint that the code of MAMP or STJD-MP loads.

'skelact weights import' reads it again. A learned density is left out: the published code has none.
"""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from skelact.compat.published_weights import export_weights


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run", type=str, help="folder of a finished run")
    parser.add_argument("out", type=str, help=".pth file to write; it appears when it is complete")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")


def run(options: Namespace) -> None:
    """Write the file and say what is in it."""
    out = Path(options.out)
    exported = export_weights(Path(options.run), out, overwrite=options.overwrite)
    print(f"{'file':<10}{out}  ({out.stat().st_size / 1e6:,.1f} MB)")
    print(f"{'holds':<10}{', '.join(exported.parts)}; {exported.num_parameters:,} numbers")
    print(f"{'heads':<10}{exported.num_heads}")
    if exported.left_out:
        print(f"{'left out':<10}{exported.left_out}: the published code has none like it")

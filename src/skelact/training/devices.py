"""Where a run computes, and how: devices, precision, compilation."""

from __future__ import annotations

import atexit
import gc
import platform
import warnings
from typing import Any, Literal

import torch
import torch.distributed
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision.amp import MixedPrecision
from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import nn

from skelact.errors import ConfigurationError, SkelactWarning
from skelact.training.config import TrainingConfig

X86 = ("x86_64", "amd64")
MOST_PROCESSES = 256
"""Processes that share the work on the CPUs of one machine."""


class Autocast(MixedPrecision):
    """bfloat16 where torch takes it to be safe; what comes into a model stays as it is.

    Lightning's own rounds every input to bfloat16, positions in metres to three digits.
    """

    def convert_input(self, data: Any) -> Any:
        """Return ``data`` as it is."""
        return data


def make_fabric(config: TrainingConfig) -> Fabric:
    """Return the configured Fabric, launched.

    From then on this process convolves in float32 on GPUs too. By default cuDNN rounds what it convolves to
    TF32, which keeps three digits, while matrix products stay in float32.

    Raises:
        ConfigurationError: the devices asked for are not there, or a cluster started other processes.
    """
    torch.backends.cudnn.allow_tf32 = False
    on_gpu = config.accelerator != "cpu" and torch.cuda.is_available()
    in_bf16 = precision_here(config) == "bf16"
    if config.precision == "bf16" and not in_bf16:
        warnings.warn(
            "this processor has no instructions for bfloat16, which would be many times slower than float32; "
            "the run computes in float32",
            SkelactWarning,
            stacklevel=2,
        )
    autocast = Autocast("bf16-mixed", "cuda" if on_gpu else "cpu") if in_bf16 else None
    if not on_gpu and config.devices > MOST_PROCESSES:
        raise ConfigurationError(
            f"training.devices is {config.devices}, expected up to {MOST_PROCESSES} processes on a CPU"
        )
    try:
        fabric = Fabric(accelerator=config.accelerator, devices=config.devices, plugins=autocast)
        fabric.launch()
        if fabric.world_size > 1:
            atexit.register(_leave_group)
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"training.accelerator, training.devices: {' '.join(str(error).split())}"
        ) from error
    if fabric.world_size % config.devices:  # several machines have several times as many processes
        raise ConfigurationError(
            f"training.devices: {config.devices} were asked for, but {fabric.world_size} processes run; in a "
            "SLURM job start the command by srun with a task for each device, or unset SLURM_NTASKS before it"
        )
    return fabric


def precision_here(config: TrainingConfig) -> Literal["32", "bf16"]:
    """Return in what a run computes: what is configured, but float32 on a processor without bfloat16.

    Where torch must make bfloat16 out of other instructions, published float32 code was 23 times faster.
    Those of processors other than x86 are not known here; they compute as configured.
    """
    on_gpu = config.accelerator != "cpu" and torch.cuda.is_available()
    if config.precision == "32" or on_gpu or platform.machine().lower() not in X86:
        return config.precision
    return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "32"


def _leave_group() -> None:
    """End the threads by which processes talk while Python still runs; torch aborts where they outlive it.

    Models that were shared hold the group too and go first. See pytorch issue 190489.
    """
    gc.collect()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def is_first_process() -> bool:
    """Say whether this process is the one of a run that speaks and writes."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def compile_model(model: nn.Module, device: torch.device) -> nn.Module:
    """Return ``model`` compiled by ``torch.compile``; it shares the parameters.

    Compilation happens at the first batch, and once more at the first with another number of bodies; from
    then on that number is open. The choice of the bodies that are there stays outside the compiled parts.

    Raises:
        ConfigurationError: this machine cannot compile: no C++ compiler (CPU) or Triton (GPU), or a platform
            that PyTorch does not support.
    """
    try:
        torch.compile(_trial)(torch.ones(2, device=device))
    except Exception as error:  # whatever the compiler's parts raise
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ConfigurationError(
            f"training.compile: this machine cannot compile for {device.type} ({lines[0].strip()}); "
            "install a C++ compiler (for a GPU also Triton), or leave --compile out"
        ) from error
    compiled = torch.compile(model)
    assert isinstance(compiled, nn.Module)
    return compiled


def _trial(x: torch.Tensor) -> torch.Tensor:
    return x.sin() + 1

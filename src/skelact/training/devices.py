"""Where a run computes, and how: devices, precision, compilation."""

from __future__ import annotations

import atexit
import gc
import hashlib
import os
import platform
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.plugins.precision.amp import MixedPrecision
from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import nn

from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.provenance import code_version
from skelact.training.config import TrainingConfig
from skelact.training.watch import Watch

X86 = ("x86_64", "amd64")
Item = TypeVar("Item")
Made = TypeVar("Made")
MOST_PROCESSES = 256
"""Processes that share the work on the CPUs of one machine."""
OBSERVER = "child-process-observer"
"""Lightning's thread that kills the first process where one that it started fails; ours lets it tell why."""
OWN_STORE = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"
_watch: Watch | None = None
"""This process's eye on the others of its run, where there are any."""


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
        ConfigurationError: the devices asked for are not there, a cluster started other processes, or they do
            not reach each other.
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
    code_version()  # now: what is committed while this runs is not the code that runs
    nodes = config.nodes
    if TorchElasticEnvironment.detect():
        _check_restarts()
        here = os.environ.get("LOCAL_WORLD_SIZE", str(config.devices))
        if here != str(config.devices):
            raise ConfigurationError(
                f"training.devices is {config.devices}, but torchrun starts {here} processes here; "
                f"give --devices {here} or torchrun --nproc-per-node {config.devices}"
            )
        # elastic, it may have fewer machines at work
        nodes = min(nodes, TorchElasticEnvironment().world_size() // config.devices) or 1
    try:
        fabric = Fabric(
            accelerator=config.accelerator, devices=config.devices, num_nodes=nodes, plugins=autocast
        )
        if nodes > 1 and _starts_processes(fabric) and "NODE_RANK" not in os.environ:
            raise ConfigurationError(
                f"training.nodes is {nodes}, but this command was started on one machine alone; start it by "
                f"torchrun --nnodes {nodes} on each, or by srun, as docs/clusters.md shows"
            )
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"training.accelerator, training.devices: {' '.join(str(error).split())}"
        ) from error
    if fabric.world_size != config.devices * nodes:
        raise ConfigurationError(
            f"training.devices, training.nodes: {config.devices * nodes} were asked for, but "
            f"{fabric.world_size} processes run; in a SLURM job start the command by srun with a task for "
            "each device, or unset SLURM_NTASKS before it"
        )
    _watch_others(fabric)
    return fabric


def _check_restarts() -> None:
    """Refuse a torchrun whose processes would not find each other once it starts them again.

    It keeps what they stored at the first start, the addresses of dead processes. See pytorch issue 135712.
    """
    may_restart = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0
    if may_restart and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise ConfigurationError(
            f"torchrun --max-restarts needs {OWN_STORE}=1 in its environment, on every machine: "
            f"{OWN_STORE}=1 torchrun ..."
        )


def _starts_processes(fabric: Fabric) -> bool:
    """Say whether the processes of this machine are started by the first of them, not by torchrun or srun."""
    environment = getattr(fabric.strategy, "cluster_environment", None)
    return environment is not None and not environment.creates_processes_externally


def _watch_others(fabric: Fabric) -> None:
    """Let this process end when another of the run is gone."""
    global _watch
    if fabric.world_size == 1 or _watch is not None:
        return
    atexit.register(_leave_group)
    address = fabric.strategy.cluster_environment.main_address  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name == OBSERVER:
            thread._child_processes = []  # type: ignore[attr-defined]
    _watch = Watch(
        fabric,
        address,
        is_silent=_starts_processes(fabric) and fabric.local_rank > 0,
        is_kept=TorchElasticEnvironment.detect(),
    )


def check_same_data(fabric: Fabric, where: str, content_hash: str, rows: npt.NDArray[np.int64]) -> None:
    """Refuse to begin where a process of another machine has other data than the first.

    Args:
        fabric: the processes.
        where: the data's path.
        content_hash: of the data as this process has it.
        rows: the training sequences.

    Raises:
        DataError: in a process that has others.
    """
    own = (content_hash, hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest())
    if fabric.world_size > 1 and fabric.broadcast(own) != own:
        raise DataError(
            f"{where}: process {fabric.global_rank} has other data there than the first one; give all "
            "machines the same store"
        )


def leave_others(well: bool) -> None:
    """Tell the other processes of the run that this one ends; all do, unless its work is done ``well``."""
    if _watch is not None:
        _watch.leave(well)


def ends_with_others() -> bool:
    """Wait a few seconds, in which this process ends if another is gone; say whether it is to stop anyway."""
    try:
        if _watch is not None:
            _watch.wait()
    except KeyboardInterrupt:
        return True
    return False


def precision_here(config: TrainingConfig) -> Literal["32", "bf16"]:
    """Return in what a run computes: what is configured, but float32 on a processor without bfloat16.

    Where torch must make bfloat16 out of other instructions, published float32 code was 23 times faster.
    Those of processors other than x86 are not known here; they compute as configured. A processor whose wider
    instructions torch was told to leave alone (``ATEN_CPU_CAPABILITY``) counts as one that lacks them.
    """
    on_gpu = config.accelerator != "cpu" and torch.cuda.is_available()
    if config.precision == "32" or on_gpu or platform.machine().lower() not in X86:
        return config.precision
    has_it = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if has_it and torch.backends.cpu.get_cpu_capability() == "AVX512" else "32"


def other_arithmetic(config: TrainingConfig) -> dict[str, str]:
    """Return what a card says where a run computed in another precision than its configuration's."""
    here = precision_here(config)
    return {} if here == config.precision else {"computed_in": here}


def _leave_group() -> None:
    """End the threads by which processes talk while Python still runs; torch aborts where they outlive it.

    Models that were shared hold the group too and go first. See pytorch issue 190489.
    """
    leave_others(well=getattr(sys, "last_value", None) is None)
    gc.collect()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def is_first_process() -> bool:
    """Say whether this process is the one of a run that speaks and writes."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def beside_steps(make: Callable[[Item], Made], device: torch.device) -> Callable[[Item], Made]:
    """Return ``make`` for a thread that makes the next batches while ``device`` computes a step.

    On a GPU it has a stream of its own. In that of the steps each of its copies, and each number that it asks
    for, would wait until all that was begun there is done. What it returns is ready for every stream; it must
    be kept until the step that reads it is done, for its memory goes back to this stream.
    """
    if device.type != "cuda":
        return make
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def make_beside(item: Item) -> Made:
        with torch.cuda.stream(stream):
            made = make(item)
            stream.synchronize()
        return made

    return make_beside


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

"""A GPU that is not there: tensors that say they are on the device ``gpu`` and lie in ordinary memory.

An operation that mixes them with tensors on the CPU fails as it does on a GPU. That is all they show: they
compute with the CPU's operations, so they say nothing of a GPU's rounding, speed or memory. Importing this
module makes the device known to torch for the rest of the process, so it belongs into a process of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._pytree import tree_leaves, tree_map

COPIES = {"_to_copy", "copy_"}
"""Operations between devices."""
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}
"""Operations whose second argument, the indices, may be on the CPU."""


class MixedDevicesError(Exception):
    """An operation was given tensors on the CPU together with tensors on the GPU."""


class _Backend(backend_registration._DummyBackendModule):
    """What torch asks of a device's module."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


backend_registration._setup_privateuseone_for_python_backend("gpu", _Backend())
GPU = torch.device("gpu", 0)


class OnGpu(Tensor):
    """A tensor on the GPU; its numbers are in ``held``."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnGpu:
        made: OnGpu = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=GPU,
            requires_grad=held.requires_grad,
        )
        return made

    def __init__(self, held: Tensor) -> None:
        self.held = held.detach()

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"OnGpu({self.held!r})"

    def tolist(self) -> Any:
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        checked = (args[:1] + args[2:] if name in INDEXING else args, kwargs)
        for x in () if name in COPIES else tree_leaves(checked):
            if isinstance(x, Tensor) and not isinstance(x, OnGpu) and x.ndim > 0:
                raise MixedDevicesError(f"{function}: a tensor of {tuple(x.shape)} is on the CPU")
        to_gpu = torch.device(kwargs.get("device") or GPU).type == GPU.type
        inside = {id(x): x.held for x in tree_leaves((args, kwargs)) if isinstance(x, OnGpu)}
        outside = {id(x.held): x for x in tree_leaves((args, kwargs)) if isinstance(x, OnGpu)}
        held_args, held_kwargs = tree_map(lambda x: inside.get(id(x), x), (args, kwargs))
        if kwargs.get("device") is not None:
            held_kwargs["device"] = torch.device("cpu")
        results = function(*held_args, **held_kwargs)

        def given_back(x: Any) -> Any:
            if not isinstance(x, Tensor):
                return x
            if id(x) in outside:  # changed in place
                return outside[id(x)]
            return OnGpu(x) if to_gpu else x

        return tree_map(given_back, results)


_library = torch.library.Library("aten", "IMPL")


@torch.library.impl(_library, "empty.memory_format", "PrivateUse1")
def _empty(size: Any, *, dtype: Any = None, **_: Any) -> OnGpu:
    return OnGpu(torch.empty(size, dtype=dtype))


@torch.library.impl(_library, "empty_strided", "PrivateUse1")
def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> OnGpu:
    return OnGpu(torch.empty_strided(size, stride, dtype=dtype))


@torch.library.impl(_library, "_copy_from", "PrivateUse1")
def _copy_from(source: Tensor, to: OnGpu, non_blocking: bool = False) -> OnGpu:
    to.held.copy_(source)
    return to

"""Parameters of a foreign model, looked up by name and checked as they are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from skelact.errors import DataError

StateDict = Mapping[str, Any]
"""Parameters by their published names; arrays do as well as tensors."""


class Parameters:
    """Looks parameters up by published name.

    Args:
        state_dict: the parameters.
        name: how errors call where they come from.

    Raises:
        DataError: on taking one that is missing, no array of numbers, or not finite.
    """

    def __init__(self, state_dict: StateDict, name: str = "checkpoint") -> None:
        self.state_dict, self.name = state_dict, name

    def __getitem__(self, parameter: str) -> Tensor:
        """Return a parameter in float32."""
        try:
            found = self.state_dict[parameter]
        except KeyError:
            some = ", ".join(list(self.state_dict)[:3])
            raise DataError(
                f"{self.name}: no parameter {parameter!r} among {len(self.state_dict)} ({some}, ...); "
                "is it a MAMP or STJD-MP checkpoint?"
            ) from None
        try:
            value = torch.as_tensor(found).detach()
            usable = value.is_floating_point() and value.layout == torch.strided and not value.is_meta
        except (TypeError, ValueError, RuntimeError):
            usable = False
        # one number spread over a huge shape would pass for a tensor of that size
        if not usable or value.untyped_storage().nbytes() < value.numel() * value.element_size():
            raise DataError(f"{self.name}: {parameter} is no array of floating-point numbers; is it damaged?")
        value = value.to(torch.float32)
        if not value.isfinite().all():
            raise DataError(
                f"{self.name}: {parameter} holds NaN or infinity, so its training failed; "
                "take an earlier checkpoint"
            )
        return value

    def shape(self, parameter: str, num_axes: int) -> tuple[int, ...]:
        """Return the shape of a parameter that must have ``num_axes`` axes."""
        shape = tuple(self[parameter].shape)
        if len(shape) != num_axes or 0 in shape:
            raise DataError(
                f"{self.name}: {parameter} has shape {shape}, expected {num_axes} axes, none of them empty"
            )
        return shape

    def depth(self, prefix: str) -> int:
        """Return the number of blocks under ``prefix``."""
        parts = [name.split(".") for name in self.state_dict]
        numbers = {part[1] for part in parts if part[0] == prefix and part[1:] and part[1].isdecimal()}
        depth = next(depth for depth in range(len(numbers) + 1) if str(depth) not in numbers)
        if depth == 0 or depth != len(numbers):
            raise DataError(
                f"{self.name}: {prefix}.{depth} is missing; is it a whole MAMP or STJD-MP checkpoint?"
            )
        return depth

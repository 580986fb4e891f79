"""The settings of a method in a size: which shipped files they come from depends on the method's family.

Masked methods: ``configs/pretrain/<method>.yaml``, then ``configs/size/<size>.yaml``. Contrastive methods:
``configs/pretrain/<method>.yaml``, ``configs/backbone/<backbone>.yaml``, then
``configs/size-contrast/<size>.yaml`` with what it says of the backbone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skelact.configuration import merge, named_config
from skelact.models.sizes import ContrastiveSizes
from skelact.pretraining.config import ContrastiveRun, MaskedRun


def config_class(method: str) -> type[MaskedRun] | type[ContrastiveRun]:
    """Return the settings that runs of a method have; the file of a contrastive one has a table ``contrast``.

    Raises:
        ConfigurationError: no method of this name; the message names the closest.
    """
    return ContrastiveRun if "contrast" in named_config("pretrain", method) else MaskedRun


def method_settings(method: str, size: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a method in a size, overlaid by the user's own.

    Args:
        method: its name.
        size: its name; the sizes of the families have the same names and their own numbers.
        own: settings as a configuration file holds them; they also choose the backbone.

    Raises:
        ConfigurationError: no such method, size or backbone.
    """
    family = config_class(method)
    if family is MaskedRun:
        return merge(named_config("pretrain", method), named_config("size", size), own)
    backbone = own.get("model", {}).get("backbone", ContrastiveSizes.backbone)
    sizes = named_config("size-contrast", size)
    of_backbone = sizes.pop("backbones")
    return merge(
        named_config("pretrain", method),
        named_config("backbone", backbone),
        sizes,
        of_backbone[backbone],
        own,
    )

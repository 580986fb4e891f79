"""What there is to choose from: methods, sizes, data sets, each with a line."""

from __future__ import annotations

from skelact.formats.known import data_sets as known_data_sets
from skelact.pretraining import methods as registry


def methods() -> dict[str, str]:
    """Return the methods of pre-training by name, with a line each.

    Example:
        >>> skelact.methods()["stjd-mp"]
        'STJD-MP: the change of joint density decides what is hidden, motion is predicted.'
    """
    return {name: method.summary for name, method in registry.methods().items()}


def sizes() -> dict[str, str]:
    """Return the sizes of models by name, with a line each."""
    return registry.sizes()


def data_sets() -> dict[str, str]:
    """Return the data sets and formats that :func:`skelact.prepare` knows, by name, with a line each."""
    return {name: data_set.summary for name, data_set in known_data_sets().items()}

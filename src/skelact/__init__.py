"""Self-supervised action recognition from 3-D skeletons, steered by spatio-temporal joint density.

    >>> import skelact
    >>> store = skelact.prepare("msr-action3d", "raw.tar.xz", "stores/msr")
    >>> model = skelact.pretrain("stores/msr", "xsub", out="runs/a", size="small", epochs=480)
    >>> skelact.evaluate("linear", model, store, "xsub").top1
    >>> model.embed(positions)  # (T, V, C) metres, or a list of such

What is named here is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skelact.api.checking import check as check
    from skelact.api.data import prepare as prepare
    from skelact.api.evaluating import evaluate as evaluate
    from skelact.api.evaluations.result import Result as Result
    from skelact.api.exporting import export as export
    from skelact.api.interchange import from_xarray as from_xarray
    from skelact.api.interchange import write_store as write_store
    from skelact.api.listings import data_sets as data_sets
    from skelact.api.listings import methods as methods
    from skelact.api.listings import sizes as sizes
    from skelact.api.model import Model as Model
    from skelact.api.model import load as load
    from skelact.api.prediction import predict as predict
    from skelact.api.pretraining import pretrain as pretrain
    from skelact.api.reporting import report as report
    from skelact.api.runs import runs as runs
    from skelact.api.teaching import package as package
    from skelact.api.teaching import teach as teach
    from skelact.api.video import video as video
    from skelact.api.viewing import view as view
    from skelact.density.positions import density_change as density_change
    from skelact.density.positions import joint_density as joint_density
    from skelact.density.positions import prime_joints as prime_joints
    from skelact.store.store import Store as Store

__version__ = "0.1.0"

_HOMES = {
    "Model": "api.model",
    "Result": "api.evaluations.result",
    "Store": "store.store",
    "check": "api.checking",
    "density_change": "density.positions",
    "joint_density": "density.positions",
    "prime_joints": "density.positions",
    "data_sets": "api.listings",
    "evaluate": "api.evaluating",
    "export": "api.exporting",
    "from_xarray": "api.interchange",
    "load": "api.model",
    "methods": "api.listings",
    "predict": "api.prediction",
    "prepare": "api.data",
    "pretrain": "api.pretraining",
    "package": "api.teaching",
    "report": "api.reporting",
    "runs": "api.runs",
    "sizes": "api.listings",
    "teach": "api.teaching",
    "video": "api.video",
    "view": "api.viewing",
    "write_store": "api.interchange",
}
"""Where each name is found."""
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'skelact' has no attribute {name!r}")
    found = getattr(import_module(f"skelact.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

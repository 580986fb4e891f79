"""The registry of self-supervised methods, and the families they belong to.

A method is a shipped file, ``configs/pretrain/<method>.yaml``. Methods of a family share one machine: the
class of its settings, its model, its task. What differs between families is asked of a :class:`Family`, and
nowhere else. Nothing here needs torch until a model is built or loaded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_type_hints

from skelact.clips.settings import IN_THE_PLANE, ClipSettings
from skelact.configuration import (
    IdleSettingError,
    flatten,
    instantiate,
    merge,
    named_config,
    nested,
    refuse_without_effect,
)
from skelact.errors import ConfigurationError, DataError, suggest
from skelact.limits import check_limit
from skelact.models.sizes import ContrastiveSizes, EncoderConfig, MaskedSizes, STGCNConfig
from skelact.models.token_sizes import DistilledSizes, TokenEncoderConfig
from skelact.pretraining.config import ContrastiveRun, DistilledRun, MaskedRun, Run, RunConfig
from skelact.pretraining.contrastive.objective import ContrastiveObjective
from skelact.pretraining.distilled.objective import DistilledObjective, NoEffectError
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.skeleton.topology import Topology

if TYPE_CHECKING:
    from skelact.clips.mixture import MixedSource
    from skelact.pretraining.contrastive.model import ContrastiveModel
    from skelact.pretraining.contrastive.task import ContrastiveTask
    from skelact.pretraining.distilled.model import DistilledModel
    from skelact.pretraining.distilled.task import DistilledTask
    from skelact.pretraining.masked.model import MaskedModel
    from skelact.pretraining.masked.task import MaskedTask
    from skelact.pretraining.run import PretrainingTask

M = TypeVar("M", bound="MaskedModel | ContrastiveModel | DistilledModel")

DEFAULT_METHOD, DEFAULT_SIZE = "stjd-mp-visible", "base"
"""What a run learns with where nobody names a method, and in which size."""
SUMMARY = "summary"
"""Key of a shipped file that says in one line what it is."""


class Family(ABC, Generic[M]):
    """What methods of one kind have in common: settings, and how a model is made, trained and loaded."""

    name: ClassVar[str]
    """Adjective: the ``masked`` methods."""
    settings: ClassVar[type[Run]]
    """The data class of a run's configuration."""
    objective: ClassVar[str]
    """The table of a configuration that other families do not have: it tells what is learned."""
    density_setting: ClassVar[str | None]
    """The setting that chooses the kind of joint density, ``fixed`` or ``learned``; dots between tables.
    None: the family's density does not learn."""
    starts_from_weights: ClassVar[bool]
    """Whether a run may start from trained weights (``init``)."""
    size_folder: ClassVar[str]
    """Folder of the shipped sizes."""
    in_the_plane: ClassVar[Mapping[str, Any]] = {"clips": IN_THE_PLANE}
    """Settings over those of method and size where positions are 2-D."""

    def layers(self, size: str, own: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the shipped settings of a size, later ones on top.

        Args:
            size: its name.
            own: the user's settings, which may choose among the family's backbones.

        Raises:
            ConfigurationError: no such size or backbone; the message names the closest.
        """
        return [_shipped(self.size_folder, size)]

    def settle(self, settings: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a run's settings without those of the method that do nothing beside the user's ``own``."""
        return settings

    def clips(self, config: RunConfig) -> ClipSettings:
        """Return how sequences become the clips that a run's task is given."""
        return config.clips

    @abstractmethod
    def model(self, encoder: Any, sizes: Any, objective: Any, topology: Topology, stream: str) -> M:
        """Return a model with random weights.

        Args:
            encoder: sizes of the encoder.
            sizes: the table ``model`` of a run's settings.
            objective: their table :attr:`objective`.
            topology: the skeleton.
            stream: what the encoder sees of positions.

        Raises:
            ConfigurationError: sizes that do not fit each other or the skeleton.
        """

    @abstractmethod
    def num_parameters(self, encoder: Any, sizes: Any, objective: Any) -> int:
        """Return the numbers that :meth:`model` would hold at least, before it is made."""

    @abstractmethod
    def task(self, model: M, source: MixedSource) -> PretrainingTask:
        """Return what the training loop needs of a model: batches and loss, what follows a step, monitors.

        Args:
            model: of :meth:`build`.
            source: where the clips come from, with the settings of :meth:`clips`.
        """

    def build(self, config: Any, source: MixedSource) -> M:
        """Return the untrained model of a run; its seed decides the weights.

        Args:
            config: of the run, of the class :attr:`settings`.
            source: where the clips come from.

        Raises:
            ConfigurationError: sizes that do not fit each other or the skeletons.
        """
        import torch

        from skelact.training.randomness import derive_seed

        num_joints, num_coordinates = source.stores[0].array("joints").shape[1:]
        encoder = config.model.encoder(num_joints, num_coordinates, config.clips.num_frames)
        objective = getattr(config, self.objective)
        check_limit(
            "parameters", self.num_parameters(encoder, config.model, objective), "model", ConfigurationError
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.training.seed, "start"))
            return self.model(encoder, config.model, objective, source.topology, config.clips.stream)

    def load(self, folder: str | Path) -> M:
        """Load the whole model of a finished run, in evaluation mode.

        Raises:
            DataError: the folder holds no finished model of this family, or weights that do not fit its card.
        """
        from skelact.models.card import CARD, CHECKSUM
        from skelact.models.pretrained import WEIGHTS, check_size, load_pretrained, read_weights
        from skelact.models.tensor_file import difference

        folder = Path(folder)
        pretrained = load_pretrained(folder)
        config, method = pretrained.card.get("config", {}), pretrained.card.get("method")
        if family_of(config) is not self:
            raise DataError(f"{folder}: {method} is no {self.name} method")
        if self.objective not in config:
            raise DataError(f"{folder}: holds an encoder alone, not the whole model of its pre-training")
        if CHECKSUM in pretrained.card:
            raise DataError(
                f"{folder}: a package, which keeps the encoder of a pre-training alone; give the run folder "
                "that it was made of"
            )
        types, weights = get_type_hints(self.settings), read_weights(folder)
        try:
            sizes, objective = (
                instantiate(types[table], config[table]) for table in ("model", self.objective)
            )
            encoder, clips = pretrained.encoder.config, pretrained.clips
            check_size(folder, self.num_parameters(encoder, sizes, objective), weights)
            model = self.model(encoder, sizes, objective, pretrained.topology, clips.stream)
        except (ConfigurationError, KeyError, TypeError) as error:
            raise DataError(f"{folder / CARD}: the card says what does not fit ({error})") from error
        problem = difference(weights.tensors, model.state_dict(), "the card says")
        if problem:
            raise DataError(f"{folder / WEIGHTS}: weights and card do not fit ({problem})")
        model.load_state_dict(weights.tensors)
        model.eval()
        return model


class _Masked(Family["MaskedModel"]):
    name, settings, objective, density_setting = "masked", MaskedRun, "objective", "objective.density"
    starts_from_weights, size_folder = True, "size"

    def model(
        self,
        encoder: EncoderConfig,
        sizes: MaskedSizes,
        objective: MaskedObjective,
        topology: Topology,
        stream: str,
    ) -> MaskedModel:
        from skelact.pretraining.masked.model import MaskedModel

        return MaskedModel(encoder, sizes.decoder(), objective)

    def num_parameters(self, encoder: EncoderConfig, sizes: MaskedSizes, objective: MaskedObjective) -> int:
        return encoder.num_parameters + sizes.decoder().num_parameters

    def task(self, model: MaskedModel, source: MixedSource) -> MaskedTask:
        from skelact.pretraining.masked.task import MaskedTask

        return MaskedTask(model, source)


class _Contrastive(Family["ContrastiveModel"]):
    name, settings, objective = "contrastive", ContrastiveRun, "contrast"
    density_setting = "contrast.detector.density"
    starts_from_weights, size_folder = False, "size-contrast"
    in_the_plane: ClassVar[Mapping[str, Any]] = {
        "clips": IN_THE_PLANE,
        "contrast": {"augmentation": {"rotation": False}},
    }

    def layers(self, size: str, own: Mapping[str, Any]) -> list[dict[str, Any]]:
        backbone = own.get("model", {}).get("backbone", ContrastiveSizes.backbone)
        sizes = _shipped(self.size_folder, size)
        of_backbone = sizes.pop("backbones")
        return [_shipped("backbone", backbone), sizes, of_backbone[backbone]]

    def clips(self, config: RunConfig) -> ClipSettings:
        """Return settings for joint positions: they are augmented before a stream is made of them."""
        return replace(config.clips, stream="joint")

    def model(
        self,
        encoder: EncoderConfig | STGCNConfig,
        sizes: ContrastiveSizes,
        objective: ContrastiveObjective,
        topology: Topology,
        stream: str,
    ) -> ContrastiveModel:
        from skelact.pretraining.contrastive.model import ContrastiveModel

        return ContrastiveModel(encoder, sizes.head, objective, topology, stream)

    def num_parameters(
        self, encoder: EncoderConfig | STGCNConfig, sizes: ContrastiveSizes, objective: ContrastiveObjective
    ) -> int:
        # encoder and head twice, for there is a momentum copy
        head = (encoder.width + sizes.head.width) * sizes.head.hidden
        projected = objective.detector.num_projected if objective.detector.kind == "density" else 0
        in_density = projected * encoder.width if objective.detector.source == "features" else 0
        return 2 * (encoder.num_parameters + head) + objective.bank * sizes.head.width + in_density

    def task(self, model: ContrastiveModel, source: MixedSource) -> ContrastiveTask:
        from skelact.pretraining.contrastive.task import ContrastiveTask

        return ContrastiveTask(model, source)


class _Distilled(Family["DistilledModel"]):
    name, settings, objective, density_setting = "distilled", DistilledRun, "distil", None
    starts_from_weights, size_folder = False, "size-distilled"

    def settle(self, settings: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
        typed, distil = own.get(self.objective, {}), dict(settings.get(self.objective, {}))
        depth = settings.get("model", {}).get("depth")
        if distil.get("target") == "regression" and isinstance(depth, int):
            distil.setdefault("target_blocks", max(1, min(DistilledObjective.target_blocks, depth)))
        while True:
            try:
                instantiate(DistilledObjective, distil)
            except NoEffectError as error:
                if error.name not in typed:
                    del distil[error.name]
                    continue
            except ConfigurationError:  # told when the run is made of it
                pass
            return {**settings, self.objective: distil}

    def clips(self, config: RunConfig) -> ClipSettings:
        """Return settings for joint positions: they are augmented before a stream is made of them."""
        return replace(config.clips, stream="joint")

    def model(
        self,
        encoder: TokenEncoderConfig,
        sizes: DistilledSizes,
        objective: DistilledObjective,
        topology: Topology,
        stream: str,
    ) -> DistilledModel:
        from skelact.pretraining.distilled.model import DistilledModel

        return DistilledModel(encoder, sizes.head, objective, topology, stream)

    def num_parameters(
        self, encoder: TokenEncoderConfig, sizes: DistilledSizes, objective: DistilledObjective
    ) -> int:
        # student and teacher, with a head each; a second one where hidden tokens have prototypes
        head, width = sizes.head, encoder.width
        if not objective.needs_teacher:
            return encoder.num_parameters
        of_class = head.num_parameters(width, has_prototypes=objective.class_target == "prototypes")
        has_two = objective.masked_weight > 0 and objective.target == "prototypes"
        of_heads = objective.needs_class_tokens * of_class + has_two * head.num_parameters(width)
        return 2 * (encoder.num_parameters + of_heads)

    def task(self, model: DistilledModel, source: MixedSource) -> DistilledTask:
        from skelact.pretraining.distilled.task import DistilledTask

        return DistilledTask(model, source)


MASKED, CONTRASTIVE, DISTILLED = _Masked(), _Contrastive(), _Distilled()
FAMILIES: Sequence[Family[Any]] = (MASKED, CONTRASTIVE, DISTILLED)
"""All families."""


@dataclass(frozen=True)
class Method:
    """A self-supervised method."""

    name: str
    """Its name, as ``--method`` takes it."""
    summary: str
    """What it does, in one line."""
    family: Family[Any]
    """The family it belongs to."""

    def settings(
        self, size: str = DEFAULT_SIZE, own: Mapping[str, Any] | None = None, *, flat: bool = False
    ) -> dict[str, Any]:
        """Return the method's settings in a size, overlaid by the user's own.

        Args:
            size: its name; families have sizes of the same names with numbers of their own.
            own: settings as a configuration file holds them.
            flat: whether positions are 2-D: they are not rotated in space, and made as large as an adult.

        Raises:
            ConfigurationError: no such size or backbone; the message names the closest.
        """
        own = {} if own is None else own
        if size not in (known := _names(self.family.size_folder)):
            raise ConfigurationError(f"method {self.name} has no size {size!r}{suggest(size, known)}")
        layers = self.family.layers(size, own) + ([dict(self.family.in_the_plane)] if flat else [])
        merged = merge(_shipped("pretrain", self.name), *layers, own, {"method": self.name, "size": size})
        return dict(self.family.settle(merged, own))

    def useful(
        self, size: str, own: Mapping[str, Any], droppable: Collection[str], *, flat: bool = False
    ) -> Mapping[str, Any]:
        """Return a user's settings without those that do nothing beside the others.

        Args:
            size: name of the size.
            own: as for :meth:`settings`; what is wrong with them is told by :meth:`run`.
            droppable: dotted names of those that may go.
            flat: as for :meth:`settings`.
        """
        while True:
            try:
                self.run(size, own, flat=flat)
            except IdleSettingError as error:
                if error.name not in droppable:
                    return own
                own = nested({name: value for name, value in flatten(own).items() if name != error.name})
            except ConfigurationError:
                return own
            else:
                return own

    def run(
        self, size: str = DEFAULT_SIZE, own: Mapping[str, Any] | None = None, *, flat: bool = False
    ) -> Run:
        """Return the configuration of a run with :meth:`settings`, whoever asks for it.

        Raises:
            ConfigurationError: an unknown setting, or a value that does not fit.
        """
        settings = self.settings(size, own, flat=flat)
        run: Run = instantiate(self.family.settings, settings, f"method {self.name}")
        shipped = merge(_shipped("pretrain", self.name), *self.family.layers(size, own or {}))
        refuse_without_effect(run, own or {}, shipped)
        return run


def methods() -> dict[str, Method]:
    """Return all methods by name: every shipped file of ``configs/pretrain``."""
    return dict(_methods())


@cache
def _methods() -> dict[str, Method]:
    found = {}
    for name in _names("pretrain"):
        content = named_config("pretrain", name)
        found[name] = Method(name, content[SUMMARY], family_of(content))
    return found


def sizes() -> dict[str, str]:
    """Return all sizes by name, each with what it is in one line."""
    found = {name: str(named_config("size", name)[SUMMARY]) for name in _names("size")}
    for name in found:
        having = [family.name for family in FAMILIES if name in _names(family.size_folder)]
        if len(having) < len(FAMILIES):
            found[name] += f" For {', '.join(having)} methods alone."
    return found


def find_method(name: str) -> Method:
    """Return the method of a name.

    Raises:
        ConfigurationError: there is none; the message names the closest.
    """
    known = _methods()
    if name not in known:
        raise ConfigurationError(f"no method {name!r}{suggest(name, known)}")
    return known[name]


def family_of(config: RunConfig | Mapping[str, Any]) -> Family[Any]:
    """Return the family whose run a configuration describes.

    Args:
        config: of a run, as an object or as files hold it. What says nothing of what is learned, as the card
            of an imported encoder, is taken for a masked method's, whose encoder it has.

    Raises:
        ConfigurationError: the object is named for a method of another family.
    """
    if isinstance(config, RunConfig):
        found = next(family for family in FAMILIES if isinstance(config, family.settings))
        known = _methods().get(config.method)
        if known is not None and known.family is not found:
            raise ConfigurationError(
                f"method is {config.method!r}, a {known.family.name} method, but the settings are those of a "
                f"{found.name} one"
            )
        return found
    return next((family for family in FAMILIES if family.objective in config), MASKED)


def family_of_card(card: Mapping[str, Any]) -> Family[Any]:
    """Return the family of the model that a card describes."""
    return family_of(card.get("config", {}))


def _names(kind: str) -> list[str]:
    folder = files("skelact") / "configs" / kind
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def _shipped(kind: str, name: str) -> dict[str, Any]:
    return {key: value for key, value in named_config(kind, name).items() if key != SUMMARY}

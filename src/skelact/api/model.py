"""A trained model in use: from positions to embeddings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from skelact.configuration import PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.models.fitting import check_store, conversion_for, conversion_told
from skelact.models.shipped import find_model, place_of_results, shipped_name
from skelact.recognition.answers import Prediction
from skelact.skeleton.main_bodies import crowd_in_order
from skelact.skeleton.sequence import FARTHEST, SkeletonSequence
from skelact.skeleton.topology import Topology
from skelact.skeleton.topology_file import find_topology, topology_argument
from skelact.skeleton.view import Axis, centre
from skelact.store.in_memory import store_in_memory
from skelact.store.store import Store

if TYPE_CHECKING:
    from skelact.models.fitting import Taker
    from skelact.models.pretrained import Pretrained
    from skelact.recognition.onnx_file import OnnxRecogniser
    from skelact.recognition.recogniser import Recogniser
    from skelact.recognition.stream import Stream

ONNX = ".onnx"
"""Ending of the files that ``skelact export`` writes."""
FASTEST = 1e6
"""Frames a second that no recording reaches."""
Positions = npt.NDArray[Any] | SkeletonSequence
Embeddings = npt.NDArray[np.float32]


class Model:
    """A trained encoder with all that is needed to use it: its skeleton, how its clips are made, its card.

    Made by :func:`skelact.load` and :func:`skelact.pretrain`. The networks are loaded when they are first
    needed.

    Args:
        run: the run folder, or the name of a shipped model.

    Example:
        >>> model = skelact.load("runs/a")
        >>> model.embed(positions).shape  # (T, V, C) metres
        (1, 256)
    """

    @checked_arguments
    def __init__(self, run: PathLike) -> None:
        self.run = find_model(run)
        """The run folder."""
        self.results = place_of_results(self.run)
        """Where results of evaluations go: the run folder; of a shipped model, a folder of its name."""

    def __repr__(self) -> str:
        return f"<Model {self.results}: {self.method}, {self.topology.name}>"

    def __str__(self) -> str:
        config = self.card.get("config", {})
        size, epochs = config.get("size", "-"), config.get("training", {}).get("epochs", "-")
        return f"{self.results}: {self.method} ({size}), {epochs} epochs"

    @cached_property
    def pretrained(self) -> Pretrained:
        """The encoder as evaluations take it.

        Raises:
            ConfigurationError: an ONNX file, whose encoder cannot be taken out.
        """
        if is_onnx(self.run):
            raise ConfigurationError(
                f"{self.run}: an ONNX file, which predicts and does nothing else; take the model that it was "
                "exported from"
            )
        from skelact.models.pretrained import load_pretrained

        return load_pretrained(self.run)

    @property
    def takes(self) -> Taker:
        """What it says of the recordings that it takes."""
        return self._exported or self.pretrained

    @cached_property
    def _exported(self) -> OnnxRecogniser | None:
        """The model of an ONNX file, for which PyTorch is not needed; None of a run folder."""
        if not is_onnx(self.run):
            return None
        from skelact.recognition.onnx_file import OnnxRecogniser

        return OnnxRecogniser.open(self.run)

    @property
    def encoder(self) -> Any:
        """The network, a ``torch.nn.Module``: (N, M, T, V, C) clips and (N, M) bodies present to features."""
        return self.pretrained.encoder

    @property
    def card(self) -> Mapping[str, Any]:
        """What the run's card says: method, configuration, data, versions."""
        return self.takes.card

    @property
    def method(self) -> str:
        """Name of the method that trained it."""
        return str(self.card.get("method", "unknown"))

    @property
    def name(self) -> str:
        """What results call it: the name of the shipped model whose encoder it has, or its method."""
        return shipped_name(self.card) or self.method

    @property
    def topology(self) -> Topology:
        """The skeleton that positions must have."""
        return self.takes.topology

    @cached_property
    def recogniser(self) -> Recogniser | OnnxRecogniser:
        """What tells the classes apart.

        Raises:
            ConfigurationError: the model knows no classes.
        """
        if self._exported is not None:
            return self._exported
        from skelact.recognition.recogniser import read_recogniser

        return read_recogniser(self.run, self.pretrained)

    @property
    def classes(self) -> list[str]:
        """Names of the classes that it recognises; none of an encoder alone."""
        from skelact.recognition.description import knows_classes

        if not knows_classes(self.card):
            return []
        names = self.recogniser.class_names
        return [names[number] for number in self.recogniser.about.taught]

    @checked_arguments
    def embed(
        self,
        positions: Positions | Sequence[Positions],
        *,
        fps: float | None = None,
        topology: Topology | PathLike | None = None,
    ) -> Embeddings:
        """Return an embedding of each recording: the mean of its features over bodies and time.

        It is the mean over joints, too, unless the encoder sets them side by side, as ``stjd-d`` and the
        encoders of the package do: D is then the joints times the width.

        A recording becomes a clip as in every evaluation: centred on the first body, the middle 95 % of its
        frames, resized to the clip's length, of the bodies that a clip holds; a warning tells where there are
        more. It gives what :meth:`embed_store` gives of the same recording in
        a store prepared with the defaults.

        Args:
            positions: one recording or a list of them, of any lengths: (T, V, C) of one body or (M, T, V, C)
                of several, in metres (2-D: pixels), the same axis up as in pre-training. NaN, or what a
                masked array masks, is a joint that was not seen; a body of which no joint was seen in a frame
                is absent there. Or a sequence, e.g. of :func:`skelact.from_xarray`. Of any skeleton, one in a
                list: an encoder that knows joints by their names takes it as it is, for others it is
                converted by its joints' names, and a warning tells which are missing.
            fps: frames a second, where known.
            topology: name of the skeleton of arrays, a .yaml file with one, or the skeleton; default: the
                model's.

        Returns:
            (N, D) float32.

        Raises:
            DataError: another number of joints or coordinates than the skeleton and the model have, or a
                recording in which nothing was seen; the message numbers or names it.
            ConfigurationError: no such skeleton, or one of which the model knows less than half of its
                joints; ``topology`` given for sequences, which tell it; or a rate that cannot be.
        """
        as_they_are = self.pretrained.knows_names
        return self.embed_store(
            self._in_memory(_listed(positions), fps, topology, "to embed", as_they_are)[0]
        )

    @overload
    def predict(
        self,
        positions: Positions,
        *,
        fps: float | None = ...,
        topology: Topology | PathLike | None = ...,
        top: int = ...,
        explain: bool = ...,
    ) -> Prediction: ...
    @overload
    def predict(
        self,
        positions: list[Positions],
        *,
        fps: float | None = ...,
        topology: Topology | PathLike | None = ...,
        top: int = ...,
        explain: bool = ...,
    ) -> list[Prediction]: ...
    @checked_arguments
    def predict(
        self,
        positions: Positions | list[Positions],
        *,
        fps: float | None = None,
        topology: Topology | PathLike | None = None,
        top: int = 3,
        explain: bool = False,
    ) -> Prediction | list[Prediction]:
        """Say what recordings show, of the classes that the model was taught.

        Args:
            positions: one recording or a list of them, as for :meth:`embed`. Other skeletons than the model's
                are converted, as files are, and a warning tells which joints are missing. The axis up is that
                of the recordings that taught the model.
            fps: frames a second, where known.
            topology: as of :meth:`embed`.
            top: classes to tell of each.
            explain: whether to tell, as ``explanation``, which limbs, joints and stretches of time carry the
                likeliest class.

        Returns:
            What a recording shows: ``label``, ``probability``, the classes after it in ``top``, whether it is
            ``unfamiliar``, its ``prime_joints``, and ``people``, the same one by one. For a list a list.

        Raises:
            ConfigurationError: as of :meth:`embed`; or a model that was not taught any classes, or a number
                below 1.
            DataError: as of :meth:`embed`.

        Example:
            >>> model = skelact.load("my-model")
            >>> model.predict(positions).label
            'wave'
        """
        from skelact.recognition.prediction import predict_store, taught_up

        recogniser = self.recogniser
        store, recorded = self._in_memory(
            _listed(positions), fps, topology, "to recognise", up=taught_up(recogniser)
        )
        check_store(self.takes, store)
        found = predict_store(recogniser, store, recorded, top=top)
        if explain:
            from skelact.recognition.occlusion import explain_all

            found = explain_all(recogniser, store, found)
        return found if isinstance(positions, list | tuple) else found[0]

    def stream(self, *, top: int = 3, **settings: Any) -> Stream:
        """Return what takes frames one by one and tells what begins, goes on and ends.

        Args:
            top: classes that events tell.
            settings: those of :class:`~skelact.recognition.stream_settings.StreamSettings`: ``window``
                (seconds looked at together), ``every`` (frames between decisions), ``begin`` and ``end``
                (probabilities at which an action begins and ends), ``smoothing``, ``gap``, ``together``.

        Raises:
            ConfigurationError: a model that was not taught any classes, or a setting that cannot be used.

        Example:
            >>> stream = skelact.load("my-model").stream(every=5)
            >>> stream.frame({"anna": positions}, fps=30)  # (V, C) metres
            []
        """
        from skelact.configuration import instantiate
        from skelact.recognition.stream import Stream
        from skelact.recognition.stream_settings import StreamSettings

        return Stream(self.recogniser, instantiate(StreamSettings, settings, "stream"), top=top)

    def _in_memory(
        self,
        recordings: list[Any],
        fps: float | None,
        topology: Topology | PathLike | None,
        what_for: str,
        as_they_are: bool = False,
        up: Axis | None = None,
    ) -> tuple[Store, Store]:
        """Return recordings as a store in the model's skeleton, and as they were recorded.

        The main people of each are first. With ``as_they_are`` no skeleton is converted; ``up`` goes before
        the encoder's axis.
        """
        if fps is not None and not 0 < fps < FASTEST:
            raise ConfigurationError(f"fps is {fps:g}, expected a number above 0 and below {FASTEST:,.0f}")
        if not recordings:
            raise DataError(f"no recording {what_for}; give an array (T, V, C) or a list of such")
        if topology is not None and not isinstance(topology, Topology):
            topology = find_topology(topology)
        sequences = [
            crowd_in_order(self._sequence(f"recording {number}", each, fps, topology))
            for number, each in enumerate(recordings)
        ]
        first = sequences[0].topology
        other = next((each for each in sequences if each.topology.joints != first.joints), None)
        if other is not None:
            raise DataError(
                f"{other.name}: joints of {other.topology.name}, and {sequences[0].name} has those of "
                f"{first.name}; give each skeleton on its own"
            )
        num_kept = self.takes.clips.max_bodies
        crowded = [sequence.name for sequence in sequences if sequence.num_bodies > num_kept]
        if crowded:
            warnings.warn(
                f"{len(crowded)} of {len(sequences)} recordings show more people than clips hold, "
                f"{num_kept}, e.g. {crowded[0]}; the first count, in a crowd those seen most and moving most",
                SkelactWarning,
                stacklevel=4,
            )
        sequences = list(map(centre, sequences))
        learned_from = self.card.get("positions", {})  # earlier versions did not say
        measures = up or learned_from.get("up"), learned_from.get("unit")
        recorded = store_in_memory(sequences, *measures)
        if as_they_are or first.joints == self.topology.joints:
            return recorded, recorded
        try:
            plan = conversion_for(self.takes, first)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{sequences[0].name}: {error}; take a model that learned from such skeletons"
            ) from error
        warnings.warn(conversion_told(plan), SkelactWarning, stacklevel=4)
        converted = list(map(plan.apply, sequences))
        lost = next((each.name for each in converted if not each.present.any()), None)
        if lost is not None:
            raise DataError(f"{lost}: no joint of {self.topology.name} in any frame; leave the recording out")
        return store_in_memory(list(map(centre, converted)), *measures), recorded

    def _sequence(
        self, name: str, positions: Positions, fps: float | None, given: Topology | None
    ) -> SkeletonSequence:
        topology = given or self.topology
        if isinstance(positions, SkeletonSequence):
            if given is not None:
                raise ConfigurationError(
                    f"{positions.name}: topology= says what skeleton an array has, and this is a sequence, "
                    "which tells it; leave it out"
                )
            name, fps, topology = positions.name, fps or positions.fps, positions.topology
            positions, given = positions.with_nan(), topology
        array = _numbers(name, positions)
        num_coordinates = self.takes.num_coordinates
        expected = f"(T, {topology.num_joints}, {num_coordinates}) or (M, T, ...) with the joints of "
        if array.ndim == 3:
            array = array[None]
        if array.ndim != 4 or array.shape[2:] != (topology.num_joints, num_coordinates):
            remedy = ""
            if given is None and array.ndim == 4 and array.shape[3] == num_coordinates:
                remedy = f"; of another skeleton say which: {topology_argument(array.shape[2])}"
            raise DataError(
                f"{name}: positions of shape {np.shape(positions)}, expected {expected}{topology.name}"
                f"{remedy}"
            )
        beyond = np.argwhere(np.abs(array) > FARTHEST)  # not NaN
        if len(beyond):
            body, frame, joint, _ = beyond[0].tolist()
            raise DataError(
                f"{name}: body {body}, frame {frame}, joint {joint} ({topology.joints[joint]}) lies at "
                f"{array[body, frame, joint].tolist()}, farther than {FARTHEST:,.0f} in any unit; write NaN "
                "where a joint was not seen"
            )
        seen = np.asarray(~np.isnan(array).any(3))  # (M, T, V)
        present = np.asarray(seen.any(2))
        bodies = np.asarray(present.any(1))
        if not bodies.any():
            raise DataError(f"{name}: no joint of any body was seen, so there is nothing to embed")
        return SkeletonSequence(
            name=name,
            positions=np.where(seen[..., None], array, 0)[bodies],
            present=present[bodies],
            joint_present=None if (seen | ~present[..., None]).all() else seen[bodies],
            topology=topology,
            fps=fps,
        )

    @checked_arguments
    def embed_store(
        self, store: Store | PathLike, indices: Sequence[int] | None = None, *, title: str = "embedding"
    ) -> Embeddings:
        """Return an embedding of each sequence of a store, in batches.

        Args:
            store: a store or its folder.
            indices: the sequences; default: all, in the store's order.
            title: what the progress line on a terminal calls it; empty for none.

        Returns:
            (N, D) float32.

        Raises:
            ConfigurationError: skeletons that the model does not know.
            DataError: no such store, or no such sequence.
        """
        from skelact.clips.source import ClipSource
        from skelact.evaluation.features import extract_features

        opened = store if isinstance(store, Store) else Store.open(store)
        pretrained = self.pretrained.fitted(opened.topology)
        pretrained.check(opened)
        chosen = np.arange(len(opened)) if indices is None else np.asarray(indices, np.int64)
        source = ClipSource(opened, pretrained.clips)
        features, _ = extract_features(pretrained.encoder, source, chosen, title=title)
        return features.numpy()


def is_onnx(path: Path) -> bool:
    """Tell whether a path is that of an exported model; a folder of any name is a run."""
    return path.suffix.lower() == ONNX and not path.is_dir()


def _listed(positions: Any) -> list[Any]:
    return list(positions) if isinstance(positions, list | tuple) else [positions]


@checked_arguments
def load(run: PathLike) -> Model:
    """Return the model of a finished run, or of ``skelact weights import``, or a shipped one.

    Args:
        run: the run folder, or a name, as ``universal-small``.

    Raises:
        DataError: the folder holds no finished model, or one that cannot be read.
    """
    model = Model(run)
    _ = model.takes  # a folder without a model is told now
    return model


Run = Model | str | Path
"""A model, its run folder, or the name of a shipped one."""


def as_model(model: Run) -> Model:
    """Return the model of a run folder, or the model itself."""
    return model if isinstance(model, Model) else load(model)


def as_taught(model: Run) -> Model:
    """Return the model itself, or that of a place which is expected to hold one that knows classes.

    Raises:
        DataError: there is nothing at the place.
    """
    if not isinstance(model, Model) and not find_model(model).exists():
        raise DataError(
            f"{model}: no such model; give a folder that 'skelact teach' or 'skelact package' wrote, or an "
            ".onnx file of 'skelact export'"
        )
    return as_model(model)


def _numbers(name: str, positions: Positions) -> npt.NDArray[np.float32]:
    """Return positions as an array, NaN where a masked one masks them.

    Raises:
        DataError: they are no array of real numbers.
    """
    remedy = "give (T, V, C) positions"
    try:
        array = positions if np.ma.isMaskedArray(positions) else np.asarray(positions)
        if array.dtype.kind not in "iufO":
            raise DataError(f"{name}: an array of {array.dtype}, not of real numbers; {remedy}")
        with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and refused later
            array = array.astype(np.float32)
        return array.filled(np.nan) if np.ma.isMaskedArray(array) else array
    except (TypeError, ValueError, RuntimeError) as error:  # the last of tensors that gradients flow to
        raise DataError(f"{name}: not an array of numbers ({error}); {remedy}") from error

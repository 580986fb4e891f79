"""What result files must hold, compared when they are read.

A key that may be missing is one that earlier versions, or some evaluations, did not write; there may be more.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from skelact.models.card import Count, LeftOutTable, Training, TrainingTable

Share = Annotated[float, Meta(ge=0, le=1)]
Weight = Annotated[float, Meta(gt=0, le=1e30)]
FileName = Annotated[str, Meta(pattern=r"^(?!\.\.?\Z)[^/\x00]{1,200}\Z")]
"""Stands for a file of the result's own folder, or in the name of one."""
Table = dict[str, Any]


class Subset(Struct):
    """Which sequences had labels."""

    num_sequences: Annotated[int, Meta(ge=1, le=1 << 50)]
    share: Annotated[float, Meta(gt=0, le=1)]
    seed: int | None
    hash: str


class EvaluationTable(Struct):
    """What is used of the settings of an evaluation."""

    seed: int | UnsetType = UNSET
    clips: Table | UnsetType | None = UNSET
    training: TrainingTable | UnsetType = UNSET
    members: list[Member] | UnsetType = UNSET
    weights: Annotated[list[Weight], Meta(min_length=1)] | UnsetType = UNSET


class MemberResult(Struct):
    """What a result of added scores says of one that was added."""

    evaluation: str
    trained: bool
    model: Training
    config: EvaluationTable
    subset: Subset | UnsetType | None = UNSET
    identity: str | UnsetType = UNSET
    seeds: list[int | str | None] | UnsetType = UNSET


class Member(Struct):
    """One of the results whose scores were added; the first versions told of its scores alone."""

    result: MemberResult | UnsetType = UNSET
    stream: str | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    scores_sha256: str | UnsetType = UNSET


class ScoresFile(Struct):
    """The class scores beside a result."""

    file: FileName
    sha256: str


class Fold(Struct):
    """What a result over several folds says of one."""

    num_test: Count


class ResultFile(Struct):
    """A result file, but for its numbers."""

    evaluation: FileName
    data_set: FileName
    data_hash: str
    protocol: FileName
    trained: bool
    model: Training
    config: EvaluationTable
    metrics: Table
    num_train: Count | UnsetType = UNSET
    num_test: Count | UnsetType = UNSET
    class_names: list[str] | UnsetType = UNSET
    subset: Subset | UnsetType | None = UNSET
    left_out: LeftOutTable | UnsetType = UNSET
    scores: ScoresFile | UnsetType = UNSET
    folds: list[Fold] | UnsetType = UNSET
    seconds: float | UnsetType = UNSET
    identity: str | UnsetType = UNSET
    seeds: list[int | str | None] | UnsetType = UNSET


class Sizes(Struct):
    """The numbers of sequences, which sums of scores and learning curves need."""

    num_train: Count
    num_test: Count


class Spread(Struct):
    """Standard deviations over folds."""

    top1: Share


class Accuracies(Struct):
    """The numbers of a classification."""

    top1: Share
    top5: Share | UnsetType | None = UNSET
    mean_class_accuracy: Share | UnsetType = UNSET
    per_class: list[Share | None] | UnsetType = UNSET
    confusion: list[list[Annotated[int, Meta(ge=0, le=1 << 31)]]] | UnsetType = UNSET
    spread: Spread | UnsetType = UNSET


class AtOverlaps(Struct):
    """A number for every overlap that counts as found; tables give that of 0.5."""

    half: Share = field(name="0.5")


class AveragePrecisions(Struct):
    """The numbers of a detection."""

    map_a: AtOverlaps
    map_v: AtOverlaps

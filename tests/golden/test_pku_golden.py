"""PKU-MMD: without centring and cut at 300 frames, the store holds the published system's arrays."""

from pathlib import Path

import numpy as np
import pytest

from skelact.store.prepare import PreparationResult, prepare
from skelact.store.protocols import split
from skelact.store.store import Store

PUBLISHED_LENGTH = 300


@pytest.fixture(scope="module", params=[1, 2])
def phase(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def outcome(phase: int, golden_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparationResult:
    return prepare(
        f"pku{phase}",
        golden_dir / "pku_synthetic",  # holds both phases
        tmp_path_factory.mktemp("pku") / "store",
        centred=False,
        num_workers=1,
        settings={"max_frames": PUBLISHED_LENGTH},
    )


def padded(store: Store, index: int) -> np.ndarray:
    """Return a sequence as rows of 150 numbers, two bodies, padded with zeros."""
    sequence = store.sequence(index)
    rows = np.zeros((PUBLISHED_LENGTH, 2, 75), np.float32)
    for body in range(sequence.num_bodies):
        rows[: sequence.num_frames, body] = sequence.positions[body].reshape(-1, 75)
    return rows.reshape(PUBLISHED_LENGTH, 150)


@pytest.mark.parametrize(("protocol", "published"), [("xsub", "XSub"), ("xview", "XView")])
def test_both_sides_equal_the_published_arrays(
    outcome: PreparationResult, phase: int, golden_dir: Path, protocol: str, published: str
) -> None:
    store = outcome.store
    golden = np.load(golden_dir / "pku_synthetic" / f"pkuv{phase}_{published}.npz")
    listing = {name[:-4]: place for place, name in enumerate(golden["listing_order"].tolist())}
    sides = split(store, protocol)
    for side, indices in (("train", sides.train), ("test", sides.test)):
        order = sorted(indices.tolist(), key=lambda index: (listing[store.names[index].split(".")[0]], index))
        np.testing.assert_array_equal(store.labels[order], golden[f"y_{side}"].argmax(1))
        np.testing.assert_array_equal([padded(store, index) for index in order], golden[f"x_{side}"])

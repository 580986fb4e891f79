"""Where the published numbers and real recordings are (tests skip where they are missing); a small store."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.convert import convert_store
from skelact.store.prepare import prepare
from skelact.store.store import Store
from skelact.store.writer import StoreWriter
from untrimmed_recordings import write_untrimmed

if "OMP_NUM_THREADS" not in os.environ:  # one each: tests run side by side, and their work is small
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start
    torch.set_num_threads(1)
# where this is set, every process that tests start would compile hundreds of modules again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs ../shared/{name} beside the project, which is not there")
    return folder


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Numbers computed with the published systems."""
    return _shared("golden")


@pytest.fixture(scope="session")
def shared_data_dir() -> Path:
    """Real recordings."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_cases_dir() -> Path:
    """Small inputs in the formats that people have."""
    return _shared("cases")


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Random NTU-25 sequences of 1 to 150 frames and 1 to 3 bodies, with gaps and frames without any body."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("small") / "store"
    with StoreWriter(
        path, data_set="random", topology=NTU_25, class_names=list("abcd"), fps=30.0, options={}
    ) as writer:
        for number, (num_frames, num_bodies) in enumerate(
            [(1, 1), (2, 2), (7, 1), (40, 2), (64, 1), (65, 2), (90, 3), (120, 1), (121, 2), (150, 2)]
        ):
            present = random.random((num_bodies, num_frames)) < 0.9
            present[0, 0] = True
            present[1:, : num_frames // 2] = False  # the others come late
            present[1:, -1] = True
            present[:, num_frames // 3 : num_frames // 3 + num_frames // 20] = False  # nobody is there
            steps = random.normal(scale=0.05, size=(num_bodies, num_frames, 25, 3))
            positions = (random.normal(size=(num_bodies, 1, 25, 3)) + steps.cumsum(1)).astype(np.float32)
            writer.add(
                SkeletonSequence(
                    name=f"sequence{number}",
                    positions=np.where(present[..., None, None], positions, 0).astype(np.float32),
                    present=present,
                    topology=NTU_25,
                    fps=30.0,
                    label=None if number == 9 else number % 4,
                    attributes={"subject": number % 3 + 1, "camera": number % 2 + 1},
                )
            )
        return writer.finish()


@pytest.fixture(scope="session")
def fixed_store(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The small store with 16-bit positions."""
    path = tmp_path_factory.mktemp("fixed") / "store"
    return convert_store(small_store, path, NTU_25, positions="int16").store


@pytest.fixture(scope="session")
def untrimmed_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Ten training and five test recordings of PKU-MMD's kind, each with six of four actions."""
    folder = tmp_path_factory.mktemp("untrimmed")
    write_untrimmed(folder / "raw", num_train=10, num_test=5, num_actions=6, seed=0)
    settings = {"untrimmed": True}
    return prepare("pku1", folder / "raw", folder / "store", num_workers=1, settings=settings).store


@pytest.fixture(params=["compiled", "tensors"])
def either_reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs twice: clips made by the compiled kernel, and by whole tensors as without numba."""
    from skelact.clips import body_frames  # here, for they are wanted by few tests
    from skelact.clips import kernel as clip_kernel

    kernel = clip_kernel.write_bodies if request.param == "compiled" else None
    monkeypatch.setattr(body_frames, "_kernel", lambda: kernel)


@pytest.fixture
def bfloat16_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in bfloat16 also where the processor has no instructions for it."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")


@pytest.fixture(scope="session")
def ntu_text() -> Callable[..., bytes]:
    """Write frames, each a list of (body id, (25, 3) positions), as an NTU RGB+D file."""

    def write(frames: Sequence[Sequence[tuple[int, np.ndarray]]], end: str = "\r\n") -> bytes:
        lines = [str(len(frames))]
        for bodies in frames:
            lines.append(str(len(bodies)))
            for body_id, joints in bodies:
                lines += [f"{body_id} 0 1 1 1 1 0 0.1 0.2 2", str(len(joints))]
                rest = "255.5 212 958.6 539.9 0.1 0.9 0.02 0.3 2"
                lines += [f"{x:.9g} {y:.9g} {z:.9g} {rest}" for x, y, z in joints.tolist()]
        return (end.join(lines) + end).encode()

    return write


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many damaged files the readers met."""
    counts = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for key, value in report.user_properties
        if key == "fuzz_cases"
    ]
    if counts:
        terminalreporter.write_line(f"damaged files that the readers met: {sum(counts):,}")


@pytest.fixture(autouse=True)
def _same_random_numbers_every_time() -> None:
    """Seed torch, so that a test that draws without a generator of its own draws the same each time."""
    torch.manual_seed(0)

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.formats.intervals import ActionInterval, read_intervals
from skelact.store.prepare import PreparationResult, prepare
from skelact.store.protocols import split
from skelact.store.verify import compare_counts, find_problems

SPLIT = "Training videos:\r\n0001-L,0002-M\r\n\r\nValidataion videos:\r\n0001-R\r\n"


def frames_of(name: str, num_frames: int) -> np.ndarray:
    """(num_frames, 150); body 1 is lost in frames 10 to 19, body 2 is there from frame 30 on."""
    random = np.random.default_rng(list(name.encode()))
    frames = random.normal(size=(num_frames, 150)).round(4)
    frames[10:20, :75] = 0
    frames[:30, 75:] = 0
    return frames


def write(path: Path, frames: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(" ".join(map(str, row)) + "\n" for row in frames.tolist()))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of phase I as it is published."""
    folder = tmp_path_factory.mktemp("data") / "pku_raw" / "v1"
    for name, num_frames in (("0001-L", 400), ("0001-R", 60), ("0002-M", 50), ("0003-L", 20), ("0004-L", 20)):
        write(folder / "skeleton" / f"{name}.txt", frames_of(name, num_frames))
    labels = folder / "label"
    labels.mkdir()
    (labels / "0001-L.txt").write_text(
        "6,0,350,2\n7,10,20,2\n8,15,35,1\n"
    )  # long; all zero; starts with nobody
    (labels / "0001-R.txt").write_bytes(b"51, 5, 500, 2\r\n9,60,70,2")  # beyond the end; behind the end
    (labels / "0002-M.txt").write_text("2,31,40,2")
    (labels / "0003-L.txt").write_text("what?")
    (labels / "0009-L.txt").write_text("1,0,9,2")  # no recording
    (folder / "cross-subject.txt").write_text(SPLIT)
    (folder / "cross_view.txt").write_text(SPLIT.replace("0001-L,", "0001-R, 0007-R, "))
    return folder


@pytest.fixture(scope="module")
def outcome(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparationResult:
    return prepare("pku1", raw.parent, tmp_path_factory.mktemp("stores") / "store", num_workers=1)


def test_every_interval_is_a_sequence_or_accounted_for(outcome: PreparationResult) -> None:
    assert outcome.store.names == ["0001-L.001", "0001-L.003", "0001-R.001", "0002-M.001"]
    assert {(entry.file, entry.reason, entry.place) for entry in outcome.exclusions} == {
        ("v1/skeleton/0001-L.txt", "all joints zero", "0001-L.002"),
        ("v1/skeleton/0001-R.txt", "an interval outside the recording", "0001-R.002"),
        ("v1/label/0003-L.txt", "malformed file", "line 1"),
        ("v1/label/0009-L.txt", "labels without a recording", ""),
        ("v1/skeleton/0003-L.txt", "no usable label file", ""),
        ("v1/skeleton/0004-L.txt", "no usable label file", ""),
    }
    assert find_problems(outcome.store) == []
    assert compare_counts(outcome.store) == (["pku1 has no published counts"], [])


def test_sequences_keep_recording_interval_and_all_frames(outcome: PreparationResult) -> None:
    store = outcome.store
    long, late, cut, _ = (store.sequence(index) for index in range(4))
    assert (long.num_frames, late.num_frames, cut.num_frames) == (350, 20, 55)
    assert (long.label, late.label, cut.label) == (5, 7, 50)
    names = store.attribute_values("recording")
    assert names == ["0001-L", "0001-R", "0002-M", "0003-L", "0004-L"]
    assert cut.attributes == {"recording": 1, "camera": 2, "start": 5, "end": 500}
    assert store.attribute_values("camera") == ["L", "M", "R"]
    assert late.present.tolist() == [[False] * 5 + [True] * 15, [False] * 15 + [True] * 5]


def test_the_origin_is_the_first_body_where_it_first_is(
    outcome: PreparationResult, raw: Path, tmp_path: Path
) -> None:
    late = outcome.store.sequence(1)
    frames = frames_of("0001-L", 400).astype(np.float32)[15:35].reshape(20, 2, 25, 3)
    np.testing.assert_allclose(late.positions[0, 5:], frames[5:, 0] - frames[5, 0, 1], atol=1e-6)
    np.testing.assert_allclose(late.positions[1, 15:], frames[15:, 1] - frames[5, 0, 1], atol=1e-6)
    plain = prepare("pku1", raw, tmp_path / "store", num_workers=1, centred=False).store
    np.testing.assert_array_equal(plain.sequence(1).positions[0], frames[:, 0])


def test_protocols_come_from_the_split_files(outcome: PreparationResult) -> None:
    xsub, xview = split(outcome.store, "xsub"), split(outcome.store, "xview")
    assert (xsub.train.tolist(), xsub.test.tolist()) == ([0, 1, 3], [2])
    assert (xview.train.tolist(), xview.test.tolist()) == ([2, 3], [0, 1])
    assert outcome.remarks == ["xview: 1 of 3 training recordings are not there"]


def test_cut_sequences(raw: Path, tmp_path: Path) -> None:
    store = prepare("pku1", raw, tmp_path / "store", num_workers=1, settings={"max_frames": 12}).store
    assert store.array("num_frames").tolist() == [12, 12, 12, 9]
    assert store.meta["options"]["max_frames"] == 12


def test_untrimmed_recordings_with_their_intervals(raw: Path, tmp_path: Path) -> None:
    store = prepare("pku1", raw, tmp_path / "store", num_workers=1, settings={"untrimmed": True}).store
    assert store.names == ["0001-L", "0001-R", "0002-M"]
    assert store.array("num_frames").tolist() == [400, 60, 50]
    assert store.labels.tolist() == [-1, -1, -1]
    assert read_intervals(str(store.path)) == [
        ActionInterval("0001-L", 5, 0, 350),
        ActionInterval("0001-L", 6, 10, 20),
        ActionInterval("0001-L", 7, 15, 35),
        ActionInterval("0001-R", 50, 5, 500),
        ActionInterval("0001-R", 8, 60, 70),
        ActionInterval("0002-M", 1, 31, 40),
    ]
    assert split(store, "xsub").train.tolist() == [0, 2]
    assert find_problems(store) == []


def test_a_trimmed_store_has_no_intervals(outcome: PreparationResult) -> None:
    with pytest.raises(DataError, match=r"no intervals\.csv; prepare the recordings with --untrimmed"):
        read_intervals(outcome.store.path)


def test_archives_beside_split_files(raw: Path, tmp_path: Path, outcome: PreparationResult) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    for archive, folder in (("PKU_Skeleton_Renew.zip", "skeleton"), ("Train_Label_PKU_final.zip", "label")):
        with ZipFile(packed / archive, "w") as file:
            for path in (raw / folder).iterdir():
                file.write(path, path.name)
    for name in ("cross-subject.txt", "cross_view.txt"):
        (packed / name).write_bytes((raw / name).read_bytes())
    store = prepare("pku1", packed, tmp_path / "store", num_workers=2).store
    assert store.meta["arrays"] == outcome.store.meta["arrays"]
    assert store.meta["protocols"] == outcome.store.meta["protocols"]


def test_without_split_files_the_store_says_so(raw: Path, tmp_path: Path) -> None:
    for folder in ("skeleton", "label"):
        (tmp_path / "raw" / folder).mkdir(parents=True)
        (tmp_path / "raw" / folder / "0002-M.txt").write_bytes((raw / folder / "0002-M.txt").read_bytes())
    (tmp_path / "raw" / "cross_view.txt").write_text("nothing\n")
    outcome = prepare("pku1", tmp_path / "raw", tmp_path / "store", num_workers=1)
    first, second = outcome.remarks
    assert first == "no cross_subject.txt among the files, so the store has no xsub"
    assert second.startswith("cross_view.txt: line 2: no names")
    assert second.endswith("the store has no xview")
    with pytest.raises(ConfigurationError, match="split files"):
        split(outcome.store, "xsub")


def test_no_labels_at_all(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"5 recordings of pku1 but no label file; expected .*0001-L\.txt"):
        prepare("pku1", raw / "skeleton", tmp_path / "store")
    with pytest.raises(DataError, match="no recording of pku2"):
        prepare("pku2", raw, tmp_path / "store")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_frames": 0}, "--max-frames is 0; expected 1 or more"),
        ({"max_frames": 300, "untrimmed": True}, "leave it out with --untrimmed"),
        ({"manifest": "x"}, "--manifest means nothing to pku1"),
    ],
)
def test_settings_that_cannot_be(
    raw: Path, tmp_path: Path, settings: dict[str, object], expected: str
) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        prepare("pku1", raw, tmp_path / "store", settings=settings)

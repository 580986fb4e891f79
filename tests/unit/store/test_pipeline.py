from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from killed_preparation import digests
from skelact.errors import ConfigurationError, DataError
from skelact.formats.exclusions import Exclusion, count_by_reason, read_exclusions, to_csv
from skelact.store.prepare import Progress, prepare
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.store.verify import compare_counts, find_problems
from skelact.synthetic import write_data_set

Writer = Callable[..., bytes]


@pytest.fixture(scope="module")
def raw(ntu_text: Writer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 good NTU-60 recordings in two folders, and six files that are none."""
    folder = tmp_path_factory.mktemp("raw")
    random = np.random.default_rng(0)
    standing = np.linspace(0, 1.7, 25)[:, None] * [0, 1, 0]
    for number in range(50):
        frames = []
        for frame in range(20):
            bodies = [(7, standing + random.normal(scale=0.1, size=(25, 3)))]
            if number % 3 == 0 and frame > 3:
                bodies.append((8, standing + random.normal(scale=0.1, size=(25, 3))))
            frames.append(bodies)
        camera, performer, action = number % 3 + 1, number % 40 + 1, number + 1
        name = f"S{number % 17 + 1:03}C{camera:03}P{performer:03}R002A{action:03}.skeleton"
        path = folder / f"part{number % 2}" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(ntu_text(frames))
    good = ntu_text([[(7, np.ones((25, 3)))]])
    (folder / "S001C001P001R003A001.skeleton").write_bytes(good[:500])  # cut short
    (folder / "S001C002P005R002A008.skeleton").write_bytes(good)  # listed as missing
    (folder / "S020C001P050R001A001.skeleton").write_bytes(good)  # of the other half
    (folder / "copy of S001.skeleton").write_bytes(good)
    (folder / "S001C001P001R002A001.skeleton").write_bytes(good)  # there already, in part0
    (folder / "readme.txt").write_bytes(b"hello")
    return folder


@pytest.fixture(scope="module")
def store(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return prepare("ntu60", raw, tmp_path_factory.mktemp("stores") / "store", num_workers=1).store


def test_every_file_is_used_or_accounted_for(store: Store) -> None:
    exclusions = read_exclusions(str(store.path))
    assert len(store) == 50
    assert {entry.file: entry.reason for entry in exclusions} == {
        "S001C001P001R003A001.skeleton": "malformed file",
        "S001C002P005R002A008.skeleton": "listed as missing or incomplete",
        "S020C001P050R001A001.skeleton": "not part of ntu60",
        "copy of S001.skeleton": "name not in the form SsssCcccPpppRrrrAaaa",
        "part0/S001C001P001R002A001.skeleton": "a recording of this name came before",
        "readme.txt": "not a .skeleton file",
    }
    assert exclusions[0].place.startswith("line ")
    assert sum(count_by_reason(exclusions).values()) == 6


def test_sequences_stand_in_the_order_of_their_names(store: Store) -> None:
    assert store.names == sorted(store.names)


def test_sequences_carry_what_their_names_say(store: Store) -> None:
    sequence = store.sequence(store.names.index("S004C001P004R002A004"))
    assert sequence.label == 3
    assert sequence.attributes == {"subject": 4, "camera": 1, "setup": 4, "replication": 2}
    assert sequence.num_bodies == 2
    np.testing.assert_array_equal(sequence.positions[0, 0, 1], 0)  # centred
    assert store.meta["options"] == {"centred": True, "cleaning": 1}
    assert (store.data_set, store.fps, store.topology.name) == ("ntu60", 30.0, "ntu-25")


def test_synthetic_recordings_are_read_as_ntu60_and_called_synthetic(tmp_path: Path) -> None:
    write_data_set(tmp_path / "raw", sequences=8, seed=0)
    synthetic, ntu = (
        prepare(name, tmp_path / "raw", tmp_path / name, num_workers=1).store
        for name in ("synthetic", "ntu60")
    )
    assert repr(synthetic).startswith("Store(synthetic, 8 sequences, ")
    assert synthetic.meta["arrays"] == ntu.meta["arrays"]
    for protocol in ("xsub", "xview"):
        mine, theirs = split(synthetic, protocol), split(ntu, protocol)
        np.testing.assert_array_equal(mine.train, theirs.train)
        np.testing.assert_array_equal(mine.test, theirs.test)
    assert compare_counts(synthetic) == (["synthetic has no published counts"], [])


def test_the_number_of_workers_changes_no_byte(raw: Path, store: Store, tmp_path: Path) -> None:
    for num_workers in (2, 3):
        again = prepare("ntu60", raw, tmp_path / f"{num_workers}", num_workers=num_workers).store
        assert digests(again.path) == digests(store.path)


def test_without_centring_positions_stay(raw: Path, tmp_path: Path, store: Store) -> None:
    plain = prepare("ntu60", raw, tmp_path / "store", centred=False, num_workers=1).store
    assert plain.content_hash != store.content_hash
    moved, still = store.sequence(5), plain.sequence(5)
    shift = still.positions[0, 0, 1]
    np.testing.assert_array_equal(
        np.where(still.present[..., None, None], still.positions - shift, 0), moved.positions
    )


def test_progress_ends_at_the_total(raw: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    prepare("ntu60", raw, tmp_path / "store", num_workers=1, on_progress=seen.append)
    assert seen[-1] == Progress(51, 51, 6)
    assert [progress.done for progress in seen] == [16, 32, 48, 51]


def test_strict_stops_and_leaves_no_store(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"S001C001P001R003A001\.skeleton: line .*stopped by --strict"):
        prepare("ntu60", raw, tmp_path / "store", num_workers=2, strict=True)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_store_is_replaced_only_on_request(raw: Path, tmp_path: Path) -> None:
    path = tmp_path / "store"
    first = prepare("ntu60", raw, path, num_workers=1, centred=False).store
    with pytest.raises(DataError, match="exists already"):
        prepare("ntu60", raw, path, num_workers=1)
    with pytest.raises(DataError, match="stopped"):  # a failure keeps the old store
        prepare("ntu60", raw, path, num_workers=1, overwrite=True, strict=True)
    assert Store.open(path).content_hash == first.content_hash
    second = prepare("ntu60", raw, path, num_workers=1, overwrite=True).store
    assert Store.open(path).content_hash == second.content_hash != first.content_hash
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_a_folder_that_is_no_store_is_never_overwritten(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match="exists already and is no store"):
        prepare("ntu60", raw, tmp_path / "photos", num_workers=1, overwrite=True)


def test_workers_below_one_are_refused(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--workers is 0; expected 1 or more"):
        prepare("ntu60", raw, tmp_path / "store", num_workers=0)


def test_the_store_is_sound(store: Store) -> None:
    assert find_problems(store) == []
    assert compare_counts(store) == (
        ["50 of the 56,578 sequences of the complete data set, so split counts were not compared"],
        [],
    )


def test_accounts_survive_commas_and_quotes(tmp_path: Path) -> None:
    entries = [Exclusion("b.txt", "reason", "line 2", 'found "x, y"'), Exclusion("a, b.txt", "other")]
    (tmp_path / "excluded.csv").write_text(to_csv(entries))
    assert read_exclusions(tmp_path) == sorted(entries, key=lambda entry: entry.file)


def test_synthetic_recordings_go_the_whole_way(tmp_path: Path) -> None:
    from skelact.synthetic import write_data_set

    write_data_set(tmp_path / "raw", sequences=40, seed=3)
    outcome = prepare("ntu120", tmp_path / "raw", tmp_path / "store", num_workers=1)
    assert len(outcome.store) >= 38
    assert find_problems(outcome.store) == []
    split(outcome.store, "xsub")


def test_the_real_msr_recordings_make_566_sequences(shared_data_dir: Path, tmp_path: Path) -> None:
    outcome = prepare(
        "msr-action3d", shared_data_dir / "msr_action3d.tar.xz", tmp_path / "store", num_workers=1
    )
    store = outcome.store
    assert len(store) == 566
    assert [entry.file for entry in outcome.exclusions] == ["a13_s09_e02_skeleton3D.txt"]
    assert compare_counts(store)[1] == find_problems(store) == []
    sides = split(store, "xsub")
    assert (len(sides.train), len(sides.test)) == (291, 275)
    assert set(np.unique(store.attribute("subject")[sides.train])) == {1, 3, 5, 7, 9}
    lengths = np.diff(store.array("frame_start"))
    assert (lengths.min(), lengths.max()) == (9, 196)


@pytest.mark.slow
def test_the_real_recordings_of_nw_ucla(shared_data_dir: Path, tmp_path: Path) -> None:
    outcome = prepare("nw-ucla", shared_data_dir / "nw_ucla.tar.xz", tmp_path / "store", num_workers=1)
    store = outcome.store
    assert (len(store), outcome.exclusions) == (1484, [])
    assert compare_counts(store) == (
        [
            "all 1,484 sequences of the data set are there",
            "xview: 1,020 training and 464 test sequences, as published",
        ],
        [],
    )
    assert find_problems(store) == []
    sides = split(store, "xview")
    assert set(np.unique(store.attribute("camera")[sides.test])) == {3}
    lengths = store.array("num_frames")
    assert lengths[store.names.index("a02_s09_e04_v02")] == 1
    assert (lengths.min(), lengths.max()) == (1, 201)


def test_the_real_recordings_of_sbu(shared_data_dir: Path, tmp_path: Path) -> None:
    outcome = prepare("sbu", shared_data_dir / "sbu.tar.xz", tmp_path / "store", num_workers=1)
    store = outcome.store
    assert (len(store), outcome.exclusions) == (282, [])
    assert compare_counts(store)[1] == find_problems(store) == []
    assert store.array("num_bodies").tolist() == [2] * 282
    sides = [split(store, f"fold{number}") for number in range(1, 6)]
    assert [len(side.test) for side in sides] == [55, 52, 56, 54, 65]
    assert sorted(np.concatenate([side.test for side in sides])) == list(range(282))

"""The data set: determinism, growth, names, and both sides of every protocol."""

from collections import Counter
from pathlib import Path

from skelact import formats
from skelact.formats.ntu import parse_name
from skelact.synthetic import ACTION_NAMES, format_name, recording_name, write_data_set
from skelact.synthetic.recording import TEST_PERFORMERS, TRAIN_PERFORMERS, max_sequences

ACTIONS = list(ACTION_NAMES)


def test_the_same_seed_gives_the_same_bytes_and_a_larger_set_begins_with_the_smaller(tmp_path: Path) -> None:
    few = write_data_set(str(tmp_path / "few"), sequences=5, seed=3)
    more = write_data_set(tmp_path / "more", sequences=8, seed=3)
    others = write_data_set(tmp_path / "others", sequences=5, seed=4)
    assert [path.name for path in few] == [path.name for path in more[:5]]
    assert [path.read_bytes() for path in few] == [path.read_bytes() for path in more[:5]]
    assert all(one.read_bytes() != other.read_bytes() for one, other in zip(few, others, strict=True))
    assert sorted(more) == sorted((tmp_path / "more").iterdir())


def test_chosen_actions_take_turns(tmp_path: Path) -> None:
    files = write_data_set(tmp_path, sequences=6, seed=0, actions=["A010", "A058"])
    assert [parse_name(path.stem).action for path in files] == [10, 58] * 3


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    write_data_set(tmp_path, sequences=3, seed=0, on_progress=told.append)
    assert told == [1, 2, 3]


def test_names_differ_up_to_the_limit() -> None:
    limit = max_sequences(2)
    assert len({recording_name(index, (1, 6)) for index in range(limit)}) == limit
    name = recording_name(0, ACTIONS)
    assert parse_name(format_name(name)) == name


def test_no_name_is_on_the_published_list_of_bad_recordings() -> None:
    bad = set((Path(formats.__file__).parent / "ntu_missing.txt").read_text().split())
    assert len(bad) >= 302
    names = {format_name(recording_name(index, ACTIONS)) for index in range(max_sequences(len(ACTIONS)))}
    assert not names & bad


def test_every_action_soon_meets_both_sides_of_every_protocol() -> None:
    names = [recording_name(index, ACTIONS) for index in range(8 * len(ACTIONS))]
    for action in ACTIONS:
        own = [name for name in names if name.action == action]
        assert len(own) == 8
        assert Counter(name.performer in TRAIN_PERFORMERS for name in own) == {True: 4, False: 4}
        assert {name.camera == 1 for name in own} == {True, False}
        assert {name.setup % 2 for name in own} == {0, 1}


def test_people_cameras_and_setups_are_spread() -> None:
    names = [recording_name(index, ACTIONS) for index in range(1240)]
    assert {name.performer for name in names} == {*TRAIN_PERFORMERS, *TEST_PERFORMERS} == {*range(1, 41)}
    assert {name.setup for name in names} == {*range(1, 18)}
    cells = Counter((name.performer in TRAIN_PERFORMERS, name.camera, name.replication) for name in names)
    assert len(cells) == 12
    assert min(cells.values()) > 60

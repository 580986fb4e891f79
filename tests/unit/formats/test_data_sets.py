import pytest

from skelact.errors import ConfigurationError
from skelact.formats.known import data_sets, find_data_set
from skelact.formats.ntu import ntu_missing


def test_class_names() -> None:
    classes = {name: data_set.class_names or () for name, data_set in data_sets().items()}
    sizes = {"ntu60": 60, "ntu120": 120, "msr-action3d": 20, "nw-ucla": 10, "sbu": 8, "pku1": 51, "pku2": 51}
    assert {name: len(classes[name]) for name in sizes} == sizes
    for names in classes.values():
        assert len(set(names)) == len(names)
    names = find_data_set("ntu120").class_names
    assert names[0] == "drink water"
    assert names[7] == "sit down"
    assert names[49] == "punch or slap"
    assert names[59] == "walking apart"
    assert names[119] == "rock-paper-scissors"
    names = find_data_set("pku1").class_names
    assert names is not None
    assert [names[action - 1] for action in (1, 14, 51)] == ["bow", "shaking hands", "writing"]


def test_every_data_set_says_what_it_is_in_one_line() -> None:
    summaries = {name: data_set.summary for name, data_set in data_sets().items()}
    assert summaries["ntu60"] == "NTU RGB+D 60: .skeleton files, in folders or the released archives"
    assert len(set(summaries.values())) == len(summaries)
    for name, summary in summaries.items():
        assert data_sets()[name].suffix in summary or name.startswith("pku") or name == "pose-json"
        assert summary.isprintable()
        assert len(summary) <= 90


def test_missing_skeletons() -> None:
    assert len(ntu_missing()) == 535
    assert len(find_data_set("ntu120").missing) == 535
    assert len(find_data_set("ntu60").missing) == 302
    assert "S001C002P005R002A008" in find_data_set("ntu60").missing


def test_complete_sizes_are_all_files_less_the_missing() -> None:
    assert find_data_set("ntu60").num_sequences == 56_880 - 302
    assert find_data_set("ntu120").num_sequences == 56_880 + 57_600 - 535


@pytest.mark.parametrize(
    ("data_set", "name", "expected"),
    [
        ("ntu60", "S017C001P001R001A060", True),
        ("ntu60", "S018C001P001R001A001", False),
        ("ntu60", "S001C001P001R001A061", False),
        ("ntu120", "S032C001P001R001A120", True),
        ("ntu120", "S033C001P001R001A001", False),
        ("msr-action3d", "a20_s10_e03_skeleton3D", True),
        ("msr-action3d", "a21_s10_e03_skeleton3D", False),
    ],
)
def test_which_recordings_belong(data_set: str, name: str, expected: bool) -> None:
    assert find_data_set(data_set).is_member(name) is expected


def test_unknown_data_set() -> None:
    with pytest.raises(ConfigurationError, match=r"no data set 'ntu-60' \(did you mean 'ntu60'\?\)"):
        find_data_set("ntu-60")

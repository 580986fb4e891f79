import pytest

from skelact.formats.bandai_namco import CONTENTS, STYLES, TOPOLOGY, BandaiNamcoName, parse_name
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.known import find_data_set
from skelact.store.protocols import find_protocol


def test_name() -> None:
    facts = parse_name("dataset-2_walk-turn-left_elderly_012")
    assert facts == BandaiNamcoName(CONTENTS.index("walk-turn-left"), STYLES.index("elderly"))


@pytest.mark.parametrize(
    "name",
    ["dataset-1_walk_active_001", "dataset-2_swim_active_001", "dataset-2_walk_tired_001", "walk", ""],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnusableRecordingError, match="expected a content and a style"):
        parse_name(name)


def test_styles_split_into_the_two_sides() -> None:
    protocol = find_protocol("bandai-namco-2", "xstyle")
    assert protocol.attribute == "style"
    assert protocol.test is not None
    assert [STYLES[style] for style in protocol.train] == ["active", "masculine", "normal", "youthful"]
    assert [STYLES[style] for style in protocol.test] == ["elderly", "exhausted", "feminine"]


def test_the_data_set_has_ten_classes_and_21_joints() -> None:
    data_set = find_data_set("bandai-namco-2")
    assert data_set.class_names is not None
    assert len(data_set.class_names) == 10
    assert TOPOLOGY.num_joints == 21
    assert [TOPOLOGY.joints[left][:-2] for left, _ in TOPOLOGY.pairs] == [
        TOPOLOGY.joints[right][:-2] for _, right in TOPOLOGY.pairs
    ]

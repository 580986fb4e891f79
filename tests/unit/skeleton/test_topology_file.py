from pathlib import Path

from skelact.skeleton.tables import NTU_25
from skelact.skeleton.topology import Topology
from skelact.skeleton.topology_file import find_topology, load_topology

RIG = """
name: my-rig
joints: [hand_left, hips, spine, hand_right]
parents: {spine: hips, hand_left: spine, hand_right: spine}
"""


def test_a_topology_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text(RIG + "pairs: [[hand_left, hand_right]]\ncentre: spine\n")
    expected = Topology(
        "my-rig", ("hand_left", "hips", "spine", "hand_right"), (2, 1, 1, 2), ((0, 3),), centre=2
    )
    assert load_topology(path) == expected
    assert load_topology(str(path)) == find_topology(path) == find_topology(str(path)) == expected


def test_pairs_and_centre_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rig.yml"
    path.write_text(RIG)
    assert load_topology(path).pairs == ()
    assert load_topology(path).centre == 1  # the root


def test_a_known_name() -> None:
    assert find_topology("ntu-25") is NTU_25

"""Pose-JSON: what a file says, and where it says something else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact import check
from skelact.formats import pose_json
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.pose_json import LOOKS_FLAT, read_pose_json
from skelact.skeleton.tables import COCO_17
from skelact.store.prepare import prepare

RIG = {
    "joints": ["hips", "head", "left", "right"],
    "parents": {"head": "hips", "left": "head", "right": "head"},
    "pairs": [["left", "right"]],
    "centre": "head",
}


def table(**other: Any) -> dict[str, Any]:
    positions = np.random.default_rng(0).normal(size=(3, 4, 3)).round(3).tolist()
    return {
        "topology": RIG,
        "fps": 25,
        "label": "wave",
        "subject": 3,
        "bodies": [{"positions": positions}],
    } | other


def body(positions: Any, confidence: Any = None) -> list[dict[str, Any]]:
    return [{"positions": positions, "confidence": confidence}]


def read(content: object, **options: Any) -> Any:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_pose_json("folder/a.json", "a", data, **options)


def test_a_file_becomes_a_sequence() -> None:
    raw = table()
    pose = read(raw)
    sequence = pose.sequence
    np.testing.assert_array_equal(sequence.positions[0], np.float32(raw["bodies"][0]["positions"]))
    assert sequence.present.all()
    assert sequence.joint_present is None
    assert (sequence.name, sequence.fps, sequence.label) == ("a", 25.0, None)
    assert (sequence.attributes, pose.names) == ({"subject": 3}, {"label": "wave"})
    topology = sequence.topology
    assert (topology.name, topology.joints, topology.parents) == ("own", tuple(RIG["joints"]), (0, 0, 1, 1))
    assert (topology.pairs, topology.centre) == (((2, 3),), 1)


def test_what_was_not_seen() -> None:
    joint = [1.0, 2.0, 3.0]
    positions = [[joint, joint, None, joint], None, [joint] * 4, [joint] * 4]
    confidence = [[0.9, 0.9, 0.9, 0.2], None, [0, None, 0.9, 0.9], [0, 0, 0, 0]]
    for options, seen in (({}, [1, 1, 0, 1]), ({"min_confidence": 0.5}, [1, 1, 0, 0])):
        sequence = read(table(bodies=body(positions, confidence)), **options).sequence
        assert sequence.present.tolist() == [[True, False, True, False]]
        assert sequence.joint_present[0].astype(int).tolist() == [seen, [0] * 4, [0, 0, 1, 1], [0] * 4]
        assert not sequence.positions[~sequence.joint_present].any()
        assert (sequence.positions[sequence.joint_present] == joint).all()


@pytest.mark.parametrize(("unit", "metres"), [("m", 2.0), ("cm", 0.02), ("mm", 0.002), (None, 2.0)])
def test_units(unit: str | None, metres: float) -> None:
    sequence = read(table(unit=unit, bodies=body([[[2.0, 2, 2]] * 4]))).sequence
    np.testing.assert_allclose(sequence.positions, metres, rtol=1e-6)


def test_a_known_skeleton_in_pixels_and_a_default_one() -> None:
    flat = {"unit": "pixel", "bodies": body([[[5, 6]] * 17])}
    assert read(flat | {"topology": "coco-17"}).sequence.topology is COCO_17
    assert read(flat, topology=COCO_17).sequence.positions.shape == (1, 1, 17, 2)


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"", "line 1", "not JSON"),
        (b"\xff\xfe", "byte 0", "not UTF-8"),
        (b'{"a": 1\n"b"', "line 2", "not JSON"),
        (b"[" * 100_000, "", "not JSON"),
        (b'{"fps": 1, "fps": 2}', "", "a key stands twice"),
        (b'{"fps": NaN}', "", "NaN is not a number; write null"),
        (b'{"fps": ' + b"1" * 5000 + b"}", "", "not JSON that can be read"),
        ([], "the whole", "0 values; expected an object"),
        (table(topolgy="x"), "the whole", "unknown key 'topolgy' (did you mean 'topology'?)"),
        (table(topology=None), "topology", "missing; expected one of coco-17"),
        (table(topology="coco"), "topology", "'coco' is not known (did you mean 'coco-17'?)"),
        (
            table(topology=RIG | {"parents": RIG["parents"] | {"head": "hip"}}),
            "topology",
            "parents: no joint 'hip' (did you mean 'hips'?)",
        ),
        (table(topology=RIG | {"parents": {}}), "topology", "parents: 4 joints without one (hips"),
        (
            table(topology=RIG | {"joints": ["a", "a"], "parents": {}, "pairs": None, "centre": None}),
            "topology",
            "differ",
        ),
        (table(topology=RIG | {"pairs": [["left"]]}), "topology", "expected a list of [left, right]"),
        (
            table(topology=RIG | {"name": "ntu-25"}),
            "topology",
            "ntu-25 is a known topology with other joints",
        ),
        (table(fps=0), "fps", "0; expected frames a second"),
        (table(fps="30"), "fps", "expected frames a second"),
        (table(unit="feet"), "unit", "'feet'; expected m, cm, mm, pixel or px"),
        (table(unit="pixel"), "unit", "'pixel' with 3-D positions"),
        (table(label=-2), "label", "-2; expected a number from 0"),
        (table(subject=1.5), "subject", "1.5; expected a number from 0"),
        (table(bodies=None), "bodies", "null; expected a list of bodies"),
        (table(bodies=[]), "bodies", "0 bodies; expected at least one"),
        (table(bodies=[3]), "bodies[0]", "a number; expected an object"),
        (table(bodies=body([])), "bodies[0].positions", "no frames"),
        (
            table(bodies=body([[[1, 2, 3]] * 3])),
            "bodies[0].positions[0]",
            "3 values; expected 4 joints",
        ),
        (table(bodies=body([[[1, 2, 3]] * 3 + [[1, 2]]])), "bodies[0].positions[0]", "joint right: 2 values"),
        (table(bodies=body([[[1]] * 4])), "bodies[0].positions[0]", "expected 2 or 3 coordinates"),
        (table(bodies=body([[[1, 2, "3"]] * 4])), "bodies[0].positions", "holds text; expected numbers"),
        (table(bodies=body([[[1, 2, True]] * 4])), "bodies[0].positions", "holds true or false"),
        (table(bodies=body([[[1, 2, 1e39]] * 4])), "bodies[0].positions", "a number too large"),
        (table(bodies=body([[[1, 2, 10**400]] * 4])), "bodies[0].positions", "a number too large"),
        (table(bodies=body([None, None])), "", "at least one joint that is not null"),
        (table(bodies=body([[[1, 2, 3]] * 4], [])), "bodies[0].confidence", "0 frames, positions have 1"),
        (table(bodies=body([[[1, 2, 3]] * 4], [[1]])), "bodies[0].confidence[0]", "expected 4 numbers"),
        (
            table(bodies=body([[[1, 2, 3]] * 4]) + body([[[1, 2, 3]] * 4] * 2)),
            "bodies[1]",
            "2 frames, the first body has 1",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(content: object, place: str, message: str) -> None:
    with pytest.raises(UnusableRecordingError) as error:
        read(content)
    assert error.value.place == place
    assert message in str(error.value)
    assert str(error.value).startswith("folder/a.json: ")
    assert "\n" not in str(error.value)


def test_pixels_have_two_names() -> None:
    flat = {"topology": "coco-17", "bodies": [{"positions": [[[400.0, 300.0]] * 17]}]}
    for unit in ("px", "pixel"):
        data = json.dumps({**flat, "unit": unit}).encode()
        assert read_pose_json("a.json", "a", data).sequence.positions.max() == 400


@pytest.mark.parametrize(
    ("unit", "size", "expected"),
    [("pixel", 300, "px"), ("px", 300, "px"), (None, 300, "px"), ("cm", 300, None)],
)
def test_the_unit_of_positions_in_the_plane_is_told_or_found(tmp_path, unit, size, expected):
    """In a store a picture is in px; metres in the plane are not told."""
    body = np.random.default_rng(0).uniform(0, size, (5, 17, 2)).round(1)
    raw = tmp_path / "raw"
    raw.mkdir()
    table = {"topology": "coco-17", "bodies": [{"positions": body.tolist()}]}
    (raw / "a.json").write_text(json.dumps(table if unit is None else {**table, "unit": unit}))
    assert prepare("pose-json", raw, tmp_path / "store", num_workers=1).store.unit == expected
    shown = str(check(raw / "a.json"))
    assert ("unit      px" in shown) == (expected == "px")


def in_the_plane(size: float, unit: str | None) -> str:
    """Return a file of 2-D positions up to ``size``, and its unit if it tells one."""
    body = np.random.default_rng(0).uniform(0, size, (5, 17, 2)).round(2)
    table = {"topology": "coco-17", "bodies": [{"positions": body.tolist()}]}
    return json.dumps(table if unit is None else {**table, "unit": unit})


@pytest.mark.parametrize("first", ["px", "m", None])
def test_files_in_another_unit_than_the_first_are_left_out(tmp_path, first):
    names = {"px": "in px", "m": "in m", None: "in a unit that the file does not tell"}
    others = [unit for unit in names if unit != first]
    (tmp_path / "raw").mkdir()
    for name, unit in zip("abcd", [first, *others, first], strict=True):
        (tmp_path / f"raw/{name}.json").write_text(in_the_plane(1.8 if unit == "m" else 300, unit))
    result = prepare("pose-json", tmp_path / "raw", tmp_path / "store", num_workers=1)
    assert result.store.names == ["a", "d"]
    assert [(each.file, each.reason, each.place) for each in result.exclusions] == [
        ("b.json", pose_json.OTHER_UNIT, "unit"),
        ("c.json", pose_json.OTHER_UNIT, "unit"),
    ]
    for unit, exclusion in zip(others, result.exclusions, strict=True):
        assert exclusion.detail.startswith(f"positions {names[unit]}, those of a.json are {names[first]}; ")


def test_a_file_that_is_not_in_the_store_does_not_tell_its_unit(tmp_path, monkeypatch):
    """Nor is one that cannot be used read a second time."""
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.json").write_text('{"topology": "coco-17", "unit": "m", "bodies": []}')
    for name, unit in zip("bcd", ("m", "px", "px"), strict=True):
        (raw / f"{name}.json").write_text(in_the_plane(300, unit))
    (raw / "manifest.csv").write_text("file,label\na.json,x\nc.json,x\nd.json,y\n")
    read, calls = read_pose_json, []

    def counted(file: str, *args: Any, **options: Any) -> Any:
        calls.append(file)
        return read(file, *args, **options)

    monkeypatch.setattr(pose_json, "read_pose_json", counted)
    result = prepare("pose-json", raw, tmp_path / "store", num_workers=1)
    assert (result.store.names, result.store.unit) == (["c", "d"], "px")
    assert [str(each) for each in result.exclusions] == [
        "a.json: bodies: 0 bodies; expected at least one",
        "b.json: not in the manifest",
    ]
    assert calls.count("a.json") == 1


def test_shares_of_an_image_and_a_score_that_are_read_as_metres_are_told(tmp_path: Path) -> None:
    positions = np.random.default_rng(0).uniform(0, 1, (3, 4, 3)).round(3)
    path = tmp_path / "a.json"
    for shift, notes in ((0, [LOOKS_FLAT]), (0.5, [])):
        path.write_text(json.dumps(table(bodies=body((positions + shift).tolist()))))
        assert [note for note in check(path).notes if note.startswith(LOOKS_FLAT)] == [
            f"{one}: in 1 file" for one in notes
        ]

"""The CSV manifest of one's own recordings."""

import pytest

from skelact.errors import DataError
from skelact.formats.manifest import read_manifest


def test_columns_become_labels_attributes_and_sides() -> None:
    text = (
        "\ufefffile,label,subject,room,split,split_fold2\r\n"
        "./a/one.json, wave ,3,north,train,test\r\n"
        "two,jump,,,test,\r\n"
        "\r\n"
        "three,,4,south,,train\r\n"
    )
    manifest = read_manifest("manifest.csv", text.encode())
    assert manifest.sides == {"given": ("train", "test"), "fold2": ("train", "test")}
    found = manifest.match(["a/one.json", "b/two.json", "three", "x/four.json"])
    assert list(found) == ["a/one.json", "b/two.json", "three"]
    one, two, three = found.values()
    assert (one.label, one.names) == ("wave", {"room": "north"})
    assert one.numbers == {"subject": 3, "split_given": 0, "split_fold2": 1}
    assert (two.label, two.names, two.numbers) == ("jump", {}, {"split_given": 1})
    assert (three.label, three.numbers) == (None, {"subject": 4, "split_fold2": 0})


def test_classes_whose_accents_are_kept_in_two_ways_are_one() -> None:
    text = "file,label\na,caf\u00e9\nb,cafe\u0301\n"
    found = read_manifest("manifest.csv", text.encode()).match(["a", "b"])
    assert {entry.label for entry in found.values()} == {"caf\u00e9"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: columns none"),
        (
            b"name,label\na,b\n",
            "columns 'name', 'label'; expected names that differ, file among them",
        ),
        (b"file,file\na,b\n", "names that differ"),
        (b"file,../x\na,b\n", "line 1: column '_/x'; expected letters"),
        (b"file,split,split_given\na,,\n", "line 1: two splits are called 'given'"),
        (b"file,label\na\n", "line 2: 1 fields; expected 2"),
        (b"file,label\n\n,b\n", "line 3: no file"),
        (b"file\na\nb\na\n", "line 4: 'a' is listed a second time"),
        (b"file,split\na,trian\n", "line 2: split is 'trian' (did you mean 'train'?)"),
        (b"file\n", "no recording is listed"),
        (b"file\n\xff\n", "byte 5 is not UTF-8"),
        (b'file\n"a\n', "not CSV"),
    ],
)
def test_a_mistake_is_named_with_its_line(data: bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        read_manifest("m.csv", data)
    assert str(error.value).startswith("m.csv: ")
    assert message in str(error.value)


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_signs_between_fields(sign: str) -> None:
    text = f'file{sign}label{sign}split\nr0{sign}"sit{sign} up, down"{sign}train\n'
    (entry,) = read_manifest("m.csv", text.encode()).entries.values()
    assert entry.label == f"sit{sign} up, down"
    assert entry.numbers == {"split_given": 0}


@pytest.mark.parametrize(
    ("listed", "paths", "expected"),
    [
        (["r0.json"], ["a/r0.json"], ["a/r0.json"]),  # with the ending
        (["a/r0"], ["a/r0.json", "b/r0.json"], ["a/r0.json"]),  # the path without
        ([".\\\\a\\\\r0.json"], ["a/r0.json"], ["a/r0.json"]),  # as Windows writes it
        (["data/a/r0.json"], ["a/r0.json"], ["a/r0.json"]),  # from further up
        (["r0"], ["r0.json", "a/r0.json"], ["r0.json"]),  # the whole path goes before an end of one
        (["a.b", "c"], ["a.b.json", "c.d/c"], ["a.b.json", "c.d/c"]),
        (["x/r0"], ["y/r0.json"], []),
        (["b/r0 ", " r1.json"], ["a/b/r0 .json", "a/ r1.json"], ["a/b/r0 .json", "a/ r1.json"]),  # blanks
        (["caf\u00e9"], ["cafe\u0301.json"], ["cafe\u0301.json"]),  # as macOS keeps accents
    ],
)
def test_a_line_names_a_recording_by_the_end_of_its_path(
    listed: list[str], paths: list[str], expected: list[str]
) -> None:
    manifest = read_manifest("m.csv", "\n".join(["file", *listed]).replace("\\\\", "\\").encode())
    assert list(manifest.match(paths)) == expected


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (["0000"], "m.csv: line 2: '0000' could be kick/0000.json or wave/0000.json; write the path"),
        (["kick/0000", "kick/0000.json"], "m.csv: line 3: 'kick/0000.json' is kick/0000.json, which line 2"),
    ],
)
def test_lines_that_mean_several_recordings_or_the_same(listed: list[str], message: str) -> None:
    manifest = read_manifest("m.csv", "\n".join(["file", *listed]).encode())
    with pytest.raises(DataError, match=message):
        manifest.match(["kick/0000.json", "wave/0000.json"])


def test_more_than_two_sides() -> None:
    text = "file,split,split_a\n0,train,Training\n1,validation,VAL\n2,test,\n3,holdout,val\n"
    manifest = read_manifest("m.csv", text.encode())
    assert manifest.sides == {"given": ("train", "test", "holdout", "val"), "a": ("train", "test")}
    numbers = [dict(entry.numbers) for entry in manifest.entries.values()]
    assert numbers == [
        {"split_given": 0, "split_a": 0},
        {"split_given": 3, "split_a": 1},
        {"split_given": 1},
        {"split_given": 2, "split_a": 1},
    ]


def test_empty_columns_at_the_end_are_none() -> None:
    (entry,) = read_manifest("m.csv", b"file,label,,\nr0,sit,,\n").entries.values()
    assert entry.label == "sit"
    with pytest.raises(DataError, match="column ''"):
        read_manifest("m.csv", b"file,,label\nr0,,sit\n")


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("file,class\nr0,sit\n", "column class is kept as an attribute; call it label to make it the class"),
        ("file,split\nr0,test\nr1,\n", "split says test, nobody train: protocol given cannot be used"),
        (
            "file,split_room\nr0,tr\nr1,test\n",
            "split_room says test, tr, nobody train: protocol room cannot be used",
        ),
    ],
)
def test_what_looks_meant_otherwise_is_told(text: str, remark: str) -> None:
    assert read_manifest("m.csv", text.encode()).remarks == (f"m.csv: {remark}",)


def test_nothing_is_told_of_what_is_meant_so() -> None:
    text = "file,class,label,split,split_room,split_b\nr0,a,sit,train,,dev\nr1,a,sit,test,,train\n"
    assert read_manifest("m.csv", text.encode()).remarks == ()

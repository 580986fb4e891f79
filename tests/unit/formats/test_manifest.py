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
    assert manifest.protocols == ("given", "fold2")
    one, two, three = (
        manifest.find(*key) for key in (("a/one.json", "one"), ("b/two.json", "two"), ("", "three"))
    )
    assert one is not None
    assert two is not None
    assert three is not None
    assert (one.label, one.names) == ("wave", {"room": "north"})
    assert one.numbers == {"subject": 3, "split_given": 0, "split_fold2": 1}
    assert (two.label, two.names, two.numbers) == ("jump", {}, {"split_given": 1})
    assert (three.label, three.numbers) == (None, {"subject": 4, "split_fold2": 0})
    assert manifest.find("x/four.json", "four") is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: columns none"),
        (
            b"name,label\na,b\n",
            "columns 'name', 'label'; expected names that differ, file among them",
        ),
        (b"file,file\na,b\n", "names that differ"),
        (b"file,../x\na,b\n", "line 1: column '../x'; expected small letters"),
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

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.number_text import float_of, number_table, text_lines

SPELLINGS = [
    *(
        "0",
        "-0",
        "1",
        "-1",
        "0.5",
        "-0.5",
        "+0.25",
        "1.",
        ".5",
        "-.5",
        "12.5",
        "123456.789",
        "5e-05",
        "-9.3E-06",
    ),
    *("1e300", "0.1234567", "0.12345678", "0.123456789", "9.99999999999999", "0.123456789012345678901234"),
    *("2.996269", "-0.003947459", "0.00000000000001", "0.000000000000001", "4.9406564584124654e-324"),
]
NOT_NUMBERS = [
    "x",
    "1.x",
    "0.12345678x",
    "0.123456789012x",
    "--1",
    "1_0",
    "0.1_0",
    "1..0",
    "0x1",
    "0:5",
    "1,5",
    "/.5",
]


def table(data: bytes, num_fields: int = 1, num_read: int = 1) -> np.ndarray:
    names = [f"field {number}" for number in range(1, num_fields + 1)]
    return number_table("file", text_lines("file", data), names, f"{num_fields} numbers", num_read)


def test_equals_float_bit_for_bit() -> None:
    usable = [word for word in SPELLINGS if abs(float(word)) < 1e38]
    expected = np.array([float(word) for word in usable], np.float32)
    actual = table("\n".join(usable).encode())[:, 0]
    np.testing.assert_array_equal(actual.view(np.uint32), expected.view(np.uint32))
    assert [float_of(word.encode()) for word in SPELLINGS] == [float(word) for word in SPELLINGS]


@given(st.lists(st.floats(allow_nan=False, width=32) | st.floats(-9, 9), min_size=1), st.integers(1, 17))
def test_equals_float_for_any_number(numbers: list[float], digits: int) -> None:
    words = [f"{number:.{digits}g}" for number in numbers if abs(number) < 3e38] or ["0"]
    words += [f"{number:.{digits}f}" for number in numbers if abs(number) < 1e6]
    expected = np.array([float(word) for word in words], np.float32)
    for text in (" ".join(words), "\t".join(words) + " \r\n \n", " \r ".join(words)):
        np.testing.assert_array_equal(table(text.encode(), len(words), len(words))[0], expected)


@pytest.mark.parametrize("word", [*NOT_NUMBERS, "nan", "inf", "-Infinity", "1e39", "1e400", "\xa01", "1\x85"])
def test_what_is_no_finite_number_is_an_error(word: str) -> None:
    with pytest.raises(UnusableRecordingError, match=r"^file: line 2: field 1 is .*expected a finite"):
        table(b"0.5\n" + word.encode("latin-1"))


@pytest.mark.parametrize("word", NOT_NUMBERS)
def test_what_is_no_number_becomes_nan(word: str) -> None:
    assert np.isnan(float_of(word.encode()))


def test_a_line_with_other_fields_is_an_error() -> None:
    for data, line, found in ((b"1 2\n3\n", 2, 1), (b"1 2 3\n", 1, 3), (b"1 2\n\n3 4", 2, 0)):
        with pytest.raises(UnusableRecordingError, match=f"line {line}: {found} fields; expected 2 numbers"):
            table(data, 2, 2)


def test_fields_that_are_not_read_may_be_anything() -> None:
    assert table(b"1 2 x\n3 4 \xff\n", 3, 2).tolist() == [[1, 2], [3, 4]]


def test_lines() -> None:
    for end in ("\n", "\r\n"):
        lines = text_lines("file", f"one{end}two three{end}{end}four{end}".encode())
        assert [line.strip() for line in lines] == [b"one", b"two three", b"", b"four"]


def test_blank_lines_at_the_end_do_not_count() -> None:
    assert len(text_lines("file", b"1\n2\n\n \r\n")) == 2
    assert text_lines("file", b"") == text_lines("file", b" \n ") == []


@pytest.mark.parametrize(("data", "line"), [(b"1\n2\n3\x004\n", 3), (b"\x1a", 1), (b"1\n\x0b", 2)])
def test_control_characters_are_found(data: bytes, line: int) -> None:
    with pytest.raises(UnusableRecordingError, match=f"line {line}: a control character"):
        text_lines("file", data)

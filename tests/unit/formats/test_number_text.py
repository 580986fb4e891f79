import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skelact.formats.number_text import NumberText

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


def test_equals_float_bit_for_bit() -> None:
    text = NumberText("\n".join(SPELLINGS).encode())
    expected = np.array([float(word) for word in SPELLINGS])
    actual = text.numbers(np.arange(len(SPELLINGS)))
    np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(np.signbit(actual), np.signbit(expected))


@given(st.lists(st.floats(allow_nan=False, width=32) | st.floats(-9, 9), min_size=1), st.integers(1, 17))
def test_equals_float_for_any_number(numbers: list[float], digits: int) -> None:
    words = [f"{number:.{digits}g}" for number in numbers]
    words += [f"{number:.{digits}f}" for number in numbers if abs(number) < 1e6]
    text = NumberText(" ".join(words).encode())
    np.testing.assert_array_equal(text.numbers(np.arange(len(words))), [float(word) for word in words])


def test_what_is_no_number_becomes_nan() -> None:
    text = NumberText(" ".join(NOT_NUMBERS).encode())
    assert np.isnan(text.numbers(np.arange(len(NOT_NUMBERS)))).all()


def test_lines_and_words() -> None:
    for end in ("\n", "\r\n"):
        text = NumberText(f"one{end}two three{end}{end}four".encode())
        assert [text.line(number).strip() for number in range(4)] == [b"one", b"two three", b"", b"four"]
        assert [text.num_words(number) for number in range(4)] == [1, 2, 0, 1]
        assert [text.word(number) for number in range(4)] == [b"one", b"two", b"three", b"four"]
        assert text.num_lines == 4
        assert text.odd_line() is None


def test_blank_lines_at_the_end_do_not_count() -> None:
    assert NumberText(b"1\n2\n\n \r\n").num_lines == 2
    assert NumberText(b"").num_lines == 0
    assert NumberText(b" \n ").num_lines == 0


def test_control_characters_are_found() -> None:
    assert NumberText(b"1\n2\n3\x004\n").odd_line() == 2
    assert NumberText(b"\x1a").odd_line() == 0

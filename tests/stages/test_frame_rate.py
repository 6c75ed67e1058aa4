from fractions import Fraction

import pytest

from stages.frame_rate import parse_frame_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        (" 29.97 ", Fraction(2997, 100)),
        ("30000/1001", Fraction(30000, 1001)),
        ("29.97002997002997", Fraction(30000, 1001)),
        ("1/60", Fraction(1, 60)),
    ],
)
def test_what_people_write(text, rate):
    assert parse_frame_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-25", "25/0", "1e-12", "1e12", "nan"])
def test_what_is_no_rate(text):
    with pytest.raises(ValueError, match="must be a positive number or fraction"):
        parse_frame_rate(text)

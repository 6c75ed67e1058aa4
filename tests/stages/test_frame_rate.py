from fractions import Fraction

import pytest

from stages.frame_rate import first_likely_rate, parse_frame_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        (" 29.97 ", Fraction(2997, 100)),
        ("30000/1001", Fraction(30000, 1001)),
        ("29.97002997002997", Fraction(30000, 1001)),
        ("1/60", Fraction(1, 60)),
        ("2.5e1", Fraction(25)),
        (".5", Fraction(1, 2)),
        ("0.001", Fraction(1, 1000)),
        ("1000", Fraction(1000)),
    ],
)
def test_valid_frame_rates_are_parsed(text, rate):
    assert parse_frame_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "fast", "0", "-25", "25/0", "0.000999", "1e-12", "1e12", "nan", "inf", "9" * 5000]
)
def test_invalid_frame_rates_are_rejected(text):
    with pytest.raises(
        ValueError, match="must be a number or fraction such as 30000/1001, from 1/1000"
    ):
        parse_frame_rate(text)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("text", ["1e99999999", "1e-99999999", "0.1E+99999999"])
def test_huge_exponents_are_rejected_quickly(text):
    with pytest.raises(
        ValueError, match="must be a number or fraction such as 30000/1001, from 1/1000"
    ):
        parse_frame_rate(text)


def test_clock_ticks_are_not_used_as_the_frame_rate():
    assert first_likely_rate(None, Fraction(50)) == 50
    assert first_likely_rate(Fraction(90_000), Fraction(30)) == 30
    assert first_likely_rate(Fraction(480), Fraction(30)) == 480
    assert first_likely_rate(Fraction(1000), None) == 25

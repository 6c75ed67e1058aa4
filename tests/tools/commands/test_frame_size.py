import pytest

from stages.errors import ConfigError
from tools.commands.frame_size import MAX_SIDE, parse_frame_size


def test_frame_size_is_width_then_height():
    assert parse_frame_size("1024x540", "--size") == (1024, 540)


@pytest.mark.parametrize("text", ["", "1024", "x540", "1024x", "0x540", "1024x0", "-1x5", "1x2x3"])
def test_malformed_sizes_are_refused(text):
    with pytest.raises(ConfigError, match=f"--size needs WIDTHxHEIGHT, got '{text}'"):
        parse_frame_size(text, "--size")


def test_sides_beyond_the_limit_are_refused():
    assert parse_frame_size(f"2x{MAX_SIDE}", "--size") == (2, MAX_SIDE)
    for text in (f"{MAX_SIDE + 1}x2", "100000x100000"):
        with pytest.raises(ConfigError, match=f"--size allows .* {MAX_SIDE} .*'{text}'"):
            parse_frame_size(text, "--size")

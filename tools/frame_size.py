"""Frame sizes as options take them."""

from __future__ import annotations

from stages.errors import ConfigError


def parse_frame_size(text: str, option: str) -> tuple[int, int]:
    """``1024x540`` as width and height.

    Raises:
        ConfigError: It is anything else; the message names the option.
    """
    width, _, height = text.partition("x")
    if width.isdecimal() and height.isdecimal() and int(width) and int(height):
        return int(width), int(height)
    raise ConfigError(f"{option} needs WIDTHxHEIGHT, got {text!r}")

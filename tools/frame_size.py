"""Parsing of frame-size options."""

from __future__ import annotations

from stages.errors import ConfigError


def parse_frame_size(text: str, option: str) -> tuple[int, int]:
    """Parses ``1024x540`` as width and height.

    Raises:
        ConfigError: ``text`` is malformed; the message names ``option``.
    """
    width, _, height = text.partition("x")
    if width.isdecimal() and height.isdecimal() and int(width) and int(height):
        return int(width), int(height)
    raise ConfigError(f"{option} needs WIDTHxHEIGHT, got {text!r}")

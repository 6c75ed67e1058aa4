"""Parsing of frame-size options."""

from __future__ import annotations

from stages.errors import ConfigError

MAX_SIDE = 16384
"""In pixels, the largest width or height that H.264 and HEVC encoders support."""


def parse_frame_size(text: str, option: str) -> tuple[int, int]:
    """Parses ``1024x540`` as width and height.

    Raises:
        ConfigError: ``text`` is malformed, or a side is above `MAX_SIDE`; the message names
            ``option``.
    """
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ConfigError(f"{option} needs WIDTHxHEIGHT, got {text!r}")
    if max(int(width), int(height)) > MAX_SIDE:
        raise ConfigError(f"{option} allows at most {MAX_SIDE} pixels a side, got {text!r}")
    return int(width), int(height)

"""Warns about frames that are larger than a detector needs."""

from __future__ import annotations

from stages.records import StreamStart

_LARGE = 2_100_000  # pixels of the network's input; full HD has 2,073,600
_ENOUGH = 1280  # pixels of the longer side


def frame_size_warning(start: StreamStart, scale: float) -> str:
    """Returns a line if a network's input is so large that vehicles may be too large in it, or "".

    Args:
        start: First record of an epoch; later epochs do not repeat the line.
        scale: Factor by which its frames are resized.
    """
    if start.epoch or start.width * start.height * scale**2 <= _LARGE:
        return ""
    better = _ENOUGH / max(start.width, start.height)
    size = f"{round(start.width * scale)}x{round(start.height * scale)}"
    return (
        f"frames of {start.width}x{start.height} are searched at {size}, which takes long and "
        f"misses vehicles of more than some 300 pixels there; if they are that large, set "
        f"detector.scale={better:.2f}"
    )

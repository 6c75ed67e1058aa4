"""What happened to the pictures that an earlier process had to draw."""

from __future__ import annotations

from enum import Enum, auto


class EarlierPicture(Enum):
    """What happened to the picture of a frame that an earlier process received.

    Attributes:
        KEPT: It was certainly kept, or given up. If an overlay has no packet files, its video was
            therefore finished and then moved away.
        COMES_AGAIN: If it was not kept, it will be sent again.
        UNKNOWN: If it was not kept, it is lost.
        NONE: The frame had no picture.
    """

    KEPT = auto()
    COMES_AGAIN = auto()
    UNKNOWN = auto()
    NONE = auto()

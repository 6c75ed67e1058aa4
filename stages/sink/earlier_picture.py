"""What became of the pictures that an earlier process was to draw on."""

from __future__ import annotations

from enum import Enum, auto


class EarlierPicture(Enum):
    """What became of the picture of a frame that an earlier process was given.

    Attributes:
        KEPT: It was kept for certain, or given up. Where an overlay has no packets, the video was
            therefore finished and taken away.
        COMES_AGAIN: If it was not kept, it comes again.
        UNKNOWN: If it was not kept, it is lost.
        NONE: There was none.
    """

    KEPT = auto()
    COMES_AGAIN = auto()
    UNKNOWN = auto()
    NONE = auto()

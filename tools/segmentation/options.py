"""The options of segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """How foreground is found."""

    AUTO = "auto"
    BACKGROUND = "background"
    FLOW = "flow"
    BOXES = "boxes"


class Subtractor(StrEnum):
    """Method of separating foreground from background, see `tools.segmentation.background`."""

    MEDIAN = "median"
    MOG2 = "mog2"
    KNN = "knn"


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """How masks are made.

    Attributes:
        method: How foreground is found; ``auto`` depends on whether the camera moves.
        subtractor: Subtractor for `Method.BACKGROUND`.
        fill_empty: Whether a box with hardly any foreground gets an ellipse.
        blur: Whether masks are blurred and thresholded, as in the paper.
    """

    method: Method = Method.AUTO
    subtractor: Subtractor = Subtractor.MEDIAN
    fill_empty: bool = True
    blur: bool = True

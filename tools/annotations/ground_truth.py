"""What is true of a sequence, whatever benchmark it is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.annotations.ignored import IgnoredRegions
from tools.annotations.trajectories import Trajectories
from trackers.boxes import BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """One sequence.

    Attributes:
        name: Of the sequence.
        frame_count: Frames it has.
        tracks: Boxes with identities, to score trackers by.
        objects: Boxes to score detectors by; often those of ``tracks``.
        ignored: Where neither is scored.
        levels: For each level of difficulty, which of ``objects`` ``(N,)`` are of it.
        conditions: What the sequence as a whole is, such as its weather.
    """

    name: str
    frame_count: int
    tracks: Trajectories
    objects: Trajectories
    ignored: IgnoredRegions = field(default_factory=IgnoredRegions)
    levels: Mapping[str, BoolArray] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)

"""The ground truth of a sequence, independent of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stages.records import BoolArray
from tools.annotations.distractors import MotObjects
from tools.annotations.ignored import IgnoredRegions
from tools.annotations.trajectories import Trajectories


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """The ground truth of a sequence.

    Attributes:
        name: Name of the sequence.
        frame_count: Number of frames.
        tracks: Boxes with identities, for scoring trackers.
        objects: Boxes for scoring detectors; often the same as ``tracks``.
        ignored: Regions in which nothing is scored.
        levels: For each level of difficulty, which of ``objects`` ``(N,)`` belong to it.
        conditions: Properties of the whole sequence, such as its weather.
        mot_objects: All objects, if results on some of them are not scored; else None.
        missing: Suffixes of optional files that are missing.
    """

    name: str
    frame_count: int
    tracks: Trajectories
    objects: Trajectories
    ignored: IgnoredRegions = field(default_factory=IgnoredRegions)
    levels: Mapping[str, BoolArray] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    mot_objects: MotObjects | None = None
    missing: tuple[str, ...] = ()

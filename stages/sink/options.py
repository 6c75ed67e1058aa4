"""Options for what the sink writes, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stages.errors import ConfigError
from stages.sink.crossings import Line
from stages.sink.encoders import DEVICES, PRESETS
from stages.sink.ground import GroundPoints
from stages.sink.zones import Zone


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """Settings of a sink.

    Attributes:
        overlay: Write ``overlay.mp4``.
        overlay_crf: Quality of x264, 0 (lossless) to 51 (worst).
        overlay_preset: Preset of x264, one of `PRESETS`.
        overlay_height: Maximum height of the overlay in pixels; larger frames are scaled down. None
            for no limit.
        overlay_hardware: Hardware encoder to use instead of x264: ``"off"``, ``"auto"``, or a key
            of `DEVICES`; x264 is used if it does not work.
        overlay_minutes: Length of a file in minutes, after which it gets its final name and a new
            one begins; 0 for a single file. Streams that run for weeks need this: the index of an
            MP4 is held in memory until the file ends, about 190 bytes per frame.
        overlay_gigabytes: Size of a stream's finished overlays in gigabytes above which the oldest
            are removed; 0 for no limit.
        overlay_keyframe_seconds: Key frame interval in seconds.
        overlay_min_score: Tracks with a lower score are not drawn; the text results still contain
            them.
        overlay_trail: Number of past centres drawn for each track, 0 for none.
        text_minutes: Length of the text results in minutes, after which they get their final names
            and new ones begin; 0 for a single file of each. If other files are made from them, for
            a benchmark or its toolkit, there is always a single file of each.
        text_gigabytes: Size of a stream's finished text results in gigabytes, not counting
            crossings and zones, above which the oldest are removed; 0 for no limit.
        event_pictures: Save a picture of each vehicle that is counted at a line or zone.
        event_gigabytes: Size of a stream's event pictures in gigabytes above which the oldest are
            removed; 0 for no limit.
        lines: Lines by name; vehicles that cross them are counted in ``crossings.txt`` and on the
            overlay.
        zones: Zones by name; vehicles in them are counted in ``zones.txt`` and on the overlay.
        zone_stay_seconds: How long a vehicle has to be in a zone for the event ``stay``; 0 for no
            such event.
        ground: Ground points, from which positions and speeds are written to ``ground.txt``, and
            speeds are shown on the overlay; None for neither.
        kitti: Also write the tracks in KITTI's format, ``kitti.txt``.
        toolkit_files: Also write the matrices of the UA-DETRAC toolkit into the stream's folder.

    Raises:
        ConfigError: A value is out of range.
    """

    overlay: bool = True
    overlay_crf: int = 23
    overlay_preset: str = "superfast"
    overlay_height: int | None = None
    overlay_hardware: str = "off"
    overlay_minutes: float = 0.0
    overlay_gigabytes: float = 0.0
    overlay_keyframe_seconds: float = 4.0
    overlay_min_score: float = 0.0
    overlay_trail: int = 25
    text_minutes: float = 0.0
    text_gigabytes: float = 0.0
    event_pictures: bool = False
    event_gigabytes: float = 0.0
    lines: Mapping[str, Line] = field(default_factory=dict)
    zones: Mapping[str, Zone] = field(default_factory=dict)
    zone_stay_seconds: float = 0.0
    ground: GroundPoints | None = None
    kitti: bool = False
    toolkit_files: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.overlay_crf <= 51:
            raise ConfigError(f"overlay_crf must lie in [0, 51], got {self.overlay_crf}")
        if self.overlay_preset not in PRESETS:
            raise ConfigError(
                f"overlay_preset must be one of {', '.join(PRESETS)}, got {self.overlay_preset!r}"
            )
        if self.overlay_height is not None and self.overlay_height < 64:
            raise ConfigError(f"overlay_height must be at least 64, got {self.overlay_height}")
        if self.overlay_hardware not in ("off", "auto", *DEVICES):
            raise ConfigError(
                f"overlay_hardware must be one of off, auto, {', '.join(DEVICES)}, "
                f"got {self.overlay_hardware!r}"
            )
        for name in (
            "overlay_minutes",
            "overlay_gigabytes",
            "overlay_trail",
            "text_minutes",
            "text_gigabytes",
            "event_gigabytes",
            "zone_stay_seconds",
        ):
            if (value := getattr(self, name)) < 0:
                raise ConfigError(f"{name} must be at least 0, got {value}")
        if not 0 <= self.overlay_min_score <= 1:
            raise ConfigError(f"overlay_min_score must lie in [0, 1], got {self.overlay_min_score}")

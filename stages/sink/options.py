"""Options for what the sink writes, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stages.sink.crossings import Line
from stages.sink.ground import Ground
from stages.sink.places import Anchor
from stages.sink.zones import Zone


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """Settings of a sink; a run's config has checked their ranges.

    Attributes:
        overlay: Write ``overlay.mp4``.
        overlay_crf: Quality of x264, 0 (lossless) to 51 (worst).
        overlay_preset: Preset of x264, one of `PRESETS`.
        overlay_height: Maximum height of the overlay in pixels; larger frames are scaled down. None
            for no limit.
        overlay_hardware: Hardware encoder to use instead of x264, see `choose_encoder`.
        overlay_minutes: Length of a file in minutes, after which it gets its final name and a new
            one begins; 0 for a single file. Streams that run for weeks need this: the index of an
            MP4 is held in memory until the file ends, about 190 bytes per frame.
        overlay_gigabytes: Size of a stream's finished overlays in gigabytes above which the oldest
            are removed; 0 for no limit.
        overlay_keyframe_seconds: Key frame interval in seconds.
        overlay_min_score: Tracks with a lower score are not drawn.
        overlay_trail: Number of past centres drawn for each track, 0 for none.
        text_minutes: Length of the text results, as ``overlay_minutes``. If other files are made
            from them, for a benchmark or its toolkit, there is always a single file of each.
        text_gigabytes: As ``overlay_gigabytes``, for text results except crossings and zones.
        event_pictures: Save a picture of each vehicle that is counted at a line or zone.
        event_gigabytes: As ``overlay_gigabytes``, for these pictures.
        lines: Lines by name, at which vehicles are counted.
        zones: Zones by name, in which vehicles are counted.
        anchor: Point of a vehicle's box that is its position at lines, in zones and on the ground.
        zone_stay_seconds: How long a vehicle has to be in a zone for the event ``stay``, by the
            zone's name; there is no such event in other zones.
        ground: The ground, for ``ground.txt`` and the speeds on the overlay; None for neither.
        kitti: Also write ``kitti.txt``.
        toolkit_files: Also write the matrices of the UA-DETRAC toolkit into the stream's folder.
        views: Also write ``views.txt``: frames have a `View`, and lines, zones and ground points
            are in pixels of the picture to which it maps.
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
    anchor: Anchor = "bottom_center"
    zone_stay_seconds: Mapping[str, float] = field(default_factory=dict)
    ground: Ground | None = None
    kitti: bool = False
    toolkit_files: bool = False
    views: bool = False

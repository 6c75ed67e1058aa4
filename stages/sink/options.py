"""What the sink writes, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages.errors import ConfigError
from stages.sink.encoders import DEVICES

OVERLAY_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """Settings of a sink.

    Attributes:
        overlay: Write ``overlay.mp4``.
        overlay_preset: Preset of x264. ``superfast``, the default, is the slowest that leaves room
            on one core at 960×540: about 150 frames a second, drawing included, against 110 of
            ``veryfast``.
        overlay_crf: Quality of x264, 0 (lossless) to 51 (worst).
        overlay_threads: Threads of the encoder.
        overlay_hardware: What encodes instead of x264: ``"off"``, ``"auto"``, or a key of
            `DEVICES`; x264 where it is not there.
        overlay_minutes: A new file begins after so many minutes and the finished one gets its name
            at once; 0 for a single file. A stream that runs for weeks needs it: the index of an MP4
            is held in memory until the file ends, about 190 bytes a frame.
        overlay_min_score: Tracks below are not drawn; the text results hold them all the same.
        trail_length: How many past centres of each track are drawn, 0 for none.
        toolkit_files: Also write the matrices of the UA-DETRAC toolkit into the stream's folder.
        benchmark_root: Where streams with a benchmark layout publish under the benchmark's file
            names; by default ``benchmark`` beside the stream's folder.

    Raises:
        ConfigError: A value lies outside its range.
    """

    overlay: bool = True
    overlay_preset: str = "superfast"
    overlay_crf: int = 23
    overlay_threads: int = 1
    overlay_hardware: str = "off"
    overlay_minutes: float = 0.0
    overlay_min_score: float = 0.0
    trail_length: int = 25
    toolkit_files: bool = False
    benchmark_root: Path | None = None

    def __post_init__(self) -> None:
        if self.overlay_preset not in OVERLAY_PRESETS:
            raise ConfigError(
                f"overlay_preset must be one of {', '.join(OVERLAY_PRESETS)}, "
                f"got {self.overlay_preset!r}"
            )
        if not 0 <= self.overlay_crf <= 51:
            raise ConfigError(f"overlay_crf must lie in [0, 51], got {self.overlay_crf}")
        if self.overlay_threads < 1:
            raise ConfigError(f"overlay_threads must be at least 1, got {self.overlay_threads}")
        if self.overlay_hardware not in ("off", "auto", *DEVICES):
            raise ConfigError(
                f"overlay_hardware must be one of off, auto, {', '.join(DEVICES)}, "
                f"got {self.overlay_hardware!r}"
            )
        if self.overlay_minutes < 0:
            raise ConfigError(f"overlay_minutes must be at least 0, got {self.overlay_minutes}")
        if not 0 <= self.overlay_min_score <= 1:
            raise ConfigError(f"overlay_min_score must lie in [0, 1], got {self.overlay_min_score}")
        if self.trail_length < 0:
            raise ConfigError(f"trail_length must be at least 0, got {self.trail_length}")

"""Covers counts and frame numbers in frames of overlays, before a scene is made from them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from pipeline.config import RunConfig, SinkConfig
from pipeline.sink_options import sink_options
from pipeline.workers.run_record import RunRecord
from stages.errors import OutputError
from stages.measurements import Counts, ZoneCounts
from stages.records import UInt8Array
from stages.result_files import read_report
from stages.sink.counting import Readings
from stages.sink.folder_contents import RUN
from stages.sink.glyphs import GlyphAtlas, fitting_cap_height
from stages.sink.options import SinkOptions
from stages.sink.painter import OverlayPainter, stamp_text
from stages.sink.times import shown_utc_time

_LONGEST_STAMP = stamp_text(999_999_999, shown_utc_time(0))  # of a camera
_MOST = 99_999  # of any count: the labels then have the same place and width in all runs


class LabelCover:
    """Covers what differs from frame to frame in the overlays of a run: its median would be false.

    The labels of lines and zones keep the name without counts, and the bar with frame number and
    time becomes black. Nothing is covered if the config of the run is unknown.

    Args:
        name: Name of the stream.
        folder: Folder of the run.
        size: Width and height of the frames in pixels.
    """

    def __init__(self, name: str, folder: Path, size: tuple[int, int]) -> None:
        self._shape = (0, 0)  # of the overlays
        self._patches: list[tuple[int, int, UInt8Array]] = []  # left, top and ``(H, W)`` brightness
        options = _options_of(name, folder)
        if options is None:
            return
        painter = OverlayPainter(size[1], size[0], (), options)
        self._shape = painter.height, painter.width
        atlas = GlyphAtlas(fitting_cap_height(*self._shape))
        most = Readings(
            dict.fromkeys(options.lines, Counts(_MOST, _MOST)),
            dict.fromkeys(options.zones, ZoneCounts(_MOST, _MOST)),
        )
        for shown, (left, top, text) in painter.count_labels(most):
            patch = np.full_like(text.full, 255)
            plain = atlas.mask(f" {shown} ").full
            patch[:, : plain.shape[1]] -= plain
            self._patches.append((left, top, patch))
        stamp = np.zeros_like(atlas.mask(_LONGEST_STAMP).full[: self._shape[0], : self._shape[1]])
        self._patches.append((0, self._shape[0] - stamp.shape[0], stamp))

    def apply(self, frame: UInt8Array) -> None:
        """Covers the labels in a frame, ``(H, W, 3)`` uint8 BGR, unless its size is another."""
        if frame.shape[:2] != self._shape:
            return
        for left, top, patch in self._patches:
            height, width = patch.shape
            frame[top : top + height, left : left + width] = patch[:, :, None]


def _options_of(name: str, folder: Path) -> SinkOptions | None:
    """Returns the lines, zones and size of a run's overlays; None if they are unknown."""
    with contextlib.suppress(OSError, OutputError, KeyError, TypeError, ValueError):
        if report := read_report(folder):
            keys = ("overlay_height", "lines", "zones")
            known = {key: report["config"]["sink"][key] for key in keys}
            sink = TypeAdapter(SinkConfig).validate_python(known)
        else:
            sink = RunRecord.load(folder / RUN).config.sink
        return sink_options(RunConfig(sink=sink), name, live=False)
    return None

"""Covers counts and frame numbers in a scene that is made from overlays."""

from __future__ import annotations

import contextlib
from collections import Counter
from fractions import Fraction
from pathlib import Path

from pydantic import TypeAdapter

from pipeline.config import SinkConfig
from pipeline.workers.run_record import RunRecord
from stages.errors import OutputError
from stages.records import UInt8Array
from stages.result_files import CROSSINGS, ZONES, read_report
from stages.sink.counting import Readings
from stages.sink.crossings import Counts
from stages.sink.folder_contents import RUN
from stages.sink.glyphs import GlyphAtlas, fitting_cap_height
from stages.sink.options import SinkOptions
from stages.sink.painter import OverlayPainter
from stages.sink.zones import ZoneCounts
from tools.result_rows import rows

_LONGEST_STAMP = 9_999_999, Fraction(100 * 3600 - 1)  # frame number and seconds


def cover_labels(scene: UInt8Array, name: str, folder: Path, size: tuple[int, int]) -> None:
    """Covers the labels that differ from frame to frame: their median would be false.

    The labels of lines and zones keep the name without counts, and the bar with frame number and
    time becomes black. Nothing is done if the config of the run is unknown, or if its overlays have
    another size.

    Args:
        scene: ``(H, W, 3)`` uint8 BGR, in the size of the overlays, modified in place.
        name: Name of the stream.
        folder: Folder of one of its runs.
        size: Width and height of the frames in pixels.

    Raises:
        ConfigError: A row of the counts is malformed.
    """
    options = _options_of(name, folder)
    if options is None:
        return
    painter = OverlayPainter(size[1], size[0], (), options)
    if (painter.height, painter.width) != scene.shape[:2]:
        return
    atlas = GlyphAtlas(fitting_cap_height(painter.height, painter.width))
    for shown, (left, top, text) in painter.count_labels(_last_readings(folder, options)):
        height, width = text.full.shape
        area, plain = scene[top : top + height, left : left + width], atlas.mask(f" {shown} ").full
        area[:] = 255
        area[:, : plain.shape[1]] -= plain[:, :, None]
    if stamp := painter.stamp(*_LONGEST_STAMP):
        height, width = stamp.text.full.shape
        scene[stamp.top : stamp.top + height, :width] = 0


def _options_of(name: str, folder: Path) -> SinkOptions | None:
    """Returns the lines, zones and size of a run's overlays; None if they are unknown."""
    with contextlib.suppress(OSError, OutputError, KeyError, TypeError, ValueError):
        if report := read_report(folder):
            keys = ("overlay_height", "lines", "zones")
            known = {key: report["config"]["sink"][key] for key in keys}
            sink = TypeAdapter(SinkConfig).validate_python(known)
        else:
            sink = RunRecord.load(folder / RUN).config.sink
        return sink.options(name, live=False)
    return None


def _last_readings(folder: Path, options: SinkOptions) -> Readings:
    """Returns the final counts, and as many vehicles inside each zone as have entered it."""
    crossings = rows(folder, CROSSINGS, str, str, str, str, str, str)
    crossed = Counter((line, direction) for *_, line, direction in crossings)
    events = rows(folder, ZONES, str, str, str, str, str, str, str)
    entered = Counter(zone for *_, zone, kind, _ in events if kind == "enter")
    return Readings(
        {line: Counts(crossed[line, "left"], crossed[line, "right"]) for line in options.lines},
        {zone: ZoneCounts(entered[zone], entered[zone]) for zone in options.zones},
    )

"""Helpers that take a stream from its start to its results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stages.records import EndOfStream, EndReason, FrameHeader, StreamStart
from stages.sink.options import SinkOptions
from stages.sink.overlay import OverlayWriter
from stages.sink.report import StreamReport
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import gray, make_header, make_start, make_tracks

TEXT = SinkOptions(overlay=False)
TEXTS = ("mot.txt", "detections.txt", "times.txt")
MS = 1_000_000


def feed(results: StreamResults, headers: Iterable[FrameHeader]) -> None:
    for header in headers:
        x = header.index % 40
        tracks = make_tracks(header, [[x, 20, x + 30, 50], [60, 60, 90, 80]], [2, 1], [0.7, 0.9])
        work = {"decode": 2 * MS, "detect": (header.index + 1) * MS}
        results.write(tracks, gray(header), work, Written(header.captured_ns + 30 * MS, 30 * MS))


def end(frames: int, reason: EndReason = EndReason.COMPLETE, message: str = "") -> EndOfStream:
    return EndOfStream("cam", 0, frames, reason, message)


def run(
    folder: Path, frames: int = 5, options: SinkOptions | None = None, **start: object
) -> StreamReport:
    results = StreamResults(folder, options)
    results.start(make_start(**start))
    feed(results, map(make_header, range(frames)))
    return results.finish(end(frames), {"version": "0.2.0"})


def write_overlay(
    path: Path, start: StreamStart, pts: list[int], options: SinkOptions | None = None
) -> Path:
    """Writes a video of a vehicle, with a frame at each of these times."""
    writer = OverlayWriter(path, start, options or SinkOptions())
    for index, ticks in enumerate(pts):
        header = make_header(index, pts=ticks, time_base=start.time_base)
        writer.write(make_tracks(header, [[20, 30, 60, 70]], [3]), gray(header), header.number)
    writer.commit()
    return path

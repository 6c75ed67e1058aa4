"""Small pictures of a stream's latest frame, for the web page of the run."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import cv2
import numpy as np

from pipeline.reports import Snapshot
from stages.color_spaces import color_space_of
from stages.records import Tracks, UInt8Array
from stages.sink.painter import OverlayPainter
from stages.sink.pictures import canvas_of, copy_frame
from stages.sink.stream_results import StreamResults

_SECONDS = 1.0
_ROWS = 360  # at most
_MAX_ASPECT = 4.0  # of a pixel; a file may state nonsense
_QUALITY = 80  # of JPEG, up to 100
_MAX_BYTES = 2**19  # the supervisor refuses reports of twice as many


class Snapshots:
    """Reports a frame of a stream, with its tracks, as a JPEG at most once a second.

    A JPEG that is too large for a report, such as one of a frame with many times more columns than
    rows, is left out.

    Args:
        results: Results of the stream, which hold its start and its counts.
        report: Receives the reports.
    """

    def __init__(self, results: StreamResults, report: Callable[[Snapshot], None]) -> None:
        self._results = results
        self._report = report
        self._due = 0.0
        options, rows = results.options, results.options.overlay_height or _ROWS
        self._options = dataclasses.replace(options, overlay_height=min(rows, _ROWS))

    def update(self, tracks: Tracks, pixels: UInt8Array) -> None:
        """Takes the frame that was just written; reports a snapshot of it if one is due.

        Args:
            tracks: Tracks of the frame.
            pixels: The frame; not read after the call.
        """
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _SECONDS
        frame, start = tracks.frame, self._results.latest_start
        assert start is not None
        painter = OverlayPainter(
            frame.height, frame.width, start.class_names, self._options, live=start.live
        )
        size = painter.height, painter.width
        space = color_space_of(frame.pixel_format, start.color_space)
        picture = copy_frame(pixels, frame.pixel_format, space, size)
        readings = self._results.counting.readings
        painter.draw(canvas_of(picture), tracks, self._results.last_number, readings)
        bgr = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
        if start.pixel_aspect != 1:
            aspect = min(max(float(start.pixel_aspect), 1 / _MAX_ASPECT), _MAX_ASPECT)
            shown = max(1, round(bgr.shape[1] * aspect)), bgr.shape[0]
            bgr = np.asarray(cv2.resize(bgr, shown), np.uint8)
        written, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if written and jpeg.nbytes <= _MAX_BYTES:
            self._report(
                Snapshot(
                    "sink",
                    stream=frame.stream,
                    jpeg=jpeg.tobytes(),
                    frame_size=(frame.width, frame.height),
                )
            )

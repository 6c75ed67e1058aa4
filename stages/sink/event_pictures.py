"""Saves a picture of each vehicle that crosses a line, or enters, stays in or leaves a zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import cv2
import numpy as np

from stages.atomic import part_path, remove_file, replacing, writing
from stages.background import in_background
from stages.bgr import to_bgr
from stages.measurements import Crossings, Measured, ZoneEvents
from stages.records import Float32Array, Tracks, UInt8Array
from stages.result_files import EVENTS, event_pictures, folder_name
from stages.sink.pictures import cropped
from stages.sink.retention import Retention

_MARGIN = 0.5  # of the longer side of a vehicle's box, around it
_MAX_SIDE = 2**16  # rows or columns of a frame
_QUALITY = 90  # of JPEG, up to 100
_CHECKS = 100  # per limit of bytes written: the folder may have 100,000 files


class EventPictures:
    """Saves pictures of counted vehicles as ``events/*.jpg``.

    A picture is cut out of the frame in which a row is added to ``crossings.txt`` or ``zones.txt``,
    with the vehicle in its centre. It is named after the row: the frame's number, the line or zone,
    the event and the vehicle's id. There are no pictures of lost vehicles.

    Args:
        folder: The stream's results folder.
        gigabytes: Size above which the oldest pictures are removed; 0 for no limit.
        notify: Called with one line when the first picture is removed.
    """

    def __init__(self, folder: Path, gigabytes: float, notify: Callable[[str], None]) -> None:
        self._folder = folder / EVENTS
        what = f"pictures in {self._folder} (sink.event_gigabytes)"
        self._retention = Retention(gigabytes, what, notify)
        self._interval = gigabytes * 1e9 / _CHECKS  # bytes
        self._since_check = 0
        self._check: Future[None] | None = None

    def save(self, tracks: Tracks, pixels: UInt8Array, measured: Sequence[Measured]) -> None:
        """Saves the pictures of a frame.

        Args:
            tracks: The frame's tracks.
            pixels: Its pixels, which are not read after the call.
            measured: The frame's measurements, see `Counting.update`.

        Raises:
            OutputError: A picture cannot be written.
        """
        pixel_format = tracks.frame.pixel_format
        for name, identity in _events(measured):
            for box in tracks.boxes[tracks.ids == identity]:
                part = cropped(pixels, pixel_format, _surroundings(box))
                if part.size:
                    self._write(self._folder / name, to_bgr(part, pixel_format))

    def drop(self, measured: Iterable[Measured]) -> None:
        """Removes the pictures that an earlier process may have saved for these measurements.

        Args:
            measured: As in `save`, of any frames; not consumed if there are no pictures.

        Raises:
            OutputError: A picture, or its part file, cannot be removed.
        """
        if self._folder.is_dir():
            for name, _ in _events(measured):
                remove_file(self._folder / name)
                remove_file(part_path(self._folder / name))

    def _write(self, path: Path, picture: UInt8Array) -> None:
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        with replacing(path, synced=False) as part:
            part.write_bytes(jpeg.tobytes())
        self._since_check += jpeg.nbytes
        if 0 < self._interval < self._since_check and (self._check is None or self._check.done()):
            if self._check is not None:
                self._check.result()
            self._since_check = 0
            self._check = in_background(self._remove_oldest)

    def _remove_oldest(self) -> None:
        """Enforces the limit; in a thread, because it takes seconds with 100,000 pictures."""
        with writing(self._folder):
            self._retention.apply([[path] for path in event_pictures(self._folder.parent)])


def _events(measured: Iterable[Measured]) -> Iterator[tuple[str, int]]:
    """Yields the picture's name and the vehicle's id for each event."""
    rows: list[tuple[int, str, str, int]] = []
    for each in measured:
        if isinstance(each, Crossings):
            rows += [(row.number, row.line, row.direction, row.identity) for row in each.crossings]
        elif isinstance(each, ZoneEvents):
            shown = (row for row in each.events if row.kind != "lost")  # may be in view again
            rows += [(row.number, row.zone, row.kind, row.identity) for row in shown]
    for number, place, what, identity in rows:
        yield f"{number:010}-{folder_name(place)}-{what}-{identity}.jpg", identity


def _surroundings(box: Float32Array) -> tuple[int, int, int, int]:
    """Returns a box with its margins, ltrb, clipped at the left and top edge of the frame."""
    margin = _MARGIN * max(box[2] - box[0], box[3] - box[1])
    sides = np.rint(box + margin * np.array([-1, -1, 1, 1])).clip(0, _MAX_SIDE)
    left, top, right, bottom = sides.astype(int).tolist()
    return left, top, right, bottom

"""Finds the view of each frame of a moving camera, and reports when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from stages.decoder.reference_view import ReferenceView
from stages.records import Frame, FrameHeader
from stages.views import OUTAGE_SECONDS


class ViewFinder:
    """Finds the frames of a stream on a picture.

    An outage is reported once, when no frame has shown the view of the picture for a second, and
    again when it ends. Frames of another size than the picture are reported once, too: a program
    may have scaled the picture, while lines were drawn in the pixels of the frames.

    Args:
        path: The picture.
        notify: Called with one line for the user.

    Raises:
        SourceError: The picture cannot be used.
    """

    def __init__(self, path: Path, notify: Callable[[str], None]) -> None:
        self._reference = ReferenceView(path)
        self._path = path
        self._notify = notify
        self._since: FrameHeader | None = None  # the first frame of an outage
        self._is_reported = False
        self._is_size_compared = False

    def pass_over(self, frame: Frame) -> None:
        """Takes a frame whose view is not needed."""
        self._reference.pass_over(frame)

    def located(self, frame: Frame) -> FrameHeader:
        """Takes the next frame; returns its header with its view."""
        if not self._is_size_compared:
            self._compare_size(frame.header)
        header = replace(frame.header, view=self._reference.find(frame))
        if header.view:
            if self._is_reported:
                self._notify(f"frames show the view of {self._path} again, from {header.number} on")
            self._since, self._is_reported = None, False
            return header
        if self._since is None or self._since.epoch != header.epoch:
            self._since = header
        elif not self._is_reported and header.seconds - self._since.seconds > OUTAGE_SECONDS:
            self._is_reported = True
            self._notify(
                f"frames from {self._since.number} on do not show the view of {self._path}; until "
                f"they do, nothing is counted or measured"
            )
        return header

    def _compare_size(self, header: FrameHeader) -> None:
        self._is_size_compared = True
        height, width = self._reference.size
        if (header.height, header.width) != (height, width):
            self._notify(
                f"{self._path} is {width}x{height}, frames are {header.width}x{header.height}: "
                f"lines, zones and ground points are in pixels of the picture"
            )

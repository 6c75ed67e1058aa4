"""Helpers for overlays in parts of six frames."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

from stages.errors import OutputError
from stages.sink import overlay
from stages.sink.options import SinkOptions
from stages.sink.overlay_parts import OverlayParts, OverlayPartsState
from tests.stages.sink.conftest import gray, make_header, make_start, make_tracks
from tests.videos import frames_in

OPTIONS = SinkOptions(overlay_minutes=0.2 / 60)  # six frames


def parts_in(
    folder: Path, state: OverlayPartsState | None = None, gigabytes: float = 0.0
) -> OverlayParts:
    """Returns the overlays of a process, which resumes from a state if one is given."""
    options = dataclasses.replace(OPTIONS, overlay_gigabytes=gigabytes)
    parts = OverlayParts(folder, options, lambda: None, lambda: None)
    if state is not None:
        parts.restore(state)
    return parts


def feed(parts: OverlayParts, indices: range) -> None:
    for header in map(make_header, indices):
        parts.write(make_start(), make_tracks(header), gray(header), header.number)


def feed_until_kept(parts: OverlayParts, indices: range) -> None:
    feed(parts, indices)
    assert parts.wait_until_kept(30)


def lengths(folder: Path) -> list[int]:
    videos = sorted(folder.glob("overlay*.mp4"), key=lambda path: (len(path.name), path.name))
    return [frames_in(video) for video in videos]


class Hold:
    """Blocks a thread that is about to give a video its final name."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.released = threading.Event()
        self._give_final_name = overlay.give_final_name

    def __call__(self, path: Path) -> None:
        self.arrived.set()
        if not self.released.wait(100):
            raise OutputError("never released")
        self._give_final_name(path)

"""The source of each stream's frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from pathlib import Path

from stages.decoder.blank_source import BLANK, BlankSource
from stages.decoder.image_folder import IMAGE_SUFFIXES, ImageFolderSource
from stages.decoder.live import LiveOptions, LiveSource
from stages.decoder.locations import DEMO, SourceSpec, is_live, is_recording
from stages.decoder.media import MediaSource
from stages.decoder.recording import Recorder, RecordingSource
from stages.decoder.source import FrameSelection, Source, StreamPlace


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def open_source(
    spec: SourceSpec,
    selection: FrameSelection,
    frame_rate: Fraction,
    live: LiveOptions | None = None,
    hardware: str = "off",
    paced: bool = False,
    recorder: Recorder | None = None,
    place: StreamPlace | None = None,
    wait: Callable[[float], bool] = _sleep,
    waiting: AbstractContextManager[None] = nullcontext(),  # noqa: B008
    notify: Callable[[str], None] = lambda message: None,
    connected: Callable[[], None] = lambda: None,
) -> Source:
    """The source of a spec.

    ``frame_rate`` is that of images, ``hardware`` decodes videos, ``paced`` ones are played as they
    were taken.
    """
    if spec.location == DEMO:
        # Imported here: a camera's process has no use for OpenCV, which takes memory.
        from stages.decoder.scene_source import DEMO_SCENE, SceneSource

        return SceneSource(DEMO_SCENE, name=spec.name, selection=selection)
    if spec.location.startswith(BLANK):
        return BlankSource(spec.location, name=spec.name)
    if is_live(spec.location):
        return LiveSource(
            spec.location,
            name=spec.name,
            selection=selection,
            options=live,
            hardware=hardware,
            recorder=recorder,
            place=place,
            wait=wait,
            waiting=waiting,
            notify=notify,
            connected=connected,
        )
    path = Path(spec.location)
    if is_recording(path):
        return RecordingSource(
            path, name=spec.name, selection=selection, hardware=hardware, paced=paced
        )
    if "://" in spec.location or not (path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES):
        return MediaSource(
            spec.location,
            name=spec.name,
            selection=selection,
            layout=spec.layout,
            hardware=hardware,
            paced=paced,
            notify=notify,
        )
    return ImageFolderSource(
        path,
        name=spec.name,
        selection=selection,
        frame_rate=Fraction(spec.frame_rate or frame_rate),
        layout=spec.layout,
        notify=notify,
    )

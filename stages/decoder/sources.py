"""Opens the source of a stream's frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from stages.decoder.blank_source import BLANK, BlankSource
from stages.decoder.image_folder import IMAGE_SUFFIXES, ImageFolderSource
from stages.decoder.live import LiveSource
from stages.decoder.live_options import LiveOptions
from stages.decoder.locations import DEMO, SourceSpec, is_live
from stages.decoder.media import MediaSource
from stages.decoder.recorder import Recorder
from stages.decoder.recording_source import RecordingSource
from stages.decoder.segments import is_recording
from stages.decoder.source import FrameSelection, ResumePoint, Source, SourceRuntime


def open_source(
    spec: SourceSpec,
    *,
    selection: FrameSelection | None = None,
    frame_rate: Fraction = Fraction(25),
    live: LiveOptions | None = None,
    hardware: str = "off",
    paced: bool = False,
    recorder: Recorder | None = None,
    resume_from: ResumePoint | None = None,
    runtime: SourceRuntime | None = None,
) -> Source:
    """Opens the source of a spec.

    Args:
        spec: Name and location of the source.
        selection: Frames to use, by default all; a blank source ignores it and yields all.
        frame_rate: Frames per second of images, unless the spec has a rate.
        live: How a live source behaves.
        hardware: Device that decodes videos, see `hardware_decoder`.
        paced: Whether videos are read at their original pace; a live source decides by itself.
        recorder: Records the packets of a live source, if given.
        resume_from: Where an earlier process of a live stream stopped.
        runtime: See `SourceRuntime`.
    """
    selection = selection or FrameSelection()
    live = live or LiveOptions()
    runtime = runtime or SourceRuntime()
    if spec.location == DEMO:
        # Imported here: most decoders do not need OpenCV, which takes memory.
        from stages.decoder.scene_source import DEMO_SCENE, SceneSource

        return SceneSource(DEMO_SCENE, name=spec.name, selection=selection, runtime=runtime)
    if spec.location.startswith(BLANK):
        return BlankSource(spec.location, name=spec.name, runtime=runtime)
    if is_live(spec.location):
        return LiveSource(
            spec.location,
            name=spec.name,
            selection=selection,
            options=live,
            hardware=hardware,
            recorder=recorder,
            resume_from=resume_from or ResumePoint(),
            runtime=runtime,
        )
    path = Path(spec.location)
    if is_recording(path):
        return RecordingSource(
            path,
            name=spec.name,
            selection=selection,
            hardware=hardware,
            paced=paced,
            runtime=runtime,
        )
    if "://" in spec.location or not (path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES):
        return MediaSource(
            spec.location,
            name=spec.name,
            selection=selection,
            layout=spec.layout,
            hardware=hardware,
            paced=paced,
            timeout=live.timeout,
            runtime=runtime,
        )
    return ImageFolderSource(
        path,
        name=spec.name,
        selection=selection,
        frame_rate=Fraction(spec.frame_rate or frame_rate),
        layout=spec.layout,
        runtime=runtime,
    )

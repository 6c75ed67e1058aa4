"""The rendered scene as a source of frames."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import KW_ONLY, dataclass, field

import cv2

from stages.color_spaces import BT601
from stages.decoder.source import FrameAllocator, FrameSelection, SourceRecord, SourceRuntime
from stages.errors import SourceError
from stages.records import (
    EndOfStream,
    EndReason,
    Frame,
    PixelFormat,
    StreamStart,
)
from stages.scene import Scene, SceneConfig

DEMO_SCENE = SceneConfig(seed=1)
"""The scene that `spotstream run` shows if it is given no source."""


@dataclass
class SceneSource:
    """Frames of a `Scene`, as planar YUV 4:2:0.

    Attributes:
        config: The scene.
        name: Name of the stream.
        selection: Frames to use.
        runtime: See `SourceRuntime`.
    """

    config: SceneConfig
    _: KW_ONLY
    name: str = "demo"
    selection: FrameSelection = field(default_factory=FrameSelection)
    runtime: SourceRuntime = field(default_factory=SourceRuntime)

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """See `Source.records`."""
        config, rate = self.config, self.config.frame_rate
        chosen = [index for index in range(config.frames) if self.selection.takes(index)]
        if not chosen:
            raise SourceError(f"the chosen range holds none of the scene's {config.frames} frames")
        scene = Scene(config)
        start = StreamStart(
            stream=self.name,
            epoch=0,
            source=f"rendered scene, seed {config.seed}",
            height=config.height,
            width=config.width,
            frame_rate=rate,
            time_base=1 / rate,
            frame_count=len(chosen),
            color_space=BT601,
        )
        yield start
        shape = PixelFormat.YUV420P.shape(config.height, config.width)
        for sequence, index in enumerate(chosen):
            pixels = allocator.allocate(shape)
            cv2.cvtColor(scene.render(index).image, cv2.COLOR_BGR2YUV_I420, dst=pixels)
            header = start.header(sequence, index, index, self.runtime.clock(), PixelFormat.YUV420P)
            yield Frame(header, pixels)
        yield EndOfStream(self.name, 0, len(chosen), EndReason.COMPLETE)

"""An image of a stream's scene without its vehicles, from overlays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from stages.decoder.containers import open_media, video_stream
from stages.decoder.decoding import decoded
from stages.records import UInt8Array
from tools.segmentation.background import median_background

_FRAMES = 25  # at most; one from each overlay if there are many


def scene_of(
    overlays: Sequence[Path], cover: Callable[[UInt8Array, Path], None]
) -> UInt8Array | None:
    """Returns the median frame of overlays, ``(H, W, 3)`` uint8 BGR; None if there are none.

    The median removes moving objects with their boxes and labels; lines and zones stay. Overlays
    that differ in size from the last one are ignored.

    Args:
        overlays: The videos.
        cover: Called with each frame that is read and its video; modifies the frame in place.

    Raises:
        SourceError: An overlay cannot be read.
    """
    stride = max(1, -(-len(overlays) // _FRAMES))
    chosen = overlays[::-stride]
    share = _FRAMES // max(1, len(chosen))
    frames = []
    for overlay in chosen:
        for frame in _sampled(overlay, share):
            cover(frame, overlay)
            frames.append(frame)
    alike = [frame for frame in frames if frame.shape == frames[0].shape]
    return median_background(alike, None)[0] if alike else None


def video_size(video: Path) -> tuple[int, int]:
    """Returns the width and height of a video in pixels.

    Raises:
        SourceError: The video cannot be read.
    """
    with open_media(str(video)) as container:
        stream = video_stream(container, str(video))
        return stream.width, stream.height


def _sampled(video: Path, number: int) -> Iterator[UInt8Array]:
    """Yields ``number`` frames at equal intervals."""
    with open_media(str(video)) as container:
        stream = video_stream(container, str(video))
        for index in range(number):
            wanted = (stream.start_time or 0) + index * (stream.duration or 0) // number
            container.seek(wanted, stream=stream)
            for frame in decoded(container.demux(stream), stream):
                if frame is not None and frame.pts is not None and frame.pts >= wanted:
                    yield np.array(frame.to_ndarray(format="bgr24"), np.uint8)
                    break

"""A picture of a stream's scene without its vehicles, from overlays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stages.decoder.containers import open_media, video_stream
from stages.decoder.decoding import decoded
from stages.records import UInt8Array
from tools.segmentation.background import median_background

_PICTURES = 25  # at most; of many overlays, one each


def scene_of(overlays: Sequence[Path]) -> UInt8Array | None:
    """Returns the median picture ``(H, W, 3)`` uint8 BGR of overlays, None if there are none.

    What moves is hidden, its boxes and labels too; lines and zones stay. Overlays of another size
    than the last one's do not count.

    Raises:
        SourceError: One of them cannot be read.
    """
    apart = max(1, -(-len(overlays) // _PICTURES))
    chosen = overlays[::-apart]
    share = _PICTURES // max(1, len(chosen))
    pictures = [picture for overlay in chosen for picture in _pictures(overlay, share)]
    alike = [picture for picture in pictures if picture.shape == pictures[0].shape]
    return median_background(alike, None)[0] if alike else None


def video_size(video: Path) -> tuple[int, int]:
    """Returns width and height in pixels.

    Raises:
        SourceError: It cannot be read.
    """
    with open_media(str(video)) as container:
        stream = video_stream(container, str(video))
        return stream.width, stream.height


def _pictures(video: Path, number: int) -> Iterator[UInt8Array]:
    """Yields that many pictures at equal distances."""
    with open_media(str(video)) as container:
        stream = video_stream(container, str(video))
        for index in range(number):
            wanted = (stream.start_time or 0) + index * (stream.duration or 0) // number
            container.seek(wanted, stream=stream)
            for frame in decoded(container, container.demux(stream)):
                if frame is not None and frame.pts is not None and frame.pts >= wanted:
                    yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
                    break

"""A small generated video and its detections."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from stages.atomic import writing
from stages.detector.delayed_detector import delayed

NAME = "clip"
RATE = 25
_VEHICLES = 8


def make_clip(folder: Path, frames: int, height: int = 120, width: int = 160) -> Path:
    """Writes ``clip.mp4`` and next to it ``clip_Det_made.txt``, detections of drifting vehicles.

    Args:
        folder: Folder of the files; created if missing.
        frames: Number of frames.
        height: Height in pixels, even.
        width: Width in pixels, even.

    Returns:
        Path of the video.

    Raises:
        OutputError: The file system refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.mp4"
    rng = np.random.default_rng(0)
    options = {"preset": "ultrafast"}
    with writing(path), av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([3 * index % 200 + 20]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    places = rng.uniform(0, (width, height), (_VEHICLES, 2))
    steps = rng.uniform(-1, 1, (_VEHICLES, 2))
    with writing(detections_of(path)), detections_of(path).open("w") as file:
        for index in range(frames):
            seen = rng.random(_VEHICLES) < 0.8
            for number, (left, top) in enumerate((places + steps * index)[seen], start=1):
                score = rng.uniform(0.3, 1)
                file.write(f"{index + 1},{number},{left:.2f},{top:.2f},20,15,{score:.3f}\n")
    return path


def detections_setting(video: Path, *, delay_ms: float | None = None) -> str:
    """Returns the setting that selects `detections_of` a video, delayed as by a slow detector."""
    found = detections_of(video)
    return f"detector.detections={found if delay_ms is None else delayed(found, delay_ms)}"


def detections_of(video: Path) -> Path:
    """Returns the detection file of a video from `make_clip`."""
    return video.with_name(f"{video.stem}_Det_made.txt")

"""A typical first version: OpenCV reads, draws and writes, and the network runs in between.

    python -m tools.bench.opencv_loop

reads a `LoopPlan` from standard input and writes ``achieved_fps`` to the stream's ``run.json``.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from pipeline.config import RunConfig
from pipeline.detectors import build_detector
from stages.detector.shipped import find_weights
from stages.errors import SourceError
from stages.records import Detections, Frame, Tracks, UInt8Array
from stages.result_files import OVERLAY, REPORT, TRACKS
from stages.sink.mot import mot_rows
from stages.tracker import TrackerStage
from tools.bench.centernet_loop import CenterNetLoop
from tools.bench.pipeline import LoopPlan

GREEN = (0, 255, 0)


def run_opencv_loop(plan: LoopPlan) -> None:
    """Reads, detects, tracks and writes frames one at a time; unselected ones are only grabbed.

    The network runs as in CenterNet's demo; boxes from a file and the tracker work as in a run.

    Raises:
        SourceError: The video cannot be read.
    """
    config = plan.config
    capture = cv2.VideoCapture(plan.location)
    if not capture.isOpened():
        raise SourceError(f"{plan.location}: OpenCV cannot read it")
    detect = _detection(config)
    selection = config.decoder.selection
    tracker = TrackerStage(config.tracker.name, config.tracker.settings, selection.every)
    folder = Path(plan.output) / plan.name
    folder.mkdir(parents=True)
    writer = _writer(capture, folder / OVERLAY) if config.sink.overlay else None
    started, frames = time.monotonic(), 0
    with (folder / TRACKS).open("w") as rows:
        for index in itertools.count():
            if selection.ends_before(index) or not capture.grab():
                break
            if not selection.takes(index):
                continue
            more, read = capture.retrieve()
            if not more:
                break
            image = np.asarray(read, np.uint8)
            frame = Frame.of_image(image, plan.name, index)
            tracks = tracker.process(detect([frame])[0])
            rows.write(mot_rows(tracks, frame.header.number))
            if writer is not None:
                _draw(image, tracks)
                writer.write(image)
            frames += 1
    if writer is not None:
        writer.release()
    seconds = time.monotonic() - started
    (folder / REPORT).write_bytes(msgspec.json.encode({"achieved_fps": frames / seconds}))


def _detection(config: RunConfig) -> Callable[[Sequence[Frame]], list[Detections]]:
    chosen = config.detector
    if chosen.detections is not None or chosen.name is not None:
        return build_detector(chosen).detect
    loop = CenterNetLoop(find_weights(chosen.weights), "cpu", chosen.min_score)
    loop.scale = chosen.scale or loop.scale
    return loop.detect


def _writer(capture: cv2.VideoCapture, path: Path) -> cv2.VideoWriter:
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    rate = capture.get(cv2.CAP_PROP_FPS) or 25
    return cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)


def _draw(image: UInt8Array, tracks: Tracks) -> None:
    for box, identity in zip(tracks.boxes.astype(int).tolist(), tracks.ids.tolist(), strict=True):
        left, top, right, bottom = box
        cv2.rectangle(image, (left, top), (right, bottom), GREEN, 2)
        cv2.putText(image, str(identity), (left, top - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.5, GREEN, 2)


if __name__ == "__main__":
    run_opencv_loop(LoopPlan.receive())

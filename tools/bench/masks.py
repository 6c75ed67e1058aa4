"""Measures the masks on rendered sequences: ``python -m tools.bench.masks``.

Scores count pixels inside the boxes, over all frames of a sequence together. Times are for one
core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from stages.records import Float32Array, UInt8Array
from tools.bench.rendered_truth import TrueSequence, render_truth
from tools.datasets.box_mask import box_mask
from tools.segmentation.background import make_background
from tools.segmentation.flow import FRAMES_APART, FlowFunction, dis_flow, moving_foreground
from tools.segmentation.options import Subtractor
from tools.segmentation.refine import fill_empty, soften
from tools.segmentation.sequence import LEARNED

SCORED = 3  # every n-th frame is scored

Found: TypeAlias = tuple[int, UInt8Array, npt.NDArray[np.bool_] | None]
"""0-based frame index, foreground before it is cut to the boxes, and unknown pixels."""

Method: TypeAlias = Callable[[TrueSequence], Iterator[Found]]


def boxes_alone(truth: TrueSequence) -> Iterator[Found]:
    """Yields everything as foreground, to be cut to the boxes."""
    for index, image in enumerate(truth.images):
        yield index, np.full(image.shape[:2], 255, np.uint8), None


def _ellipses(truth: TrueSequence) -> Iterator[Found]:
    """Yields the ellipse in each box."""
    for index, image in enumerate(truth.images):
        yield index, fill_empty(np.zeros(image.shape[:2], np.uint8), truth.boxes[index]), None


def _by_background(subtractor: Subtractor) -> Method:
    """Returns the difference from a background of `make_background` as a method."""

    def foreground(truth: TrueSequence) -> Iterator[Found]:
        covers = [box_mask(b, *i.shape[:2]) for b, i in zip(truth.boxes, truth.images, strict=True)]
        chosen = np.linspace(0, len(covers) - 1, min(LEARNED, len(covers))).astype(int)
        background = make_background(
            subtractor, [truth.images[i] for i in chosen], [covers[i] for i in chosen]
        )
        for index, image in enumerate(truth.images):
            yield index, background.foreground(image, covers[index]), ~background.known

    return foreground


def _online(make: Callable[[], cv2.BackgroundSubtractor]) -> Method:
    """Returns OpenCV's unmodified subtractor as a method: one pass, no boxes, its own shadows."""

    def foreground(truth: TrueSequence) -> Iterator[Found]:
        subtractor = make()
        for index, image in enumerate(truth.images):
            yield index, np.where(subtractor.apply(image) == 255, 255, 0).astype(np.uint8), None

    return foreground


def _by_flow(make: Callable[[], FlowFunction], apart: int) -> Method:
    """Returns the dense flow to the frames ``apart`` before and after as a method."""

    def foreground(truth: TrueSequence) -> Iterator[Found]:
        flow = make()
        gray = [np.asarray(cv2.cvtColor(i, cv2.COLOR_BGR2GRAY), np.uint8) for i in truth.images]
        for index in range(apart, len(gray) - apart, SCORED):
            beside = [gray[index - apart], gray[index + apart]]
            found = moving_foreground(gray[index], beside, truth.boxes[index], flow)
            yield index, found, None

    return foreground


def farneback_flow() -> FlowFunction:
    """Returns Farneback's polynomial expansion (2003), with the settings in the paper's code."""

    def flow(first: UInt8Array, second: UInt8Array) -> Float32Array:
        empty = np.zeros((*first.shape, 2), np.float32)
        found = cv2.calcOpticalFlowFarneback(first, second, empty, 0.5, 3, 15, 3, 5, 1.2, 0)
        return np.asarray(found, np.float32)

    return flow


FIXED: dict[str, Method] = {
    "boxes": boxes_alone,
    "ellipses": _ellipses,
    "MOG2, one pass": _online(cv2.createBackgroundSubtractorMOG2),
    "KNN, one pass": _online(cv2.createBackgroundSubtractorKNN),
    "MOG2": _by_background(Subtractor.MOG2),
    "KNN": _by_background(Subtractor.KNN),
    "median": _by_background(Subtractor.MEDIAN),
}
MOVING: dict[str, Method] = {
    "boxes": boxes_alone,
    "ellipses": _ellipses,
    **{f"Farneback, {apart} apart": _by_flow(farneback_flow, apart) for apart in (1, FRAMES_APART)},
    **{f"DIS, {apart} apart": _by_flow(dis_flow, apart) for apart in (1, FRAMES_APART)},
}


def main() -> None:
    """Prints a table for each camera and light; arguments name the cameras, by default both."""
    cv2.setNumThreads(1)
    cameras = ["intersection", "drone"]
    chosen = sys.argv[1:] or cameras
    if not set(chosen) <= set(cameras):
        sys.exit(f"give one of {', '.join(cameras)}, or nothing for both; got {' '.join(chosen)}")
    columns = ("", "foreground IoU", "filled", "P", "R", "blurred IoU", "filled", "P", "R", "ms")
    for camera, methods in (("intersection", FIXED), ("drone", MOVING)):
        for light in ("day", "night") if camera in chosen else ():
            fixed = camera == "intersection"
            truth = render_truth(camera, light, 20 if fixed else 1.2, 5 if fixed else 25)
            table = Table(*columns, title=f"{camera}, {light}")
            for name, method in methods.items():
                table.add_row(name, *(f"{value:.3f}" for value in score(truth, method)))
                print(name, file=sys.stderr, flush=True)
            Console(width=110).print(table)


def score(truth: TrueSequence, method: Method) -> list[float]:
    """Returns four scores twice, and milliseconds per frame.

    The scores are IoU, and IoU, precision and recall with empty boxes filled: first for the
    foreground cut to the boxes, then for the same foreground blurred and thresholded.
    """
    counts = np.zeros((4, 3))
    started, spent, frames = time.process_time(), 0.0, 0
    for index, found, unknown in method(truth):
        spent, frames = spent + time.process_time() - started, frames + 1
        if index % SCORED == 0 or method not in FIXED.values():
            inside = box_mask(truth.boxes[index], *found.shape)
            cut = found & inside
            filled = fill_empty(cut, truth.boxes[index], unknown)
            for row, mask in enumerate((cut, filled, soften(cut), soften(filled))):
                counts[row] += _counts(mask & inside, truth.masks[index] & inside)
        started = time.process_time()
    hits, found_only, true_only = counts.T
    iou = hits / np.maximum(counts.sum(axis=1), 1)
    precision = hits / np.maximum(hits + found_only, 1)
    recall = hits / np.maximum(hits + true_only, 1)
    values = []
    for plain, with_fill in ((0, 1), (2, 3)):
        values += [iou[plain], iou[with_fill], precision[with_fill], recall[with_fill]]
    return [*map(float, values), 1000 * spent / max(frames, 1)]


def _counts(mask: UInt8Array, truth: UInt8Array) -> list[int]:
    hits = cv2.countNonZero(mask & truth)
    return [hits, cv2.countNonZero(mask) - hits, cv2.countNonZero(truth) - hits]


if __name__ == "__main__":
    main()

"""Road markings: lines, zebra crossings, arrows."""

from __future__ import annotations

import numpy as np

from stages.records import Float64Array, UInt8Array
from stages.scene.canvas import Canvas
from stages.scene.road import ZEBRA_LENGTH, Road, RoadPlan, turn


def paint_markings(
    rng: np.random.Generator, canvas: Canvas, plan: RoadPlan, varied: bool
) -> list[tuple[UInt8Array, Float64Array]]:
    """Returns white and yellow masks ``(size, size)`` uint8, each with its colour ``(3,)``."""
    white, yellow = canvas.mask(), canvas.mask()
    center_line = yellow if rng.random() < 0.5 else white
    dash, gap = rng.uniform(2.5, 4.0), rng.uniform(4.0, 8.0)
    for road in plan.roads:
        spans = [(-plan.reach, plan.reach)]
        if plan.crossing:
            stop = plan.stop_distance(road)
            spans = [(stop, plan.reach), (-plan.reach, -stop)]
        for start, end in spans:
            for x in (-road.median / 2, road.median / 2):
                canvas.box(center_line, road.direction, (x - 0.07, x + 0.07), (start, end))
            for side in (-1, 1):
                edge = side * (road.half_width - 0.3)
                canvas.box(white, road.direction, (edge - 0.07, edge + 0.07), (start, end))
                for lane in range(1, road.lanes):
                    x = side * (road.median / 2 + lane * road.lane_width)
                    for y in np.arange(start, end, dash + gap):
                        canvas.box(
                            white, road.direction, (x - 0.07, x + 0.07), (y, min(y + dash, end))
                        )
        if plan.crossing:
            for half_turn in (0, 2):
                _approach(canvas, white, plan, road, road.direction + half_turn)
    if plan.crossing and varied and rng.random() < 0.3:
        white[:] = (white * 0.6).astype(np.uint8)
    return [(white, np.array([0.86, 0.87, 0.87])), (yellow, np.array([0.22, 0.62, 0.80]))]


def _approach(canvas: Canvas, white: UInt8Array, plan: RoadPlan, road: Road, quarters: int) -> None:
    """Paints zebra, stop line and arrows of an arm.

    ``quarters`` are the clockwise turns from north to the heading of its approaching traffic.
    """
    zebra, stop = plan.zebra_start(road), plan.stop_distance(road)
    for x in np.arange(-road.half_width + 0.4, road.half_width - 0.4, 1.0):
        canvas.box(white, quarters, (x, x + 0.5), (-zebra - ZEBRA_LENGTH, -zebra))
    canvas.box(white, quarters, (road.median / 2, road.half_width - 0.2), (-stop - 0.35, -stop))
    for lane in range(road.lanes):
        x, y = road.lane_offset(lane), -stop - 9.0
        canvas.box(white, quarters, (x - 0.09, x + 0.09), (y, y + 3.0))
        turning = plan.turning(road, lane)
        if turning:
            bar = (x, x + 0.6) if turning > 0 else (x - 0.6, x)
            canvas.box(white, quarters, bar, (y + 2.82, y + 3.0))
            tip = np.array(
                [
                    [x + turning * 0.6, y + 2.5],
                    [x + turning * 1.15, y + 2.91],
                    [x + turning * 0.6, y + 3.3],
                ]
            )
        else:
            tip = np.array([[x - 0.4, y + 3.0], [x + 0.4, y + 3.0], [x, y + 4.1]])
        canvas.polygon(white, turn(tip, quarters))

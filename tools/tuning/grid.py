"""The values of tracker settings that are tried, each list in ascending order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Grid: TypeAlias = Mapping[str, Sequence[float]]

_AGES = (5, 10, 15, 20, 30, 45, 60, 90)
_SCORES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)
_IOUS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)

GRIDS: dict[str, Grid] = {
    "sort": {
        "min_score": _SCORES,
        "max_age": (1, *_AGES),
        "min_hits": (0, 1, 2, 3, 4, 6),
        "iou_threshold": _IOUS,
    },
    "bytetrack": {
        "high_score": _SCORES,
        "birth_score": _SCORES,
        "low_score": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
        "max_age": _AGES,
        "iou_threshold": _IOUS,
        "low_iou_threshold": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
    },
    "ocsort": {
        "min_score": _SCORES,
        "max_age": _AGES,
        "min_hits": (0, 1, 2, 3, 4, 6),
        "iou_threshold": _IOUS,
        "direction_frames": (1, 2, 3, 5, 8),
        "direction_weight": (0.05, 0.1, 0.2, 0.4, 0.8),
    },
    "spottrack": {
        "confirm_score": (0.3, 0.35, 0.4, 0.42, 0.44, 0.46, 0.48, 0.5, 0.52, 0.55, 0.6, 0.65, 0.7),
        "birth_score": (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5),
        "high_score": (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5),
        "low_score": (0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.25),
        "max_age": _AGES,
        "min_hits": (1, 2, 3, 4),
        "iou_threshold": _IOUS,
        "low_iou_threshold": (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7),
        "duplicate_iou": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0),
        "widening": (0.0, 0.02, 0.05, 0.08, 0.1, 0.15),
        "measurement_noise": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
        "position_noise": (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15),
        "velocity_noise": (0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03),
        "initial_velocity": (0.05, 0.1, 0.15, 0.2, 0.3, 0.5),
        "edge_margin": (-1.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0),
    },
}

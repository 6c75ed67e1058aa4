"""SORT: Simple Online and Realtime Tracking (Bewley et al. 2016, arXiv 1602.00763).

A Kalman filter of constant velocity predicts each track's box into the frame, the Hungarian method
pairs predictions and detections by IoU, and pairs correct the filters. Settings, matrices and the
order of steps equal those of the authors' implementation, and so do the results.
"""

from __future__ import annotations

import numpy as np

from trackers.association import match_as_sort
from trackers.boxes import (
    BoolArray,
    FloatArray,
    from_center_area_aspect,
    to_center_area_aspect,
)
from trackers.kalman import ConstantVelocityFilter
from trackers.overlaps import find_overlaps
from trackers.settings import checked_count, checked_number, checked_share
from trackers.tracker import Int64Array, Observations, Tracker

# Of centre x, centre y, area, aspect. The aspect has no velocity.
MEASUREMENT_NOISE = np.array([1.0, 1.0, 10.0, 10.0])
VALUE_NOISE = np.array([1.0, 1.0, 1.0, 1.0])
VELOCITY_NOISE = np.array([1e-2, 1e-2, 1e-4, 0.0])
INITIAL_VARIANCE = np.array([10.0, 10.0, 10.0, 10.0])
INITIAL_VELOCITY_VARIANCE = np.array([1e4, 1e4, 1e4, 0.0])
AREA = 2


class Sort(Tracker):
    """SORT with the reference's defaults.

    A track is reported in a frame when a detection updated it there and it has been updated in at
    least ``min_hits`` consecutive frames after its first; in the first ``min_hits`` frames of the
    stream every updated track is. The reported box is the filter's, after the update. Camera
    motion is not used.
    """

    def __init__(
        self,
        *,
        max_age: int = 1,
        min_hits: int = 3,
        iou_threshold: float = 0.3,
        min_score: float = 0.0,
    ) -> None:
        """Starts without tracks.

        Args:
            max_age: Frames in a row without a detection that a track survives, >= 0.
            min_hits: Consecutive updates before a track is reported, >= 0.
            iou_threshold: Least IoU of a prediction and its detection, in (0, 1].
            min_score: Detections with a lower score are ignored.

        Raises:
            ValueError: A setting is out of its range; the message names it.
        """
        super().__init__()
        self.max_age = checked_count("max_age", max_age, minimum=0)
        self.min_hits = checked_count("min_hits", min_hits, minimum=0)
        self.iou_threshold = checked_share("iou_threshold", iou_threshold)
        self.min_score = checked_number("min_score", min_score)
        self._forget()

    def _forget(self) -> None:
        self._frame_count = 0
        self._filter = ConstantVelocityFilter(dimensions=4)
        self._ids = np.empty(0, np.int64)
        self._hit_streaks = np.empty(0, np.int64)
        self._misses = np.empty(0, np.int64)  # frames since the last update

    def _track(self, observations: Observations) -> tuple[FloatArray, Int64Array, Int64Array]:
        self._frame_count += 1
        confident = observations.scores >= self.min_score
        boxes = observations.boxes[confident]
        indices = observations.indices[confident]

        predictions = self._predict()
        pairs = match_as_sort(find_overlaps(predictions, boxes), self.iou_threshold)
        rows, columns = pairs.rows, pairs.columns
        measurements = to_center_area_aspect(boxes)
        self._filter.update(rows, measurements[columns], MEASUREMENT_NOISE)
        self._misses[rows] = 0
        self._hit_streaks[rows] += 1

        unmatched = np.ones(len(boxes), np.bool_)
        unmatched[columns] = False
        born = np.flatnonzero(unmatched)
        used = np.empty(len(self._ids) + len(born), np.int64)  # detection of each track
        used[rows] = indices[columns]
        used[len(self._ids) :] = indices[born]
        self._start(measurements[born])

        seen = self._misses == 0
        reported = seen if self._warming_up else seen & (self._hit_streaks >= self.min_hits)
        result = (
            from_center_area_aspect(self._filter.values[reported]),
            self._ids[reported],
            used[reported],
        )
        self._keep(self._misses <= self.max_age)
        return result

    @property
    def _warming_up(self) -> bool:
        return self._frame_count <= self.min_hits

    def _predict(self) -> FloatArray:
        """Moves all tracks to this frame and gives their boxes ``(T, 4)``."""
        velocities = self._filter.velocities
        vanishing = self._filter.values[:, AREA] + velocities[:, AREA] <= 0
        velocities[vanishing, AREA] = 0.0
        self._filter.predict(VALUE_NOISE, VELOCITY_NOISE)
        self._hit_streaks[self._misses > 0] = 0
        self._misses += 1
        boxes = from_center_area_aspect(self._filter.values)
        is_box = np.isfinite(boxes.sum(axis=1))
        if not is_box.all():
            self._keep(is_box)
            boxes = boxes[is_box]
        return boxes

    def _start(self, measurements: FloatArray) -> None:
        count = len(measurements)
        if count == 0:
            return
        self._filter.append(measurements, INITIAL_VARIANCE, INITIAL_VELOCITY_VARIANCE)
        zeros = np.zeros(count, np.int64)
        self._ids = np.concatenate((self._ids, self._new_ids(count)))
        self._hit_streaks = np.concatenate((self._hit_streaks, zeros))
        self._misses = np.concatenate((self._misses, zeros))

    def _keep(self, mask: BoolArray) -> None:
        if mask.all():
            return
        self._filter.keep(mask)
        self._ids = self._ids[mask]
        self._hit_streaks = self._hit_streaks[mask]
        self._misses = self._misses[mask]

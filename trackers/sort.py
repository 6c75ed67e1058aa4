"""SORT: Simple Online and Realtime Tracking (Bewley et al. 2016, arXiv 1602.00763).

A constant-velocity Kalman filter predicts each track's box in the frame, the Hungarian method
matches predictions to detections by IoU, and the matches correct the filters. Settings, matrices,
the order of steps and the results equal those of the authors' implementation.
"""

from __future__ import annotations

import numpy as np

from trackers.area_filter import AreaFilter
from trackers.association import match_as_sort
from trackers.boxes import (
    BoolArray,
    FloatArray,
    IndexArray,
    from_center_area_aspect,
    to_center_area_aspect,
)
from trackers.overlaps import find_overlaps
from trackers.settings import MAX_SETTING, checked_count, checked_score, checked_share
from trackers.tracker import Int64Array, Observations, Tracker

# Stored for each track besides its filter. A streak counts consecutive updates after its start,
# which is the frame of the first detection or, after a gap, the last frame of the gap.
ID, STREAK_START, LAST_SEEN = range(3)


class Sort(Tracker):
    """SORT with the reference's defaults.

    A track is reported in a frame if a detection updates it there and it has been updated in at
    least ``min_hits`` consecutive frames after its first. In the first ``min_hits`` frames of the
    stream, every updated track is reported. The reported box is the filter's estimate after the
    update. Camera motion is not used.
    """

    def __init__(
        self,
        *,
        max_age: int = 1,
        min_hits: int = 3,
        iou_threshold: float = 0.3,
        min_score: float = -float(MAX_SETTING),
    ) -> None:
        """Starts without tracks.

        Args:
            max_age: Consecutive frames without a detection that a track survives, >= 0.
            min_hits: Consecutive updates before a track is reported, >= 0.
            iou_threshold: Minimum IoU of a prediction and its detection, in (0, 1].
            min_score: Detections with a lower score are ignored; by default, none are.

        Raises:
            ValueError: A setting is out of its range; the message names it.
        """
        super().__init__()
        self.max_age = checked_count("max_age", max_age, minimum=0)
        self.min_hits = checked_count("min_hits", min_hits, minimum=0)
        self.iou_threshold = checked_share("iou_threshold", iou_threshold)
        self.min_score = checked_score("min_score", min_score)
        self._forget()

    def _forget(self) -> None:
        self._filter = AreaFilter()
        self._records = np.empty((3, 0), np.int64)  # a row each of ID, STREAK_START, LAST_SEEN

    def _track(self, observations: Observations) -> tuple[FloatArray, Int64Array, Int64Array]:
        confident = observations.where(observations.scores >= self.min_score)
        measurements = to_center_area_aspect(confident.boxes)

        pairs = match_as_sort(find_overlaps(self._predict(), confident.boxes), self.iou_threshold)
        rows, columns = pairs.rows, pairs.columns
        self._update(rows, measurements.take(columns, axis=0))
        if len(columns) < len(measurements):
            unmatched = np.ones(len(measurements), np.bool_)
            unmatched[columns] = False
            born = unmatched.nonzero()[0]
            rows = np.concatenate((rows, self._begin(measurements[born])))
            columns = np.concatenate((columns, born))

        seen_count = len(rows)
        if self._frame > self.min_hits:
            reported = self._records[STREAK_START][rows] <= self._frame - self.min_hits
            rows, columns = rows[reported], columns[reported]
        result = (
            from_center_area_aspect(self._filter.values.take(rows, axis=0)),
            self._records[ID][rows],
            confident.indices[columns],
        )
        if seen_count < len(self._filter):
            self._keep(self._records[LAST_SEEN] >= self._frame - self.max_age)
        return result

    def _coast(self) -> None:
        self._predict()

    def _predict(self) -> FloatArray:
        """Advances the tracks to this frame, drops degenerate ones and returns boxes ``(T, 4)``."""
        boxes = self._filter.predict_boxes()
        if not np.vdot(boxes, boxes) < np.inf:
            is_box = np.isfinite(boxes.sum(axis=1))
            self._keep(is_box)
            boxes = boxes[is_box]
        return boxes

    def _update(self, rows: IndexArray, measurements: FloatArray) -> None:
        """Corrects the tracks ``rows``; those not seen in the last frame begin a new streak."""
        self._filter.correct(rows, measurements)
        last_seen = self._records[LAST_SEEN]
        interrupted = last_seen[rows] < self._frame - 1
        if np.count_nonzero(interrupted):
            self._records[STREAK_START][rows[interrupted]] = self._frame - 1
        last_seen[rows] = self._frame

    def _begin(self, measurements: FloatArray) -> IndexArray:
        """Starts a track for each measurement and returns their rows."""
        self._filter.begin(measurements)
        born = np.full((3, len(measurements)), self._frame)
        born[ID] = self._new_ids(len(measurements))
        first = self._records.shape[1]
        self._records = np.concatenate((self._records, born), axis=1)
        return np.arange(first, first + len(measurements))

    def _keep(self, mask: BoolArray) -> None:
        if np.count_nonzero(mask) < len(mask):
            self._filter.keep(mask)
            self._records = self._records.compress(mask, axis=1)

"""OC-SORT: observation-centric SORT (Cao et al. 2023, arXiv 2203.14360).

SORT with three changes that trust observations more than the filter's own estimates. A pair gains
if the detection lies in the track's direction of motion (momentum). Tracks that stay unmatched are
matched once more at the position where they were last seen (recovery). When a track is found again,
its filter is replayed through the gap with observations interpolated between both ends (re-update),
which undoes the errors that accumulated without observations. Settings are those of the authors'
implementation.
"""

from __future__ import annotations

import numpy as np

from trackers.area_filter import AreaFilter
from trackers.association import match
from trackers.boxes import BoolArray, FloatArray, IndexArray, to_center_area_aspect
from trackers.overlaps import BoxPairs, find_overlaps
from trackers.settings import checked_count, checked_score, checked_share
from trackers.tracker import Int64Array, Observations, Tracker

_MIN_GAIN = 1e-6  # of a pair
_MAX_DIRECTION_FRAMES = 1000  # each frame processes the history of all tracks

TRACK = np.dtype(
    [
        ("id", np.int64),
        ("streak", np.int64),  # frames in a row with a detection
        ("misses", np.int64),
        ("steps", np.int64),  # since it was last seen: misses and unseen frames
        ("last", np.float64, 4),  # last observed box
        ("direction", np.float64, 2),  # unit vector of its motion, 0 where unknown
    ]
)


class OCSort(Tracker):
    """OC-SORT with its authors' defaults.

    A track is reported in a frame if a detection updates it there and it has been updated in at
    least ``min_hits`` consecutive frames after its first. In the first ``min_hits`` frames of the
    stream, every updated track is reported. The reported box is the detection's. Camera motion is
    not used.
    """

    def __init__(
        self,
        *,
        max_age: int = 30,
        min_hits: int = 3,
        iou_threshold: float = 0.3,
        min_score: float = 0.6,
        direction_frames: int = 3,
        direction_weight: float = 0.2,
    ) -> None:
        """Starts without tracks.

        Args:
            max_age: Consecutive frames without a detection that a track survives, >= 0.
            min_hits: Consecutive updates before a track is reported, >= 0.
            iou_threshold: Minimum IoU of a pair, in (0, 1].
            min_score: Detections with a lower score are ignored.
            direction_frames: Maximum number of frames back to the observation from which a
                direction is measured, 1 to 1000.
            direction_weight: Weight of the direction, in (0, 1]. A pair with score 1 gains half of
                it if the detection lies in the track's direction, and loses half if it lies in the
                opposite direction.

        Raises:
            ValueError: A setting is out of its range; the message names it.
        """
        super().__init__()
        self.max_age = checked_count("max_age", max_age, minimum=0)
        self.min_hits = checked_count("min_hits", min_hits, minimum=0)
        self.iou_threshold = checked_share("iou_threshold", iou_threshold)
        self.min_score = checked_score("min_score", min_score)
        self.direction_frames = checked_count(
            "direction_frames", direction_frames, minimum=1, maximum=_MAX_DIRECTION_FRAMES
        )
        self.direction_weight = checked_share("direction_weight", direction_weight)
        self._forget()

    def _forget(self) -> None:
        self._filter = AreaFilter()
        self._moments = self._filter.moments  # of each track when it was last seen
        self._tracks = np.empty(0, TRACK)
        # Boxes of the last frames, latest first, NaN where a track was not seen.
        self._history = np.empty((0, self.direction_frames, 4))

    def _track(self, observations: Observations) -> tuple[FloatArray, Int64Array, Int64Array]:
        confident = observations.where(observations.scores >= self.min_score)
        boxes = confident.boxes

        self._tracks["streak"][self._tracks["misses"] > 0] = 0
        self._tracks["misses"] += 1
        predicted = self._predict()
        used = self._associate(predicted, boxes, confident.scores)
        rows = np.flatnonzero(used >= 0)
        columns = used[rows]
        self._update(rows, boxes[columns])
        self._remember(rows, boxes[columns])
        unused = np.ones(len(boxes), np.bool_)
        unused[columns] = False
        born = np.flatnonzero(unused)
        self._begin(boxes[born])
        used = np.concatenate((used, born))

        seen = self._tracks["misses"] == 0
        if self._frame > self.min_hits:
            seen &= self._tracks["streak"] >= self.min_hits
        reported = np.flatnonzero(seen)
        result = (
            self._tracks["last"][reported],
            self._tracks["id"][reported],
            confident.indices[used[reported]],
        )
        self._keep(self._tracks["misses"] <= self.max_age)
        return result

    def _coast(self) -> None:
        self._predict()

    def _predict(self) -> FloatArray:
        """Advances the tracks to this frame, drops degenerate ones and returns boxes ``(T, 4)``."""
        boxes = self._filter.predict_boxes()
        self._tracks["steps"] += 1
        is_box = np.isfinite(boxes.sum(axis=1))
        self._keep(is_box)
        return boxes[is_box]

    def _associate(
        self, predicted: FloatArray, boxes: FloatArray, scores: FloatArray
    ) -> IndexArray:
        """Returns the detection of each track ``(T,)``, -1 where it has none."""
        used = np.full(len(self._tracks), -1)
        pairs = find_overlaps(predicted, boxes)
        pairs = pairs.where(pairs.iou >= self.iou_threshold)
        # A pair against the direction is still better than none.
        gain = (pairs.iou + self._momentum(pairs, boxes, scores)).clip(min=_MIN_GAIN)
        found = match(pairs, gain)
        used[found.rows] = found.columns

        is_free = np.ones(len(boxes), np.bool_)
        is_free[found.columns] = False
        tracks, detections = (used < 0).nonzero()[0], is_free.nonzero()[0]
        if len(tracks) and len(detections):
            again = find_overlaps(self._tracks["last"][tracks], boxes[detections])
            recovered = match(again.where(again.iou >= self.iou_threshold))
            used[tracks[recovered.rows]] = detections[recovered.columns]
        return used

    def _momentum(self, pairs: BoxPairs, boxes: FloatArray, scores: FloatArray) -> FloatArray:
        """``(K,)`` gain of each pair by its direction, at least -``direction_weight`` / 2."""
        directions = self._tracks["direction"][pairs.rows]
        start = _centers(self._earliest())[pairs.rows]
        steps = _unit(_centers(boxes)[pairs.columns] - start)
        angles = np.arccos(np.clip((directions * steps).sum(axis=1), -1.0, 1.0))
        weights = self.direction_weight * np.clip(scores[pairs.columns], 0.0, 1.0)
        return (np.pi / 2 - angles) / np.pi * weights  # 0 if a direction is unknown

    def _earliest(self) -> FloatArray:
        """``(T, 4)`` earliest box in the history; the last observed one if there is none."""
        boxes = self._tracks["last"].copy()
        for age in range(self.direction_frames):  # earlier boxes overwrite later ones
            known = np.isfinite(self._history[:, age, 0])
            boxes[known] = self._history[known, age]
        return boxes

    def _update(self, rows: IndexArray, boxes: FloatArray) -> None:
        """Corrects the filters; after a gap, replays the gap from its start."""
        gaps = self._tracks["steps"][rows]
        steady = gaps == 1
        self._filter.correct(rows[steady], to_center_area_aspect(boxes[steady]))
        for gap in np.unique(gaps[~steady]).tolist():
            members = np.flatnonzero(gaps == gap)
            replayed = AreaFilter()
            replayed.moments = self._moments[:, rows[members]]
            all_rows = np.arange(len(members))
            start, end = self._tracks["last"][rows[members]], boxes[members]
            for step in range(1, gap + 1):
                replayed.step()
                between = start + (end - start) * (step / gap)
                replayed.correct(all_rows, to_center_area_aspect(between))
            self._filter.moments[:, rows[members]] = replayed.moments
        self._moments[:, rows] = self._filter.moments[:, rows]

    def _remember(self, rows: IndexArray, boxes: FloatArray) -> None:
        """Updates tracks ``rows`` with their boxes, and all histories by one frame."""
        tracks = self._tracks
        moved = _centers(boxes) - _centers(self._earliest()[rows])
        tracks["direction"][rows] = _unit(moved)
        tracks["last"][rows] = boxes
        tracks["misses"][rows] = 0
        tracks["steps"][rows] = 0
        tracks["streak"][rows] += 1
        self._history[:, 1:] = self._history[:, :-1].copy()
        self._history[:, 0] = np.nan
        self._history[rows, 0] = boxes

    def _begin(self, boxes: FloatArray) -> None:
        self._filter.begin(to_center_area_aspect(boxes))
        newest = self._filter.moments[:, len(self._tracks) :]
        self._moments = np.concatenate((self._moments, newest), axis=1)
        born = np.zeros(len(boxes), TRACK)
        born["id"] = self._new_ids(len(boxes))
        born["last"] = boxes
        self._tracks = np.concatenate((self._tracks, born))
        history = np.full((len(boxes), self.direction_frames, 4), np.nan)
        history[:, 0] = boxes
        self._history = np.concatenate((self._history, history))

    def _keep(self, mask: BoolArray) -> None:
        if mask.all():
            return
        self._filter.keep(mask)
        self._moments = self._moments[:, mask]
        self._tracks = self._tracks[mask]
        self._history = self._history[mask]


def _centers(boxes: FloatArray) -> FloatArray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _unit(vectors: FloatArray) -> FloatArray:
    """Scales vectors ``(N, 2)`` to unit length; zero vectors stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)

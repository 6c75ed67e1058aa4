"""ByteTrack: tracking by associating every detection box (Zhang et al. 2022, arXiv 2110.06864).

Strong detections are paired with the predicted tracks first; tracks that stay without one are then
paired with weak detections, which are mostly the same objects behind something. Settings and
steps are those of the authors' implementation; IoU and score are multiplied in the first pairing,
as there. Tracks of one detection only are given up at their first miss.
"""

from __future__ import annotations

import numpy as np

from trackers.association import match
from trackers.boxes import BoolArray, FloatArray, IndexArray, from_center_size, to_center_size
from trackers.kalman import ConstantVelocityFilter
from trackers.overlaps import BoxPairs, find_overlaps
from trackers.settings import checked_count, checked_number, checked_share
from trackers.tracker import Int64Array, Observations, Tracker

# Of centre x, centre y, aspect (width / height), height. Shares of the height, but for the aspect.
POSITION_NOISE, VELOCITY_NOISE = 1 / 20, 1 / 160
ASPECT, HEIGHT = 2, 3
ASPECT_NOISE, ASPECT_VELOCITY_NOISE, ASPECT_MEASUREMENT_NOISE = 1e-2, 1e-5, 1e-1
INITIAL_POSITION, INITIAL_VELOCITY = 2, 10  # times the noise of a step
UNCONFIRMED_SIMILARITY = 0.3  # least IoU times score for the second detection of a track
DUPLICATE_IOU = 0.85  # a track seen now and a lost one are the same

TRACK = np.dtype([("id", np.int64), ("misses", np.int64), ("hits", np.int64), ("seen", np.bool_)])


class ByteTrack(Tracker):
    """ByteTrack with its authors' defaults.

    A track is reported in the frames in which a detection updated it, from its second one on; in
    the first frame of the stream from its first. The reported box is the filter's. Camera motion
    is not used.
    """

    def __init__(
        self,
        *,
        max_age: int = 30,
        high_score: float = 0.6,
        low_score: float = 0.1,
        birth_score: float = 0.7,
        iou_threshold: float = 0.2,
        low_iou_threshold: float = 0.5,
    ) -> None:
        """Starts without tracks.

        Args:
            max_age: Frames in a row without a detection that a track survives, >= 0.
            high_score: Score from which a detection is strong.
            low_score: Detections with a lower score are ignored.
            birth_score: Score from which an unpaired detection begins a track.
            iou_threshold: Least IoU times score of a strong pair, in (0, 1].
            low_iou_threshold: Least IoU of a weak pair, in (0, 1].

        Raises:
            ValueError: A setting is out of its range; the message names it.
        """
        super().__init__()
        self.max_age = checked_count("max_age", max_age, minimum=0)
        self.high_score = checked_number("high_score", high_score)
        self.low_score = checked_number("low_score", low_score)
        self.birth_score = checked_number("birth_score", birth_score)
        self.iou_threshold = checked_share("iou_threshold", iou_threshold)
        self.low_iou_threshold = checked_share("low_iou_threshold", low_iou_threshold)
        self._forget()

    def _forget(self) -> None:
        self._first_frame = True
        self._filter = ConstantVelocityFilter(dimensions=4)
        self._tracks = np.empty(0, TRACK)

    def _track(self, observations: Observations) -> tuple[FloatArray, Int64Array, Int64Array]:
        scores = observations.scores
        boxes = observations.boxes
        self._predict()
        used = self._associate(boxes, scores)
        rows = np.flatnonzero(used >= 0)
        self._filter.update(
            rows, _measured(boxes[used[rows]]), _measurement_noise(self._filter.values[rows])
        )
        self._tracks["misses"][rows] = 0
        self._tracks["hits"][rows] += 1
        self._tracks["seen"] = used >= 0

        unused = np.ones(len(boxes), np.bool_)
        unused[used[rows]] = False
        strong = scores >= max(self.high_score, self.birth_score)
        born = np.flatnonzero(unused & strong)
        self._begin(boxes[born])
        used = np.concatenate((used, born))

        used = used[self._drop()]
        reported = np.flatnonzero((used >= 0) & self._confirmed)
        self._first_frame = False
        return (
            _boxes(self._filter.values[reported]),
            self._tracks["id"][reported],
            observations.indices[used[reported]],
        )

    @property
    def _confirmed(self) -> BoolArray:
        return self._tracks["hits"] > 1

    def _predict(self) -> None:
        lost = ~self._tracks["seen"]
        self._filter.velocities[lost, HEIGHT] = 0.0
        heights = self._filter.values[:, HEIGHT]
        vanishing = heights + self._filter.velocities[:, HEIGHT] <= 0
        self._filter.velocities[vanishing, HEIGHT] = 0.0
        self._filter.predict(
            _noise(heights, POSITION_NOISE, ASPECT_NOISE),
            _noise(heights, VELOCITY_NOISE, ASPECT_VELOCITY_NOISE),
        )
        self._tracks["misses"] += 1

    def _associate(self, boxes: FloatArray, scores: FloatArray) -> IndexArray:
        """``(T,)`` detection of each track, -1 where it has none."""
        used = np.full(len(self._tracks), -1)
        confirmed = self._confirmed
        pairs = find_overlaps(_boxes(self._filter.values), boxes)
        strong = pairs.where(scores[pairs.columns] >= self.high_score)

        def pair(candidates: BoxPairs, likeness: FloatArray, threshold: float) -> None:
            taken = np.isin(candidates.columns, used[used >= 0])
            good = (likeness >= threshold) & (used[candidates.rows] < 0) & ~taken
            found = match(candidates.where(good), likeness[good])
            used[found.rows] = found.columns

        first = strong.where(confirmed[strong.rows])
        pair(first, first.iou * scores[first.columns], self.iou_threshold)
        is_weak = (scores >= self.low_score) & (scores < self.high_score)
        followed = confirmed & self._tracks["seen"]
        weak = pairs.where(is_weak[pairs.columns] & followed[pairs.rows])
        pair(weak, weak.iou, self.low_iou_threshold)
        young = strong.where(~confirmed[strong.rows])
        pair(young, young.iou * scores[young.columns], UNCONFIRMED_SIMILARITY)
        return used

    def _begin(self, boxes: FloatArray) -> None:
        measured = _measured(boxes)
        heights = measured[:, HEIGHT]
        self._filter.append(
            measured,
            _noise(heights, INITIAL_POSITION * POSITION_NOISE, ASPECT_NOISE),
            _noise(heights, INITIAL_VELOCITY * VELOCITY_NOISE, ASPECT_VELOCITY_NOISE),
        )
        born = np.zeros(len(boxes), TRACK)
        born["id"] = self._new_ids(len(boxes))
        born["hits"] = 2 if self._first_frame else 1
        born["seen"] = True
        self._tracks = np.concatenate((self._tracks, born))

    def _drop(self) -> BoolArray:
        """Forgets what is lost too long, was seen but once, or doubles another; gives the mask."""
        tracks = self._tracks
        seen = tracks["seen"]
        kept = seen | (self._confirmed & (tracks["misses"] <= self.max_age))
        now, lost = np.flatnonzero(seen), np.flatnonzero(~seen & kept)
        boxes = _boxes(self._filter.values)
        doubles = find_overlaps(boxes[now], boxes[lost])
        same = doubles.where(doubles.iou > DUPLICATE_IOU)
        older = tracks["hits"][now[same.rows]] > tracks["hits"][lost[same.columns]]
        kept[lost[same.columns[older]]] = False
        kept[now[same.rows[~older]]] = False
        self._filter.keep(kept)
        self._tracks = tracks[kept]
        return kept


def _measured(boxes: FloatArray) -> FloatArray:
    """Boxes ltrb as centre x, centre y, width / height, height."""
    measured = to_center_size(boxes)
    measured[:, ASPECT] /= measured[:, HEIGHT]
    return measured


def _boxes(states: FloatArray) -> FloatArray:
    centered = states.copy()
    centered[:, ASPECT] *= centered[:, HEIGHT]
    return from_center_size(centered)


def _noise(heights: FloatArray, share: float, aspect: float) -> FloatArray:
    """Variances ``(N, 4)`` of a standard deviation that is a share of the height."""
    noise = np.repeat((share * heights[:, None]) ** 2, 4, axis=1)
    noise[:, ASPECT] = aspect**2
    return noise


def _measurement_noise(states: FloatArray) -> FloatArray:
    return _noise(states[:, HEIGHT], POSITION_NOISE, ASPECT_MEASUREMENT_NOISE)

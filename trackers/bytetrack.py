"""ByteTrack: tracking by associating every detection box (Zhang et al. 2022, arXiv 2110.06864).

Strong detections are matched to the predicted tracks first; the remaining tracks are then matched
to weak detections, most of which are the same objects under occlusion. Settings and steps are those
of the authors' implementation: strong detections are matched by IoU times score, a matching
maximises the sum of the excess over its threshold, and tracks with a single detection are not
predicted and are dropped at their first miss.
"""

from __future__ import annotations

import numpy as np

from trackers.association import match
from trackers.boxes import BoolArray, FloatArray, IndexArray, from_center_size, to_center_size
from trackers.kalman import ConstantVelocityFilter
from trackers.overlaps import find_overlaps
from trackers.settings import checked_count, checked_score, checked_share
from trackers.tracker import Int64Array, Observations, Tracker

# Standard deviations of centre x, centre y, aspect (width / height) and height. All but the
# aspect's are fractions of the height.
POSITION_NOISE, VELOCITY_NOISE = 1 / 20, 1 / 160
ASPECT, HEIGHT = 2, 3
ASPECT_NOISE, ASPECT_VELOCITY_NOISE, ASPECT_MEASUREMENT_NOISE = 1e-2, 1e-5, 1e-1
INITIAL_POSITION, INITIAL_VELOCITY = 2, 10  # multiples of a step's noise
_UNCONFIRMED_SIMILARITY = 0.3  # minimum IoU times score of a track's second detection
_DUPLICATE_IOU = 0.85  # above it, a track seen now and a lost one are duplicates

ID, HITS, BORN, LAST_SEEN = range(4)  # stored for each track besides its filter


class ByteTrack(Tracker):
    """ByteTrack with its authors' defaults.

    A track is reported in the frames in which a detection updates it, starting with its second
    detection, or with its first if that is in the first frame of the stream. The reported box is
    the filter's estimate. Camera motion is not used.
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
            max_age: Consecutive frames without a detection that a track survives, >= 0.
            high_score: Minimum score of a strong detection.
            low_score: Detections with a lower score are ignored.
            birth_score: Minimum score of an unmatched strong detection that begins a track.
            iou_threshold: Minimum IoU times score of a strong pair, in (0, 1].
            low_iou_threshold: Minimum IoU of a weak pair, in (0, 1].

        Raises:
            ValueError: A setting is out of its range; the message names it.
        """
        super().__init__()
        self.max_age = checked_count("max_age", max_age, minimum=0)
        self.high_score = checked_score("high_score", high_score)
        self.low_score = checked_score("low_score", low_score)
        self.birth_score = checked_score("birth_score", birth_score)
        self.iou_threshold = checked_share("iou_threshold", iou_threshold)
        self.low_iou_threshold = checked_share("low_iou_threshold", low_iou_threshold)
        self._forget()

    def _forget(self) -> None:
        self._filter = ConstantVelocityFilter()
        self._records = np.empty((4, 0), np.int64)  # a row each of ID, HITS, BORN, LAST_SEEN

    def _track(self, observations: Observations) -> tuple[FloatArray, Int64Array, Int64Array]:
        boxes, scores = observations.boxes, observations.scores
        self._predict()
        used = self._associate(boxes, scores)
        rows = (used >= 0).nonzero()[0]
        columns = used[rows]
        self._update(rows, _measured(boxes.take(columns, axis=0)))

        begins = scores >= max(self.high_score, self.birth_score, self.low_score)
        begins[columns] = False
        born = begins.nonzero()[0]
        if len(born):
            self._begin(_measured(boxes[born]))
            used = np.concatenate((used, born))

        kept = self._kept(used >= 0)
        if np.count_nonzero(kept) < len(kept):
            self._filter.keep(kept)
            self._records = self._records.compress(kept, axis=1)
            used = used[kept]
        reported = ((used >= 0) & self._confirmed).nonzero()[0]
        return (
            _boxes(self._filter.values.take(reported, axis=0)),
            self._records[ID][reported],
            observations.indices[used[reported]],
        )

    def _coast(self) -> None:
        self._predict()

    @property
    def _confirmed(self) -> BoolArray:
        return self._records[HITS] > 1

    def _predict(self) -> None:
        heights = self._filter.values[:, HEIGHT]
        growths = self._filter.velocities[:, HEIGHT]
        growths[self._records[LAST_SEEN] < self._frame - 1] = 0.0
        growths[heights + growths <= 0] = 0.0
        young = (~self._confirmed).nonzero()[0]
        as_born = self._filter.moments.take(young, axis=1)
        self._filter.predict(
            _noise(heights, POSITION_NOISE, ASPECT_NOISE),
            _noise(heights, VELOCITY_NOISE, ASPECT_VELOCITY_NOISE),
        )
        self._filter.moments[:, young] = as_born  # the authors do not predict these

    def _associate(self, boxes: FloatArray, scores: FloatArray) -> IndexArray:
        """Returns the detection of each track ``(T,)``, -1 where it has none."""
        used = np.full(len(self._filter), -1)
        pairs = find_overlaps(_boxes(self._filter.values), boxes)
        is_strong = scores >= max(self.high_score, self.low_score)
        confirmed = self._confirmed

        strong = pairs.where(is_strong[pairs.columns])
        similarity = strong.iou * scores[strong.columns]
        is_old = confirmed[strong.rows]
        good = is_old & (similarity >= self.iou_threshold)
        first = match(strong.where(good), similarity[good] - self.iou_threshold)
        used[first.rows] = first.columns

        is_weak = (scores >= self.low_score) & ~is_strong
        if np.count_nonzero(is_weak):
            free = confirmed & (self._records[LAST_SEEN] == self._frame - 1) & (used < 0)
            good = is_weak[pairs.columns] & free[pairs.rows]
            weak = pairs.where(good & (pairs.iou >= self.low_iou_threshold))
            second = match(weak, weak.iou - self.low_iou_threshold)
            used[second.rows] = second.columns

        if np.count_nonzero(is_old) < len(strong):
            is_free = np.ones(len(boxes), np.bool_)
            is_free[first.columns] = False
            good = ~is_old & (similarity >= _UNCONFIRMED_SIMILARITY) & is_free[strong.columns]
            third = match(strong.where(good), similarity[good] - _UNCONFIRMED_SIMILARITY)
            used[third.rows] = third.columns
        return used

    def _update(self, rows: IndexArray, measured: FloatArray) -> None:
        """Corrects the tracks ``rows`` ``(M,)`` with ``measured`` ``(M, 4)``."""
        heights = self._filter.values[:, HEIGHT][rows]
        noise = _noise(heights, POSITION_NOISE, ASPECT_MEASUREMENT_NOISE)
        self._filter.update(rows, measured, noise)
        self._records[HITS][rows] += 1
        self._records[LAST_SEEN][rows] = self._frame

    def _begin(self, measured: FloatArray) -> None:
        """Starts a track for each of ``measured`` ``(M, 4)``."""
        heights = measured[:, HEIGHT]
        self._filter.append(
            measured,
            _noise(heights, INITIAL_POSITION * POSITION_NOISE, ASPECT_NOISE),
            _noise(heights, INITIAL_VELOCITY * VELOCITY_NOISE, ASPECT_VELOCITY_NOISE),
        )
        born = np.empty((4, len(measured)), np.int64)
        born[ID] = self._new_ids(len(measured))
        born[HITS] = 2 if self._frame == 1 else 1
        born[[BORN, LAST_SEEN]] = self._frame
        self._records = np.concatenate((self._records, born), axis=1)

    def _kept(self, seen: BoolArray) -> BoolArray:
        """``(T,)`` mask: not lost for too long or after one detection, and not a duplicate."""
        if np.count_nonzero(seen) == len(seen):
            return seen
        last_seen = self._records[LAST_SEEN]
        kept = seen | (self._confirmed & (last_seen >= self._frame - self.max_age))
        now, lost = seen.nonzero()[0], (kept & ~seen).nonzero()[0]
        if len(lost):
            boxes = _boxes(self._filter.values)
            pairs = find_overlaps(boxes[now], boxes[lost])
            same = pairs.where(pairs.iou > _DUPLICATE_IOU)
            lifetimes = last_seen - self._records[BORN]
            older = lifetimes[now[same.rows]] > lifetimes[lost[same.columns]]
            kept[lost[same.columns[older]]] = False
            kept[now[same.rows[~older]]] = False
        return kept


def _measured(boxes: FloatArray) -> FloatArray:
    """Converts ``(N, 4)`` ltrb to centre x, centre y, width / height, height."""
    measured = to_center_size(boxes)
    measured[:, ASPECT] /= measured[:, HEIGHT]
    return measured


def _boxes(states: FloatArray) -> FloatArray:
    """Inverse of `_measured`, ``(N, 4)``."""
    centered = states.copy()
    centered[:, ASPECT] *= centered[:, HEIGHT]
    return from_center_size(centered)


def _noise(heights: FloatArray, share: float, aspect: float) -> FloatArray:
    """Variances ``(N, 4)`` for deviations: ``share`` of the height, ``aspect`` for the aspect."""
    noise = np.empty((len(heights), 4))
    noise.T[:] = (share * heights) ** 2
    noise[:, ASPECT] = aspect**2
    return noise

"""SpotTrack: tracks vehicles from a moving camera, using weak detections too.

SpotStream's own tracker, built from known parts: matching in two stages as in ByteTrack (Zhang et
al. 2022, arXiv 2110.06864), boxes widened as in C-BIoU (Yang et al. 2023, arXiv 2211.14317), and a
Kalman filter whose noise scales with the size of the object as in DeepSORT (Wojke et al. 2017,
arXiv 1703.07402). Three things are new. A track begins with a weak detection already, but gets an
id only once a strong one has confirmed it. Camera motion is given with the
frame or, if it is not, estimated by a vote of the boxes. Vehicles cut off by the edge of the frame
can be followed without being reported, since the benchmarks' ground truth leaves them out.
"""

from __future__ import annotations

import numpy as np

from trackers.association import match
from trackers.boxes import FloatArray, IndexArray, from_center_size, to_center_size
from trackers.camera import motion_from_boxes, moved_points, scale_of
from trackers.kalman import ConstantVelocityFilter
from trackers.overlaps import find_overlaps
from trackers.settings import (
    MIN_NOISE,
    checked_count,
    checked_number,
    checked_score,
    checked_share,
    checked_switch,
)
from trackers.tracker import Int64Array, Observations, Tracker

_TENTATIVE = 0  # id of a track that is not confirmed yet
TRACK = np.dtype([("id", np.int64), ("hits", np.int64), ("misses", np.int64), ("best", np.float64)])
_MISSES_PER_HIT = 5  # misses survived per hit: an object rarely seen may be anywhere by then
_WIDENING_FRAMES = 10  # missed frames after which a box is not widened further
_SETTLED_HITS = 2  # a track votes on camera motion after this many detections,
_RECENT_MISSES = 3  # and while it has missed fewer frames than this
_MIN_DIVISOR = 1e-9  # used if ``confirm_score`` is lower, such as 0


class SpotTrack(Tracker):
    """Tracker for drones and other moving cameras.

    A track begins with a detection that scores at least ``birth_score``. Until it has ``min_hits``
    detections, one of which scores at least ``confirm_score``, it has no id and is dropped at its
    first miss. Once it has both, it is reported in the frames in which a detection updates it. If
    that detection's score reaches ``confirm_score``, the reported box is the detection's, because
    the filter lags when a vehicle approaches or the frame rate is low. The weaker the detection,
    the closer the reported box is to the filter's.
    """

    def __init__(
        self,
        *,
        max_age: int = 30,
        min_hits: int = 1,
        confirm_score: float = 0.48,
        birth_score: float = 0.25,
        high_score: float = 0.35,
        low_score: float = 0.02,
        iou_threshold: float = 0.2,
        low_iou_threshold: float = 0.5,
        duplicate_iou: float = 0.4,
        widening: float = 0.05,
        measurement_noise: float = 0.3,
        position_noise: float = 0.05,
        velocity_noise: float = 0.01,
        initial_velocity: float = 0.2,
        estimate_camera: bool = True,
        edge_margin: float = -1.0,
    ) -> None:
        """Starts without tracks.

        Noises and the initial velocity are standard deviations, as fractions of the object's size,
        which is the square root of its area.

        Args:
            max_age: Consecutive frames without a detection that a confirmed track survives, >= 0; a
                track with few detections survives at most 5 for each of them.
            min_hits: Detections before a track is confirmed, >= 1.
            confirm_score: Score that one of a track's detections must reach to confirm it.
            birth_score: Minimum score of a detection that begins a track.
            high_score: Minimum score of the detections that are matched first.
            low_score: Detections with a lower score are ignored.
            iou_threshold: Minimum IoU of a prediction and a detection of ``high_score``, in (0, 1].
            low_iou_threshold: The same for weaker detections, in (0, 1].
            duplicate_iou: Minimum IoU at which a detection is ignored next to a better one, or
                begins no track next to a track just seen; in (0, 1].
            widening: Fraction of their size by which both boxes of a pair, prediction and
                detection, are widened on each side, for every frame the track has missed, >= 0.
            measurement_noise: Noise of a detection, >= 1e-9.
            position_noise: Noise of position and size, per frame, >= 1e-9.
            velocity_noise: Noise of the velocities, per frame, >= 1e-9.
            initial_velocity: Velocity of a new track, per frame, >= 1e-9.
            estimate_camera: Estimate camera motion from the boxes where none is given.
            edge_margin: Boxes closer than this many pixels to the edge of a frame of known size are
                not reported; negative: all boxes are reported.

        Raises:
            ValueError: A setting is out of its range; the message names it.
        """
        super().__init__()
        self.max_age = checked_count("max_age", max_age, minimum=0)
        self.min_hits = checked_count("min_hits", min_hits, minimum=1)
        self.confirm_score = checked_score("confirm_score", confirm_score)
        self.birth_score = checked_score("birth_score", birth_score)
        self.high_score = checked_score("high_score", high_score)
        self.low_score = checked_score("low_score", low_score)
        self.iou_threshold = checked_share("iou_threshold", iou_threshold)
        self.low_iou_threshold = checked_share("low_iou_threshold", low_iou_threshold)
        self.duplicate_iou = checked_share("duplicate_iou", duplicate_iou)
        self.widening = checked_number("widening", widening, minimum=0.0)
        self.measurement_noise = checked_number("measurement_noise", measurement_noise, MIN_NOISE)
        self.position_noise = checked_number("position_noise", position_noise, MIN_NOISE)
        self.velocity_noise = checked_number("velocity_noise", velocity_noise, MIN_NOISE)
        self.initial_velocity = checked_number("initial_velocity", initial_velocity, MIN_NOISE)
        self.estimate_camera = checked_switch("estimate_camera", estimate_camera)
        self.edge_margin = checked_number("edge_margin", edge_margin)
        self._forget()

    def _forget(self) -> None:
        self._filter = ConstantVelocityFilter()  # of centre x, centre y, width, height
        self._tracks = np.empty(0, TRACK)

    def _track(self, observations: Observations) -> tuple[FloatArray, Int64Array, Int64Array]:
        chosen = self._candidates(observations)
        boxes, scores = observations.boxes[chosen], observations.scores[chosen]
        measured = to_center_size(boxes)

        self._predict(measured, observations.motion)
        used = self._associate(boxes, scores)
        rows = np.flatnonzero(used >= 0)
        self._update(rows, measured[used[rows]], scores[used[rows]])
        born = self._births(boxes, scores, used)
        self._begin(measured[born], scores[born])
        used = np.concatenate((used, born))

        self._confirm()
        reported = self._reported(boxes, used, observations.frame_size)
        reported = reported[np.argsort(self._tracks["id"][reported])]
        columns = used[reported]
        filtered = from_center_size(self._filter.values[reported])
        trust = np.clip(
            scores[columns, np.newaxis] / max(self.confirm_score, _MIN_DIVISOR), 0.0, 1.0
        )
        result = (
            filtered + trust * (boxes[columns] - filtered),
            self._tracks["id"][reported],
            observations.indices[chosen[columns]],
        )
        self._drop_lost(observations.frame_size)
        return result

    def _candidates(self, observations: Observations) -> IndexArray:
        """Returns the detections that are neither too weak nor duplicates, best first."""
        order = np.argsort(-observations.scores, kind="stable")
        order = order[observations.scores[order] >= self.low_score]
        boxes = observations.boxes[order]
        pairs = find_overlaps(boxes, boxes)
        duplicates = pairs.where((pairs.iou >= self.duplicate_iou) & (pairs.rows < pairs.columns))
        kept = np.ones(len(order), np.bool_)
        for row, column in zip(duplicates.rows.tolist(), duplicates.columns.tolist(), strict=True):
            if kept[row]:
                kept[column] = False
        return order[kept]

    def _predict(self, measured: FloatArray, motion: FloatArray | None) -> None:
        """Advances all tracks to this frame, camera motion included."""
        if len(self._filter) == 0:
            return
        self._coast()
        state = self._filter
        if motion is None and self.estimate_camera:
            settled = self._tracks["hits"] >= _SETTLED_HITS
            settled &= self._tracks["misses"] < _RECENT_MISSES
            motion = motion_from_boxes(state.values[settled], measured)
        if motion is not None:
            scale = scale_of(motion)
            state.values[:, :2] = moved_points(state.values[:, :2], motion)
            state.velocities[:, :2] = state.velocities[:, :2] @ motion[:, :2].T
            state.values[:, 2:] *= scale
            state.velocities[:, 2:] *= scale
            state.moments[2:] *= scale**2
        self._tracks["misses"] += 1

    def _coast(self) -> None:
        state = self._filter
        vanishing = (state.values[:, 2:] + state.velocities[:, 2:] <= 1.0).any(axis=1)
        state.velocities[vanishing, 2:] = 0.0
        sizes = _sizes(state.values)
        state.predict((self.position_noise * sizes) ** 2, (self.velocity_noise * sizes) ** 2)

    def _associate(self, boxes: FloatArray, scores: FloatArray) -> IndexArray:
        """Returns the detection of each track ``(T,)``, -1 where it has none."""
        predicted = from_center_size(self._filter.values)
        missed = np.minimum(self._tracks["misses"] - 1, _WIDENING_FRAMES)
        pairs = find_overlaps(predicted, boxes, self.widening * missed)
        used = np.full(len(predicted), -1)
        strong = scores[pairs.columns] >= self.high_score
        first = match(pairs.where(strong & (pairs.iou >= self.iou_threshold)))
        used[first.rows] = first.columns
        free = used[pairs.rows] < 0
        second = match(pairs.where(~strong & free & (pairs.iou >= self.low_iou_threshold)))
        used[second.rows] = second.columns
        return used

    def _update(self, rows: IndexArray, measured: FloatArray, scores: FloatArray) -> None:
        """Corrects the tracks ``rows`` ``(M,)`` with ``measured`` ``(M, 4)`` of these scores."""
        noise = (self.measurement_noise * _sizes(measured)) ** 2
        self._filter.update(rows, measured, noise)
        self._tracks["misses"][rows] = 0
        self._tracks["hits"][rows] += 1
        self._tracks["best"][rows] = np.maximum(self._tracks["best"][rows], scores)

    def _births(self, boxes: FloatArray, scores: FloatArray, used: IndexArray) -> IndexArray:
        """Returns the detections that begin a track: unused, and not over a track just seen."""
        begins = scores >= self.birth_score
        begins[used[used >= 0]] = False
        seen = from_center_size(self._filter.values[self._tracks["misses"] == 0])
        candidates = np.flatnonzero(begins)
        pairs = find_overlaps(boxes[candidates], seen)
        begins[candidates[pairs.rows[pairs.iou >= self.duplicate_iou]]] = False
        return np.flatnonzero(begins)

    def _begin(self, measured: FloatArray, scores: FloatArray) -> None:
        """Starts a tentative track for each of ``measured`` ``(M, 4)``."""
        if not len(measured):
            return
        sizes = _sizes(measured)
        self._filter.append(
            measured, (self.measurement_noise * sizes) ** 2, (self.initial_velocity * sizes) ** 2
        )
        born = np.zeros(len(measured), TRACK)
        born["hits"] = 1
        born["best"] = scores
        self._tracks = np.concatenate((self._tracks, born))

    def _confirm(self) -> None:
        tracks = self._tracks
        proven = (tracks["hits"] >= self.min_hits) & (tracks["best"] >= self.confirm_score)
        rows = np.flatnonzero(proven & (tracks["id"] == _TENTATIVE))
        tracks["id"][rows] = self._new_ids(len(rows))

    def _reported(
        self, boxes: FloatArray, used: IndexArray, frame_size: FloatArray | None
    ) -> IndexArray:
        rows = np.flatnonzero((self._tracks["id"] != _TENTATIVE) & (used >= 0))
        if frame_size is None or self.edge_margin < 0:
            return rows
        seen = boxes[used[rows]]
        whole = (seen[:, :2] >= self.edge_margin) & (seen[:, 2:] <= frame_size - self.edge_margin)
        return rows[whole.all(axis=1)]

    def _drop_lost(self, frame_size: FloatArray | None) -> None:
        tentative = self._tracks["id"] == _TENTATIVE
        most = np.minimum(self.max_age, _MISSES_PER_HIT * self._tracks["hits"])
        kept = self._tracks["misses"] <= np.where(tentative, 0, most)
        if frame_size is not None:
            centers, halves = self._filter.values[:, :2], self._filter.values[:, 2:] / 2
            inside = ((centers > -halves) & (centers < frame_size + halves)).all(axis=1)
            kept &= inside | (self._tracks["misses"] == 0)
        if np.count_nonzero(kept) < len(kept):
            self._filter.keep(kept)
            self._tracks = self._tracks[kept]


def _sizes(states: FloatArray) -> FloatArray:
    """Side ``(N, 1)`` of a square of the same area, at least one pixel."""
    return np.sqrt(np.maximum(states[:, 2:3] * states[:, 3:4], 1.0))

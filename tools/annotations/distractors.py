"""Objects besides pedestrians in MOT16 and later; results on some of them are not scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.records import BoolArray, Float64Array
from tools.annotations.trajectories import Trajectories, rows_by_frame
from trackers.assignment import linear_sum_assignment
from trackers.boxes import iou_matrix

FLAG, CLASS = 6, 7
PEDESTRIAN = 1
CLASSES = range(1, 14)
# Person on a vehicle, static person, distractor, reflection.
DISTRACTORS = (2, 7, 8, 12)
OTHER_VEHICLE = 6
MINIMUM_IOU = 0.5 - float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class MotObjects:
    """All annotated boxes of a sequence of MOT16 or later, of any class.

    Attributes:
        rows: ``(N, 8)`` frame from 1, id, left, top, width, height, flag, class; by frame.
        benchmark: Benchmark that decides which classes are distractors, by TrackEval's name.
    """

    rows: Float64Array
    benchmark: str

    @classmethod
    def of(cls, values: Float64Array, name: str) -> MotObjects | None:
        """Returns the objects in the file of sequence ``name``, or None if it has another format.

        MOT15 has no classes, and other data sets score theirs; in this format, all objects but
        pedestrians have flag 0.
        """
        if values.shape[1] <= CLASS:
            return None
        classes = values[:, CLASS]
        others = classes != PEDESTRIAN
        if not others.any() or values[others, FLAG].any() or not np.isin(classes, CLASSES).all():
            return None
        rows = values[np.argsort(values[:, 0], kind="stable"), : CLASS + 1]
        return cls(rows, "MOT20" if name.startswith("MOT20") else "MOT17")

    def distracted(self, tracks: Trajectories) -> BoolArray:
        """Returns which boxes of ``tracks`` ``(N,)`` follow a distractor, as TrackEval finds them.

        In each frame, boxes are matched with objects of all classes to maximise the sum of IoUs,
        where only IoUs of at least 0.5 count.
        """
        classes = DISTRACTORS + ((OTHER_VEHICLE,) if self.benchmark == "MOT20" else ())
        distractor = np.isin(self.rows[:, CLASS], classes)
        frames = self.rows[:, 0].astype(np.int64) - 1
        boxes = self.rows[:, 2:6].copy()
        boxes[:, 2:] += boxes[:, :2]
        result = np.zeros(len(tracks), np.bool_)
        found_rows = rows_by_frame(tracks.frames, tracks.frame_count)
        for real, found in zip(rows_by_frame(frames, tracks.frame_count), found_rows, strict=True):
            iou = iou_matrix(boxes[real], tracks.boxes[found])
            iou[iou < MINIMUM_IOU] = 0
            objects, results = linear_sum_assignment(iou, maximize=True)
            matched = distractor[real][objects] & (iou[objects, results] > 0)
            result[found][results[matched]] = True
        return result

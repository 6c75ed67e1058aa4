"""Third-party trackers, each behind one function; run by the Python of its environment.

    python peer_trackers.py NAME INPUT.npz OUTPUT.npz SETTINGS.json-text

Imports nothing from SpotStream, which is not installed there. INPUT holds ``counts (F,)``,
``boxes (N, 4)`` ltrb and ``scores (N,)``. OUTPUT holds ``seconds (F,)`` of the tracker alone and
``rows (M, 6)``: frame from 0, id, left, top, right, bottom.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
# Maps boxes (N, 4) and scores (N,) of a frame to rows (M, 5) of id, left, top, right, bottom.
Update: TypeAlias = Callable[[Array, Array], Array]


def reference_sort(path: str, **settings: Any) -> Update:
    """Returns abewley/sort, from a clone at ``path``."""
    sys.path.insert(0, path)
    from sort import Sort

    tracker = Sort(**settings)

    def update(boxes: Array, scores: Array) -> Array:
        tracks = tracker.update(np.column_stack((boxes, scores)))
        return tracks[:, [4, 0, 1, 2, 3]]

    return update


def _supervision(update_tracker: Callable[[Any], Any]) -> Update:
    import supervision

    def update(boxes: Array, scores: Array) -> Array:
        classes = np.zeros(len(boxes), int)
        tracked = update_tracker(
            supervision.Detections(boxes.reshape(-1, 4), confidence=scores, class_id=classes)
        )
        if tracked.tracker_id is None or len(tracked) == 0:
            return np.empty((0, 5))
        known = tracked.tracker_id >= 0
        return np.column_stack((tracked.tracker_id, tracked.xyxy))[known]

    return update


def roboflow_sort(**settings: Any) -> Update:
    """Returns SORT of roboflow's trackers."""
    from trackers import SORTTracker

    return _supervision(SORTTracker(**settings).update)


def roboflow_bytetrack(**settings: Any) -> Update:
    """Returns ByteTrack of roboflow's trackers."""
    from trackers import ByteTrackTracker

    return _supervision(ByteTrackTracker(**settings).update)


def supervision_bytetrack(**settings: Any) -> Update:
    """Returns ByteTrack of supervision, which includes it up to version 0.27."""
    import supervision

    return _supervision(supervision.ByteTrack(**settings).update_with_detections)


def _boxmot(tracker: Any) -> Update:
    frame = np.zeros((540, 1024, 3), np.uint8)

    def update(boxes: Array, scores: Array) -> Array:
        rows = np.column_stack((boxes, scores, np.zeros(len(boxes)))).astype(np.float32)
        tracks = np.asarray(tracker.update(rows, frame))
        return tracks[:, [4, 0, 1, 2, 3]] if len(tracks) else np.empty((0, 5))

    return update


def boxmot_ocsort(**settings: Any) -> Update:
    """Returns OC-SORT of boxmot."""
    from boxmot import OcSort

    return _boxmot(OcSort(**settings))


def boxmot_bytetrack(**settings: Any) -> Update:
    """Returns ByteTrack of boxmot."""
    from boxmot import ByteTrack

    return _boxmot(ByteTrack(**settings))


def boxmot_botsort(**settings: Any) -> Update:
    """Returns BoT-SORT of boxmot, without appearance features and without frames."""
    from boxmot import BotSort

    return _boxmot(BotSort(use_embeddings=False, use_cmc=False, **settings))


def norfair(**settings: Any) -> Update:
    """Returns Norfair with IoU."""
    from norfair import Detection, Tracker

    tracker = Tracker(distance_function="iou", **{"distance_threshold": 0.7, **settings})

    def update(boxes: Array, scores: Array) -> Array:
        detections = [
            Detection(box.reshape(2, 2), np.array([score, score]))
            for box, score in zip(boxes, scores)  # noqa: B905 (Python 3.9 may run this)
        ]
        now = set(map(id, detections))
        rows = [
            (each.id, *each.estimate.ravel())
            for each in tracker.update(detections)
            if id(each.last_detection) in now
        ]
        return np.array(rows).reshape(-1, 5)

    return update


def main(name: str, source: str, target: str, settings: str) -> None:
    """Runs tracker ``name`` over all frames."""
    update = globals()[name](**json.loads(settings))
    with np.load(source) as data:
        counts, boxes, scores = data["counts"], data["boxes"], data["scores"]
    ends = np.cumsum(counts)
    seconds, rows = [], []
    for index, (count, end) in enumerate(zip(counts, ends)):  # noqa: B905
        frame_boxes, frame_scores = boxes[end - count : end], scores[end - count : end]
        start = time.perf_counter()
        tracks = update(frame_boxes, frame_scores)
        seconds.append(time.perf_counter() - start)
        rows.append(np.column_stack((np.full(len(tracks), index), tracks)))
    np.savez(target, seconds=seconds, rows=np.concatenate([np.empty((0, 6)), *rows]))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Past positions of each vehicle in the last frames."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.records import Float32Array, Tracks


class _Trail(NamedTuple):
    points: Float32Array
    last_seen: int


_NONE = _Trail(np.empty((0, 2), np.float32), 0)


class Trails:
    """The last box centres of the tracks in view.

    If the detections include camera motion, old centres are moved with it, so that they stay where
    the vehicle was on the ground. A track that is absent for ``length`` frames is forgotten, so
    memory is bounded by the tracks in view.

    Args:
        length: Number of centres to keep for each track; 0 for no trails.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._frame = 0
        self._trails: dict[int, _Trail] = {}

    def __len__(self) -> int:
        """Returns the number of tracks that have a trail."""
        return len(self._trails)

    def update(self, tracks: Tracks) -> list[Float32Array]:
        """Adds one frame.

        Returns:
            For each track, in order, its centres ``(n, 2)`` float32 as x, y in pixels of this
            frame, oldest first, the current one last; ``1 <= n <= length``.
        """
        if not self._length:
            return [np.empty((0, 2), np.float32)] * len(tracks)
        self._frame += 1
        motion = tracks.detections.motion
        if motion is not None:
            for trail in self._trails.values():
                trail.points[:] = trail.points @ motion[:, :2].T + motion[:, 2]
        centers = (tracks.boxes[:, :2] + tracks.boxes[:, 2:]) / 2
        result = [
            self._extend(identity, center)
            for identity, center in zip(tracks.ids.tolist(), centers, strict=True)
        ]
        gone = [i for i, t in self._trails.items() if self._frame - t.last_seen >= self._length]
        for identity in gone:
            del self._trails[identity]
        return result

    def _extend(self, identity: int, center: Float32Array) -> Float32Array:
        before = self._trails.get(identity, _NONE).points
        points = np.concatenate((before, center[None]))[-self._length :]
        self._trails[identity] = _Trail(points, self._frame)
        return points

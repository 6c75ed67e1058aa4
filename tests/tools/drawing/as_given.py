"""A tracker whose boxes are the detections', so that a run's files hold them without rounding."""

import numpy as np

from trackers.tracker import Tracker


class AsGiven(Tracker):
    """The first detection of each frame has id 1, the second id 2, and so on."""

    def __init__(self):
        super().__init__()
        self.max_age = 1

    def _track(self, observations):
        self._new_ids(max(0, len(observations) + 1 - self._next_id))
        ids = np.arange(1, len(observations) + 1)
        return observations.boxes, ids, observations.indices

    def _coast(self):
        """Knows no motion."""

    def _forget(self):
        """Keeps nothing."""

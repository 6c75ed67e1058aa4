"""The Kalman filter of SORT and OC-SORT: of a box's centre, area and aspect, with SORT's noise."""

from __future__ import annotations

import numpy as np

from trackers.boxes import FloatArray, IndexArray, from_center_area_aspect
from trackers.kalman import ConstantVelocityFilter

# Of centre x, centre y, area, aspect. The aspect has no velocity.
MEASUREMENT_NOISE = np.array([1.0, 1.0, 10.0, 10.0])
VALUE_NOISE = np.array([1.0, 1.0, 1.0, 1.0])
VELOCITY_NOISE = np.array([1e-2, 1e-2, 1e-4, 0.0])
INITIAL_VARIANCE = np.array([10.0, 10.0, 10.0, 10.0])
INITIAL_VELOCITY_VARIANCE = np.array([1e4, 1e4, 1e4, 0.0])
_AREA = 2


class AreaFilter(ConstantVelocityFilter):
    """Measurements are those of `to_center_area_aspect`."""

    def __init__(self) -> None:
        super().__init__(dimensions=4)

    def predict_boxes(self) -> FloatArray:
        """Moves every track one step on, none to an area below 0.

        Returns:
            ``(T, 4)`` left, top, right, bottom; not finite where a track is no box any more.
        """
        velocities = self.velocities
        vanishing = self.values[:, _AREA] + velocities[:, _AREA] <= 0
        if np.count_nonzero(vanishing):
            velocities[vanishing, _AREA] = 0.0
        self.step()
        return from_center_area_aspect(self.values)

    def step(self) -> None:
        """Moves every track one step on."""
        self.predict(VALUE_NOISE, VELOCITY_NOISE)

    def correct(self, rows: IndexArray, measurements: FloatArray) -> None:
        """Corrects tracks ``rows`` ``(M,)``, all different, with ``measurements`` ``(M, 4)``."""
        self.update(rows, measurements, MEASUREMENT_NOISE)

    def begin(self, measurements: FloatArray) -> None:
        """Adds a resting track for each of ``measurements`` ``(M, 4)``."""
        self.append(measurements, INITIAL_VARIANCE, INITIAL_VELOCITY_VARIANCE)

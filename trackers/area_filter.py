"""The Kalman filter of SORT and OC-SORT, for a box's centre, area and aspect, with SORT's noise."""

from __future__ import annotations

import numpy as np

from trackers.boxes import FloatArray, IndexArray, from_center_area_aspect
from trackers.kalman import ConstantVelocityFilter

# Variances of centre x, centre y, area and aspect; the aspect has no velocity.
MEASUREMENT_NOISE = np.array([1.0, 1.0, 10.0, 10.0])
VALUE_NOISE = np.array([1.0, 1.0, 1.0, 1.0])
VELOCITY_NOISE = np.array([1e-2, 1e-2, 1e-4, 0.0])
INITIAL_VARIANCE = np.array([10.0, 10.0, 10.0, 10.0])
INITIAL_VELOCITY_VARIANCE = np.array([1e4, 1e4, 1e4, 0.0])
_AREA = 2


class AreaFilter(ConstantVelocityFilter):
    """Filters boxes as `to_center_area_aspect` represents them."""

    def predict_boxes(self) -> FloatArray:
        """Advances every track by one step; an area that would vanish keeps its value.

        Returns:
            ``(T, 4)`` left, top, right, bottom; not finite where a track no longer describes a box.
        """
        velocities = self.velocities
        vanishing = self.values[:, _AREA] + velocities[:, _AREA] <= 0
        if np.count_nonzero(vanishing):
            velocities[vanishing, _AREA] = 0.0
        self.step()
        return from_center_area_aspect(self.values)

    def step(self) -> None:
        """Advances every track by one step."""
        self.predict(VALUE_NOISE, VELOCITY_NOISE)

    def correct(self, rows: IndexArray, measurements: FloatArray) -> None:
        """Corrects the distinct tracks ``rows`` ``(M,)`` with ``measurements`` ``(M, 4)``."""
        self.update(rows, measurements, MEASUREMENT_NOISE)

    def begin(self, measurements: FloatArray) -> None:
        """Adds a track at rest for each of ``measurements`` ``(M, 4)``."""
        self.append(measurements, INITIAL_VARIANCE, INITIAL_VELOCITY_VARIANCE)

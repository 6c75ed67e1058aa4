"""Constant-velocity Kalman filters of many tracks at once.

The models of SORT and its successors couple each measured quantity with its own velocity only:
transition, measurement and noise matrices connect no two quantities, and the initial covariance
is diagonal. A track's filter therefore splits into independent two-state filters, for which the
matrix products and the inverse are a few scalar operations. For a quantity without velocity, the
velocity and its variance and noise are zero.
"""

from __future__ import annotations

import numpy as np

from trackers.boxes import BoolArray, FloatArray, IndexArray


class ConstantVelocityFilter:
    """``T`` tracks of a box's four quantities, each measured directly, with a velocity per step.

    Noise is passed with every call, as ``(4,)`` for all tracks or one row for each, since some
    trackers scale it with the size of the object.

    Attributes:
        moments: ``(5, T, 4)`` float64: value, velocity, variance of the value, covariance of value
            and velocity, variance of the velocity.
    """

    def __init__(self) -> None:
        self.moments: FloatArray = np.empty((5, 0, 4))

    def __len__(self) -> int:
        return self.moments.shape[1]

    @property
    def values(self) -> FloatArray:
        """``(T, 4)`` view of the estimated quantities."""
        return self.moments[0]

    @property
    def velocities(self) -> FloatArray:
        """``(T, 4)`` view of their estimated velocities, per step."""
        return self.moments[1]

    def predict(self, value_noise: FloatArray, velocity_noise: FloatArray) -> None:
        """Advances every track by one step; the noises are variances added per step."""
        value, velocity, variance, covariance, velocity_variance = self.moments
        value += velocity
        variance += covariance  # F P F' for F = [[1, 1], [0, 1]], in the order that needs no copy
        covariance += velocity_variance
        variance += covariance
        variance += value_noise
        velocity_variance += velocity_noise

    def update(
        self, rows: IndexArray, measurements: FloatArray, measurement_noise: FloatArray
    ) -> None:
        """Corrects the distinct tracks ``rows`` ``(M,)`` with ``measurements`` ``(M, 4)``."""
        if len(rows) == 0:
            return
        moments = self.moments.take(rows, axis=1)
        # Corrects value and velocity together, each by its covariance with the value.
        estimates, covariances, velocity_variance = moments[0:2], moments[2:4], moments[4]
        innovation = measurements - estimates[0]
        gains = covariances * (1.0 / (covariances[0] + measurement_noise))
        estimates += gains * innovation
        velocity_variance -= gains[1] * covariances[1]
        np.multiply(gains, measurement_noise, out=covariances)
        self.moments[:, rows] = moments

    def append(
        self, measurements: FloatArray, variance: FloatArray, velocity_variance: FloatArray
    ) -> None:
        """Adds a track at rest for each of ``measurements`` ``(M, 4)``, with these variances."""
        if len(measurements) == 0:
            return
        born = np.zeros((5, *measurements.shape))
        born[0] = measurements
        born[2] = variance
        born[4] = velocity_variance
        self.moments = np.concatenate((self.moments, born), axis=1)

    def keep(self, mask: BoolArray) -> None:
        """Forgets the tracks where ``mask`` ``(T,)`` is False; the others keep their order."""
        self.moments = self.moments.compress(mask, axis=1)

"""The batched filter compared with filterpy, the reference."""

from __future__ import annotations

import numpy as np
from filterpy.kalman import KalmanFilter

from trackers import area_filter
from trackers.kalman import ConstantVelocityFilter


def reference_filter(measurement: np.ndarray) -> KalmanFilter:
    """SORT's filter: centre, area, aspect and the velocities of the first three."""
    kalman = KalmanFilter(dim_x=7, dim_z=4)
    kalman.F = np.eye(7) + np.eye(7, k=4)
    kalman.H = np.eye(4, 7)
    kalman.R = np.diag([1.0, 1, 10, 10])
    kalman.P = np.diag([10.0, 10, 10, 10, 1e4, 1e4, 1e4])
    kalman.Q = np.diag([1.0, 1, 1, 1, 1e-2, 1e-2, 1e-4])
    kalman.x[:4, 0] = measurement
    return kalman


def assert_equal(batched: ConstantVelocityFilter, references: list[KalmanFilter]) -> None:
    assert len(batched) == len(references)
    for track, reference in enumerate(references):
        value, velocity, variance, covariance, velocity_variance = batched.moments[:, track]
        x = np.concatenate((value, velocity[:3]))
        p = np.diag(np.concatenate((variance, velocity_variance[:3])))
        p[range(3), range(4, 7)] = p[range(4, 7), range(3)] = covariance[:3]
        np.testing.assert_allclose(x, reference.x[:, 0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(p, reference.P, rtol=1e-9, atol=1e-9)
        assert velocity[3] == covariance[3] == velocity_variance[3] == 0


def test_equals_filterpy_on_random_runs() -> None:
    rng = np.random.default_rng(7)
    batched = ConstantVelocityFilter()
    references: list[KalmanFilter] = []
    scale = np.array([900.0, 500, 5000, 2])
    for _ in range(150):
        batched.predict(area_filter.VALUE_NOISE, area_filter.VELOCITY_NOISE)
        for reference in references:
            reference.predict()
        assert_equal(batched, references)

        rows = np.flatnonzero(rng.random(len(references)) < 0.7)
        rng.shuffle(rows)
        values = np.array([references[row].x[:4, 0] for row in rows]).reshape(-1, 4)
        measurements = values + rng.normal(0, 0.02, values.shape) * scale
        batched.update(rows, measurements, area_filter.MEASUREMENT_NOISE)
        for row, measurement in zip(rows, measurements, strict=True):
            references[row].update(measurement)

        born = rng.uniform(0.1, 1, (rng.integers(0, 3), 4)) * scale
        batched.append(born, area_filter.INITIAL_VARIANCE, area_filter.INITIAL_VELOCITY_VARIANCE)
        references += [reference_filter(measurement) for measurement in born]

        kept = rng.random(len(references)) < 0.95
        batched.keep(kept)
        references = [kalman for kalman, keep in zip(references, kept, strict=True) if keep]
        assert_equal(batched, references)
    assert references


def test_stays_equal_over_a_long_track() -> None:
    rng = np.random.default_rng(1)
    measurement = np.array([100.0, 100, 2000, 0.5])
    batched = ConstantVelocityFilter()
    batched.append(
        measurement[None], area_filter.INITIAL_VARIANCE, area_filter.INITIAL_VELOCITY_VARIANCE
    )
    reference = reference_filter(measurement)
    for _ in range(3000):
        measurement = measurement + rng.normal([0.3, 0.1, 1, 0], [1, 1, 20, 0.01])
        batched.predict(area_filter.VALUE_NOISE, area_filter.VELOCITY_NOISE)
        batched.update(np.array([0]), measurement[None], area_filter.MEASUREMENT_NOISE)
        reference.predict()
        reference.update(measurement)
    assert_equal(batched, [reference])


def test_noise_may_differ_from_track_to_track() -> None:
    batched = ConstantVelocityFilter()
    batched.append(np.zeros((2, 4)), np.array([[1.0], [3.0]]), np.ones(4))
    batched.predict(np.array([[0.5], [1.5]]), np.zeros(4))
    np.testing.assert_allclose(batched.moments[2].T, [[1 + 1 + 0.5, 3 + 1 + 1.5]] * 4)
    batched.update(np.array([0, 1]), np.ones((2, 4)), np.array([[2.5], [5.5]]))
    np.testing.assert_allclose(batched.values, np.full((2, 4), 0.5))


def test_without_tracks_every_step_is_allowed() -> None:
    batched = ConstantVelocityFilter()
    batched.predict(area_filter.VALUE_NOISE, area_filter.VELOCITY_NOISE)
    batched.update(np.empty(0, np.intp), np.empty((0, 4)), area_filter.MEASUREMENT_NOISE)
    batched.keep(np.empty(0, np.bool_))
    assert len(batched) == 0

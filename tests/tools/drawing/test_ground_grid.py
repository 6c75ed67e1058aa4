"""The grid of metres on the ground of a view."""

from stages.sink.ground import Ground, GroundPlane
from tools.drawing.ground_grid import ground_grid


def test_the_step_is_the_smallest_that_is_drawn() -> None:
    road = [
        (320 + 400 * x / z, 100 + 400 * 5 / z, x, z)
        for x, z in ((-4.0, 8.0), (4.0, 8.0), (4.0, 30.0), (-4.0, 30.0))
    ]
    near = ground_grid(GroundPlane(Ground(tuple(road))), 480, 640, 10)
    corners = [(0.0, 0.0), (640.0, 0.0), (640.0, 480.0), (0.0, 480.0)]
    far = ground_grid(GroundPlane(Ground(tuple((x, y, x, y) for x, y in corners))), 480, 640, 10)
    assert near is not None
    assert far is not None
    assert (near.step, far.step) == (5, 10)

"""What flow and heat maps show."""

import cv2
import numpy as np
import pytest

from stages.records import UInt8Array
from tools.mapping.drawing import flow_map, heat_map
from tools.mapping.traffic import Traffic

HEIGHT, WIDTH = 120, 160


@pytest.fixture
def scene() -> UInt8Array:
    return np.full((HEIGHT, WIDTH, 3), (40, 80, 120), np.uint8)


def hue(pixel: UInt8Array) -> int:
    """The hue in degrees."""
    return 2 * int(cv2.cvtColor(pixel[None, None], cv2.COLOR_BGR2HSV)[0, 0, 0])


def saturation(pixel: UInt8Array) -> int:
    return int(cv2.cvtColor(pixel[None, None], cv2.COLOR_BGR2HSV)[0, 0, 1])


def test_a_path_has_the_colour_of_its_direction_on_the_disc(scene: UInt8Array) -> None:
    traffic = Traffic(WIDTH, HEIGHT)
    for identity, (x, y) in enumerate([(1, 0), (0, -1), (-1, 0), (0, 1)]):
        centre = 30 + 30 * identity, 50
        traffic.add(
            (1, centre[0] + x * far - 2, centre[1] + y * far - 4, 4, 4) for far in range(-8, 9)
        )
    drawn = flow_map(traffic, scene)
    disc = HEIGHT - 11, 10
    for identity, (x, y) in enumerate([(1, 0), (0, -1), (-1, 0), (0, 1)]):
        path = drawn[50, 30 + 30 * identity]
        assert saturation(path) > 150
        assert abs(hue(path) - hue(drawn[disc[0] + 4 * y, disc[1] + 4 * x])) <= 6
        assert hue(path) == pytest.approx(90 * identity, abs=6)
    grey = drawn[5, 5]
    assert saturation(grey) == 0
    assert 0 < grey[0] < 86  # darker than the scene


def test_heat_is_highest_where_vehicles_stand_longest(scene: UInt8Array) -> None:
    traffic = Traffic(WIDTH, HEIGHT)
    traffic.add([(1, 40, 40, 4, 4)] * 100 + [(2, 100, 40, 4, 4)] * 10)
    drawn = heat_map(traffic, scene).astype(int)
    (long_blue, _, long_red), (blue, _, red) = drawn[44, 42], drawn[44, 102]
    assert long_red > long_blue + 50
    assert blue > red + 50
    assert (drawn[80, 80] == drawn[5, 5]).all()
    bar = drawn[HEIGHT - 5, 3:30]
    assert bar[0, 0] > bar[0, 2] - 20
    assert bar[-4, 2] > bar[-4, 0] + 50


@pytest.mark.parametrize(("height", "width"), [(20, 40), (400, 16), (2, 2)])
def test_frames_too_small_for_a_legend_can_be_drawn(height: int, width: int) -> None:
    traffic = Traffic(width, height)
    for draw in (flow_map, heat_map):
        assert draw(traffic, np.zeros((height, width, 3), np.uint8)).shape == (height, width, 3)


def test_a_map_without_vehicles_is_as_uniform_as_the_scene(scene: UInt8Array) -> None:
    for draw in (flow_map, heat_map):
        drawn = draw(Traffic(WIDTH, HEIGHT), scene)
        assert drawn.shape == scene.shape
        assert drawn.dtype == np.uint8
        assert len(np.unique(drawn[: HEIGHT // 2])) == 1

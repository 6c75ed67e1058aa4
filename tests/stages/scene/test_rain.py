from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stages.records import UInt8Array
from stages.scene import Scene, SceneConfig
from stages.scene.camera import mast_path
from stages.scene.ground import make_ground
from stages.scene.light import make_light
from stages.scene.rain import Rain, rainy
from stages.scene.road import make_plan
from stages.scene.viewpoints import mast_viewpoint

SEEDS = (0, 3)  # the first draws clear weather, the second rain
CLEAR = SceneConfig(seed=5, width=320, height=192, frames=40, view="intersection")


@pytest.fixture(scope="module")
def rain() -> Scene:
    return Scene(replace(CLEAR, weather="rain"))


def test_rain_changes_the_image_but_not_the_ground_truth(rain: Scene) -> None:
    dry, wet = Scene(CLEAR).render(10), rain.render(10)
    np.testing.assert_array_equal(dry.boxes, wet.boxes)
    np.testing.assert_array_equal(dry.ids, wet.ids)
    assert wet.image.std() < 0.95 * dry.image.std()
    assert wet.image.mean() < dry.image.mean()


def test_rain_is_the_same_in_any_rendering_order(rain: Scene) -> None:
    again = Scene(rain.config)
    late, early = again.render(7).image, again.render(3).image
    np.testing.assert_array_equal(early, rain.render(3).image)
    np.testing.assert_array_equal(late, rain.render(7).image)


def test_wet_ground_reflects_objects_on_it() -> None:
    """A white board on black ground: bright directly below it, darker farther down and beside."""
    rng, size = np.random.default_rng(5), (320, 192)
    plan = make_plan(rng, True, 110.0, varied=False)
    light = rainy(make_light(rng, "day", varied=False), rng, "day")
    dry = make_ground(rng, plan, light, 1024, varied=False)
    puddle = replace(dry, gloss=np.full((1024, 1024), 255, np.uint8))
    path = mast_path(rng, *size, False, mast_viewpoint(rng, plan, varied=False))
    image: UInt8Array = np.zeros((192, 320, 3), np.uint8)
    covers = np.zeros((192, 320), np.int16)
    box = (slice(90, 121), slice(120, 200))
    image[box], covers[box] = 255, 1
    wet = Rain(rng, puddle, light, size).wet(image, covers, path.at(0.0), {0: box})
    np.testing.assert_array_equal(wet[box], image[box])
    below, far = wet[121:124, 120:200].mean(), wet[150:153, 120:200].mean()
    beside = wet[121:124, 20:100].mean()
    assert below > 1.5 * far
    assert below > 1.5 * beside


def test_random_weather_is_sometimes_rain() -> None:
    small = SceneConfig(width=64, height=64, weather="random", vehicles=0)
    seen = [Scene(replace(small, seed=seed)).weather for seed in SEEDS]
    assert seen == ["clear", "rain"]

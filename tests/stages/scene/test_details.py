"""Masks and hidden vehicles; the demo's images stay the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stages.records import UInt8Array
from stages.scene import Scene, SceneConfig

SCENE = SceneConfig(seed=5, width=480, height=272, frames=40, view="intersection", vehicles=90)

# Grey levels of 8 x 6 patches of the frame, as OpenCV 4 paints them.
DEMO = {
    ("drone", "day"): (
        "5f6167818b74645e626d8e808e918e6e8c8d9f8596a0705f"
        "5d778f988f908366846e677c9c9b8180665f6161a4899761"
    ),
    ("intersection", "night"): (
        "1a1c1c1c1c1c1c1b26201e19161f22316c61352629507592"
        "6b453b3c3f57746528235239351e37421d202a31322f313e"
    ),
}


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(SCENE)


def patches(image: UInt8Array) -> np.ndarray:
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return cv2.resize(gray, (8, 6), interpolation=cv2.INTER_AREA).astype(int)


@pytest.mark.parametrize(("view", "light"), DEMO)
def test_unvaried_scenes_keep_their_pixels(view: str, light: str) -> None:
    config = SceneConfig(seed=1, width=320, height=192, frames=31, view=view, light=light)
    seen = patches(Scene(config).render(30).image)
    kept = np.array(list(bytes.fromhex(DEMO[view, light]))).reshape(6, 8)
    np.testing.assert_allclose(seen, kept, atol=1)


def test_details_leave_the_image_and_listed_vehicles_unchanged(scene: Scene) -> None:
    frame, details = scene.render(20), scene.render_details(20)
    np.testing.assert_array_equal(details.frame.image, frame.image)
    for name in ("boxes", "ids", "classes", "visibility"):
        listed = getattr(details.frame, name)[details.listed]
        np.testing.assert_array_equal(listed, getattr(frame, name))
    assert not details.listed.all()


def test_the_mask_shows_only_vehicles(scene: Scene) -> None:
    """The mask fills over 40 % of each whole vehicle's box and nothing outside the boxes."""
    details = scene.render_details(20)
    assert set(np.unique(details.mask)) == {0, 255}
    beside = details.mask.copy()
    frame, whole = details.frame, 0
    for box, visible in zip(frame.boxes, frame.visibility, strict=True):
        left, top, right, bottom = np.round(box).astype(int)
        if visible == 1 and min(right - left, bottom - top) > 10:
            assert (details.mask[top:bottom, left:right] > 0).mean() > 0.4
            whole += 1
        beside[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1] = 0
    assert not beside.any()
    assert whole >= 3


def test_the_occluder_of_a_hidden_vehicle_is_identified(scene: Scene) -> None:
    details = scene.render_details(20)
    frame, checked = details.frame, 0
    boxes = dict(zip(frame.ids.tolist(), frame.boxes, strict=True))
    for row in np.flatnonzero(frame.visibility < 1):
        left, top, right, bottom = details.overlaps[row]
        assert left < right
        assert top < bottom
        assert (details.overlaps[row, :2] >= frame.boxes[row, :2] - 1.01).all()
        assert (details.overlaps[row, 2:] <= frame.boxes[row, 2:] + 1.01).all()
        occluder = boxes.get(int(details.occluders[row]))
        if occluder is not None:
            assert max(left, occluder[0]) < min(right, occluder[2])
            assert max(top, occluder[1]) < min(bottom, occluder[3])
            checked += 1
    assert checked >= 3
    whole = frame.visibility == 1
    assert not details.occluders[whole].any()
    assert not details.overlaps[whole].any()


def test_a_vehicle_at_the_edge_is_truncated(scene: Scene) -> None:
    details = scene.render_details(20)
    edges = np.array([0, 0, SCENE.width, SCENE.height])
    at_edge = (details.frame.boxes == edges).any(axis=1)
    assert at_edge.any()
    assert (details.truncation[~at_edge] < 0.05).all()
    assert (details.truncation[at_edge] > 0.05).any()

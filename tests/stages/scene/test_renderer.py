"""One painted frame: its boxes, hulls and outlines agree with its pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from stages.scene.camera import drone_path, mast_path
from stages.scene.figures import draw_vehicle
from stages.scene.geometry import Geometry
from stages.scene.ground import make_ground
from stages.scene.light import make_light
from stages.scene.mesh import Mesh
from stages.scene.optics import Optics
from stages.scene.renderer import Painted, Renderer
from stages.scene.road import make_plan
from stages.scene.viewpoints import mast_viewpoint

Paint = Callable[[list[Mesh]], Painted]

SIZE = (480, 272)
COUNT = 15


@pytest.fixture(scope="module", params=["drone", "mast"])
def paint(request: pytest.FixtureRequest) -> Paint:
    """Paints `COUNT` shapes in three rows around the origin."""
    rng = np.random.default_rng(5)
    plan = make_plan(rng, True, 110.0, varied=False)
    light = make_light(rng, "day", varied=False)
    ground = make_ground(rng, plan, light, 1024, varied=False)
    optics = Optics(light, *SIZE, rng, varied=False)
    if request.param == "drone":
        path = drone_path(rng, *SIZE, varied=False, road_yaw=None)
    else:
        path = mast_path(rng, *SIZE, False, mast_viewpoint(rng, plan, varied=False))
    row, column = np.divmod(np.arange(COUNT), 5)
    poses = np.column_stack([8.0 * (column - 2), 15.0 * (row - 1), np.full(COUNT, 1.6)])
    none = np.zeros(COUNT, bool)

    def painted(meshes: list[Mesh]) -> Painted:
        geometry = Geometry(meshes, light.saturation)
        renderer = Renderer(ground, geometry, none, COUNT, [], light, optics, SIZE)
        return renderer.paint(path.at(0.0), poses, none, 0, details=True)

    return painted


@pytest.fixture(scope="module")
def meshes() -> list[Mesh]:
    rng = np.random.default_rng(6)
    return [draw_vehicle(rng, number % 4, False) for number in range(COUNT)]


def green(mesh: Mesh) -> Mesh:
    return replace(mesh, colors=np.tile([0.0, 1.0, 0.0], (len(mesh.colors), 1)))


def extent(mask: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_boxes_are_the_extent_of_the_hulls(paint: Paint, meshes: list[Mesh]) -> None:
    painted = paint(meshes)
    checked = 0
    for item in np.flatnonzero(painted.inside == 1):
        box, seen = painted.boxes[item], extent(painted.covers == item + 1)
        if painted.visible[item] == 1:
            np.testing.assert_allclose(box, seen, atol=1.01)
            checked += 1
        else:
            assert (seen[:2] >= box[:2] - 1).all()
            assert (seen[2:] <= box[2:] + 1).all()
    assert checked >= 2


def test_a_box_encloses_the_pixels_that_a_vehicle_changes(paint: Paint, meshes: list[Mesh]) -> None:
    before = paint(meshes)
    item = int(np.argmax((before.inside == 1) * before.visible))
    after = paint([green(mesh) if i == item else mesh for i, mesh in enumerate(meshes)])
    changed = cv2.absdiff(after.image, before.image).max(axis=2) > 12
    np.testing.assert_allclose(before.boxes[item], extent(changed), atol=2.5)


def test_outlines_match_the_pixels_that_vehicles_change(paint: Paint, meshes: list[Mesh]) -> None:
    """Painting all vehicles green changes the pixels inside their outlines, edges aside."""
    before = paint(meshes)
    assert before.owners is not None
    after = paint([green(mesh) for mesh in meshes])
    changed = cv2.absdiff(after.image, before.image).max(axis=2) > 25
    owned, square = (before.owners > 0).astype(np.uint8), np.ones((5, 5), np.uint8)
    grown, core = cv2.dilate(owned, square) > 0, cv2.erode(owned, square) > 0
    assert not changed[~grown].any()
    assert changed[core].mean() > 0.97
    assert core.sum() > 2000

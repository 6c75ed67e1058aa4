"""How exact positions on the ground are for a camera that looks down, by the point of the box."""

import math
from dataclasses import replace

import numpy as np

from stages.records import Detections, FrameHeader, Tracks
from stages.scene import Scene, SceneConfig
from stages.sink.ground import Ground, SpeedMeter

SIZE = 272, 480
FRAMES = range(0, 160, 16)


def test_for_a_drone_the_center_of_the_box_is_far_more_exact() -> None:
    scene = Scene(SceneConfig(11, height=SIZE[0], width=SIZE[1], view="drone", frames=160))
    camera = scene.camera(0)
    corners = np.array([[-8.0, -8], [8, -8], [8, 8], [-8, 8]])
    pixels = camera.to_image(camera.to_camera(np.column_stack([corners, np.zeros(4)])))
    points = tuple(
        (x, y, *at) for (x, y), at in zip(pixels.tolist(), corners.tolist(), strict=True)
    )
    errors: dict[str, list[float]] = {"bottom_center": [], "center": []}
    for index in FRAMES:
        shown = scene.render(index)
        view = camera.ground_homography() @ np.linalg.inv(scene.camera(index).ground_homography())
        header = replace(
            FrameHeader.of_image(*SIZE), view=tuple((view / view[2, 2]).ravel().tolist())
        )
        sure = shown.boxes, np.ones(len(shown.boxes), np.float32), shown.classes
        tracks, true = Tracks(Detections(header, *sure), *sure, shown.ids), scene.positions(index)
        for anchor, found in errors.items():
            meter = SpeedMeter(Ground(points), anchor=anchor)  # type: ignore[arg-type]
            meter.update(tracks)
            found += [
                min(math.dist(each, (place.x, place.y)) for each in true.values())
                for place in meter.places
            ]
    bottom, center = (np.median(errors[anchor]) for anchor in ("bottom_center", "center"))
    print(f"bottom_center {bottom:.2f} m, center {center:.2f} m")
    assert center < bottom / 3

"""Runs that have found the frames of a moving camera on a picture are read again."""

import cv2
import numpy as np

from tests.pipeline.drone import DRAWN, INDICES, reference, scene_of_drone
from tools.commands.count import count
from tools.mapping.stream import traffic_of
from tools.mapping.traffic import Traffic


def test_counts_at_lines_drawn_afterwards_are_those_of_the_run(drone, moving_run, tmp_path):
    clip, *_ = drone

    def tables(name, *settings):
        count([moving_run], output=tmp_path / name, set_=settings)
        return {path.name: path.read_text() for path in (tmp_path / name).iterdir()}

    own = tables("own")
    assert own["crossings.csv"].count("\n") > 10
    assert own["zones.csv"].count("\n") > 1
    assert tables("again", *DRAWN) == own
    assert tables("named", *DRAWN, reference(clip)) == own


def blurred(traffic):
    return np.dstack(
        [cv2.GaussianBlur(part, (0, 0), 3) for part in np.moveaxis(traffic.drive, 2, 0)]
    )


def test_the_flow_map_is_that_of_a_camera_that_stands_still(drone, moving_run, monkeypatch):
    clip, *_ = drone
    scene = scene_of_drone()
    still = scene.camera(0)
    monkeypatch.setattr(scene, "camera", lambda index: still)
    shown = [scene.render(index) for index in INDICES]
    fixed = Traffic(480, 272)
    fixed.add(
        (vehicle, left, top, right - left, bottom - top)
        for frame in shown
        for vehicle, (left, top, right, bottom) in zip(frame.ids, frame.boxes, strict=True)
    )
    moving, background = traffic_of("clip", [moving_run], None)
    assert (background == cv2.imread(str(clip.parent / "before.png"))).all()
    found, true = blurred(moving), blurred(fixed)
    strength = np.linalg.norm(found, axis=2) * np.linalg.norm(true, axis=2)
    cosines = (found * true).sum(axis=2) / np.maximum(strength, 1e-9)
    seen = strength > np.quantile(strength[strength > 1e-6], 0.5)
    assert seen.mean() > 0.05
    assert np.degrees(np.arccos(np.quantile(cosines[seen], 0.1).clip(-1, 1))) < 3
    alike = (found * true).sum() / np.sqrt((found**2).sum() * (true**2).sum())
    assert alike > 0.9  # without views, it is about 0

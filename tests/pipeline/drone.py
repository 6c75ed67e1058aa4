"""A clip of a moving camera, and runs that find its frames on a picture."""

import json
from dataclasses import replace

import av
import cv2
import numpy as np

from stages.records import Detections, Frame, Tracks
from stages.result_files import read_report
from stages.scene import Scene, SceneConfig
from stages.sink.crossings import LineCounter
from tools.harness.material import detections_setting

INDICES = range(42, 222, 2)  # of the clip's frames in the scene, whose first is the picture
LINES = {f"v{x}": (x, 40, x, 240) for x in range(100, 400, 40)}
LINES |= {f"h{y}": (60, y, 420, y) for y in range(60, 240, 30)}
MIDDLE = [[160, 80], [320, 80], [320, 200], [160, 200]]
DRAWN = [
    f"sink.lines={json.dumps({'clip': LINES})}",
    f"sink.zones={json.dumps({'clip': {'middle': MIDDLE}})}",
]


def scene_of_drone():
    """The scene above which the drone drifts."""
    config = SceneConfig(11, width=480, height=272, view="drone", frames=INDICES.stop)
    return Scene(config)


def make_drone(folder):
    """Renders a clip of a drone with exact detections; returns it, the counts and the views.

    Counts and views are those by its exact camera.
    """
    scene = scene_of_drone()
    cv2.imwrite(str(folder / "before.png"), scene.render(0).image)
    picture = scene.camera(0).ground_homography()
    counter, views = LineCounter(LINES), []
    with (
        av.open(str(folder / "clip.mp4"), "w") as container,
        (folder / "clip_Det_made.txt").open("w") as detections,
    ):
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 480, 272, "yuv420p"
        for number, index in enumerate(INDICES, start=1):
            shown = scene.render(index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown.image, format="bgr24")))
            for row, (left, top, right, bottom) in enumerate(shown.boxes.tolist(), start=1):
                box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
                detections.write(f"{number},{row},{box},0.9\n")
            view = picture @ np.linalg.inv(scene.camera(index).ground_homography())
            header = Frame.of_image(shown.image, index=number).header
            views.append(tuple(view.ravel().tolist()))
            header = replace(header, view=views[-1])
            sure = shown.boxes, np.ones(len(shown.boxes), np.float32), shown.classes
            counter.update(Tracks(Detections(header, *sure), *sure, shown.ids), number, "")
        container.mux(stream.encode(None))
    counts = {name: list(each) for name, each in counter.counts.items()}
    return folder / "clip.mp4", counts, views


def settings(clip, *more):
    """Settings of a run with lines and a zone."""
    tracker = "tracker.name=spottrack", "decoder.camera_motion=true"
    return [detections_setting(clip), *DRAWN, *tracker, "sink.overlay=false", *more]


def reference(clip):
    """The setting of the picture before the clip."""
    return f"decoder.reference={{clip: {clip.parent / 'before.png'}}}"


def counts_in(folder):
    """The counts that a run reports."""
    crossings = read_report(folder / "clip")["crossings"]
    return {name: [each["left"], each["right"]] for name, each in crossings.items()}

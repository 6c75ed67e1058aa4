"""Disturbed runs: their settings, the disturbances and the results."""

import contextlib
import os
import signal

from stages.result_files import files_of
from tests.videos import frames_in
from tools.harness.material import detections_setting


def settings(clip, *more):
    """Settings of a run with results of all kinds, in parts."""
    # Parts of two seconds, so that some are finished and one is not when a stage dies.
    parts = [f"sink.{kind}_minutes={2 / 60}" for kind in ("overlay", "text")]
    counted = [
        "sink.lines={clip: {middle: [160, 0, 160, 240]}}",
        "sink.zones={clip: {east: [[160, 0], [320, 0], [320, 240], [160, 240]]}}",
        "sink.zone_stay_seconds=1",
        "sink.ground={clip: [[0, 0, 0, 0], [160, 0, 16, 0], [160, 120, 16, 12], [0, 120, 0, 12]]}",
    ]
    found = detections_setting(clip)
    return [found, "sink.kitti=true", *counted, *parts, *more]


def held_back(clip, mode, milliseconds=20):
    """Settings of a slowed run: live ones have the clip's pace, lossless ones the detector's."""
    slow = detections_setting(clip, delay_ms=milliseconds)
    pace = "decoder.pace=original" if mode == "live" else slow
    return f"runtime.mode={mode}", pace


def kill(*names, at):
    """Kills one process after another, each once its number of frames in ``at`` is written."""

    def harm(victim):
        for name, frames in zip(names, at, strict=True):
            victim.wait(lambda frames=frames: victim.frames() >= frames)
            victim.wait(victim.is_ready)
            with contextlib.suppress(KeyError, ProcessLookupError):
                os.kill(victim.supervisor.processes()[name], signal.SIGKILL)

    return harm


def texts_in(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.txt")}


def tracks_in(folder):
    files = files_of(folder, "mot.txt")
    return [line.split(",") for path in files for line in path.read_text().splitlines()]


def times_in(folder):
    files = files_of(folder, "times.txt")
    rows = [line.split(",") for path in files for line in path.read_text().splitlines()]
    return [(int(frame), time) for frame, time in rows]


def overlay_frames(folder):
    return sum(map(frames_in, folder.glob("overlay*.mp4")))

"""The web page of a running pipeline."""

import json
import os
import signal

from tests.pipeline.scraping import get, get_bytes
from tools.harness.material import detections_setting, make_clip
from tools.harness.ports import free_port
from tools.harness.runner import run_with


def test_pictures_are_shown_during_a_stream_and_after_its_sink_died(tmp_path):
    clip, port = make_clip(tmp_path / "material", 250, 480, 640), free_port()
    settings = [
        detections_setting(clip),
        f"runtime.web={port}",
        "decoder.pace=original",
        "sink.overlay=false",
    ]
    seen = []

    def harm(victim):
        def picture():
            code, jpeg = get_bytes(port, "/pictures/clip.jpg")
            return code == 200 and jpeg.startswith(b"\xff\xd8") and jpeg

        victim.wait(lambda: victim.frames() > 0)

        def stream():
            return json.loads(get(port, "/overview.json")[1])["streams"][0]

        victim.wait(picture)
        victim.wait(lambda: stream()["state"] == "running" and stream()["frame_size"])
        assert stream()["frame_size"] == [640, 480]  # the picture is smaller
        before = picture()
        os.kill(victim.supervisor.processes()["sink"], signal.SIGKILL)
        victim.wait(victim.is_ready)
        victim.wait(lambda: picture() not in (False, before))
        seen.append("another picture")

    result = run_with([str(clip)], tmp_path / "out", settings, harm)
    assert seen == ["another picture"]
    assert result.restarts == {"sink": 1}
    assert result.finished["clip"].frames == 250

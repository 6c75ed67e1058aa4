"""What a subscriber gets that comes late."""

import os
import signal
import threading

from pipeline.transport.broadcast import subscribe
from stages.records import Dropped, EndOfStream, EndReason, StreamStart, Tracks
from tools.harness.material import detections_of, make_clip
from tools.harness.runner import run_with


def test_a_late_subscriber_learns_of_the_stream(tmp_path):
    clip = make_clip(tmp_path, 150)
    address, records = f"ipc://{tmp_path}/tracks", []

    def listen():
        for envelope in subscribe(address, timeout=30):
            records.append(envelope.record)
            if isinstance(envelope.record, EndOfStream):
                return

    listener = threading.Thread(target=listen, daemon=True)

    def harm(victim):  # the sink that tells it has the start from a checkpoint
        victim.wait(lambda: victim.frames() >= 30)
        os.kill(victim.supervisor.processes()["sink"], signal.SIGKILL)
        victim.wait(victim.is_ready)
        listener.start()

    settings = [f"detector.detections={detections_of(clip)}", "runtime.mode=live"]
    settings += ["decoder.pace=original", f"runtime.publish={address}"]
    result = run_with([str(clip)], tmp_path, settings, harm)
    listener.join(100)
    assert result.restarts == {"sink": 1}
    start, *_, end = [each for each in records if not isinstance(each, Dropped)]
    assert isinstance(start, StreamStart)
    assert (start.stream, start.width, start.frame_rate) == ("clip", 160, 25)
    assert start.class_names == ("vehicle",)
    assert sum(isinstance(each, Tracks) for each in records) >= 10
    assert end.reason is EndReason.COMPLETE

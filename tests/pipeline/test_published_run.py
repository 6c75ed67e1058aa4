"""What subscribers get of a run."""

import os
import shutil
import signal
import threading

import pytest

from pipeline.transport.subscription import subscribe
from stages.errors import SpotStreamError
from stages.records import Dropped, EndOfStream, EndReason, StreamStart, Tracks
from stages.sink.crossings import Counts, Crossings
from tools.harness.material import detections_of, slow_detector
from tools.harness.runner import run_with


class Subscriber:
    """Hears what is published until its stream ends."""

    def __init__(self, address):
        self.envelopes = []
        self._address = address
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def start(self):
        self._thread.start()

    def _listen(self):
        for envelope in subscribe(self._address, timeout=200):
            self.envelopes.append(envelope)
            if isinstance(envelope.record, EndOfStream):
                return

    def records(self):
        self._thread.join(100)
        return [each.record for each in self.envelopes]


@pytest.fixture
def subscriber(tmp_path):
    return Subscriber(f"ipc://{tmp_path}/tracks")


def settings(clip, tmp_path, *more):
    found = f"detector.detections={detections_of(clip)}"
    return [found, f"runtime.publish=ipc://{tmp_path}/tracks", "sink.overlay=false", *more]


def test_a_late_subscriber_learns_of_the_stream(clip, subscriber, tmp_path):
    def harm(victim):  # the sink that tells it has the start from a checkpoint
        victim.wait(lambda: victim.frames() >= 30)
        os.kill(victim.supervisor.processes()["sink"], signal.SIGKILL)
        victim.wait(victim.is_ready)
        subscriber.start()

    live = settings(clip, tmp_path, "runtime.mode=live", "decoder.pace=original")
    result = run_with([str(clip)], tmp_path, live, harm)
    records = subscriber.records()
    assert result.restarts == {"sink": 1}
    start, *_, end = [each for each in records if not isinstance(each, Dropped)]
    assert isinstance(start, StreamStart)
    assert (start.stream, start.width, start.frame_rate) == ("clip", 160, 25)
    assert start.class_names == ("vehicle",)
    assert sum(isinstance(each, Tracks) for each in records) >= 10
    assert end.reason is EndReason.COMPLETE


def test_crossings_are_those_of_the_file(clip, subscriber, tmp_path):
    subscriber.start()
    line = "sink.lines={clip: {middle: [80, 0, 80, 120]}}"
    given = settings(clip, tmp_path, line, slow_detector(clip, 10))
    folders = []

    def look(victim):
        victim.wait(victim.is_ready)
        folders.append(os.path.basename(victim.folder))  # noqa: PTH119

    run_with([str(clip)], tmp_path, given, look)
    told = [each for each in subscriber.records() if isinstance(each, Crossings)]
    rows = [
        f"{one.number},{one.time},{one.identity},vehicle,{one.line},{one.direction}"
        for each in told
        for one in each.crossings
    ]
    assert rows == (tmp_path / "clip" / "crossings.txt").read_text().splitlines() != []
    ways = [row.rpartition(",")[2] for row in rows]
    assert told[-1].counts == {"middle": Counts(ways.count("left"), ways.count("right"))}
    assert {each.run for each in subscriber.envelopes} == set(folders)


def test_the_end_of_a_stream_that_cannot_be_written_is_told(clip, subscriber, tmp_path):
    subscriber.start()

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 30)
        shutil.rmtree(tmp_path / "out" / "clip")

    live = settings(clip, tmp_path, "runtime.mode=live", "decoder.pace=original")
    result = run_with([str(clip)], tmp_path / "out", live, harm)
    assert list(result.failed) == ["clip"]
    end = subscriber.records()[-1]
    assert (end.reason, end.message) == (EndReason.TRUNCATED, result.failed["clip"])


def test_the_end_of_a_run_that_is_given_up_is_told(clip, subscriber, tmp_path):
    subscriber.start()

    def harm(victim):
        for frames in (20, 40):
            victim.wait(lambda frames=frames: victim.frames() >= frames)
            os.kill(victim.supervisor.processes()["tracker"], signal.SIGKILL)
            victim.wait(victim.is_ready)

    slow = settings(clip, tmp_path, slow_detector(clip, 20), "runtime.restarts_per_minute=1")
    with pytest.raises(SpotStreamError) as error:
        run_with([str(clip)], tmp_path, slow, harm)
    end = subscriber.records()[-1]
    assert (end.reason, end.message) == (EndReason.TRUNCATED, str(error.value))

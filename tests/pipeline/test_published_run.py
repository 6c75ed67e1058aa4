"""What subscribers receive from a run."""

import os
import shutil
import threading
from itertools import pairwise

import pytest

from pipeline.transport.envelope import MAX_POSITION
from pipeline.transport.subscription import subscribe
from stages.errors import SpotStreamError
from stages.measurements import Counts, Crossings, GroundPlaces, ZoneEvents
from stages.records import Dropped, EndOfStream, EndReason, StreamStart, Tracks
from stages.sink.crossings import crossing_rows
from stages.sink.ground import ground_rows
from stages.sink.zones import zone_rows
from tests.pipeline.disturbed import kill
from tools.harness.material import detections_setting
from tools.harness.runner import run_with
from tools.watching.missed_records import MissedRecords


class Subscriber:
    """Collects what is published until the stream ends."""

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

    def missed(self):
        missed = MissedRecords()
        return sum(missed.before(each) for each in self.envelopes)


@pytest.fixture
def subscriber(tmp_path):
    return Subscriber(f"ipc://{tmp_path}/tracks")


def settings(clip, tmp_path, *more):
    found = detections_setting(clip)
    return [found, f"runtime.publish=ipc://{tmp_path}/tracks", "sink.overlay=false", *more]


COUNTED = [
    "sink.lines={clip: {middle: [80, 0, 80, 120]}}",
    "sink.zones={clip: {east: [[80, 0], [160, 0], [160, 120], [80, 120]]}}",
    "sink.zone_stay_seconds=1",
    "sink.ground={clip: [[0, 0, 0, 0], [160, 0, 16, 0], [160, 120, 16, 12], [0, 120, 0, 12]]}",
]
CLASS_NAMES = ["vehicle"]


def rows_of(records):
    """Converts records to the rows of crossings.txt, zones.txt and ground.txt."""
    crossings = [one for each in records if isinstance(each, Crossings) for one in each.crossings]
    events = [one for each in records if isinstance(each, ZoneEvents) for one in each.events]
    ground = "".join(ground_rows(each) for each in records if isinstance(each, GroundPlaces))
    return crossing_rows(crossings, CLASS_NAMES), zone_rows(events, CLASS_NAMES), ground


def rows_in(folder):
    return tuple((folder / f"{name}.txt").read_text() for name in ("crossings", "zones", "ground"))


def test_subscribers_get_the_end_if_a_streams_folder_and_sink_are_lost(clip, subscriber, tmp_path):
    def harm(victim):
        subscriber.start()
        kill("sink", at=[30])(victim)
        (tmp_path / "out" / "clip").rename(tmp_path / "kept")

    live = settings(clip, tmp_path, "runtime.mode=live", "decoder.pace=original")
    result = run_with([str(clip), f"other={clip}"], tmp_path / "out", live, harm)
    assert "removed or moved away" in result.failed["clip"]
    end = subscriber.records()[-1]
    assert subscriber.envelopes[-1].position == MAX_POSITION
    assert subscriber.missed() == 0
    ending = end.stream, end.reason, end.message
    assert ending == ("clip", EndReason.TRUNCATED, result.failed["clip"])


def test_late_subscriber_gets_the_stream_start(clip, subscriber, tmp_path):
    def harm(victim):  # the sink that publishes it has the start from a checkpoint
        kill("sink", at=[30])(victim)
        victim.wait(victim.is_ready)
        subscriber.start()

    live = settings(clip, tmp_path, "runtime.mode=live", "decoder.pace=original")
    result = run_with([str(clip)], tmp_path, live, harm)
    records = subscriber.records()
    assert result.restarts == {"sink": 1}
    start, *_, end = [each for each in records if not isinstance(each, Dropped)]
    assert subscriber.missed() == 0
    assert isinstance(start, StreamStart)
    assert (start.stream, start.width, start.frame_rate) == ("clip", 160, 25)
    assert start.class_names == ("vehicle",)
    assert sum(isinstance(each, Tracks) for each in records) >= 10
    assert end.reason is EndReason.COMPLETE


def test_published_crossings_zones_and_positions_match_the_files(clip, subscriber, tmp_path):
    subscriber.start()
    given = settings(clip, tmp_path, *COUNTED, detections_setting(clip, delay_ms=10))
    folders = []

    def look(victim):
        victim.wait(victim.is_ready)
        folders.append(os.path.basename(victim.folder))  # noqa: PTH119

    run_with([str(clip)], tmp_path, given, look)
    records = subscriber.records()
    crossings, zones, ground = rows_of(records)
    assert (crossings, zones, ground) == rows_in(tmp_path / "clip")
    assert ground
    assert ",stay,1." in zones
    [*_, crossed] = [each.counts for each in records if isinstance(each, Crossings)]
    assert crossed == {"middle": Counts(crossings.count(",left\n"), crossings.count(",right\n"))}
    [*_, counts] = [each.counts for each in records if isinstance(each, ZoneEvents)]
    entered, ended = zones.count(",enter,"), zones.count(",leave,") + zones.count(",lost,")
    assert counts["east"].entered == entered > 0
    assert 0 <= counts["east"].inside <= entered - ended
    assert {each.run for each in subscriber.envelopes} == set(folders)


@pytest.mark.parametrize("last", ["frame", "crossing", "zone", "ground", "end"])
def test_subscribers_get_every_record_once_although_the_sink_dies(
    clip, subscriber, tmp_path, in_workers, last
):
    """The sink dies after it has journaled what it is about to publish."""
    in_workers(
        f"""
import os, signal
from pathlib import Path
from pipeline.transport.broadcast import Broadcast
from pipeline.transport.messages import decode
from stages.measurements import Crossings, GroundPlaces, ZoneEvents
from stages.records import EndOfStream

send, died = Broadcast.send, Path({str(tmp_path / "died")!r})

def send_or_die(self, parts, **options):
    envelope = decode(parts)
    is_last = {{
        "frame": envelope.position == 60,
        "crossing": isinstance(envelope.record, Crossings),
        "zone": isinstance(envelope.record, ZoneEvents) and envelope.record.events,
        "ground": isinstance(envelope.record, GroundPlaces) and envelope.position > 60,
        "end": isinstance(envelope.record, EndOfStream),
    }}
    if is_last[{last!r}] and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    send(self, parts, **options)

Broadcast.send = send_or_die
"""
    )
    subscriber.start()
    given = settings(clip, tmp_path, *COUNTED, detections_setting(clip, delay_ms=10))
    result = run_with([str(clip)], tmp_path, given)
    assert result.restarts == {"sink": 1}
    start, *records, end = subscriber.records()
    assert isinstance(start, StreamStart)
    assert isinstance(end, EndOfStream)
    numbers = [each.frame.number for each in records if isinstance(each, Tracks)]
    assert numbers == [*range(1, 151)]
    assert subscriber.missed() == 0
    assert rows_of(records) == rows_in(tmp_path / "clip")
    first, *_ = zones = [each for each in records if isinstance(each, ZoneEvents)]
    assert first.number == 1
    assert any(not each.events for each in zones[1:])
    for before, after in pairwise(zones):
        assert before.number < after.number
        assert after.events or after.counts != before.counts


def test_end_of_a_stream_that_cannot_be_written_is_published(clip, subscriber, tmp_path):
    subscriber.start()

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 30)
        shutil.rmtree(tmp_path / "out" / "clip")

    live = settings(clip, tmp_path, "runtime.mode=live", "decoder.pace=original")
    result = run_with([str(clip)], tmp_path / "out", live, harm)
    assert list(result.failed) == ["clip"]
    end = subscriber.records()[-1]
    assert (end.reason, end.message) == (EndReason.TRUNCATED, result.failed["clip"])


def test_end_of_an_abandoned_run_is_published(clip, subscriber, tmp_path):
    subscriber.start()
    slow = settings(
        clip, tmp_path, detections_setting(clip, delay_ms=20), "runtime.restarts_per_minute=1"
    )
    with pytest.raises(SpotStreamError) as error:
        run_with([str(clip)], tmp_path, slow, kill("tracker", "tracker", at=[20, 40]))
    end = subscriber.records()[-1]
    assert (end.reason, end.message) == (EndReason.TRUNCATED, str(error.value))

import itertools
import json
import subprocess
import sys
import threading
from fractions import Fraction

import numpy as np
import pytest
import zmq

from pipeline.transport.broadcast import Broadcast
from pipeline.transport.envelope import Envelope, Heartbeat
from pipeline.transport.messages import encode
from stages.measurements import (
    Counts,
    Crossing,
    Crossings,
    GroundPlace,
    GroundPlaces,
    ZoneCounts,
    ZoneEvent,
    ZoneEvents,
)
from stages.records import (
    Detections,
    Dropped,
    DropReason,
    EndOfStream,
    EndReason,
    FrameHeader,
    StreamStart,
    Tracks,
)
from tests.tools import mosquitto
from tests.tools.processes import spotstream
from tests.waiting import wait_for
from tools.harness.runner import SPOTSTREAM
from tools.watching.watch import KINDS, _print

BOXES = np.array([[312.5, 80.25, 371.0, 122.75]], np.float32)
SCORES = np.array([0.8125], np.float32)
CLASSES = np.zeros(1, np.int16)
ROW = "north,120,7,312.50,80.25,58.50,42.50,0.8125,-1,-1,-1"
OF = {"run": "a", "stream": "north", "channel": 3}
CLASS = {"class": 0, "class_name": "vehicle"}
FACTS = [
    {"kind": "start", **OF, "epoch": 0, "source": "", "width": 960, "height": 540}
    | {"frame_rate": 25.0, "live": False, "class_names": ["vehicle"]},
    {"kind": "frame", **OF, "epoch": 0, "frame": 120}
    | {"time": "1970-01-01T00:00:00.000+00:00", "seconds": 119.0}
    | {"tracks": [{"id": 7, "box": [312.5, 80.25, 371.0, 122.75], "score": 0.8125, **CLASS}]},
    {"kind": "crossing", **OF, "frame": 118, "time": "4.720", "id": 7, **CLASS}
    | {"line": "gate", "direction": "left", "left": 2, "right": 1},
    {"kind": "zone", **OF, "frame": 119, "time": "4.760", "id": 7, **CLASS}
    | {"zone": "stop", "event": "leave", "seconds": 1.521, "entered": 9, "inside": 2},
    {"kind": "occupancy", **OF, "frame": 120, "time": "4.800", "zones": {"stop": 2, "exit": 0}},
    {"kind": "ground", **OF, "frame": 120, "time": "4.760"}
    | {"vehicles": [{"id": 7, "x": 1.23, "y": -4.57, "speed": 48.3}]},
    {"kind": "dropped", **OF, "frames": 2, "reason": "stages behind"},
    {"kind": "end", **OF, "frames": 122, "reason": "complete", "message": ""},
]
START = StreamStart(
    "north", 0, "", 540, 960, Fraction(25), Fraction(1, 25), class_names=("vehicle",)
)


def tracks_in(frame):
    header = FrameHeader.of_image(540, 960, "north", frame - 1)
    found = Detections(header, BOXES, SCORES, CLASSES)
    return Tracks(found, BOXES, SCORES, CLASSES, np.array([7]))


STAY = ZoneEvent(119, "4.760", 7, 0, "stop", "leave", 1.5206)
RECORDS = [
    tracks_in(120),
    Crossings("north", (Crossing(118, "4.720", 7, 0, "gate", "left"),), {"gate": Counts(2, 1)}),
    ZoneEvents("north", 120, "4.800", (STAY,), {"stop": ZoneCounts(9, 2), "exit": ZoneCounts()}),
    GroundPlaces("north", 120, "4.760", (GroundPlace(7, 1.234, -4.567, 48.26),)),
    Dropped("north", 0, 1, 2, DropReason.BEHIND),
    EndOfStream("north", 0, 122, EndReason.COMPLETE),
]


@pytest.fixture
def address(tmp_path):
    """The address of a broadcast that repeats the same records, with two starts each time."""
    over, positions = threading.Event(), itertools.count()

    def publish():
        with zmq.Context() as context:
            broadcast = Broadcast(context, f"ipc://{tmp_path}/tracks", None, None)
            while not over.wait(0.02):
                for number, record in enumerate((START, *RECORDS[:-1], START, RECORDS[-1])):
                    if number != len(RECORDS):  # the start is repeated
                        position = next(positions)
                    envelope = Envelope(record, run="a", channel=3, position=position)
                    broadcast.send(encode(envelope))
            broadcast.close()

    thread = threading.Thread(target=publish)
    thread.start()
    yield f"ipc://{tmp_path}/tracks"
    over.set()
    thread.join()


def lines_of(address, count, *options, error=False):
    """The first lines of `spotstream watch`, on standard output or standard error."""
    pipe = {"stderr" if error else "stdout": subprocess.PIPE}
    with subprocess.Popen([*SPOTSTREAM, "watch", address, *options], text=True, **pipe) as process:
        file = process.stderr if error else process.stdout
        lines = [file.readline().rstrip("\n") for _ in range(count)]
        process.terminate()
    return lines


def impatient_watch(address, stream="", heartbeat=0.2, tell=None):
    """A command that treats 0.3 s without a record as silence."""
    code = (
        f"from tools.watching import watch; watch._SILENCE = 0.3; watch._HEARTBEAT = {heartbeat}; "
        f"watch.watch({address!r}, {stream!r}, None, None, {tell})"
    )
    return [sys.executable, "-c", code]


def test_silence_is_explained(address, tmp_path):
    quiet = f"ipc://{tmp_path}/nobody"
    for where, stream, expected in (
        (
            quiet,
            "",
            f"nothing from {quiet} yet; is a pipeline running, and is its runtime.publish "
            "this address, without keys?",
        ),
        (
            address,
            "south",
            f"nothing of stream south from {address} yet; the pipeline runs, and its streams under "
            "way are: no",  # north, or none at the moment
        ),
    ):
        command = impatient_watch(where, stream)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            line = process.stderr.readline()
            process.terminate()
        assert line.startswith(expected)


def test_each_silence_is_reported_once(tmp_path):
    address = f"ipc://{tmp_path}/tracks"
    with (
        zmq.Context() as context,
        subprocess.Popen(impatient_watch(address), stderr=subprocess.PIPE, text=True) as process,
    ):
        broadcast, positions = Broadcast(context, address, None, None), itertools.count()
        assert "yet; is a pipeline running" in process.stderr.readline()
        for _ in range(2):
            line, over = "", threading.Event()

            def read(over=over):
                nonlocal line
                line = process.stderr.readline()
                over.set()

            threading.Thread(target=read, daemon=True).start()
            dropped = Dropped("north", 0, 1, 2, DropReason.BEHIND)
            while not over.wait(0.05):
                broadcast.send(encode(Envelope(dropped, position=next(positions))))
            assert line == "north: 2 frames dropped: stages behind\n"
            while line.startswith("north"):
                line = process.stderr.readline()
            assert f"nothing from {address} for 0.3 s; the pipeline has stopped, or" in line
        process.terminate()
        broadcast.close()


def test_a_silence_is_reported_again_when_the_pipeline_is_gone(tmp_path):
    address = f"ipc://{tmp_path}/tracks"
    command = impatient_watch(address, heartbeat=1.0, tell="watch.print_json")
    pipe, over = subprocess.PIPE, threading.Event()

    def publish():
        with zmq.Context() as context:
            broadcast = Broadcast(context, address, None, None)
            while not over.wait(0.02):
                broadcast.send(encode(Envelope(Heartbeat(), run="a")))
            broadcast.close()

    thread = threading.Thread(target=publish)
    thread.start()
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        silence = {"kind": "silence", "stream": ""}
        while json.loads(process.stdout.readline()) != silence | {"pipeline_alive": True}:
            pass  # it may not have been connected yet
        while "the pipeline runs" not in process.stderr.readline():
            pass
        over.set()
        assert json.loads(process.stdout.readline()) == silence | {"pipeline_alive": False}
        process.terminate()
    thread.join()


def test_records_after_a_silence_are_not_lost(tmp_path):
    address = f"ipc://{tmp_path}/tracks"
    command, pipe = impatient_watch(address), subprocess.PIPE
    with (
        zmq.Context() as context,
        subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process,
    ):
        broadcast = Broadcast(context, address, None, None)
        frames, over, positions = [], threading.Event(), itertools.count()

        def read():
            for line in process.stdout:
                frames.append(int(line.split(",")[1]))
                if frames[-1] > 1:
                    break
            over.set()

        def send(*records):
            for record in records:
                broadcast.send(encode(Envelope(record, position=next(positions))))

        threading.Thread(target=read, daemon=True).start()
        while not frames:
            send(START, tracks_in(1))
            over.wait(0.05)
        while "for 0.3 s; the pipeline" not in process.stderr.readline():
            pass
        send(tracks_in(2))
        while not over.wait(0.05):
            send(START, tracks_in(3))
        assert frames[-1] == 2
        process.terminate()
        broadcast.close()


def test_each_track_is_printed_as_one_line(address):
    assert lines_of(address, 1) == [ROW]


def test_lines_include_the_class_if_there_are_several(capsys):
    _print(Envelope(tracks_in(120)), ("car", "bus"))
    assert capsys.readouterr().out == ROW.replace("-1,-1,-1", f"{CLASSES[0] + 1},-1,-1") + "\n"


def test_other_events_are_printed_to_standard_error(address):
    lines = lines_of(address, 9, error=True)
    assert {
        "north: track 7 crossed gate to the left: 2 to the left, 1 to the right",
        "north: track 7 left stop after 1.5 s: 2 there of 9 that entered",
        "north: 2 frames dropped: stages behind",
        "north: ended: complete",
    } == {line for line in lines if line.startswith("north")}


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("enter", "entered stop"),
        ("stay", "has been in stop for 1.5 s"),
        ("leave", "left stop after 1.5 s"),
        ("lost", "was lost in stop after 1.5 s"),
    ],
)
def test_zone_events_are_printed(kind, action, capsys):
    events = ZoneEvents("north", 120, "", (STAY._replace(kind=kind),), {"stop": ZoneCounts(9, 2)})
    _print(Envelope(events), ())
    assert capsys.readouterr().err == f"north: track 7 {action}: 2 there of 9 that entered\n"


def test_everything_published_is_printed_as_json(address):
    facts = [json.loads(line) for line in lines_of(address, 14, "--json")]
    begin = next(k for k, fact in enumerate(facts) if fact["kind"] == "start")
    assert facts[begin : begin + len(FACTS)] == FACTS
    assert {fact["kind"] for fact in FACTS} == set(KINDS) - {"missed", "silence"}


def test_only_selected_kinds_are_printed(address):
    lines = lines_of(address, 4, "--json", "--kind", "zone", "--kind", "crossing")
    assert {json.loads(line)["kind"] for line in lines} == {"zone", "crossing"}


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--kind", "zone"], "--kind needs --json or --mqtt"),
        (["--json", "--kind", "zones"], "--kind must be one of start, frame, crossing, zone, "),
    ],
)
def test_invalid_kind_options_are_refused(options, fault, tmp_path):
    ended = spotstream("watch", f"ipc://{tmp_path}/tracks", *options)
    assert ended.returncode == 2
    assert fault in ended.stderr


@pytest.mark.skipif(not mosquitto.available(), reason="mosquitto is not here")
def test_everything_published_is_forwarded_to_a_broker(address, tmp_path):
    with mosquitto.Broker(tmp_path) as broker, broker.subscriber("site/#") as received:
        command = [*SPOTSTREAM, "watch", address, "--mqtt", f"mqtt://127.0.0.1:{broker.port}/site"]
        with subprocess.Popen(command) as process:
            topics = {f"site/north/{fact['kind']}" for fact in FACTS}
            wait_for(lambda: topics <= {topic for topic, *_ in received})
            process.terminate()
        wait_for(lambda: ("site/status", "offline", False) in received)
    assert ("site/north/start", "", False) in received  # the stream has ended
    published = {
        topic: json.loads(text) for topic, text, _ in received if text and "status" not in topic
    }
    assert published == {f"site/north/{fact['kind']}": fact for fact in FACTS}


@pytest.mark.skipif(not mosquitto.available(), reason="mosquitto is not here")
def test_only_selected_kinds_are_forwarded_to_a_broker(address, tmp_path):
    with mosquitto.Broker(tmp_path) as broker, broker.subscriber("site/north/#") as received:
        command = [*SPOTSTREAM, "watch", address, "--mqtt", f"mqtt://127.0.0.1:{broker.port}/site"]
        with subprocess.Popen([*command, "--kind", "start", "--kind", "zone"]) as process:
            wait_for(lambda: any("zone" in topic for topic, *_ in received))
            wait_for(lambda: ("site/north/start", "", False) in received)
            process.terminate()
    assert {topic for topic, *_ in received} == {"site/north/start", "site/north/zone"}

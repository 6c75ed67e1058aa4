import json
import subprocess
import sys
import threading
from fractions import Fraction

import numpy as np
import pytest
import zmq

from pipeline.transport.broadcast import Broadcast
from pipeline.transport.messages import Envelope, encode
from stages.records import Detections, Dropped, DropReason, FrameHeader, StreamStart, Tracks

BOXES = np.array([[312.5, 80.25, 371.0, 122.75]], np.float32)
SCORES = np.array([0.8125], np.float32)
CLASSES = np.zeros(1, np.int16)
ROW = "north,120,7,312.50,80.25,58.50,42.50,0.8125,-1,-1,-1"
OBJECT = {
    "stream": "north",
    "frame": 120,
    "time": "1970-01-01T00:00:00.000+00:00",
    "id": 7,
    "box": [312.5, 80.25, 371.0, 122.75],
    "score": 0.8125,
    "class": 0,
    "class_name": "vehicle",
}
START = StreamStart(
    "north", 0, "", 540, 960, Fraction(25), Fraction(1, 25), class_names=("vehicle",)
)


def tracks_in(frame):
    header = FrameHeader.of_image(540, 960, "north", frame - 1)
    found = Detections(header, BOXES, SCORES, CLASSES)
    return Tracks(found, BOXES, SCORES, CLASSES, np.array([7]))


@pytest.fixture
def address(tmp_path):
    """Where the same tracks are published again and again."""
    tracks = tracks_in(120)
    over = threading.Event()

    def publish():
        with zmq.Context() as context:
            broadcast = Broadcast(context, f"ipc://{tmp_path}/tracks", None, None)
            while not over.wait(0.02):
                for record in (START, tracks):
                    broadcast.send(encode(Envelope(record)))
            broadcast.close()

    thread = threading.Thread(target=publish)
    thread.start()
    yield f"ipc://{tmp_path}/tracks"
    over.set()
    thread.join()


def first_line(address, **options):
    code = f"from tools.watch import watch; watch({address!r}, '', None, None, **{options})"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        process.terminate()
    return line.rstrip("\n")


def test_silence_is_explained(address, tmp_path):
    quiet = f"ipc://{tmp_path}/nobody"
    code = (
        "import tools.watch; tools.watch._SILENCE = 0.5; tools.watch.watch({!r}, {!r}, None, None)"
    )
    for where, stream, told in (
        (
            quiet,
            "",
            f"nothing from {quiet} yet; is a pipeline running, and is its runtime.publish ",
        ),
        (address, "south", f"nothing of stream south from {address} yet"),
    ):
        command = [sys.executable, "-c", code.format(where, stream)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            line = process.stderr.readline()
            process.terminate()
        assert line.startswith(told)
        assert "this address, without keys?" in line


def test_each_silence_is_told_once(tmp_path):
    address = f"ipc://{tmp_path}/tracks"
    code = (
        "import tools.watch; tools.watch._SILENCE = 0.3; "
        f"tools.watch.watch({address!r}, '', None, None)"
    )
    command = [sys.executable, "-c", code]
    with (
        zmq.Context() as context,
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
    ):
        broadcast = Broadcast(context, address, None, None)
        assert "yet; is a pipeline running" in process.stderr.readline()
        for _ in range(2):
            line, over = "", threading.Event()

            def read(over=over):
                nonlocal line
                line = process.stderr.readline()
                over.set()

            threading.Thread(target=read, daemon=True).start()
            dropped = encode(Envelope(Dropped("north", 0, 1, 2, DropReason.BEHIND)))
            while not over.wait(0.05):
                broadcast.send(dropped)
            assert line == "north: 2 frames dropped: stages behind\n"
            while line.startswith("north"):
                line = process.stderr.readline()
            assert f"nothing from {address} for 0.3 s; has its source or" in line
        process.terminate()
        broadcast.close()


def test_what_follows_a_silence_is_not_lost(tmp_path):
    address = f"ipc://{tmp_path}/tracks"
    code = (
        "import tools.watch; tools.watch._SILENCE = 0.3; "
        f"tools.watch.watch({address!r}, '', None, None)"
    )
    command, pipe = [sys.executable, "-c", code], subprocess.PIPE
    with (
        zmq.Context() as context,
        subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process,
    ):
        broadcast = Broadcast(context, address, None, None)
        frames, over = [], threading.Event()

        def read():
            for line in process.stdout:
                frames.append(int(line.split(",")[1]))
                if frames[-1] > 1:
                    break
            over.set()

        def send(*records):
            for record in records:
                broadcast.send(encode(Envelope(record)))

        threading.Thread(target=read, daemon=True).start()
        while not frames:
            send(START, tracks_in(1))
            over.wait(0.05)
        while "for 0.3 s; has its source or" not in process.stderr.readline():
            pass
        send(tracks_in(2))
        while not over.wait(0.05):
            send(START, tracks_in(3))
        assert frames[-1] == 2
        process.terminate()
        broadcast.close()


def test_a_track_is_a_line(address):
    assert first_line(address) == ROW
    assert json.loads(first_line(address, as_json=True)) == OBJECT

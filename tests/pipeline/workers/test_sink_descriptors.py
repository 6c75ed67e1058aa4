"""The descriptors of a stream in the sink, which bound the number of streams."""

import threading
from pathlib import Path

import pytest
import zmq

from pipeline.config_file import load_config
from pipeline.supervision.descriptors import stream_descriptors
from pipeline.transport.ring import FrameRing
from stages.result_files import TEXTS
from stages.sink import encoding
from tests.pipeline.workers.conftest import feed
from tests.pipeline.workers.overlay_pictures import Viewer

PARTS = ["sink.text_minutes=0.002", "sink.overlay_minutes=0.002"]  # three frames
ALL_TEXTS = [
    "sink.kitti=true",
    "sink.lines={north: {a: [1, 1, 30, 1]}}",
    "sink.zones={north: {z: [[1, 1], [30, 1], [30, 30]]}}",
    "sink.ground={north: [[0, 0, 0, 0], [32, 0, 8, 0], [32, 48, 8, 12], [0, 48, 0, 12]]}",
    "decoder.reference={north: picture.png}",
]


@pytest.fixture
def finishing(monkeypatch):
    """An event that is set once a video is being finished, which then lasts for the test."""
    begun, released = threading.Event(), threading.Event()
    packets = encoding._packets

    def held_packets(*arguments):
        for number, packet in enumerate(packets(*arguments)):
            if number:
                begun.set()
                assert released.wait(100)
            yield packet

    monkeypatch.setattr(encoding, "_packets", held_packets)
    yield begun
    released.set()


@pytest.fixture
def viewer():
    with Viewer() as viewer:
        yield viewer


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("everything", [False, True])
def test_a_stream_needs_as_many_descriptors_as_the_limit_of_streams_assumes(
    sink, plan, context, finishing, viewer, everything, monkeypatch
):
    monkeypatch.setattr("pipeline.workers.checkpoint._INTERVAL_NS", 10**15)  # it closes next parts
    settings = [*ALL_TEXTS, f"sink.overlay_url={{north: '{viewer.url}'}}"] if everything else []
    config = load_config(None, [*settings, *PARTS])
    ring = FrameRing(plan.ring(0))
    ring.reserve(1, 32 * 48 * 3 // 2)
    ring.close()
    with context.socket(zmq.PULL) as decoder:
        decoder.bind(plan.endpoint("ack-0"))
        before = descriptors()
        stream = sink(live=True, config=config)
        feed(stream, 5, inline=False)
        stream.advance()
        assert decoder.poll(30_000)
        assert stream.results.overlays.wait_until_kept(30)
        assert finishing.wait(30)
        if everything:
            viewer.wait_for(1)
            assert {path.name for path in stream.folder.iterdir()} >= {f".{n}.part" for n in TEXTS}
        end_of_the_decoder = 1
        opened = descriptors() - before - end_of_the_decoder
    assert opened == stream_descriptors(config)

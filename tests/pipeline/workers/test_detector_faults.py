"""Streams that a detector cannot take, in one batch with others or beside them."""

import threading
from fractions import Fraction

import numpy as np
import pytest
import zmq

from pipeline.config_file import load_config
from pipeline.plan import WorkerPlan
from pipeline.supervision.runtime_folder import RuntimeFolder
from pipeline.transport.link import Receiver, Sender
from pipeline.transport.messages import Envelope
from pipeline.workers import detector
from stages.detector.compute_threads import ComputeThreads
from stages.errors import ConfigError
from stages.records import Detections, Frame, FrameHeader, PixelFormat
from tests.pipeline.workers.conftest import Said


class Network:
    """Takes three frames at once, but none of the stream ``odd``; ends with the stream ``last``."""

    name = description = "network"
    class_names, batch_size, is_immediate = ("car",), 3, False

    def __init__(self, compute_threads):
        self.compute_threads = compute_threads

    def detect(self, frames):
        streams = [frame.header.stream for frame in frames]
        if "odd" in streams:
            raise ConfigError("frames of another size")
        if "last" in streams:
            raise RuntimeError("over")
        none = np.zeros(0, np.float32)
        boxes, classes = np.zeros((0, 4), np.float32), none.astype(np.int16)
        return [Detections(frame.header, boxes, none, classes) for frame in frames]


@pytest.mark.parametrize("size", [3, 0])
def test_a_stream_that_cannot_be_computed_costs_no_other(size, tmp_path, temporary, monkeypatch):
    network = Network(None if size else ComputeThreads(2, lambda: None))
    monkeypatch.setattr(detector, "build_detector", lambda config, worker: network)
    monkeypatch.setattr(detector.BackgroundLink, "pending", True)  # no frame gets all cores
    temporary(tmp_path)
    names = ["east", "odd", "west", "last"]
    folder, context, said = RuntimeFolder("out"), zmq.Context(), Said()
    for channel, name in enumerate(names):
        folder.add_stream(channel, name, entries=16, lossless=True)
    settings = [
        "runtime.frames=inline",
        f"detector.batch_size={size}",
        "detector.batch_wait_ms=1000",
    ]
    plan = WorkerPlan(
        stage="detector",
        config=load_config(None, settings),
        streams=[],
        output=str(tmp_path),
        sockets=folder.path,
    )
    source = Sender(context, plan.endpoint("detector-0"))
    target = Receiver(context, plan.endpoint("tracker"))

    def run():
        with pytest.raises(RuntimeError, match="over"):
            detector.run_detector(plan, context, said)

    def send(name, position):
        header = FrameHeader(name, 0, position, 0, 0, Fraction(1), 0, 4, 6, PixelFormat.BGR24)
        pixels = np.zeros(header.shape, np.uint8)
        frame, channel = Frame(header, None), names.index(name)
        source.send(Envelope(frame, 0, pixels=pixels, channel=channel, position=position))

    thread = threading.Thread(target=run)
    thread.start()
    sent = ["east", "odd", "west"], ["odd", "west", "east"], ["odd", "odd", "odd"]
    for position, batch in enumerate(sent):
        for name in batch:
            send(name, position)
    found = [target.receive(30) for _ in range(4)]
    for _ in range(3):
        send("last", 0)
    thread.join(100)
    assert not thread.is_alive()
    assert {(each.stream, each.position) for each in found} == {
        (name, position) for name in ("east", "west") for position in (0, 1)
    }
    assert said.count(("failed", "odd")) == 1
    assert [stream for kind, stream in said if kind == "failed"] == ["odd"]
    context.destroy(linger=0)
    folder.close()

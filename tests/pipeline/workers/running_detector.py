"""A detector that runs in a thread, between a sender of frames and a receiver of detections."""

import contextlib
import threading
from fractions import Fraction

import numpy as np
import pytest
import zmq

from pipeline.config_file import load_config
from pipeline.plan import WorkerPlan
from pipeline.supervision.runtime_folder import RuntimeFolder
from pipeline.transport.envelope import Envelope
from pipeline.transport.link import Receiver, Sender
from pipeline.workers import detector
from stages.records import Frame, FrameHeader, PixelFormat


@contextlib.contextmanager
def running_detector(output, names, settings, reports, last):
    """Runs a detector; the channel of a stream is its index in ``names``.

    Args:
        output: Results folder.
        names: Names of the streams.
        settings: Settings of the run.
        reports: Receives the detector's reports.
        last: Called at the end; makes the network raise a RuntimeError "over".

    Yields:
        A function that sends a frame of a stream, and the receiver of the detector's results.
    """
    folder, context = RuntimeFolder("out"), zmq.Context()
    for channel, name in enumerate(names):
        folder.add_stream(channel, name, entries=16, lossless=True)
    plan = WorkerPlan(
        stage="detector",
        config=load_config(None, ["runtime.frames=inline", *settings]),
        streams=[],
        output=str(output),
        sockets=folder.path,
    )
    source = Sender(context, plan.endpoint("detector-0"))
    target = Receiver(context, plan.endpoint("tracker"))

    def run():
        with pytest.raises(RuntimeError, match="over"):
            detector.run_detector(plan, context, reports)

    def send(name, position=0):
        header = FrameHeader(name, 0, position, 0, 0, Fraction(1), 0, 4, 6, PixelFormat.BGR24)
        pixels = np.zeros(header.shape, np.uint8)
        frame, channel = Frame(header, None), names.index(name)
        source.send(Envelope(frame, 0, pixels=pixels, channel=channel, position=position))

    thread = threading.Thread(target=run)
    thread.start()
    yield send, target
    last(send)
    thread.join(100)
    assert not thread.is_alive()
    context.destroy(linger=0)
    folder.close()

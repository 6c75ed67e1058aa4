"""Streams that a detector cannot process, in a batch with others or in parallel to them."""

import numpy as np
import pytest

from pipeline.workers import detector
from stages.detector.compute_threads import ComputeThreads
from stages.errors import ConfigError
from stages.records import Detections
from tests.pipeline.workers.conftest import ReportLog
from tests.pipeline.workers.running_detector import running_detector
from tests.waiting import wait_for


class Network:
    """Takes batches of three but no frame of a stream ``odd``; fails at the stream ``last``."""

    name = description = "network"
    class_names, batch_size, is_immediate = ("car",), 3, False

    def __init__(self, compute_threads):
        self.compute_threads = compute_threads

    def detect(self, frames):
        streams = [frame.header.stream for frame in frames]
        if any(stream.startswith("odd") for stream in streams):
            raise ConfigError("frames of another size")
        if "last" in streams:
            raise RuntimeError("over")
        none = np.zeros(0, np.float32)
        boxes, classes = np.zeros((0, 4), np.float32), none.astype(np.int16)
        return [Detections(frame.header, boxes, none, classes) for frame in frames]


@pytest.mark.parametrize("size", [3, 0])
def test_a_stream_that_cannot_be_processed_fails_alone(size, tmp_path, temporary, monkeypatch):
    network = Network(None if size else ComputeThreads(2, lambda: None))
    monkeypatch.setattr(detector, "build_detector", lambda config, worker: network)
    monkeypatch.setattr(detector.BackgroundLink, "pending", True)  # no frame gets all cores
    temporary(tmp_path)
    reports = ReportLog()

    def last(send):
        for _ in range(3):
            send("last")

    settings = [f"detector.batch_size={size}", "detector.batch_wait_ms=1000"]
    names = ["east", "odd", "west", "last"]
    with running_detector(tmp_path, names, settings, reports, last) as (send, target):
        sent = ["east", "odd", "west"], ["odd", "west", "east"], ["odd", "odd", "odd"]
        for position, batch in enumerate(sent):
            for name in batch:
                send(name, position)
        found = [target.receive(30) for _ in range(4)]
    assert {(each.stream, each.position) for each in found} == {
        (name, position) for name in ("east", "west") for position in (0, 1)
    }
    assert reports.count(("failed", "odd")) == 1
    assert [stream for kind, stream in reports if kind == "failed"] == ["odd"]


def test_only_the_latest_refused_streams_are_remembered(tmp_path, temporary, monkeypatch):
    monkeypatch.setattr(detector, "build_detector", lambda config, worker: Network(None))
    monkeypatch.setattr(detector, "_MAX_REFUSED", 2)
    temporary(tmp_path)
    reports = ReportLog()

    def failed():
        return [stream for kind, stream in reports if kind == "failed"]

    def last(send):
        send("odd 3", 1)  # still refused
        send("last")

    names, refused = ["odd 1", "odd 2", "odd 3", "last"], ["odd 1", "odd 2", "odd 3", "odd 1"]
    with running_detector(tmp_path, names, ["detector.batch_size=1"], reports, last) as (send, _):
        for number, name in enumerate(refused, 1):
            send(name, number)
            wait_for(lambda: len(failed()) == number)  # noqa: B023
    assert failed() == refused

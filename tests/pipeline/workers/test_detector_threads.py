"""Liveness and work that a detector reports while it computes frames in parallel."""

import threading
import time

import numpy as np
import pytest

from pipeline.workers import detector
from stages.detector.compute_threads import ComputeThreads
from stages.records import Detections
from tests.pipeline.workers.running_detector import running_detector

HELD, FREE, FAILING = "held", "free", "failing"
SILENCE = 5.0


class Network:
    """Computes two frames in parallel; a frame of the held stream blocks until it is let go."""

    name = description = "network"
    class_names, batch_size, is_immediate = ("car",), 2, False

    def __init__(self):
        self.seconds = 0.0
        self.compute_threads = ComputeThreads(2, lambda: None, lambda: self.seconds)
        self.let_go = threading.Event()
        self.took_ns = 0

    def detect(self, frames):
        (header,) = (frame.header for frame in frames)
        if header.stream == HELD:
            started = time.monotonic_ns()
            assert self.let_go.wait(100)
            self.took_ns = time.monotonic_ns() - started
        if header.stream == FAILING:
            raise RuntimeError("over")
        none = np.zeros(0, np.float32)
        return [Detections(header, np.zeros((0, 4), np.float32), none, none.astype(np.int16))]


class ReportCounter:
    """Counts the detector's reports of every kind."""

    def __init__(self):
        self.count = 0

    def __call__(self, report):
        self.count += 1

    def alive(self):
        self.count += 1

    def more(self, seconds):
        """Returns whether another report arrives within ``seconds``."""
        before, until = self.count, time.monotonic() + seconds
        while self.count == before and time.monotonic() < until:
            time.sleep(0.01)
        return self.count > before


@pytest.fixture
def network(monkeypatch):
    network = Network()
    monkeypatch.setattr(detector, "build_detector", lambda config, worker: network)
    monkeypatch.setattr(detector, "_REPORT_SECONDS", 0.0)
    monkeypatch.setattr(detector.BackgroundLink, "pending", True)  # no frame gets all cores
    yield network
    network.let_go.set()


@pytest.fixture
def reports():
    return ReportCounter()


@pytest.fixture
def compute(network, reports, tmp_path, temporary):
    """Sends a frame of a stream to a detector; returns the next result, None if there is none."""
    temporary(tmp_path)

    def last(send):
        network.let_go.set()
        send(FAILING)

    settings = [f"runtime.silence_seconds={SILENCE}"]
    names = [HELD, FREE, FAILING]
    with running_detector(tmp_path, names, settings, reports, last) as (send, target):

        def compute(stream, wait=0.0):
            send(stream)
            return target.receive(wait)

        yield compute


def test_a_frame_that_never_finishes_silences_the_detector(network, reports, compute):
    compute(HELD)
    assert compute(FREE, wait=10)
    network.seconds = SILENCE
    assert reports.more(5)
    network.seconds += 0.1  # half of what a frame on one of two threads may take
    time.sleep(0.1)  # for a report under way
    before = reports.count
    for _ in range(5):
        assert compute(FREE, wait=10)
    assert not reports.more(1)
    assert reports.count == before
    network.let_go.set()
    assert reports.more(5)


def test_a_detector_with_only_slow_frames_reports_that_it_is_alive(network, reports, compute):
    for _ in range(3):
        compute(HELD)
    time.sleep(0.5)  # the third waits for a thread
    assert reports.more(5)
    assert reports.more(5)


def test_work_on_a_frame_is_divided_by_the_frames_computed_in_parallel(
    network, reports, tmp_path, temporary
):
    temporary(tmp_path)
    settings = ["detector.workers=8"]
    names = [HELD, FAILING]
    with running_detector(tmp_path, names, settings, reports, lambda send: send(FAILING)) as (
        send,
        target,
    ):
        send(HELD)
        time.sleep(0.2)
        network.let_go.set()
        work = target.receive(30).work_ns["detector"]
    assert network.took_ns // 16 <= work < network.took_ns // 2  # of two threads in each worker

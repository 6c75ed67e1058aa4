from __future__ import annotations

import threading
from fractions import Fraction

import pytest
from av.video.frame import VideoFrame

from stages.errors import OutputError
from stages.sink.counting import NO_READINGS
from stages.sink.overlay_thread import OverlayThread, Picture
from stages.sink.painter import OverlayPainter
from tests.stages.sink.conftest import HEIGHT, WIDTH, gray, make_header, make_tracks
from tests.waiting import wait_for


class Packets:
    """Takes frames while it is let."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.is_asked = threading.Event()
        self.is_let = threading.Event()
        self.is_full = False
        self.held = 0
        self.is_closed = False

    def encode(self, frame: VideoFrame) -> int:
        self.is_asked.set()
        assert self.is_let.wait(100)
        if self.is_full:
            raise OutputError("the disk is full")
        self.times.append(frame.pts)
        return 1

    def finish(self) -> int:
        return self.held

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def packets() -> Packets:
    return Packets()


@pytest.fixture
def told() -> threading.Event:
    return threading.Event()


@pytest.fixture
def thread(packets: Packets, told: threading.Event) -> OverlayThread:
    return OverlayThread(lambda: packets, OverlayPainter(HEIGHT, WIDTH), 7, told.set)  # type: ignore[arg-type,return-value]


def put(thread: OverlayThread, indices: range) -> None:
    for header in map(make_header, indices):
        tracks = make_tracks(header)
        shown = header.number, header.index, Fraction(1, 25), 2, NO_READINGS
        thread.put(Picture(gray(header), tracks, *shown))


def test_nobody_waits_for_what_is_not_written(
    thread: OverlayThread, packets: Packets, told: threading.Event
) -> None:
    put(thread, range(9))
    assert not thread.wait_until_kept(8, 0.01)
    packets.is_let.set()
    assert thread.wait_until_kept(16, 1000)
    assert told.wait(100)
    done = threading.Event()
    thread.close(done.set)
    thread.join()
    assert done.is_set()
    assert packets.is_closed
    assert packets.times == list(range(9))


def test_pictures_that_are_not_drawn_are_taken_back(
    thread: OverlayThread, packets: Packets
) -> None:
    put(thread, range(9))
    assert packets.is_asked.wait(100)
    assert thread.withdraw() == 8
    packets.held = 1
    put(thread, range(20, 22))
    packets.is_let.set()
    thread.close()
    thread.join()
    assert (packets.times, thread.kept) == ([0, 20, 21], 11)


def test_what_is_discarded_is_not_completed(thread: OverlayThread, packets: Packets) -> None:
    put(thread, range(3))
    assert packets.is_asked.wait(100)
    done = threading.Event()
    thread.close(done.set)
    discarding = threading.Thread(target=thread.discard)
    discarding.start()
    wait_for(lambda: thread._discarded and not thread._waiting)
    packets.is_let.set()
    discarding.join()
    assert (packets.times, done.is_set()) == ([0], False)


def test_an_error_ends_it_and_is_told(
    thread: OverlayThread, packets: Packets, told: threading.Event
) -> None:
    packets.is_full = True
    packets.is_let.set()
    put(thread, range(1))
    with pytest.raises(OutputError, match="full"):
        thread.wait_until_kept(8, 30)
    with pytest.raises(OutputError, match="full"):
        put(thread, range(1))
    assert packets.is_closed
    assert told.wait(100)


def test_it_can_end_without_a_picture(thread: OverlayThread, packets: Packets) -> None:
    done = threading.Event()
    thread.close(done.set)
    thread.join()
    assert done.is_set()
    assert not packets.is_asked.is_set()

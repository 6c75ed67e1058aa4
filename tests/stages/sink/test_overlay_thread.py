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
    """Takes frames once it may."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.encode_called = threading.Event()
        self.may_encode = threading.Event()
        self.is_full = False
        self.held = 0
        self.is_closed = False

    def encode(self, frame: VideoFrame) -> int:
        self.encode_called.set()
        assert self.may_encode.wait(100)
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
def notified() -> threading.Event:
    return threading.Event()


@pytest.fixture
def thread(packets: Packets, notified: threading.Event) -> OverlayThread:
    return OverlayThread(lambda: packets, OverlayPainter(HEIGHT, WIDTH), 7, notified.set)  # type: ignore[arg-type,return-value]


def put(thread: OverlayThread, indices: range) -> None:
    for header in map(make_header, indices):
        tracks = make_tracks(header)
        shown = header.number, header.index, Fraction(1, 25), 2, NO_READINGS
        thread.put(Picture(gray(header), tracks, *shown))


def test_put_does_not_wait_for_the_encoder(
    thread: OverlayThread, packets: Packets, notified: threading.Event
) -> None:
    put(thread, range(9))
    assert not thread.wait_until_kept(8, 0.01)
    packets.may_encode.set()
    assert thread.wait_until_kept(16, 1000)
    assert notified.wait(100)
    done = threading.Event()
    thread.close(done.set)
    thread.join()
    assert done.is_set()
    assert packets.is_closed
    assert packets.times == list(range(9))


def test_withdraw_takes_back_pictures_not_yet_drawn(
    thread: OverlayThread, packets: Packets
) -> None:
    put(thread, range(9))
    assert packets.encode_called.wait(100)
    assert thread.withdraw() == 8
    packets.held = 1
    put(thread, range(20, 22))
    packets.may_encode.set()
    thread.close()
    thread.join()
    assert (packets.times, thread.kept) == ([0, 20, 21], 11)


def test_discarded_video_is_not_completed(thread: OverlayThread, packets: Packets) -> None:
    put(thread, range(3))
    assert packets.encode_called.wait(100)
    done = threading.Event()
    thread.close(done.set)
    discarding = threading.Thread(target=thread.discard)
    discarding.start()
    wait_for(lambda: thread._discarded and not thread._waiting)
    packets.may_encode.set()
    discarding.join()
    assert (packets.times, done.is_set()) == ([0], False)


def test_encoder_error_ends_the_thread_and_is_reported(
    thread: OverlayThread, packets: Packets, notified: threading.Event
) -> None:
    packets.is_full = True
    packets.may_encode.set()
    put(thread, range(1))
    with pytest.raises(OutputError, match="full"):
        thread.wait_until_kept(8, 30)
    with pytest.raises(OutputError, match="full"):
        put(thread, range(1))
    assert packets.is_closed
    assert notified.wait(100)


def test_thread_can_end_without_a_picture(thread: OverlayThread, packets: Packets) -> None:
    done = threading.Event()
    thread.close(done.set)
    thread.join()
    assert done.is_set()
    assert not packets.encode_called.is_set()

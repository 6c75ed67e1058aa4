"""A thread that draws and encodes the frames of an overlay."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from av.video.frame import VideoFrame

from stages.records import Tracks, UInt8Array
from stages.sink.counting import Readings
from stages.sink.encoding import PacketWriter
from stages.sink.painter import OverlayPainter
from stages.sink.pictures import canvas_of, copy_frame


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A frame to draw on.

    Attributes:
        pixels: Borrowed pixels, which must not change until the frame is kept.
        tracks: Tracks to draw.
        number: 1-based frame number to show.
        pts: Presentation time.
        time_base: Unit of ``pts``, in seconds.
        color_space: FFmpeg's ``AVColorSpace`` number of the video.
        readings: What to show besides the tracks.
    """

    pixels: UInt8Array
    tracks: Tracks
    number: int
    pts: int
    time_base: Fraction
    color_space: int
    readings: Readings


class OverlayThread:
    """Draws and encodes pictures in order; `put` waits at most while one picture is copied.

    The owner of the pixels limits how many pictures wait. An error ends the thread and is raised
    by the next call.

    Args:
        begin: Opens the packet writer; called in the thread, for the first picture.
        painter: Draws the tracks.
        kept: Number of frames already kept.
        on_kept: Called in the thread whenever `kept` has grown, or an error has ended it.

    Attributes:
        kept: Number of frames that have reached the operating system.
    """

    def __init__(
        self,
        begin: Callable[[], PacketWriter],
        painter: OverlayPainter,
        kept: int,
        on_kept: Callable[[], None],
    ) -> None:
        self.kept = kept
        self._begin = begin
        self._painter = painter
        self._on_kept = on_kept
        self._then: Callable[[], None] | None = None
        self._waiting: deque[Picture] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._discarded = False
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def put(self, picture: Picture) -> None:
        """Queues a picture."""
        self.check()
        with self._changed:
            self._waiting.append(picture)
            self._changed.notify_all()
        self._start()

    def withdraw(self) -> int:
        """Withdraws all waiting pictures, whose pixels are then no longer read.

        The pixels of the picture that is being drawn have already been copied.

        Returns:
            Number of pictures withdrawn.
        """
        with self._changed:
            withdrawn = len(self._waiting)
            self._waiting.clear()
        return withdrawn

    def wait_until_kept(self, frames: int, seconds: float) -> bool:
        """Waits up to ``seconds`` until ``frames`` frames are kept; returns whether they are."""
        with self._changed:
            kept = self._changed.wait_for(lambda: self._error or self.kept >= frames, seconds)
        self.check()
        return bool(kept)

    def close(self, then: Callable[[], None] | None = None) -> None:
        """Ends the input; the thread calls ``then`` once all pictures are kept."""
        with self._changed:
            self._closed = True
            self._then = then or self._then
            self._changed.notify_all()
        if then is not None:
            self._start()

    def join(self) -> None:
        """Waits until the thread has ended; `close` must be called first.

        Does not use `Thread.join`: after an exception in a signal handler has interrupted it,
        CPython 3.11 considers the thread ended.
        """
        if self._thread is not None:
            self._ended.wait()

    def discard(self) -> None:
        """Ends the thread after its current picture."""
        self._discarded = True
        self.withdraw()
        self.close()
        self.join()

    def check(self) -> None:
        """Raises the error that ended the thread, if any."""
        if self._error is not None:
            raise self._error

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="overlay", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self._encode()
            if self._then is not None and not self._discarded:
                self._then()
        except Exception as error:
            with self._changed:
                self._error = error
                self._waiting.clear()
                self._changed.notify_all()
            self._on_kept()
        finally:
            self._ended.set()

    def _encode(self) -> None:
        packets: PacketWriter | None = None
        try:
            while (frame := self._next_frame()) is not None:
                packets = packets or self._begin()
                self._keep(packets.encode(frame))
            if packets is not None and not self._discarded:
                self._keep(packets.finish())
        finally:
            if packets is not None:
                packets.close()

    def _next_frame(self) -> VideoFrame | None:
        """Returns the next picture with its tracks drawn; None after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            picture = self._waiting.popleft()
            frame = copy_frame(
                picture.pixels,
                picture.tracks.frame.pixel_format,
                picture.color_space,
                (self._painter.height, self._painter.width),
            )
        self._painter.draw(canvas_of(frame), picture.tracks, picture.number, picture.readings)
        frame.pts, frame.time_base = picture.pts, picture.time_base
        return frame

    def _keep(self, frames: int) -> None:
        with self._changed:
            self.kept += frames
            self._changed.notify_all()
        self._on_kept()

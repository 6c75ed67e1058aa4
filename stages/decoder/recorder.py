"""Records an incoming stream in segments, without re-encoding."""

from __future__ import annotations

import contextlib
import json
import os
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stages.atomic import file_size
from stages.decoder.container_facts import frame_rate
from stages.decoder.recorded_times import RecordedTimes
from stages.decoder.segments import RECORDING_INDEX, segment_path, segments_of
from stages.errors import OutputError
from stages.folder_lock import lock_folder
from stages.urls import redact

_MUXER = {"cluster_time_limit": "1000", "flush_packets": "1"}  # ms: a crash loses one second
_CLUSTER = bytes.fromhex("1f43b675")  # ID of the element that holds packets (RFC 9559)
_LONGEST_HEADER = 1 << 16
_RETRY_SECONDS = 10.0
_REPORT_AGAIN_SECONDS = 600.0


class Recorder:
    """Writes the packets of a stream into Matroska files of bounded total size.

    A segment begins with a key frame, and ends at the first key frame after its length or with the
    connection. All segments of a connection share one clock, see `RecordedTimes`. A segment's name
    holds its number, its epoch and its start (UTC). If a segment cannot be written, the stream
    continues without it, and another is tried ten seconds later; a file without a packet is
    removed.

    Args:
        folder: Folder for the segments; those of an earlier recording are kept and count towards
            the limit, except empty ones, which are removed.
        source: Location of the stream.
        segment_seconds: Length of a segment, seconds.
        max_bytes: Limit of the total size; the oldest segments beyond it are removed.
        notify: Called with one line when writing fails, every ten minutes while that lasts, and
            when it works again.
        monotonic: Returns a monotonic time in seconds.
        writing: Returns a context that is entered around all access to the folder.
        patient: Whether to retry if the folder cannot be created or is in use, as for a segment.
        stuck: Called with True when writing fails, and with False when it works again.

    Raises:
        OutputError: The folder cannot be created, or another recorder writes there, and
            ``patient`` is off.
    """

    def __init__(
        self,
        folder: Path,
        source: str,
        segment_seconds: float,
        max_bytes: int,
        notify: Callable[[str], None] = lambda message: None,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        writing: Callable[[], AbstractContextManager[None]] = nullcontext,
        patient: bool = False,
        stuck: Callable[[bool], None] = lambda is_stuck: None,
    ) -> None:
        self._folder = folder
        self._source = source
        self._segment_seconds = segment_seconds
        self._max_bytes = max_bytes
        self._notify = notify
        self._stuck = stuck
        self._monotonic = monotonic
        self._writing = writing
        self._container: OutputContainer | None = None
        self._path: Path | None = None
        self._stream: VideoStream | None = None
        self._times: RecordedTimes | None = None  # of this connection
        self._began = 0.0
        self._works_since: float | None = None  # when writing without a fault began
        self._retry_at = 0.0
        self._reported_at: float | None = None  # latest report of the ongoing failure
        self._room = 0  # bytes until segments must be removed
        self._ended: deque[tuple[Path, int]] = deque()  # segments and their bytes, in order
        self._ended_bytes = 0
        self._number = self._first_epoch = 0
        self._locked: os.stat_result | None = None  # status of the locked folder
        self._release: Callable[[], object] = lambda: None  # closes the folder, if it is locked
        try:
            with self._writing():
                self._open_folder()
        except OSError as error:
            if not patient:
                raise OutputError(f"cannot record into {folder}: {error.strerror}") from error

    def _open_folder(self) -> None:
        """Creates the folder; numbers and epochs continue from the segments already there."""
        self._locked = None
        self._folder.mkdir(parents=True, exist_ok=True)
        self._release()
        try:
            descriptor = lock_folder(self._folder)
        except BlockingIOError as error:
            # Both would use the same segment numbers, and one would remove what the other began.
            error.strerror = "another process is recording there"
            raise
        self._release = weakref.finalize(self, os.close, descriptor)
        index = {"format": 1, "source": redact(self._source)}
        (self._folder / RECORDING_INDEX).write_text(json.dumps(index) + "\n")
        _remove_empty(self._folder)
        self._ended.clear()
        self._ended_bytes = 0
        for latest in segments_of(self._folder):
            self._number, self._first_epoch = latest.number + 1, latest.epoch + 1
            self._count(latest.path)
        self._locked = os.fstat(descriptor)

    def _holds_folder(self) -> bool:
        """Returns whether the folder is still the one that was locked, if one was."""
        try:
            return self._locked is not None and os.path.samestat(self._locked, self._folder.stat())
        except FileNotFoundError:
            return False

    def write(self, packet: av.Packet, stream: VideoStream, epoch: int) -> None:
        """Records a packet of ``stream``; the packet itself is not changed."""
        if packet.size == 0 or packet.pts is None:
            return
        with self._writing():
            self._write(packet, stream, epoch)

    def _write(self, packet: av.Packet, stream: VideoStream, epoch: int) -> None:
        assert packet.pts is not None
        if self._times is None:
            self._times = RecordedTimes(frame_rate(stream), packet.time_base, self._monotonic)
        pts, dts = self._times.place(packet.pts)
        try:
            if packet.is_keyframe and self._is_due():
                self._end_segment()
                self._begin(stream, epoch)
            if self._container is not None:
                self._mux(packet, pts, dts)
                self._report_recovery()
        except (OSError, FFmpegError, ValueError) as error:  # the last for an unsupported codec
            self._report_failure(error)
            self._end_segment()

    def _report_failure(self, error: OSError | FFmpegError | ValueError) -> None:
        now = self._monotonic()
        self._retry_at = now + _RETRY_SECONDS
        self._works_since = None
        self._stuck(True)
        if self._reported_at is None or now - self._reported_at >= _REPORT_AGAIN_SECONDS:
            self._reported_at = now
            reason = getattr(error, "strerror", None) or str(error)
            self._notify(f"cannot record into {self._folder}: {reason}; trying again")

    def _report_recovery(self) -> None:
        """Reports that recording works again, once it has outlasted FFmpeg's buffers."""
        if self._reported_at is None or self._works_since is None:
            return
        if self._monotonic() - self._works_since >= _RETRY_SECONDS:
            self._reported_at = None
            self._stuck(False)
            self._notify(f"recording into {self._folder} again")

    def close(self) -> None:
        """Ends the current segment, as at the end of a connection."""
        with self._writing():
            self._end_segment()
        self._times = None

    def _end_segment(self) -> None:
        container, self._container = self._container, None
        if container is None:
            return
        assert self._path is not None
        try:
            container.close()
        except (OSError, FFmpegError) as error:
            self._report_failure(error)
        with contextlib.suppress(OSError):  # the folder may have become inaccessible
            if _is_empty(self._path):  # it failed at its start: on a full disk, many would pile up
                self._path.unlink(missing_ok=True)
            else:
                self._count(self._path)

    def _count(self, ended: Path) -> None:
        size = file_size(ended)
        self._ended.append((ended, size))
        self._ended_bytes += size

    def _is_due(self) -> bool:
        now = self._monotonic()
        if self._container is None:
            return now >= self._retry_at
        is_full = now - self._began >= self._segment_seconds or self._room < 0
        return is_full or not self._holds_folder()  # what is written to a removed file is lost

    def _begin(self, stream: VideoStream, epoch: int) -> None:
        if not self._holds_folder():  # not yet, or it was removed or replaced
            self._open_folder()
        self._make_room()
        epoch += self._first_epoch
        self._path = segment_path(self._folder, self._number, epoch, datetime.now(UTC))
        self._number += 1
        self._began = self._monotonic()
        if self._works_since is None:
            self._works_since = self._began
        self._container = av.open(str(self._path), "w", format="matroska", options=_MUXER)
        self._stream = self._container.add_stream_from_template(stream)

    def _mux(self, packet: av.Packet, pts: int, dts: int) -> None:
        assert self._container is not None
        assert self._stream is not None
        copy = av.Packet(bytes(packet))
        copy.time_base = packet.time_base
        copy.pts, copy.dts = pts, dts
        copy.duration = packet.duration
        copy.is_keyframe = packet.is_keyframe
        copy.stream = self._stream
        self._container.mux(copy)
        self._room -= packet.size
        if self._room < 0:
            self._make_room()

    def _make_room(self) -> None:
        """Removes the oldest segments beyond the limit, except the one being written.

        If that one is too large by itself, it ends at the next key frame. The folder is not listed:
        an unreliable camera may leave a hundred thousand segments there.
        """
        written = file_size(self._path) if self._container is not None and self._path else 0
        while self._ended and self._ended_bytes + written > self._max_bytes:
            path, size = self._ended[0]
            path.unlink(missing_ok=True)
            self._ended.popleft()
            self._ended_bytes -= size
        self._room = self._max_bytes - self._ended_bytes - written


def _remove_empty(folder: Path) -> None:
    """Removes segments whose recorder ended before it had written a packet."""
    for _, _, path in segments_of(folder):
        if _is_empty(path):
            path.unlink(missing_ok=True)


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size <= _LONGEST_HEADER and _CLUSTER not in path.read_bytes()
    except FileNotFoundError:  # it could not be created, or was removed by someone else
        return True

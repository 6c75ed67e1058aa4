"""Sends the overlay of a live stream to a media server while it is being made."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from pipeline.workers.overlay_sender import READY, Opening, SentPicture, write_message
from stages.errors import reason_of
from stages.sink.encoding import EncodedPicture
from stages.urls import server_of

_ANSWER_SECONDS = 10.0
_STEADY_SECONDS = 10.0
_FIRST_PAUSE = 1.0  # seconds
_LONGEST_PAUSE = 30.0
_MAX_WAITING_SECONDS = 2.0
_REPORT_SECONDS = 60.0
_END_SECONDS = 1.0


class LiveOverlay:
    """Sends encoded pictures to an address, without ever blocking the encoder.

    A connection begins with a key frame. If it fails, it is made again as long as pictures arrive.
    Pictures that the server does not take within two seconds are left out, up to the next key
    frame.

    Args:
        url: Address with a scheme in `overlay_addresses.FORMATS`; "" to send nothing.
        name: Name of the stream, for messages.
        notify: Called, from another thread, with one line when sending fails and when it resumes.
        answer_seconds: How long the server may take to answer, or to take a picture.
    """

    def __init__(
        self,
        url: str,
        name: str,
        notify: Callable[[str], None],
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        self._url = url
        self._what = f"the overlay of {name}"
        self._notify = notify
        self._answer_seconds = answer_seconds
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._video = 0
        self._is_connected = False
        self._needs_key = True
        self._left_out = False
        self._end: float | None = None
        self._pause = 0.0  # after the latest failure; 0 once a connection has been steady
        self._fault = ""  # the latest fault, "" once a connection has been steady
        self._reported_at = self._failed_at = 0.0
        self._thread: threading.Thread | None = None

    @property
    def is_failing(self) -> bool:
        """Whether pictures do not arrive, or not all of the last ten seconds have arrived."""
        return self._left_out or bool(self._fault)

    def take(self, video: int, picture: EncodedPicture) -> None:
        """Queues a picture.

        Args:
            video: Number of its video among those of the overlay. A picture of an earlier video,
                which another thread may still be encoding, is left out.
            picture: The picture.
        """
        with self._changed:
            if not self._url or video < self._video or self._end is not None:
                return
            self._video = video
            now = time.monotonic()
            is_behind = bool(self._waiting) and now - self._waiting[0].since > _MAX_WAITING_SECONDS
            if is_behind or (picture.is_key and not self._is_connected):
                self._left_out |= self._is_connected
                self._discard_waiting()
            self._needs_key &= not picture.is_key
            if self._needs_key:
                return
            self._waiting.append(_Waiting(now, video, picture))
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live overlay", daemon=True)
                self._thread.start()

    def _discard_waiting(self) -> None:
        self._waiting.clear()
        self._needs_key = True

    def close(self) -> None:
        """Takes no more pictures; sends waiting ones if that takes no longer than a second."""
        with self._changed:
            self._end = time.monotonic() + _END_SECONDS
            self._changed.notify_all()

    def _run(self) -> None:
        sender: _Sender | None = None
        while (due := self._next(sender)) is not None:
            try:
                if sender is not None and sender.suits(due.picture):
                    sender.send(due.video, due.picture)
                    self._review()
                    continue
                if sender is not None:
                    self._connected(False)
                    sender.close()
                sender = _Sender(self._url, due.picture, self._answer_seconds)
                self._connected(True)
            except _SendingError as error:
                sender = None
                self._connected(False)
                self._fail(str(error))
        if sender is not None:
            sender.close()

    def _next(self, sender: _Sender | None) -> _Waiting | None:
        """Waits for a picture, which also stays in the queue if no connection suits it.

        Returns:
            The picture; None if there will be none, or it can no longer be sent.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._end is not None)
            is_over = self._end is not None and (sender is None or time.monotonic() > self._end)
            if is_over or not self._waiting:
                return None
            if sender is None or not sender.suits(self._waiting[0].picture):
                return self._waiting[0]
            return self._waiting.popleft()

    def _connected(self, yes: bool) -> None:
        with self._changed:
            self._is_connected = yes

    def _fail(self, reason: str) -> None:
        """Reports why there is no connection, and waits."""
        self._report(f"is not sent to {server_of(self._url)}: {reason}; trying again")
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or _FIRST_PAUSE)
        with self._changed:
            self._changed.wait_for(lambda: self._end is not None, self._pause)
            if not (self._waiting and self._waiting[0].picture.is_key):
                self._discard_waiting()  # the last key frame went to the lost connection

    def _review(self) -> None:
        """Reports, after a picture was sent, that others were left out or that sending resumed."""
        with self._changed:
            left_out, self._left_out = self._left_out, False
        if left_out:
            self._report(
                f"is not sent to {server_of(self._url)} completely: the server is too slow"
            )
        elif self._fault and time.monotonic() - self._failed_at >= _STEADY_SECONDS:
            self._fault, self._pause = "", 0.0
            self._notify(f"{self._what} is sent to {server_of(self._url)} again")

    def _report(self, fault: str) -> None:
        """Reports a fault once until a connection is steady; a different one after a minute."""
        self._failed_at = now = time.monotonic()
        is_other = fault != self._fault and now - self._reported_at >= _REPORT_SECONDS
        if not self._fault or is_other:
            self._fault, self._reported_at = fault, now
            self._notify(f"{self._what} {fault}")


class _Waiting(NamedTuple):
    since: float  # monotonic, seconds
    video: int
    picture: EncodedPicture


class _SendingError(Exception):
    """The reason why the server does not receive pictures."""


class _Sender:
    """The process that sends pictures of one encoder, see `overlay_sender`.

    Raises:
        _SendingError: There is no connection; `send` raises it once the connection is lost.
    """

    def __init__(self, url: str, picture: EncodedPicture, answer_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._settings, self._parameters = picture.settings, picture.parameters
        self._video = 0
        self._shift = 0
        self._latest = 0
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pipeline.workers.overlay_sender"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError as error:  # such as too many open files
            raise _SendingError(reason_of(error)) from error
        self._write(Opening(url, answer_seconds, self._settings, self._parameters))
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().decode().strip()
        if answer != READY:
            raise _SendingError(self._end(answer))

    def suits(self, picture: EncodedPicture) -> bool:
        """Whether the picture can be sent over this connection."""
        return (picture.settings, picture.parameters) == (self._settings, self._parameters)

    def send(self, video: int, picture: EncodedPicture) -> None:
        """Sends a picture; times continue from one video to the next."""
        if video != self._video:
            following = self._latest + self._settings.frame_duration if self._video else 0
            self._shift = following - picture.pts
            self._video = video
        self._latest = picture.pts + self._shift
        self._write(SentPicture(self._latest, picture.is_key, picture.data))

    def close(self) -> None:
        """Ends the connection, and waits for the process to end."""
        self._end()

    def _write(self, message: Opening | SentPicture) -> None:
        assert self._process.stdin is not None
        try:
            write_message(self._process.stdin, message)
        except OSError as error:
            raise _SendingError(self._end()) from error

    def _end(self, reason: str = "") -> str:
        """Waits until the process has ended, which its alarm bounds; returns the reason.

        Args:
            reason: The reason that the process has given, if any.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # data that it no longer reads
            self._process.stdin.close()
        with self._process.stdout as output:
            reason = reason or output.read().decode().strip()
        code = self._process.wait()
        if code == -signal.SIGALRM:
            return f"no answer within {self._answer_seconds:g} s"
        return reason or f"the sending process ended with status {code}"

"""Receives the records that a pipeline publishes."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterator
from concurrent import futures
from typing import Self

import zmq

from pipeline.addresses import ends_with_port
from pipeline.transport.envelope import Envelope, Heartbeat
from pipeline.transport.keys import load_certificate, load_key
from pipeline.transport.link import MAX_PART
from pipeline.transport.messages import MessageError, VersionError, decode
from stages.background import in_background
from stages.errors import ConfigError
from stages.measurements import Crossings, GroundPlaces, ZoneEvents
from stages.records import EndOfStream, StreamStart, Tracks

_TURN_MS = 100  # a signal that another thread took is handled after this time
_RETRY_SECONDS = 1.0
_KEEPALIVE_SECONDS = 10
_LOOKUP_SECONDS = 5.0
_ORDER_AT_POSITION = {  # order of records with the same position; others: 1
    StreamStart: 0,
    Crossings: 2,
    ZoneEvents: 3,
    GroundPlaces: 4,
    EndOfStream: 5,
}
_END = _ORDER_AT_POSITION[EndOfStream]
_ENDED_STREAMS = 1000  # remembered, since records of them may still arrive
# After these, ZeroMQ does not reconnect, although the next run may accept the key.
_REFUSED = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH


class Subscription:
    """Receives what a pipeline publishes; a context manager, connected until it exits.

    Tracks arrive only after the `StreamStart` of their epoch; crossings, zone events and ground
    positions only after a `StreamStart` of their stream. The pipeline repeats that record every
    second, so a new subscriber waits one second at most. It is delivered once, and again when
    another run begins or the stream is added again. Everything else is also delivered once and in
    order, even if the pipeline publishes it again because its sink died. A connection that is lost
    or refused is retried.

    Args:
        address: ``tcp://HOST:PORT`` or ``ipc://PATH``.
        key: File with the subscriber's secret key, if the pipeline requires one.
        server_key: File with the pipeline's public key.

    Raises:
        ConfigError: A key cannot be read, only one key is given, or the address is invalid.
    """

    def __init__(
        self,
        address: str,
        key: str | os.PathLike[str] | None = None,
        server_key: str | os.PathLike[str] | None = None,
    ) -> None:
        if not _is_supported(address):
            raise ConfigError(
                f"cannot connect to {address}: expected tcp://HOST:PORT, with a port from 1 to "
                "65535, or ipc://PATH"
            )
        self._keys: tuple[bytes, bytes, bytes] | None = None
        if key is not None and server_key is not None:
            self._keys = *load_key(key), load_certificate(server_key)[0]
        elif key is not None or server_key is not None:
            raise ConfigError("key and server_key belong together, but only one is given")
        self._address = address
        self._streams = _KnownStreams()
        self._heard_at = -math.inf
        self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def silence(self) -> float:
        """Seconds since the last message from the pipeline, infinite before the first one.

        The pipeline publishes every second, even if no camera delivers frames: a silence of three
        seconds or more is a fault of the pipeline or the network.
        """
        return time.monotonic() - self._heard_at

    @property
    def streams(self) -> list[str]:
        """Names of the streams that, as far as is known here, have started and not ended."""
        return self._streams.names()

    def receive(self, timeout: float | None = None) -> Envelope | None:
        """Returns the next envelope; None if none arrives within ``timeout`` seconds.

        Raises:
            ConfigError: The pipeline's release uses another protocol version.
        """
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            if self._socket.poll(int(min(max(0.0, 1000 * left), _TURN_MS))):
                try:
                    envelope = decode(self._socket.recv_multipart())
                except VersionError as error:
                    raise ConfigError(
                        f"{self._address}: {error}; are the releases the same?"
                    ) from error
                except MessageError:
                    continue
                self._heard_at = time.monotonic()
                if self._streams.admit(envelope):
                    return envelope
                if left <= 0:
                    return None
            elif self._refusals.poll(0) and time.monotonic() >= self._connected_at + _RETRY_SECONDS:
                self.close()
                self._connect()
            elif left <= 0:
                return None

    def close(self) -> None:
        """Ends the connection."""
        self._context.destroy(linger=0)

    def _connect(self) -> None:
        self._connected_at = time.monotonic()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.maxmsgsize = MAX_PART
        self._socket.ipv6 = _needs_ipv6(self._address)
        self._socket.tcp_keepalive = 1  # detects that the other host has vanished
        self._socket.tcp_keepalive_idle = self._socket.tcp_keepalive_intvl = _KEEPALIVE_SECONDS
        self._socket.tcp_keepalive_cnt = 3
        self._socket.subscribe(b"")
        if self._keys is not None:
            public, secret, server = self._keys
            self._socket.curve_publickey, self._socket.curve_secretkey = public, secret
            self._socket.curve_serverkey = server
        self._refusals = self._socket.get_monitor_socket(_REFUSED)
        try:
            self._socket.connect(self._address)
        except BaseException as error:
            self.close()  # a context with open sockets would never be garbage-collected
            if not isinstance(error, zmq.ZMQError):
                raise
            raise ConfigError(f"cannot connect to {self._address}: {error}") from error


def _is_supported(address: str) -> bool:
    """Whether an address has a supported form; ZeroMQ would treat port 65537 as 1."""
    return address.startswith("ipc://") or (
        address.startswith("tcp://") and ends_with_port(address)
    )


def _needs_ipv6(address: str) -> bool:
    """Whether the host has IPv6 addresses only; if it has both kinds, ZeroMQ would try just one."""
    if not address.startswith("tcp://"):
        return False
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    lookup = in_background(lambda: socket.getaddrinfo(host, None))
    try:
        return all(family == socket.AF_INET6 for family, *_ in lookup.result(_LOOKUP_SECONDS))
    except (OSError, UnicodeError, futures.TimeoutError):
        return False


def subscribe(
    address: str,
    key: str | os.PathLike[str] | None = None,
    server_key: str | os.PathLike[str] | None = None,
    *,
    timeout: float | None = None,
) -> Iterator[Envelope]:
    """Yields the envelopes of a `Subscription` indefinitely.

    Args:
        address: ``tcp://HOST:PORT`` or ``ipc://PATH``.
        key: File with the subscriber's secret key, if the pipeline requires one.
        server_key: File with the pipeline's public key.
        timeout: Seconds to wait for an envelope; None for no limit.

    Raises:
        ConfigError: A key cannot be read, only one key is given, the address is invalid, or the
            pipeline's release uses another protocol version.
        TimeoutError: No envelope arrived in time; the subscription has ended.
    """
    with Subscription(address, key, server_key) as subscription:
        while (envelope := subscription.receive(timeout)) is not None:
            yield envelope
    raise TimeoutError(f"nothing arrived from {address} for {timeout:g} s")


class _KnownStreams:
    """The streams whose start a subscriber has received, and its progress in each."""

    def __init__(self) -> None:
        self._starts: dict[str, tuple[str, int, StreamStart]] = {}  # with the run and the channel
        # By run and channel, in the order in which they were last heard. Running streams are never
        # the oldest, because their starts are repeated.
        self._progress: dict[tuple[str, int], tuple[int, int]] = {}
        self._run = self._earlier_run = ""

    def names(self) -> list[str]:
        """Returns the names of the streams that have not ended."""
        return sorted(self._starts)

    def admit(self, envelope: Envelope) -> bool:
        """Returns whether to deliver the envelope, which must not be too early or a repetition."""
        record, source = envelope.record, (envelope.run, envelope.channel)
        if envelope.run not in (self._run, self._earlier_run):
            self._run, self._earlier_run = envelope.run, self._run
            self._starts, self._progress = {}, {}  # that run was killed or has published the ends
        known = self._starts.get(envelope.stream)
        start = known[2] if known is not None and known[:2] == source else None
        progress = envelope.position, _ORDER_AT_POSITION.get(type(record), 1)
        latest = self._progress.get(source, (0, -1))
        if isinstance(record, StreamStart):
            # A start of the earlier run may have been queued in the connection to it.
            is_late = envelope.position < latest[0] or latest == (envelope.position, _END)
            if envelope.run != self._run or is_late:
                return False
            self._starts[record.stream] = *source, record
            self._advance(source, max(progress, latest))
            return record != start
        match record:
            case Heartbeat():
                return False
            case _ if progress <= latest:
                return False
            case Tracks() if start is None or record.frame.epoch != start.epoch:
                return False
            case Crossings() | ZoneEvents() | GroundPlaces() if start is None:
                return False
            case EndOfStream() if start is not None:
                del self._starts[record.stream]
        self._advance(source, progress)
        return True

    def _advance(self, source: tuple[str, int], progress: tuple[int, int]) -> None:
        self._progress.pop(source, None)
        self._progress[source] = progress
        if len(self._progress) > len(self._starts) + _ENDED_STREAMS:
            del self._progress[next(iter(self._progress))]

"""Publishes tracks live to any subscriber, over a network only to those with a key."""

from __future__ import annotations

import contextlib
import math
import socket
import stat
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import zmq

from pipeline.transport.connection_limit import ConnectionLimit
from pipeline.transport.link import LARGEST_PART
from pipeline.transport.messages import Envelope, MessageError, VersionError, decode
from stages.atomic import output_error
from stages.errors import ConfigError
from stages.records import EndOfStream, StreamStart, Tracks

if TYPE_CHECKING:
    from zmq.auth.thread import ThreadAuthenticator

_WAITING_MESSAGES = 1000  # per subscriber; a slow one misses any beyond
_LINGER_MS = 2000  # the supervisor waits three seconds for the sink's end
_LARGEST_FROM_SUBSCRIBER = 2**10  # topics, and anything sent before a key is checked
_TOPICS_AT_ONCE = 10  # per subscriber; `send` works on those that came
_HANDSHAKE_MS = 3000
_PADDING = bytes(2**16)  # no record; ZeroMQ drops what it has encoded, not written, when it closes

_TURN_MS = 100  # a signal that another thread took is seen after that
_RETRY_SECONDS = 1.0
_KEEPALIVE_SECONDS = 10
# ZeroMQ tries no other connection after these, though the next run may accept the key.
_REFUSED = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH


class Broadcast:
    """The socket on which the sink publishes.

    It never waits for subscribers: one that is a thousand messages behind misses those that follow,
    a disconnected one misses all. Only when it is closed, they have two seconds for what waits.

    Args:
        context: ZeroMQ context.
        address: ``tcp://HOST:PORT`` or ``ipc://PATH``.
        key: File with the secret key; None for a socket without encryption.
        clients: Folder with the public keys of permitted subscribers; required with ``key``.

    Raises:
        ConfigError: The address cannot be bound, the path is taken, a key cannot be read, or
            ``clients`` is missing.
    """

    def __init__(
        self, context: zmq.Context, address: str, key: Path | None, clients: Path | None
    ) -> None:
        if address.startswith("ipc://"):
            _check_free(Path(address.removeprefix("ipc://")))
        self._authenticator: ThreadAuthenticator | None = None
        self._limit: ConnectionLimit | None = None
        self._socket = context.socket(zmq.PUB)
        self._socket.sndhwm = _WAITING_MESSAGES
        self._socket.linger = _LINGER_MS
        self._socket.maxmsgsize = _LARGEST_FROM_SUBSCRIBER
        self._socket.rcvhwm = _TOPICS_AT_ONCE
        self._socket.handshake_ivl = _HANDSHAKE_MS
        self._socket.ipv6 = "[" in address
        if key is not None:
            from zmq.auth.thread import ThreadAuthenticator  # asyncio and ssl: 5 MB

            assert clients is not None
            if not clients.is_dir():
                raise ConfigError(f"runtime.publish_clients: no folder {clients}")
            self._socket.curve_publickey, self._socket.curve_secretkey = load_key(key)
            self._socket.curve_server = True
            self._authenticator = ThreadAuthenticator(context)
            self._authenticator.start()
            self._authenticator.configure_curve(domain="*", location=str(clients))
        if address.startswith("tcp://"):
            self._limit = ConnectionLimit(context, self._socket)
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(f"runtime.publish: cannot bind {address}: {error}") from error

    def send(self, parts: Sequence[bytes | memoryview]) -> None:
        """Publishes a message; never waits."""
        self._socket.send_multipart(parts)

    def close(self) -> None:
        """Closes the socket; its context ends when what waits is sent, or after two seconds."""
        if self._limit is not None:
            self._limit.close()
        with contextlib.suppress(zmq.ZMQError):
            self._socket.send(_PADDING)
        self._socket.close()
        if self._authenticator is not None:
            self._authenticator.stop()


def _check_free(path: Path) -> None:
    """Raises `ConfigError` unless nobody needs what is at the path, which ZeroMQ removes."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigError(f"runtime.publish: {path} exists and is no socket")
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(1)
            peer.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return  # a killed pipeline leaves its socket
    except OSError as error:
        raise ConfigError(f"runtime.publish: cannot bind ipc://{path}: {error}") from error
    raise ConfigError(f"runtime.publish: another pipeline publishes at {path}")


class Subscription:
    """What a pipeline publishes; a context manager, connected until its end.

    Tracks come only after the `StreamStart` of their epoch. The pipeline repeats it every second,
    so a new subscriber waits as long at most, and gets it once. A connection that is lost or
    refused is tried again.

    Args:
        address: ``tcp://HOST:PORT`` or ``ipc://PATH``.
        key: File with the subscriber's secret key, if the pipeline requires one.
        server_key: File with the pipeline's public key.

    Raises:
        ConfigError: A key cannot be read, only one key is given, or the address is invalid.
    """

    def __init__(
        self, address: str, key: Path | None = None, server_key: Path | None = None
    ) -> None:
        self._keys: tuple[bytes, bytes, bytes] | None = None
        if key is not None and server_key is not None:
            self._keys = *load_key(key), _certificate(server_key)[0]
        elif key is not None or server_key is not None:
            raise ConfigError("key and server_key belong together, but only one is given")
        self._address = address
        self._streams = _KnownStreams()
        self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def receive(self, timeout: float | None = None) -> Envelope | None:
        """Returns the next envelope; None if none comes in ``timeout`` seconds.

        Raises:
            ConfigError: The pipeline is of a release with another protocol.
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
                if self._streams.admit(envelope):
                    return envelope
            elif self._refusals.poll(0) and time.monotonic() >= self._connected + _RETRY_SECONDS:
                self.close()
                self._connect()
            elif left <= 0:
                return None

    def close(self) -> None:
        """Ends the connection."""
        self._context.destroy(linger=0)

    def _connect(self) -> None:
        self._connected = time.monotonic()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.maxmsgsize = LARGEST_PART
        self._socket.ipv6 = "[" in self._address
        self._socket.tcp_keepalive = 1  # where the other host is gone without a word
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
            self.close()  # a context with open sockets would never be collected
            if not isinstance(error, zmq.ZMQError):
                raise
            raise ConfigError(
                f"cannot connect to {self._address}: {error}; expected tcp://HOST:PORT or "
                "ipc://PATH"
            ) from error


def subscribe(
    address: str,
    key: Path | None = None,
    server_key: Path | None = None,
    *,
    timeout: float | None = None,
) -> Iterator[Envelope]:
    """Yields the envelopes of a `Subscription`, which see, without end.

    Args:
        address: ``tcp://HOST:PORT`` or ``ipc://PATH``.
        key: File with the subscriber's secret key, if the pipeline requires one.
        server_key: File with the pipeline's public key.
        timeout: Seconds to wait for an envelope; None for no limit.

    Raises:
        ConfigError: A key cannot be read, only one key is given, the address is invalid, or the
            pipeline is of a release with another protocol.
        TimeoutError: None came in time; the subscription has ended.
    """
    with Subscription(address, key, server_key) as subscription:
        while (envelope := subscription.receive(timeout)) is not None:
            yield envelope
    raise TimeoutError(f"nothing came from {address} for {timeout:g} s")


class _KnownStreams:
    """The streams whose start a subscriber has got."""

    def __init__(self) -> None:
        self._streams: dict[str, tuple[StreamStart, int]] = {}  # with the latest position

    def admit(self, envelope: Envelope) -> bool:
        """Whether to yield the envelope: not what comes too early, and no start twice."""
        record, position = envelope.record, envelope.position
        start, latest = self._streams.get(envelope.stream, (None, -1))
        if isinstance(record, EndOfStream):
            self._streams.pop(envelope.stream, None)
            return True
        if isinstance(record, StreamStart):
            self._streams[envelope.stream] = record, position
            return record != start or position < latest  # of a run that follows
        if start is not None:
            self._streams[envelope.stream] = start, position
        return not isinstance(record, Tracks) or (
            start is not None and record.frame.epoch == start.epoch
        )


def make_key(folder: Path, name: str) -> tuple[Path, Path]:
    """Creates a pair of CURVE keys: ``NAME.key``, public, and ``NAME.key_secret``, mode 0600.

    Raises:
        ConfigError: The name is empty or a path, or one of the files exists.
        OutputError: The files cannot be written.
    """
    from zmq.auth import create_certificates

    if not name.strip():
        raise ConfigError("a pair of keys needs a name")
    if Path(name).name != name:
        raise ConfigError(
            f"a pair of keys is named without a folder, which --folder sets; got {name}"
        )
    paths = folder / f"{name}.key", folder / f"{name}.key_secret"
    try:
        taken = [path for path in paths if path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(paths[1], error) from error
    if taken:
        raise ConfigError(f"{taken[0]} exists; choose another name")
    try:
        paths[1].touch(mode=0o600)
        create_certificates(folder, name)
    except OSError as error:
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink()
        raise output_error(paths[1], error) from error
    return paths


def load_key(path: Path) -> tuple[bytes, bytes]:
    """Returns the public and the secret key of a ``.key_secret`` file.

    Raises:
        ConfigError: The file cannot be read or has no secret key.
    """
    public, secret = _certificate(path)
    if secret is None:
        raise ConfigError(f"{path} holds no secret key; is it the .key_secret file?")
    return public, secret


def _certificate(path: Path) -> tuple[bytes, bytes | None]:
    from zmq.auth import load_certificate

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load_certificate(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read a key from {path}: {error}") from error

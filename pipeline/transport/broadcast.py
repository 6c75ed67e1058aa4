"""Publishes tracks live to any subscriber, over a network only to those with a key."""

from __future__ import annotations

import contextlib
import socket
import stat
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from pipeline.transport.connection_limit import ConnectionLimit
from pipeline.transport.keys import load_key
from stages.errors import ConfigError

if TYPE_CHECKING:
    from zmq.auth.thread import ThreadAuthenticator

_WAITING_MESSAGES = 1000  # per subscriber; a slow one misses any beyond
_HELD_AT_ONCE = 100
_PAUSE_SECONDS = 0.005  # in which a subscriber reads that many
_LINGER_MS = 2000  # the supervisor waits three seconds for the sink to end
_MAX_FROM_SUBSCRIBER = 2**10  # bytes: topics, and anything sent before a key is checked
_TOPICS_AT_ONCE = 10  # per subscriber; `send` processes those received
_HANDSHAKE_MS = 3000
_PADDING = bytes(2**16)  # not a record; on closing, ZeroMQ drops what is encoded but not written


class Broadcast:
    """The socket on which the sink publishes.

    It does not wait for subscribers: one that is a thousand messages behind misses those that
    follow, and a disconnected one misses all. Only when the socket is closed do subscribers have
    two seconds to take what is queued.

    Args:
        context: ZeroMQ context.
        address: ``tcp://HOST:PORT`` or ``ipc://PATH``.
        key: File with the secret key; None for a socket without encryption.
        clients: Folder with the public keys of permitted subscribers; required with ``key``.
        held_back: Seconds for which messages are held back at first, so that subscribers of a
            process that died can reconnect before messages are sent.

    Raises:
        ConfigError: The address cannot be bound, the path is taken, a key cannot be read, or
            ``clients`` is missing.
    """

    def __init__(
        self,
        context: zmq.Context,
        address: str,
        key: Path | None,
        clients: Path | None,
        held_back: float = 0.0,
    ) -> None:
        if address.startswith("ipc://"):
            _check_free(Path(address.removeprefix("ipc://")))
        self._authenticator: ThreadAuthenticator | None = None
        self._limit: ConnectionLimit | None = None
        self._socket = context.socket(zmq.PUB)
        self._socket.sndhwm = _WAITING_MESSAGES
        self._socket.linger = _LINGER_MS
        self._socket.maxmsgsize = _MAX_FROM_SUBSCRIBER
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
        self._held: deque[Sequence[bytes | memoryview]] = deque()  # from no longer than that
        self._held_until = time.monotonic() + held_back

    def send(self, parts: Sequence[bytes | memoryview], *, now: bool = False) -> None:
        """Publishes a message.

        While messages are held back, it is sent together with later ones. With ``now``, this method
        waits until it has been sent.
        """
        self._held.append(parts)
        if now:
            time.sleep(max(0.0, self._held_until - time.monotonic()))
        elif time.monotonic() < self._held_until:
            return
        self._release()
        while now and self._held:
            time.sleep(_PAUSE_SECONDS)
            self._release()

    def _release(self) -> None:
        """Sends the oldest messages, few enough that a subscriber that keeps up misses none."""
        for _ in range(min(_HELD_AT_ONCE, len(self._held))):
            self._socket.send_multipart(self._held.popleft())

    def close(self) -> None:
        """Closes the socket; its context ends once queued messages are sent, or in two seconds."""
        if self._limit is not None:
            self._limit.close()
        with contextlib.suppress(zmq.ZMQError):
            self._socket.send(_PADDING)
        self._socket.close()
        if self._authenticator is not None:
            self._authenticator.stop()


def _check_free(path: Path) -> None:
    """Raises `ConfigError` if anybody may need the file at the path, which ZeroMQ would remove."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigError(f"runtime.publish: {path} exists and is not a socket")
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(1)
            peer.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return  # a killed pipeline leaves its socket
    except OSError as error:
        raise ConfigError(f"runtime.publish: cannot bind ipc://{path}: {error}") from error
    raise ConfigError(f"runtime.publish: another pipeline publishes at {path}")

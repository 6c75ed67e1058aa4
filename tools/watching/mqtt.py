"""Forwards published tracks and events to an MQTT broker."""

from __future__ import annotations

import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from stages.errors import ConfigError, reason_of
from stages.urls import server_of
from tools.watching.watch import KINDS, OF_EVERY_FRAME

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessageInfo

_STATES = ("occupancy", "start")
"""Kinds of facts that are retained until their stream ends."""

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FORM = (
    "--mqtt must be mqtt://USER:PASSWORD@HOST:PORT/PREFIX or mqtts://…; "
    "in a password, write / as %2F, # as %23 and ? as %3F"
)
_MAX_EVENTS = 10_000  # waiting for the broker
_MAX_SENT = 1000  # events sent but not yet acknowledged
_MAX_FRAMES = 100  # waiting for a slow connection
_LONGEST_PREFIX = 1000  # bytes
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1, 30  # seconds between two attempts to connect
_KEEPALIVE_SECONDS = 20  # how long the broker may be silent
_END_SECONDS = 2.0


class MqttBroker:
    """Publishes facts as JSON, each to the topic ``PREFIX/STREAM/KIND``.

    Facts about every frame are sent at most once (QoS 0), and dropped while the broker is away or
    slow. All others are sent at least once (QoS 1), in order, and wait for the broker; of a
    stream's occupancy, only the latest does. Three kinds of messages are retained:
    ``PREFIX/status``, which is ``online`` or ``offline``, and the start and the occupancy of each
    stream, which empty messages on their topics clear when the stream ends. A broker that has lost
    retained messages gets them again. Faults are reported on standard error, each once until a
    connection is made.

    Args:
        url: ``mqtt://USER:PASSWORD@HOST:PORT/PREFIX``, or ``mqtts``; everything but the host is
            optional. The default prefix is ``spotstream``.
        kinds: The kinds of facts to forward.

    Raises:
        ConfigError: The URL is wrong, or paho-mqtt is not installed.
    """

    def __init__(self, url: str, kinds: Collection[str] = KINDS) -> None:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            # Not `require`: its extra would install PyTorch on a host that only watches.
            hint = "pip install 'paho-mqtt>=2.1'"
            raise ConfigError(f"--mqtt needs the package paho-mqtt: {hint}") from error
        scheme, host, port, user, password, self._prefix = _parsed(url)
        self._server = server_of(url)
        self._status = f"{self._prefix}/status"
        self._kinds = kinds
        self._started: dict[str, tuple[str, int]] = {}  # run and channel by stream
        self._reported = ""  # the reason last reported for having no connection
        self._has_answered = False  # on the current connection
        self._listens = True  # to the status that others publish
        self._is_subscribing = False  # the broker has not answered the subscription
        # Paho runs its callbacks with its own locks held, so they must not wait for a lock of ours:
        # all attributes below belong to one thread, which gets its jobs from this queue.
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._events: deque[_Event] = deque()
        self._retained: dict[str, _Event] = {}  # by topic, the latest sent to the broker
        self._first: dict[str, _Event] = {}  # by topic, to be sent before all other events
        self._sent: set[int] = set()  # events that the broker has not acknowledged
        self._frames: deque[MQTTMessageInfo] = deque()
        self._greeting: int | None = None
        self._is_ready = False
        self._has_lost = False
        self._done: threading.Event | None = None

        self._client = client = Client(CallbackAPIVersion.VERSION2)
        if scheme == "mqtts":
            client.tls_set()
        if user:
            client.username_pw_set(user, password)
        client.will_set(self._status, "offline", qos=1, retain=True)
        client.max_inflight_messages_set(_MAX_SENT + 1)
        client.reconnect_delay_set(_SHORTEST_PAUSE, _LONGEST_PAUSE)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.connect_async(host, port, _KEEPALIVE_SECONDS)
        threading.Thread(target=self._work, daemon=True).start()
        client.loop_start()

    def publish(self, fact: dict[str, Any]) -> None:
        """Forwards a fact, which has a ``kind`` and a ``stream`` ("" for none in particular)."""
        kind, stream = fact["kind"], fact["stream"]
        if kind == "start":
            self._start(stream, (fact["run"], fact["channel"]))
        if kind in self._kinds:
            text = json.dumps(fact, ensure_ascii=False)
            event = _Event(self._topic(stream, kind), text, retain=kind in _STATES)
            self._jobs.put(partial(self._sender(kind), event))
        if kind == "end":
            self._end(stream, (fact["run"], fact["channel"]))

    def _start(self, stream: str, origin: tuple[str, int]) -> None:
        """Notes the start of a stream; ends those of other runs, which a killed run left open."""
        for other, (run, channel) in list(self._started.items()):
            if run != origin[0] and other != stream:
                self._end(other, (run, channel))
        if self._started.get(stream) != origin:  # of another run, or of one before this program
            self._clear(stream, "occupancy")  # the stream may have no zones any more
        self._started[stream] = origin

    def _end(self, stream: str, origin: tuple[str, int]) -> None:
        if self._started.get(stream, origin) == origin:  # else an earlier run's stream has ended
            self._started.pop(stream, None)
            self._clear(stream, *_STATES)

    def _clear(self, stream: str, *kinds: str) -> None:
        for kind in [each for each in kinds if each in self._kinds]:
            cleared = _Event(self._topic(stream, kind), "", retain=True)
            self._jobs.put(partial(self._sender(kind), cleared))

    def _sender(self, kind: str) -> Callable[[_Event], None]:
        if kind in OF_EVERY_FRAME:
            return self._send_frame
        return self._supersede if kind == "occupancy" else self._queue

    def _topic(self, stream: str, kind: str) -> str:
        return "/".join(filter(None, (self._prefix, stream, kind)))

    def close(self) -> None:
        """Sends waiting events and the status ``offline``, and disconnects, within a few seconds.

        If the broker does not acknowledge them, the connection stays open until the process ends;
        the broker then publishes ``offline`` itself.
        """
        done = threading.Event()
        self._jobs.put(partial(self._finish, done))
        if done.wait(_END_SECONDS) or not self._client.is_connected():
            self._client.disconnect()
            stop = threading.Thread(target=self._client.loop_stop, daemon=True)  # may never end
            stop.start()
            stop.join(_END_SECONDS)

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            self._send_events()
            if self._done and self._is_ready and not (self._first or self._events or self._sent):
                self._done.set()

    def _send_frame(self, frame: _Event) -> None:
        while self._frames and _is_over(self._frames[0]):
            self._frames.popleft()
        if self._is_ready and len(self._frames) < _MAX_FRAMES:  # paho does not limit them
            sent = self._client.publish(frame.topic, frame.text)
            if sent.rc == 0:
                self._frames.append(sent)

    def _queue(self, event: _Event) -> None:
        self._events.append(event)
        if len(self._events) > _MAX_EVENTS:
            oldest = self._events.popleft()
            if oldest.retain:
                self._first[oldest.topic] = oldest
            if not self._has_lost:
                self._has_lost = True
                _say(f"{self._server}: more than {_MAX_EVENTS} objects wait: the oldest are lost")

    def _supersede(self, event: _Event) -> None:
        """Queues an event, before all others, in place of one that waits for the same topic."""
        self._first[event.topic] = event

    def _finish(self, done: threading.Event) -> None:
        self._events.append(_Event(self._status, "offline", retain=True))
        self._done = done

    def _send_events(self) -> None:
        while self._is_ready and len(self._sent) < _MAX_SENT:
            event = next(iter(self._first.values()), None) or next(iter(self._events), None)
            if event is None:
                return
            sent = self._client.publish(event.topic, event.text, qos=1, retain=event.retain)
            if sent.rc != 0:
                return
            self._sent.add(sent.mid)
            if self._first:
                del self._first[event.topic]
            else:
                self._events.popleft()
            self._retained.pop(event.topic, None)
            if event.retain:  # even an empty one: the broker may return with an older state
                self._retained[event.topic] = event
                if len(self._retained) > _MAX_EVENTS:
                    del self._retained[next(iter(self._retained))]

    def _greeted(self, greeting: int) -> None:
        self._greeting, self._has_lost = greeting, False

    def _contradict(self) -> None:
        """Publishes ``online`` again after an ``offline`` from elsewhere.

        Another client with this prefix has ended, or the broker noticed that an old connection is
        dead.
        """
        if self._done is None:
            self._client.publish(self._status, "online", qos=1, retain=True)

    def _acknowledged(self, mid: int) -> None:
        self._sent.discard(mid)
        if mid == self._greeting:  # by now, paho has resent everything unacknowledged
            self._is_ready = True
            self._first = self._retained | self._first  # the broker may have lost its copies
            self._retained = {}

    def _disconnected(self) -> None:
        self._is_ready, self._greeting = False, None
        self._frames.clear()

    def _on_connect(self, client: Any, _: Any, flags: Any, reason: Any, *__: Any) -> None:
        self._has_answered = True
        if reason.is_failure:
            self._report(str(reason).lower())
            return
        greeting = client.publish(self._status, "online", qos=1, retain=True).mid
        if self._listens:
            self._is_subscribing = True
            client.subscribe(self._status, qos=1)
        self._jobs.put(partial(self._greeted, greeting))
        self._reported = ""
        _say(f"connected to {self._server}")

    def _on_subscribe(self, *_: Any) -> None:
        self._is_subscribing = False

    def _on_message(self, client: Any, _: Any, message: Any) -> None:
        if message.payload == b"offline":
            self._jobs.put(self._contradict)

    def _on_publish(self, client: Any, _: Any, mid: int, *__: Any) -> None:
        self._jobs.put(partial(self._acknowledged, mid))

    def _on_disconnect(self, client: Any, _: Any, flags: Any, reason: Any, *__: Any) -> None:
        self._jobs.put(self._disconnected)
        if self._is_subscribing:  # some brokers disconnect clients that ask for a forbidden topic
            self._listens = self._is_subscribing = False
        has_answered, self._has_answered = self._has_answered, False
        if reason.is_failure and not has_answered:
            self._report("it does not answer")
        elif reason.is_failure and not self._reported:  # else a refusal was reported
            self._report("it broke off")

    def _on_connect_fail(self, *_: Any) -> None:
        error = sys.exception()  # paho calls this while handling it
        self._report(reason_of(error) if isinstance(error, OSError) else "it cannot be reached")

    def _report(self, reason: str) -> None:
        if reason != self._reported:
            self._reported = reason
            _say(f"no connection to {self._server}: {reason}; trying again")


class _Event(NamedTuple):
    topic: str
    text: str
    retain: bool = False


def _is_over(sent: MQTTMessageInfo) -> bool:
    """Returns whether a message was sent or never will be."""
    try:
        return sent.is_published()
    except RuntimeError:  # the connection was lost
        return True


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parsed(url: str) -> tuple[str, str, int, str, str, str]:
    """Returns scheme, host, port, user, password and prefix."""
    try:
        parts = urlsplit(url, allow_fragments=False)
        port, host = parts.port, parts.hostname or ""
        host.encode("idna")  # as the look-up does
    except ValueError:
        raise ConfigError(_FORM) from None  # urllib's message may show parts of a password
    if parts.scheme not in _PORTS or not host or "@" in parts.path or parts.query:
        raise ConfigError(_FORM)
    prefix = unquote(parts.path).strip("/") or "spotstream"
    if set(prefix) & set("+#\0") or len(prefix.encode()) > _LONGEST_PREFIX:
        raise ConfigError(f"--mqtt: {prefix[:100]!r} cannot begin a topic")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return parts.scheme, host, port or _PORTS[parts.scheme], user, password, prefix

"""Published tracks and events, passed on to an MQTT broker."""

from __future__ import annotations

import json
import sys
from collections import deque
from typing import Any
from urllib.parse import unquote, urlsplit

from stages.decoder.urls import server_of
from stages.errors import ConfigError, reason_of
from stages.extras import need

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_MOST_FRAMES = 100  # that wait for a slow connection
_MOST_EVENTS = 10_000  # that wait for the broker
_LONGEST_PAUSE = 30  # seconds between two attempts to connect
_END_SECONDS = 2.0


class MqttBroker:
    """Publishes facts as JSON, each to the topic ``PREFIX/STREAM/KIND``.

    Frames go once (QoS 0), and are left out while the broker is away or slow; all others at least
    once (QoS 1), and wait for it. ``PREFIX/status`` is ``online`` or ``offline``, retained. Faults
    are told on standard error, each once until there is a connection.

    Args:
        url: ``mqtt://USER:PASSWORD@HOST:PORT/PREFIX``, or ``mqtts``; all but the host may be left
            out. The prefix is then ``spotstream``.

    Raises:
        ConfigError: The URL is wrong, or the extra ``mqtt`` is not installed.
    """

    def __init__(self, url: str) -> None:
        mqtt = need("paho.mqtt.client", "mqtt", "--mqtt")
        try:
            parts = urlsplit(url, allow_fragments=False)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"--mqtt: {error}") from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigError("--mqtt must be mqtt://HOST:PORT/PREFIX, or mqtts://…")
        self._server = server_of(url)
        self._prefix = unquote(parts.path).strip("/") or "spotstream"
        if set(self._prefix) & set("+#"):
            raise ConfigError(f"--mqtt: + and # cannot be in a topic, got {self._prefix}")
        self._frames: deque[Any] = deque()
        self._told = ""  # why there is no connection
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        if parts.scheme == "mqtts":
            client.tls_set()
        if parts.username is not None:
            client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        client.will_set(f"{self._prefix}/status", "offline", qos=1, retain=True)
        client.max_inflight_messages_set(1000)
        client.max_queued_messages_set(_MOST_EVENTS)
        client.reconnect_delay_set(1, _LONGEST_PAUSE)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.connect_async(parts.hostname, port or _PORTS[parts.scheme])
        client.loop_start()

    def publish(self, fact: dict[str, Any]) -> None:
        """Passes on a fact with ``kind`` and ``stream``, "" for none in particular."""
        kind, stream = fact["kind"], fact["stream"]
        topic = "/".join(filter(None, (self._prefix, stream, kind)))
        text = json.dumps(fact, ensure_ascii=False)
        if kind != "frame":
            self._client.publish(topic, text, qos=1)
            return
        while self._frames and self._frames[0].is_published():
            self._frames.popleft()
        if len(self._frames) < _MOST_FRAMES:  # paho has no limit for them
            sent = self._client.publish(topic, text)
            if sent.rc == 0:  # it is connected
                self._frames.append(sent)

    def close(self) -> None:
        """Sends what waits, for two seconds at most, and disconnects."""
        last = self._client.publish(f"{self._prefix}/status", "offline", qos=1, retain=True)
        if last.rc == 0:
            last.wait_for_publish(_END_SECONDS)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Any, _: Any, flags: Any, reason: Any, *__: Any) -> None:
        if reason.is_failure:
            self._tell(str(reason).lower())
            return
        client.publish(f"{self._prefix}/status", "online", qos=1, retain=True)
        print(f"connected to {self._server}", file=sys.stderr, flush=True)
        self._told = ""

    def _on_disconnect(self, client: Any, _: Any, flags: Any, reason: Any, *__: Any) -> None:
        if reason.is_failure and not self._told:  # else it was refused
            self._tell("it broke off")

    def _on_connect_fail(self, *_: Any) -> None:
        error = sys.exception()  # paho calls this where it handles it
        self._tell(reason_of(error) if isinstance(error, OSError) else "it cannot be reached")

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            what = f"no connection to {self._server}: {reason}; it is tried again"
            print(what, file=sys.stderr, flush=True)

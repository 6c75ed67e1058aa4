"""A real MQTT broker, Debian's ``mosquitto``."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt

from tests.waiting import wait_for
from tools.harness.ports import free_port

_PROGRAM = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")


def available() -> bool:
    """Whether mosquitto is installed."""
    return _PROGRAM is not None


class Broker:
    """A broker on the loopback interface; with a password, it accepts only the user ``me``.

    ``certificate`` is a PEM file with its key, for TLS. On SIGUSR1, the broker writes its retained
    messages and its subscribers to ``saved``, where a broker that starts later in the same folder
    reads them.
    """

    def __init__(
        self, folder: Path, port: int = 0, password: str = "", certificate: Path | None = None
    ) -> None:
        self.saved = folder / "mosquitto.db"
        self.port = port or free_port()
        lines = [f"listener {self.port} 127.0.0.1", "user root"]
        lines += ["persistence true", f"persistence_location {folder}/"]
        if password:
            users = folder / "users"
            users.write_text(f"me:{password}\n")
            subprocess.run(["mosquitto_passwd", "-U", str(users)], check=True)
            lines += [f"password_file {users}"]
        else:
            lines += ["allow_anonymous true"]
        if certificate is not None:
            lines += [f"certfile {certificate}", f"keyfile {certificate}"]
        config = folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        assert _PROGRAM is not None
        self.process = subprocess.Popen([_PROGRAM, "-c", str(config)], stderr=subprocess.DEVNULL)
        wait_for(self._listens)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def subscriber(self, topics: str, lasting: str = "") -> Iterator[list[tuple[str, str, bool]]]:
        """Yields a growing list of topic, payload and whether the broker had retained it.

        With an identifier, ``lasting``, brokers keep the session while the client is away.
        """
        received: list[tuple[str, str, bool]] = []
        ready = threading.Event()
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=lasting, clean_session=not lasting
        )
        client.reconnect_delay_set(0.05, 0.05)  # type: ignore[arg-type]
        client.on_connect = lambda *_: client.subscribe(topics, qos=1)
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = lambda _, __, message: received.append(
            (message.topic, message.payload.decode(), message.retain)
        )
        client.connect_async("127.0.0.1", self.port)
        client.loop_start()
        assert ready.wait(30)
        try:
            yield received
        finally:
            client.disconnect()
            client.loop_stop()

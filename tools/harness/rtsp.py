"""A real RTSP server, and a faulty connection between it and its reader."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's Python, which has the GStreamer bindings."""

_SCRIPT = Path(__file__).with_name("rtsp_server.py")


def available() -> bool:
    """Returns whether GStreamer's RTSP server is installed."""
    code = "import gi; gi.require_version('GstRtspServer', '1.0')"
    with contextlib.suppress(OSError):
        return not subprocess.run([SYSTEM_PYTHON, "-c", code], capture_output=True).returncode
    return False


class Server:
    """GStreamer's RTSP server in its own process; ``/live`` is a moving ball."""

    def __init__(self, port: int = 0, *options: str) -> None:
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, str(_SCRIPT), "--port", str(port), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """Kills the server at once."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Wire:
    """A TCP relay to a server; ``mode`` may change at any time.

    ``open`` forwards everything; ``silent`` accepts connections but neither forwards nor closes;
    ``lossy`` drops bytes: no network does that, but a reader must survive it.
    """

    def __init__(self, port: int) -> None:
        self.mode = "open"
        self.connections = 0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:  # the server has been killed, perhaps to be replaced
                    client.close()
                    continue
                self._sockets += [client, server]
                threading.Thread(target=self._relay, args=(client, server), daemon=True).start()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1400):
                while self.mode == "silent":
                    time.sleep(0.02)
                if self.mode == "open":
                    target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Breaks all connections, possibly mid-frame."""
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets.pop().shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.mode = "open"
        self._listener.close()
        self.cut()

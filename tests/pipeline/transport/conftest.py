from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import zmq

from pipeline.transport.envelope import Envelope
from pipeline.transport.keys import make_key
from pipeline.transport.messages import MessageError, encode
from pipeline.transport.subscription import subscribe
from stages.records import Dropped, DropReason
from tools.harness.ports import free_port

MALFORMED, SKIPPED = 1, 2  # positions


def prepare(envelope):
    """Accepts all messages except those at two positions."""
    if envelope.position == MALFORMED:
        raise MessageError("harmed")
    return None if envelope.position == SKIPPED else envelope


def times_open(name: str) -> int:
    """Returns how often this process has a memory file open; a map of it counts too."""
    open_files = [descriptor.resolve().name for descriptor in Path("/proc/self/fd").iterdir()]
    return sum(name in file for file in open_files)


@pytest.fixture
def keys(tmp_path):
    folder = tmp_path / "keys"
    for name in ("server", "friend", "stranger"):
        make_key(folder, name)
    (folder / "clients").mkdir()
    (folder / "clients" / "friend.key").write_text((folder / "friend.key").read_text())
    return folder


class Listener:
    def __init__(self, address, *keys):
        self.heard = []
        threading.Thread(target=self._listen, args=(address, *keys), daemon=True).start()

    def _listen(self, address, *keys):
        for envelope in subscribe(address, *keys):
            self.heard.append(envelope.record)


def publish(broadcast, listeners, seconds):
    record = Dropped("cam", 0, 1, 2, DropReason.BEHIND)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(each.heard for each in listeners):
        broadcast.send(encode(Envelope(record)))
        time.sleep(0.02)
    return record


@pytest.fixture
def context():
    """A context; sockets left open are closed after the test, and what waits in them is lost."""
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def address(tmp_path):
    return f"ipc://{tmp_path}/tracks"


@pytest.fixture
def port():
    return free_port()

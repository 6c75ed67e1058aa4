from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stages.extras import disable_telemetry

disable_telemetry()  # for tests that import a package themselves


@pytest.fixture
def full_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder on a file system of 64 KiB, or of the size given as the fixture's parameter."""
    mount = tmp_path / "full"
    mount.mkdir()
    size = getattr(request, "param", "64k")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(mount)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Paths of the files and folders that were synced so far, in order."""
    paths: list[Path] = []
    sync = os.fsync

    def record(descriptor: int) -> None:
        paths.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return paths


@pytest.fixture
def refuse_sync(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], bool], int], None]:
    """Returns a function that makes ``os.fsync`` fail for files whose mode meets a condition."""
    sync = os.fsync

    def refuse(kind: Callable[[int], bool], code: int) -> None:
        def refusing(descriptor: int) -> None:
            if kind(os.fstat(descriptor).st_mode):
                raise OSError(code, os.strerror(code))
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", refusing)

    return refuse


@pytest.fixture
def same_priority() -> Iterator[None]:
    """Restores the scheduling, as SVT-AV1 raises the calling thread's priority if run by root."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    yield
    os.sched_setscheduler(0, policy, parameters)


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be entered; the test does not run as root while it exists."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    user, nobody = os.geteuid(), 65534
    if user == 0:
        os.seteuid(nobody)
    try:
        yield folder
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


@pytest.fixture
def serve_http() -> Iterator[Callable[[Callable[..., http.server.BaseHTTPRequestHandler]], str]]:
    """Starts an HTTP server whose requests a handler answers; returns its URL."""
    servers = []

    def start(handler: Callable[..., http.server.BaseHTTPRequestHandler]) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.addresses import endpoint
from pipeline.config_file import load_config
from stages.errors import SourceError, SpotStreamError
from stages.records import PixelFormat
from tests.waiting import wait_for
from tools.bench import transport
from tools.bench.figures import CPU, RATE
from tools.bench.hop import LATENCIES, Load, bare_hop, our_hop
from tools.bench.transport import four_processes, peer_transport
from tools.chaos.supervisor import _runs

SMALL = Load(48, 64, PixelFormat.BGR24, 20)


def first_of_free_ports(count: int = 70) -> int:
    """Returns the first of ``count`` consecutive free ports below the ephemeral range."""
    return next(port for port in range(20_000, 32_000, count) if are_free(port, count))


def are_free(first: int, count: int) -> bool:
    try:
        for port in range(first, first + count):
            socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_decoder_hop_reports_its_rate_and_cpu_time() -> None:
    values = our_hop(SMALL, "inline", "tcp", first_of_free_ports())
    assert set(values) == {RATE, CPU}
    assert all(value > 0 for value in values.values())


def test_decoder_whose_port_is_taken_ends_the_hop() -> None:
    port = first_of_free_ports()
    decoder = endpoint(
        "", load_config(None, [f"runtime.port={port}", "runtime.transport=tcp"]).runtime, "ack-0"
    )
    with (
        socket.create_server(("127.0.0.1", int(decoder.rpartition(":")[2]))),
        pytest.raises(SpotStreamError, match="the decoder ended with status"),
    ):
        our_hop(SMALL, "inline", "tcp", port)


def test_port_in_use_is_reported() -> None:
    port = first_of_free_ports()
    control = load_config(None, [f"runtime.port={port}", "runtime.transport=tcp"]).runtime
    taken = int(endpoint("", control, "control").rpartition(":")[2])
    message = f"TCP port {port} or one after it is in use"
    with socket.create_server(("127.0.0.1", taken)), pytest.raises(SpotStreamError, match=message):
        our_hop(SMALL, "inline", "tcp", port)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SpotStreamError, match=message):
        bare_hop(SMALL, 64, "tcp", port)


def test_bare_hop_at_a_fixed_rate_reports_latencies() -> None:
    values = bare_hop(Load(frames=20, rate=200), 64, "ipc", 0)
    assert set(values) == set(LATENCIES)
    assert 0 < values["p50 ms"] <= values["p99 ms"]


def test_four_processes_report_their_rate() -> None:
    values = four_processes(Load(48, 64, PixelFormat.YUV420P, 50))
    assert values[RATE] > 0


def test_peer_reports_its_rate_or_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = tmp_path / "driver.py"
    monkeypatch.setattr(transport, "DRIVER", driver)
    driver.write_text("import sys; assert sys.argv[1:] == 'receive x 48 64 20 7'.split()\n"
                      "print('hello'); print('rate', 12.5)")  # fmt: skip
    assert peer_transport("x", Path(sys.executable), SMALL, 7) == {RATE: 12.5}
    driver.write_text("raise KeyError('gone')")
    with pytest.raises(SpotStreamError, match="x failed: KeyError: 'gone'"):
        peer_transport("x", Path(sys.executable), SMALL, 7)


IMAGEZMQ = """
import contextlib, os, time
@contextlib.contextmanager
def hang(**options):
    open(f"{__file__}.{os.getpid()}", "w")
    time.sleep(300)
ImageHub = ImageSender = hang
"""
"""Stands for the imagezmq package: both ends hang."""


def hanging_process_ids(folder: Path) -> list[str]:
    """Returns the process ids of both ends once they hang."""
    wait_for(lambda: len(list(folder.glob("imagezmq.py.*"))) == 2)
    return [file.suffix[1:] for file in folder.glob("imagezmq.py.*")]


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "imagezmq.py").write_text(IMAGEZMQ)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


@pytest.mark.usefixtures("hanging")
def test_hanging_peer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_PEER_SECONDS", 1.0)
    with pytest.raises(SpotStreamError, match="imagezmq was not done after 1 s"):
        peer_transport("imagezmq", Path(sys.executable), SMALL, 7)


def test_peers_do_not_outlive_the_bench(hanging: Path) -> None:
    bench = (
        "import sys; from pathlib import Path; from tools.bench.hop import Load; "
        "from tools.bench.transport import peer_transport; "
        "peer_transport('imagezmq', Path(sys.executable), Load(), 7)"
    )
    with subprocess.Popen([sys.executable, "-c", bench]) as process:
        both = hanging_process_ids(hanging)
        process.kill()
    wait_for(lambda: not any(map(_runs, both)))


def test_failing_run_reports_its_reason() -> None:
    with pytest.raises(SpotStreamError, match=r"frames of 70000x2 are too large") as caught:
        four_processes(Load(2, 70_000, PixelFormat.BGR24, 20))
    assert caught.value.exit_code == SourceError.exit_code

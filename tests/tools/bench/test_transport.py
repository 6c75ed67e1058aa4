from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from pipeline.addresses import endpoint
from pipeline.config_file import load_config
from stages.errors import SpotStreamError
from stages.records import PixelFormat
from tools.bench import transport
from tools.bench.figures import CPU, RATE
from tools.bench.hop import LATENCIES, Load, bare_hop, our_hop
from tools.bench.transport import four_processes, peer_transport

SMALL = Load(48, 64, PixelFormat.BGR24, 20)


def first_of_free_ports(count: int = 70) -> int:
    """Returns the first of so many free ports below those that connections are given."""
    return next(port for port in range(20_000, 32_000, count) if are_free(port, count))


def are_free(first: int, count: int) -> bool:
    try:
        for port in range(first, first + count):
            socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_a_hop_of_a_decoder_gives_its_rate_and_processor_time() -> None:
    values = our_hop(SMALL, "inline", "tcp", first_of_free_ports())
    assert set(values) == {RATE, CPU}
    assert all(value > 0 for value in values.values())


def test_a_decoder_without_its_port_ends_the_hop() -> None:
    port = first_of_free_ports()
    decoders = endpoint(
        "", load_config(None, [f"runtime.port={port}", "runtime.transport=tcp"]).runtime, "ack-0"
    )
    with (
        socket.create_server(("127.0.0.1", int(decoders.rpartition(":")[2]))),
        pytest.raises(SpotStreamError, match="the decoder ended with status"),
    ):
        our_hop(SMALL, "inline", "tcp", port)


def test_a_port_in_use_is_told() -> None:
    port = first_of_free_ports()
    control = load_config(None, [f"runtime.port={port}", "runtime.transport=tcp"]).runtime
    taken = int(endpoint("", control, "control").rpartition(":")[2])
    told = f"TCP port {port} or one after it is in use"
    with socket.create_server(("127.0.0.1", taken)), pytest.raises(SpotStreamError, match=told):
        our_hop(SMALL, "inline", "tcp", port)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SpotStreamError, match=told):
        bare_hop(SMALL, 64, "tcp", port)


def test_a_bare_hop_at_a_rate_gives_latencies() -> None:
    values = bare_hop(Load(frames=20, rate=200), 64, "ipc", 0)
    assert set(values) == set(LATENCIES)
    assert 0 < values["p50 ms"] <= values["p99 ms"]


def test_all_frames_pass_the_four_processes() -> None:
    values = four_processes(Load(48, 64, PixelFormat.YUV420P, 50))
    assert values[RATE] > 0


def test_a_peer_is_run_by_its_own_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = tmp_path / "driver.py"
    monkeypatch.setattr(transport, "DRIVER", driver)
    driver.write_text("import sys; assert sys.argv[1:] == 'receive x 48 64 20 7'.split()\n"
                      "print('hello'); print('rate', 12.5)")  # fmt: skip
    assert peer_transport("x", Path(sys.executable), SMALL, 7) == {RATE: 12.5}
    driver.write_text("raise KeyError('gone')")
    with pytest.raises(SpotStreamError, match="x failed: KeyError: 'gone'"):
        peer_transport("x", Path(sys.executable), SMALL, 7)

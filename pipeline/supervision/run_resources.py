"""The resources that a run needs besides its processes."""

from __future__ import annotations

import contextlib
import errno
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import zmq

from pipeline.addresses import endpoint, is_taken
from pipeline.config import RunConfig
from pipeline.reporter import ReportReceiver
from pipeline.signals import IGNORED_SIGNALS, stop_signals
from pipeline.supervision.command_server import CommandServer
from pipeline.supervision.http_password import read_credentials
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.runtime_folder import RuntimeFolder
from stages.errors import ConfigError, reason_of
from stages.extras import require

if TYPE_CHECKING:
    from pipeline.supervision.metrics import MetricsServer
    from pipeline.supervision.stream_page import StreamPage

_CONNECTING_SECONDS = 5


@dataclass(frozen=True, slots=True)
class RunResources:
    """The open resources of a run; see their types."""

    monitor: RunMonitor
    folder: RuntimeFolder
    context: zmq.Context
    reports: ReportReceiver
    commands: CommandServer
    page: StreamPage | None


@contextlib.contextmanager
def open_run_resources(
    config: RunConfig,
    output: Path,
    monitor: RunMonitor,
    is_ready: Callable[[], bool],
    on_signal: Callable[[int, FrameType | None], None],
) -> Iterator[RunResources]:
    """Opens all resources; releases them when the run ends or one cannot be opened.

    Args:
        config: The configuration.
        output: Results folder.
        monitor: Source of the metrics and of the pictures, if the config asks for their servers.
        is_ready: Returns, for the metrics server, whether all stages are ready and the run was not
            asked to end.
        on_signal: Handler of the signals that ask the run to end.

    Raises:
        ConfigError: A folder or an address is not available, an extra is not installed, or the file
            of the HTTP password is not valid.
    """
    runtime = config.runtime
    password = runtime.http_password
    credentials = None if password is None else read_credentials(password)
    with contextlib.ExitStack() as undo:
        undo.callback(resource.setrlimit, resource.RLIMIT_NOFILE, _raise_descriptor_limit())
        if runtime.metrics is not None:
            metrics = _serve_metrics(runtime.metrics, monitor, is_ready, credentials)
            undo.callback(metrics.close)
        page = None
        if runtime.web is not None:
            page = _serve_page(runtime.web, monitor, credentials)
            undo.callback(page.close)
        for number in stop_signals():
            undo.callback(signal.signal, number, signal.signal(number, on_signal))
        for number in IGNORED_SIGNALS:  # which the stages inherit
            undo.callback(signal.signal, number, signal.signal(number, signal.SIG_IGN))
        folder = RuntimeFolder(str(output.absolute()))
        undo.callback(folder.close)
        context = zmq.Context()
        undo.callback(context.destroy, linger=0)
        try:
            reports = ReportReceiver(context, endpoint(folder.path, runtime, "control"))
            commands = CommandServer(context, folder.path)
        except zmq.ZMQError as error:
            if error.errno == errno.EMFILE:
                advice = "raise the limit with ulimit -n"
            elif runtime.transport == "tcp":
                advice = "choose another runtime.port"
            else:
                advice = "set TMPDIR to another folder"
            raise ConfigError(f"cannot open the run's sockets: {error}; {advice}") from error
        if runtime.transport == "tcp":
            _check_loopback(runtime.port)
            _check_ports(config)
        yield RunResources(monitor, folder, context, reports, commands, page)


def _check_loopback(port: int) -> None:
    """Checks that the stages can connect to a port that is bound; ZeroMQ would retry forever."""
    try:
        socket.create_connection(("127.0.0.1", port), _CONNECTING_SECONDS).close()
    except OSError as error:
        raise ConfigError(
            f"processes on this machine cannot reach each other at 127.0.0.1: {reason_of(error)}; "
            "bring the loopback interface up (ip link set lo up), or set runtime.transport=ipc"
        ) from error


def _check_ports(config: RunConfig) -> None:
    """Checks that the ports after the first, which the stages bind, are free."""
    detectors = (f"detector-{number}" for number in range(config.detector.workers))
    for name in ("tracker", "sink", *detectors):
        if is_taken(address := endpoint("", config.runtime, name)):
            raise ConfigError(f"{address} is in use; choose another runtime.port")


def _raise_descriptor_limit() -> tuple[int, int]:
    """Raises the open file limit of this process and the stages as far as it may; returns the old.

    The usual limit of 1024 is for programs that call select(); none of these processes does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft, hard


def _serve_metrics(
    address: str, monitor: RunMonitor, is_ready: Callable[[], bool], credentials: bytes | None
) -> MetricsServer:
    require("prometheus_client", "metrics", "runtime.metrics")
    from pipeline.supervision.metrics import MetricsServer

    return MetricsServer(address, monitor, is_ready, credentials)


def _serve_page(address: str, monitor: RunMonitor, credentials: bytes | None) -> StreamPage:
    from pipeline.supervision.stream_page import StreamPage  # here: imports http.server

    return StreamPage(address, monitor.picture, credentials)

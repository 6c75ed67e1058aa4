"""What a run tells Prometheus, where its config asks for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.reports import StreamMetrics
from stages.extras import need

if TYPE_CHECKING:
    from pipeline.supervision.metrics import MetricsServer
    from pipeline.transport.logbook import Logbook


class RunMetrics:
    """See `MetricsServer`; without an address, nothing is counted.

    Args:
        address: ``HOST:PORT`` to serve at, or None.
        ready: Whether all stages are ready.

    Raises:
        ConfigError: The address cannot be listened on, or the extra is not installed.
    """

    def __init__(self, address: str | None, ready: Callable[[], bool]) -> None:
        self._server: MetricsServer | None = None
        if address is not None:
            need("prometheus_client", "metrics", "runtime.metrics")
            from pipeline.supervision.metrics import MetricsServer

            self._server = MetricsServer(address, ready)

    def beat(self) -> None:
        """The supervisor's loop has come round."""
        if self._server is not None:
            self._server.beat()

    def begun(self, stream: str, logbook: Logbook) -> None:
        """A stream was begun, for the first time or again."""
        if self._server is not None:
            self._server.collector.begun(stream, logbook)

    def take(self, stream: str, metrics: StreamMetrics) -> None:
        """Keeps what the sink reports of a stream under way."""
        if self._server is not None:
            self._server.collector.take(stream, metrics)

    def take_batches(self, detector: int, counts: dict[int, int]) -> None:
        """Keeps what a detector reports."""
        if self._server is not None:
            self._server.collector.take_batches(detector, counts)

    def restarted(self, process: str, times: int) -> None:
        """A process was started again, so many times by now."""
        if self._server is not None:
            self._server.collector.restarted(process, times)

    def failed(self, stream: str) -> None:
        """An error ended a stream."""
        if self._server is not None:
            self._server.collector.failed(stream)

    def ended(self, stream: str, decoder: str) -> None:
        """A stream has ended, whose decoder's process had that name."""
        if self._server is not None:
            self._server.collector.ended(stream, decoder)

    def close(self) -> None:
        """Stops serving."""
        if self._server is not None:
            self._server.close()

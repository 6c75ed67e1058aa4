"""How many streams the limit of open files is enough for."""

from __future__ import annotations

import errno
import resource

from pipeline.config import RunConfig
from stages.wording import counted

_SHARED = 40  # of the supervisor, which has the most that belong to no stream, with some to spare
_OF_ANY_STREAM = 6  # journal, logbook, ring and its mapping, socket and its connection
_OVERLAY = 3  # the video being written, its journal, and that of the next video
_SENDING = 2  # pipes to and from the process that sends the overlay


def stream_descriptors(config: RunConfig) -> int:
    """Returns how many descriptors a stream may need in the sink, which needs the most.

    Text results count twice: the next ones begin before those of the previous part are complete.
    """
    sink = config.sink
    optional = sink.lines, sink.zones, sink.ground, sink.kitti, config.decoder.reference
    texts = 3 + sum(map(bool, optional))
    overlay = _OVERLAY * sink.overlay + _SENDING * bool(sink.overlay_url)
    return _OF_ANY_STREAM + 2 * texts + overlay


def check_descriptors(running: int, config: RunConfig) -> None:
    """Raises an OSError if one more stream might exhaust the descriptors of a process.

    ZeroMQ aborts a process that has no descriptor left for a connection.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(0, limit - _SHARED) // stream_descriptors(config)
    if running >= most:
        enough = f"the limit of {limit} open files is enough for {counted(most, 'stream')}"
        raise OSError(errno.EMFILE, f"{enough}; raise it with ulimit -n")

"""The other end of a bare ZeroMQ connection: ``bare_sender.py ENDPOINT BYTES COUNT RATE QUEUE``.

Sends COUNT messages of BYTES bytes, which start with the time in ns as eight bytes, at RATE per
second (0: as fast as possible), with at most QUEUE in flight. Then it waits to be killed: if it
exited, a receiver with a full queue would lose the messages that are still in the socket.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import time

import zmq

BORROWED_BYTES = 2**16  # below this, copying is faster
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Sends all messages, then waits."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # end with the bench
    endpoint, *numbers = sys.argv[1:]
    size, count, rate, queue = (int(number) for number in numbers)
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.sndhwm = queue
    socket.connect(endpoint)
    # As many bodies as can be in flight: like a video's frames, they are not in the CPU cache.
    bodies = [bytearray(size) for _ in range(min(queue, 8))]
    started = time.monotonic()
    for number in range(count):
        if rate:
            time.sleep(max(0.0, started + number / rate - time.monotonic()))
        body = bodies[number % len(bodies)]
        body[:8] = time.time_ns().to_bytes(8, "little")
        socket.send(body, 0, copy=size < BORROWED_BYTES)
    signal.pause()


if __name__ == "__main__":
    main()

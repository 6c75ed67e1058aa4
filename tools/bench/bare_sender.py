"""The other end of a bare ZeroMQ connection: ``bare_sender.py ENDPOINT BYTES COUNT RATE QUEUE``.

Sends so many messages of one size, whose first eight bytes are the time in ns; RATE a second, 0 for
as fast as it goes, with at most QUEUE on their way. Then it waits to be killed: a receiver whose
queue is full loses what is still in the socket when its peer is gone.
"""

from __future__ import annotations

import signal
import sys
import time

import zmq

BORROWED_BYTES = 2**16  # copying less is quicker


def main() -> None:
    """Sends everything and stays."""
    endpoint, *numbers = sys.argv[1:]
    size, count, rate, queue = (int(number) for number in numbers)
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.sndhwm = queue
    socket.connect(endpoint)
    # As many bodies as may be on their way: the frames of a video do not lie in the cache either.
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

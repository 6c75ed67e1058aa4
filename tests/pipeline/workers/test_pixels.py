from __future__ import annotations

import numpy as np

from pipeline.transport.envelope import Envelope
from pipeline.transport.ring import FrameRing, create_memory_file
from pipeline.workers.pixels import pixels_of
from tests.pipeline.transport.conftest import times_open
from tests.stages.sink.conftest import make_header, make_tracks


def test_pixels_are_read_from_the_message_or_the_slot():
    header = make_header(0)
    tracks, inline = make_tracks(header), np.full(header.shape, 7, np.uint8)
    _, path = create_memory_file("pixels")
    writer, reader = FrameRing(path), FrameRing(path)
    writer.reserve(2, inline.size)
    writer.slot(1, header.shape)[:] = 9
    assert pixels_of(header, Envelope(tracks), reader) is None
    assert pixels_of(header, Envelope(tracks, slot=1, pixels=inline), reader) is inline
    found = pixels_of(header, Envelope(tracks, slot=1), reader)
    assert found is not None
    assert found.shape == header.shape
    assert (found == 9).all()
    del found
    reader.close()
    writer.close()
    assert times_open("pixels") == 1

from __future__ import annotations

import pytest

from tools.bench.soak import soak_reconnects
from tools.harness.rtsp import available


@pytest.mark.skipif(not available(), reason="GStreamer's RTSP server is not here")
def test_every_process_is_watched_over_reconnects() -> None:
    told: list[str] = []
    soak = soak_reconnects(6, progress=told.append)
    assert soak.count == 6
    assert told[-1] == "soak: 6 of 6 reconnects"
    (decoder,) = (name for name in soak.slopes if name.startswith("decoder of "))
    assert set(soak.slopes) == {"supervisor", decoder, "detector", "tracker", "sink"}
    assert set(soak.descriptors) == set(soak.slopes)

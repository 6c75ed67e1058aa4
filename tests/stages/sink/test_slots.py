from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from stages.records import StreamStart
from stages.sink.options import SinkOptions
from stages.sink.overlay_parts import OverlayParts
from stages.sink.slots import Slots
from tools.bench.sink import drifting_tracks


def test_waiting_frames_never_exceed_the_slots(tmp_path: Path) -> None:
    slots = Slots(2)
    overlays = OverlayParts(tmp_path, SinkOptions(), slots.free, lambda: None)
    start = StreamStart("bench", 0, "", 96, 128, Fraction(30), Fraction(1, 30))
    for index, tracks in enumerate(drifting_tracks(20, 3, 96, 128)):
        slots.wait(overlays)
        assert overlays.frames - overlays.kept < 2
        overlays.write(start, tracks, np.zeros((144, 128), np.uint8), index + 1)
    overlays.commit()
    assert overlays.kept == 20

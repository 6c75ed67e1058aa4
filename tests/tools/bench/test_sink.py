from __future__ import annotations

import numpy as np

from tools.bench.figures import CPU, RATE
from tools.bench.sink import (
    DRAWING,
    ENCODING,
    HALF,
    LIMIT,
    OVERLAY,
    ULTRAFAST,
    bench_sink,
    drifting_tracks,
)

MEASURED = (DRAWING, ENCODING, OVERLAY, HALF, ULTRAFAST)


def test_drawing_encoding_and_both_are_measured() -> None:
    report = bench_sink(frames=4, vehicles=3, rounds=1, warm_up=0, height=192, width=256)
    values = {(figure.name, figure.unit): figure.median for figure in report.figures}
    assert set(values) == {
        *((name, unit) for name in MEASURED for unit in (RATE, CPU)),
        (LIMIT, CPU),
    }
    assert all(value > 0 for value in values.values())
    assert len(report.ratios) == 6


def test_drifting_vehicles_stay_in_the_frame_and_do_not_jump() -> None:
    tracks = drifting_tracks(200, 5, 96, 128)
    positions: dict[int, np.ndarray] = {}
    for each in tracks:
        assert len(set(each.ids.tolist())) == 5
        for identity, corner in zip(each.ids.tolist(), each.boxes[:, :2], strict=True):
            assert (corner >= 0).all()
            assert (corner < (128, 96)).all()
            assert np.abs(corner - positions.get(identity, corner)).max() < 20
            positions[identity] = corner

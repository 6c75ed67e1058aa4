from __future__ import annotations

import numpy as np
import pytest

from trackers.area_filter import AreaFilter


@pytest.mark.parametrize("growth", [-100.0, -101.0], ids=["to nothing", "below nothing"])
def test_an_area_that_would_shrink_to_nothing_is_kept(growth: float) -> None:
    tracks = AreaFilter()
    tracks.begin(np.array([[50.0, 60, 100, 1], [50, 60, 100, 1]]))
    tracks.velocities[:] = [[3.0, 4, growth, 0], [3, 4, 21, 0]]
    boxes = tracks.predict_boxes()
    np.testing.assert_allclose(boxes, [[48, 59, 58, 69], [47.5, 58.5, 58.5, 69.5]])
    assert tracks.velocities.tolist() == [[3, 4, 0, 0], [3, 4, 21, 0]]

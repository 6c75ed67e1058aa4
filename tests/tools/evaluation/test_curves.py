"""Score curves as they are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.evaluation import curves
from tools.evaluation.benchmark import Entry, EntryScore
from tools.evaluation.sequence import SequenceScore


def test_means_at_the_ends_use_only_existing_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(curves, "_svg", lambda figure: figure)
    errors = np.full((8, 3), 10)
    errors[0] = 40
    score = EntryScore(Entry("mine", Path()), {"A": SequenceScore("A", errors=errors)})
    [drawing] = curves.draw_curves([score])
    [panel] = drawing.svg.axes
    for line in panel.lines:
        assert line.get_ydata().tolist() == pytest.approx([20, 17.5, 16, 10, 10, 10, 10, 10])

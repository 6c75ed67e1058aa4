"""A sequence of UA-DETRAC and its detections."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.annotations.detrac_file import annotation, box, frame, overlap, target

HIDING = overlap(200, width=30, height=40)  # three fifths of a vehicle


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Avoids worker processes, which take longer to start than a few frames take to score."""
    monkeypatch.setattr("tools.evaluation.benchmark.usable_cores", lambda: 1)


@pytest.fixture
def detrac(tmp_path: Path) -> Path:
    """Ten frames of three vehicles: in full view, cut by the edge, mostly hidden."""
    frames = "".join(
        frame(
            number,
            target(1, 100, width=50, height=40),
            target(2, 0, width=50, height=40, cut=0.5),
            target(3, 200, width=50, height=40, overlaps=HIDING),
        )
        for number in range(1, 11)
    )
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "MVI_1.xml").write_text(annotation(frames, ignored=box(500, 0, 100, 100)))
    rows = [
        line
        for number in range(1, 11)
        for line in (
            f"{number},1,100,10,50,40,0.95",
            f"{number},2,0,10,50,40,0.5",
            f"{number},3,520,20,40,40,0.85",  # in the ignored region
        )
    ]
    (tmp_path / "det").mkdir()
    (tmp_path / "det" / "MVI_1_Det_X.txt").write_text("\n".join(rows) + "\n")
    return tmp_path

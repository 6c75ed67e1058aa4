from __future__ import annotations

from pathlib import Path

import pytest

from stages.sink.benchmark import write_benchmark_files
from tests.stages.sink.conftest import committing, make_start, names_in

MOT = "1,4,10.00,20.00,30.00,40.00,0.9000,-1,-1,-1\n"
MOT_WITH_CLASS = MOT.replace("-1,-1,-1", "3,-1,-1")
DETECTIONS = "1,1,10.00,20.00,30.00,40.00,0.900000\n2,1,1.00,2.00,3.00,4.00,0.500000\n"
DETECTIONS_WITH_CLASS = DETECTIONS.replace("00000\n", "00000,3\n")


def write_benchmark(
    tmp_path: Path, layout: str, detector: str = "SpotNet", detections: str = DETECTIONS
) -> Path:
    (tmp_path / "mot").write_text(MOT_WITH_CLASS)
    (tmp_path / "det").write_text(detections)
    root = tmp_path / "benchmark"
    with committing() as begin:
        write_benchmark_files(
            begin,
            make_start(stream="SEQ", layout=layout, detector=detector),
            root,
            mot_path=tmp_path / "mot",
            detections_path=tmp_path / "det",
            fps=12.5,
            frames=2,
        )
        assert all(name.endswith(".part") for name in names_in(root))
    return root


@pytest.mark.parametrize("detections", [DETECTIONS, DETECTIONS_WITH_CLASS])
def test_files_of_the_detrac_layout(tmp_path: Path, detections: str) -> None:
    root = write_benchmark(tmp_path, "detrac", detections=detections)
    assert names_in(root) == {
        "detections/SEQ_Det_SpotNet.txt",
        *(f"tracks/SEQ_{suffix}.txt" for suffix in ("LX", "LY", "W", "H", "speed")),
    }
    assert (root / "detections/SEQ_Det_SpotNet.txt").read_text() == DETECTIONS
    assert (root / "tracks/SEQ_H.txt").read_text() == "40.00\n0\n"
    assert (root / "tracks/SEQ_speed.txt").read_text() == "12.50\n"


def test_path_characters_in_the_detector_name_are_replaced(tmp_path: Path) -> None:
    names = names_in(write_benchmark(tmp_path, "detrac", "../spot net"))
    assert "detections/SEQ_Det_..-spot-net.txt" in names


@pytest.mark.parametrize("detections", [DETECTIONS, DETECTIONS_WITH_CLASS])
def test_files_of_the_uavdt_layout(tmp_path: Path, detections: str) -> None:
    root = write_benchmark(tmp_path, "uavdt", detections=detections)
    assert names_in(root) == {"detections/SEQ.txt", "tracks/SEQ.txt"}
    assert (root / "tracks/SEQ.txt").read_text() == MOT
    assert (root / "detections/SEQ.txt").read_text() == (
        "1,-1,10.00,20.00,30.00,40.00,0.900000,1,-1\n2,-1,1.00,2.00,3.00,4.00,0.500000,1,-1\n"
    )


def test_files_of_the_mot_layout(tmp_path: Path) -> None:
    root = write_benchmark(tmp_path, "mot")
    assert names_in(root) == {"tracks/SEQ.txt"}
    assert (root / "tracks/SEQ.txt").read_text() == MOT

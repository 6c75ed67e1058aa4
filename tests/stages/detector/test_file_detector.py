from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from stages.detector.file_detector import FileDetector
from stages.errors import ConfigError
from stages.records import Frame, FrameHeader, PixelFormat, StreamStart

ROWS = "1,1,10,20,30,40,0.9\n1,2,50,60,7,8,0.3\n3,1,11,20,30,40,0.8\n"


def frame(index: int, stream: str = "MVI_1") -> Frame:
    header = FrameHeader(
        stream, 0, index // 2, index, index, Fraction(1, 25), 0, 540, 960, PixelFormat.YUV420P
    )
    return Frame(header, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "detections"
    folder.mkdir()
    for name, left in (("MVI_1", 1), ("MVI_12", 12), ("MVI_2", 2)):
        (folder / f"{name}_Det_SpotNet.txt").write_text(f"1,1,{left},20,30,40,0.9\n")
    (folder / ".MVI_3.txt.part").write_text("")
    (folder / "notes.md").write_text("")
    return folder


def test_one_file_serves_frames_by_index(tmp_path: Path) -> None:
    path = tmp_path / "MVI_1_Det_SpotNet.txt"
    path.write_text(ROWS)
    detector = FileDetector(path)
    assert detector.name == "SpotNet"
    assert detector.class_names == ("vehicle",)
    frames = [frame(2), frame(0), frame(1), frame(7)]
    detections = detector.detect(frames)
    assert [len(each) for each in detections] == [1, 2, 0, 0]
    assert [each.frame for each in detections] == [each.header for each in frames]
    assert detections[0].boxes.tolist() == [[11, 20, 41, 60]]
    assert detections[0].motion is None
    assert detector.detect([]) == []


def test_the_number_of_files_kept_in_memory_is_limited(folder: Path) -> None:
    for number in range(100, 400):
        (folder / f"MVI_{number}.txt").write_text(ROWS)
    detector = FileDetector(folder)
    boxes = [weakref.ref(detector.file_of(f"MVI_{number}").boxes) for number in range(100, 400)]
    gc.collect()
    assert sum(each() is not None for each in boxes) <= 64
    assert boxes[-1]() is detector.file_of("MVI_399").boxes
    assert len(detector.file_of("MVI_100")) == 3


def test_warnings_about_the_file_of_a_stream_are_reported_once(tmp_path: Path) -> None:
    path = tmp_path / "M0101.txt"
    path.write_text("1,-1,100,50,30,40,90,2,-1\n")
    detector = FileDetector(path)
    start = StreamStart("M0101", 0, "", 540, 1024, Fraction(25), Fraction(1, 25))
    lines = detector.warnings(start)
    assert [each.startswith(f"{path}: ") for each in lines] == [True, True]
    assert "UAVDT's format" in lines[0]
    assert "scores up to 90" in lines[1]
    assert len(detector.warnings(replace(start, layout="uavdt"))) == 1
    assert detector.warnings(replace(start, epoch=1)) == []


def test_detections_below_min_score_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "det.txt"
    path.write_text(ROWS)
    detector = FileDetector(path, min_score=0.5)
    assert (detector.name, detector.description) == ("det", f"read from {path}")
    (detections,) = detector.detect([frame(0)])
    assert detections.scores.tolist() == pytest.approx([0.9])
    least = float(detections.scores[0])
    assert len(FileDetector(path, min_score=least).detect([frame(0)])[0].scores) == 1


def test_detections_of_other_classes_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "M0101.txt").write_text(
        "".join(f"1,-1,{10 * n},20,30,40,0.9,{n},-1\n" for n in (1, 2, 3))
    )
    detector = FileDetector(tmp_path, classes=("bus", "car"))
    assert detector.class_names == ("car", "truck", "bus")
    (detections,) = detector.detect([frame(0, "M0101")])
    assert detections.classes.tolist() == [0, 2]
    assert detections.boxes[:, 0].tolist() == [10, 30]
    for path in (tmp_path, tmp_path / "M0101.txt"):
        with pytest.raises(ConfigError, match=r"has no class van; it has car, truck, bus$"):
            FileDetector(path, classes=("van",))


def test_a_file_without_boxes_has_any_class(tmp_path: Path) -> None:
    path = tmp_path / "det.txt"
    path.write_text("")
    assert len(FileDetector(path, classes=("bus",)).detect([frame(0)])[0]) == 0
    path.write_text(ROWS)
    with pytest.raises(ConfigError, match=r"has no class bus; it has vehicle$"):
        FileDetector(path, classes=("bus",))


def test_a_folder_has_a_file_for_each_stream(folder: Path) -> None:
    detector = FileDetector(folder)
    assert detector.name == "SpotNet"
    batch = [frame(0, "MVI_2"), frame(0, "MVI_1"), frame(0, "MVI_12")]
    assert [each.boxes[0, 0] for each in detector.detect(batch)] == [2, 1, 12]


def test_the_folder_of_a_run_has_a_folder_for_each_stream(tmp_path: Path) -> None:
    for name, left in (("MVI_1", 1), ("MVI_12", 12)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "detections.txt").write_text(f"1,1,{left},20,30,40,0.9\n")
        (tmp_path / name / "mot.txt").write_text("1,1,99,20,30,40,0.9,-1,-1,-1\n")
    detector = FileDetector(tmp_path)
    assert detector.name == tmp_path.name
    batch = [frame(0, "MVI_12"), frame(0, "MVI_1")]
    assert [each.boxes[0, 0] for each in detector.detect(batch)] == [12, 1]
    with pytest.raises(ConfigError, match=r"no file for MVI_2; expected .* or MVI_2/detections"):
        detector.detect([frame(0, "MVI_2")])


def test_a_data_set_of_motchallenge_has_a_file_for_each_stream(tmp_path: Path) -> None:
    for name, left in (("MOT17-02", 2), ("MOT17-04", 4)):
        (tmp_path / name / "det").mkdir(parents=True)
        (tmp_path / name / "det" / "det.txt").write_text(f"1,-1,{left},20,30,40,0.9\n")
    detector = FileDetector(tmp_path)
    batch = [frame(0, "MOT17-04"), frame(0, "MOT17-02")]
    assert [each.boxes[0, 0] for each in detector.detect(batch)] == [4, 2]
    assert FileDetector(tmp_path / "MOT17-02" / "det" / "det.txt").name == "MOT17-02"


def test_a_detector_without_a_name_is_named_after_its_folder(tmp_path: Path) -> None:
    (tmp_path / "M0101.txt").write_text("1,-1,10,20,30,40,0.9,2,-1\n")
    detector = FileDetector(tmp_path)
    assert detector.name == tmp_path.name
    assert detector.class_names == ("car", "truck", "bus")
    (detections,) = detector.detect([frame(0, "M0101")])
    assert detections.classes.tolist() == [1]


def test_the_exact_name_is_preferred(tmp_path: Path) -> None:
    (tmp_path / "M0101.txt").write_text("1,-1,1,20,30,40,0.9\n")
    (tmp_path / "M0101_old.txt").write_text("1,-1,2,20,30,40,0.9\n")
    (detections,) = FileDetector(tmp_path).detect([frame(0, "M0101")])
    assert detections.boxes[0, 0] == 1


def test_a_stream_without_a_file_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"detections: no file for MVI_9; expected MVI_9\.txt or"):
        FileDetector(folder).detect([frame(0, "MVI_9")])


def test_a_file_name_may_extend_the_stream_name(folder: Path) -> None:
    (folder / "MVI_40_best.txt").write_text(ROWS)
    detector = FileDetector(folder)
    assert len(detector.detect([frame(0, "MVI_40")])[0]) == 2
    with pytest.raises(ConfigError, match="no file for MVI_4"):
        detector.detect([frame(0, "MVI_4")])


@pytest.mark.parametrize("name", ["rain_2", "rain-2", "rain (2)", "rain_2_best", "rain_2024-05-01"])
def test_a_file_with_a_number_after_the_name_is_not_matched(folder: Path, name: str) -> None:
    (folder / f"{name}.txt").write_text(ROWS)
    with pytest.raises(ConfigError) as caught:
        FileDetector(folder).detect([frame(0, "rain")])
    assert "no file for rain; expected rain.txt" in str(caught.value)
    assert f"{name}.txt may be of other sequences" in str(caught.value)


@pytest.mark.parametrize("name", ["rain_v2", "rain_2nd", "rain_best_2", "rain-FRCNN"])
def test_a_file_with_a_word_after_the_name_is_matched(folder: Path, name: str) -> None:
    (folder / f"{name}.txt").write_text(ROWS)
    (detections,) = FileDetector(folder).detect([frame(0, "rain")])
    assert len(detections) == 2


def test_one_file_for_two_streams_is_refused(folder: Path) -> None:
    (folder / "rain_heavy.txt").write_text(ROWS)
    detector = FileDetector(folder)
    for _ in range(2):
        assert len(detector.detect([frame(0, "rain")])[0]) == 2
    with pytest.raises(ConfigError, match=r"heavy\.txt is the file of rain and of rain_heavy"):
        detector.detect([frame(0, "rain_heavy")])


def test_a_file_is_found_by_the_stream_name_of_a_run(folder: Path) -> None:
    (folder / "Münchner Straße (1).txt").write_text(ROWS)
    (detections,) = FileDetector(folder).detect([frame(0, "Münchner-Straße-1")])
    assert len(detections) == 2
    with pytest.raises(ConfigError, match="no file for Münchner-Stra;"):
        FileDetector(folder).detect([frame(0, "Münchner-Stra")])


def test_a_stream_with_two_files_is_refused(folder: Path) -> None:
    (folder / "MVI_1_Det_Other.txt").write_text(ROWS)
    with pytest.raises(ConfigError, match=r"more than one file for MVI_1: .*_Det_Other.*_SpotNet"):
        FileDetector(folder).detect([frame(0)])


def test_a_folder_of_mixed_formats_is_refused(folder: Path) -> None:
    (folder / "MVI_9.txt").write_text("1,-1,10,20,30,40,0.9,2,-1\n")
    with pytest.raises(ConfigError, match=r"MVI_9.txt has classes car, truck, bus"):
        FileDetector(folder).detect([frame(0, "MVI_9")])


@pytest.mark.parametrize("name", ["M0001", "M0009"])  # before the others, and after them
def test_an_empty_file_fits_any_format(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.txt").write_text("")
    for other in ("M0002", "M0003"):
        (tmp_path / f"{other}.txt").write_text("1,-1,10,20,30,40,0.9,3,-1\n")
    detector = FileDetector(tmp_path)
    assert detector.class_names == ("car", "truck", "bus")
    found = detector.detect([frame(0, stream) for stream in (name, "M0002")])
    assert [each.classes.tolist() for each in found] == [[], [2]]


def test_missing_and_empty_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: no such file or folder"):
        FileDetector(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"has no .txt or .txt.gz file"):
        FileDetector(tmp_path)

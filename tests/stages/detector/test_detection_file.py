from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np
import pytest

from stages.detector.detection_file import DetectionFile
from stages.errors import ConfigError

DATA = Path(__file__).parents[4] / "shared" / "data"

DETRAC = "1,1,10,20,30,40,0.9\n3,1,11.5,20,30,40,0.8\n3,2,50,60,7,8,0.7\n"
MOT = "1,-1,10,20,30,40,0.9,-1,-1,-1\n3,-1,11.5,20,30,40,0.8,-1,-1,-1\n"
UAVDT = "1,-1,10,20,30,40,0.9,1,-1\n3,-1,11.5,20,30,40,0.8,3,-1\n"


def read(folder: Path, text: str) -> DetectionFile:
    path = folder / "det.txt"
    path.write_text(text)
    return DetectionFile.read(path)


@pytest.mark.parametrize(
    ("text", "format", "class_names"),
    [
        (DETRAC, "detrac", ("vehicle",)),
        (MOT, "mot", ("object",)),
        ("1,-1,10,20,30,40,0.9\n3,-1,11.5,20,30,40,0.8\n", "mot", ("object",)),
        ("1,-1,10,20,30,40,0.9,-1,-1\n3,-1,11.5,20,30,40,0.8,-1,-1\n", "mot", ("object",)),
        ("1,-1,10,20,30,40,0.9,0,-1\n3,-1,11.5,20,30,40,0.8,0,-1\n", "mot", ("object",)),
        (UAVDT, "uavdt", ("car", "truck", "bus")),
    ],
)
def test_recognises_the_format(
    tmp_path: Path, text: str, format: str, class_names: tuple[str, ...]
) -> None:
    file = read(tmp_path, text)
    assert file.format == format
    assert file.class_names == class_names
    assert file.frame_count == 3
    assert len([*DetectionFile.read(file.path, 5).frames()]) == 5
    boxes, scores, classes = file.frame(0)
    assert boxes.tolist() == [[10, 20, 40, 60]]
    np.testing.assert_allclose(scores, [0.9], rtol=1e-6)
    assert (boxes.dtype, scores.dtype, classes.dtype) == (np.float32, np.float32, np.int16)
    assert file.frame(2).boxes[0].tolist() == [11.5, 20, 41.5, 60]
    assert file.frame(2).classes[0] == (2 if format == "uavdt" else 0)


def test_frames_without_lines_are_empty(tmp_path: Path) -> None:
    file = read(tmp_path, DETRAC)
    for index in (1, 3, 99):
        boxes, scores, classes = file.frame(index)
        assert boxes.shape == (0, 4)
        assert scores.shape == classes.shape == (0,)
    assert [len(frame.boxes) for frame in file.frames()] == [1, 0, 2]
    assert len(file) == 3


def test_lines_need_not_be_sorted(tmp_path: Path) -> None:
    file = read(tmp_path, "2,1,5,5,9,9,0.5\n1,1,1,1,9,9,0.9\n2,2,6,6,9,9,0.4\n")
    assert [frame.boxes[:, 0].tolist() for frame in file.frames()] == [[1], [5, 6]]
    assert file.frame(1).boxes[:, 0].tolist() == [5, 6]
    rows = [(2, 7, 3), (1, 0, 2), (1, 7, 1)]
    lines = (f"{frame},-1,{left},5,{left},9,0.5,{number},-1\n" for frame, left, number in rows)
    classes = [frame.classes.tolist() for frame in read(tmp_path, "".join(lines)).frames()]
    assert classes == [[0], [2]]  # the second has no area


def test_lines_of_a_frame_keep_their_order(tmp_path: Path) -> None:
    rows = [f"{2 - row % 2},1,{row},0,9,9,0.5\n" for row in range(400)]
    file = read(tmp_path, "".join(rows))
    assert file.frame(0).boxes[:, 0].tolist() == list(range(1, 400, 2))


def test_an_empty_file_has_no_frames(tmp_path: Path) -> None:
    file = read(tmp_path, "")
    assert (file.frame_count, len(file), list(file.frames())) == (0, 0, [])
    assert file.frame(0).boxes.shape == (0, 4)


def test_boxes_without_area_are_left_out(tmp_path: Path) -> None:
    file = read(tmp_path, "1,1,5,5,9,9,0.5\n1,2,5,5,0,9,0.5\n2,1,5,5,9,-3,0.5\n")
    assert (len(file), file.frame_count) == (1, 2)


def test_scores_may_be_unnormalised(tmp_path: Path) -> None:
    assert read(tmp_path, "1,-1,1,1,9,9,-3.5\n1,-1,1,1,9,9,71\n").frame(0).scores.tolist() == [
        -3.5,
        71,
    ]


def test_gzipped_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "det.txt.gz"
    path.write_bytes(gzip.compress(DETRAC.encode()))
    assert len(DetectionFile.read(path)) == 3


def test_changes_to_a_frame_do_not_reach_the_file(tmp_path: Path) -> None:
    file = read(tmp_path, DETRAC)
    file.frame(0).boxes[:] = 0
    assert file.frame(0).boxes.tolist() == [[10, 20, 40, 60]]
    with pytest.raises(ValueError, match="read-only"):
        file.frame(0).scores[:] = 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1,1,10,20,30,40\n",
            "det.txt:1: expected at least 7 columns, got 6; "
            "a line is frame,-1,left,top,width,height,score",
        ),
        ("frame,id,x,y,w,h,conf\n" + MOT, "got 'frame'; a line is frame,-1,left,top,width,"),
        ('[{"image_id": 1}]\n', "commas; a line is frame,-1,left,top,width,height,score"),
        (DETRAC + "4,1,1,1,5\n", "det.txt:4: expected at least 7 columns, got 5"),
        (DETRAC + "4,1,1,1,5,5,0.5,9\n", "det.txt:4: expected 7 columns"),
        (DETRAC + "\n4,1,1,a,5,5,0.5\n", "det.txt:5: column 4 must be a finite number"),
        (DETRAC + "4,1,1,1,5,5,nan\n", "det.txt:4: column 7 must be a finite number"),
        (DETRAC + "4,1,3e38,1,3e38,5,1\n", "det.txt:4: box at 3e+38, 3e+38 wide, has no finite"),
        (DETRAC + "0,1,1,1,5,5,0.5\n", "det.txt:4: frame must be a whole number from 1"),
        (UAVDT + "4,-1,1,1,5,5,0.5,4,-1\n", "det.txt:3: class must be one of 1 car"),
        (UAVDT + "4,-1,1,1,5,5,0.5,-1,-1\n", "det.txt:3: class must be one of 1 car"),
        (UAVDT + "4,-1,1,1,5,5,0.5,7,-1\n", "got 7; because of its nine columns and the class in"),
        ("1,7,1,1,5,5,1,-1,-1,-1\n", "must be -1, got 7; is this a tracking result"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not there")
def test_published_files_are_read() -> None:
    """They hold the best 100 boxes of each frame, a few of them without area."""
    for path, format, frames, left_out in (
        ("detrac/det/MVI_39511_Det_SpotNet.txt.gz", "detrac", 380, 0),
        ("detrac/det/MVI_39051_Det_SpotNet.txt.gz", "detrac", 1120, 258),
        ("uavdt/det/M0208.txt.gz", "uavdt", 265, 0),
    ):
        file = DetectionFile.read(DATA / path)
        lines = gzip.decompress((DATA / path).read_bytes()).count(b"\n")
        assert (file.format, lines - len(file)) == (format, left_out)
        assert file.frame_count == frames
        assert max(len(frame.boxes) for frame in file.frames()) == 100


def test_reads_a_hundred_thousand_lines_quickly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        f"{row // 100 + 1},{row % 100 + 1},{x},{y},31,22,{score:.8f}\n"
        for row, (x, y, score) in enumerate(
            zip(
                rng.integers(0, 900, 100_000),
                rng.integers(0, 500, 100_000),
                rng.random(100_000),
                strict=True,
            )
        )
    ]
    path = tmp_path / "det.txt"
    path.write_text("".join(rows))
    start = time.thread_time()
    file = DetectionFile.read(path)
    assert time.thread_time() - start < 0.6  # measured 0.17
    assert len(file) == 100_000


def test_the_benchmark_frame_size_is_dropped_if_boxes_lie_outside(tmp_path):
    rows = [f"{frame},1,{10 * frame},40,30,20,0.9" for frame in range(1, 51)]
    (tmp_path / "small.txt").write_text("\n".join(rows))
    assert DetectionFile.read(tmp_path / "small.txt").frame_size == (960, 540)
    (tmp_path / "large.txt").write_text("\n".join([*rows, "50,2,950,40,30,20,0.9"]))
    assert DetectionFile.read(tmp_path / "large.txt").frame_size is None
    (tmp_path / "stray.txt").write_text("\n".join([*rows * 20, "50,2,1500,40,30,20,0.9"]))
    assert DetectionFile.read(tmp_path / "stray.txt").frame_size == (960, 540)
    assert read(tmp_path, UAVDT).frame_size == (1024, 540)


def test_the_frame_size_of_a_run_is_read_from_its_report(tmp_path):
    (tmp_path / "detections.txt").write_text("1,1,10,40,30,20,0.9\n")
    assert DetectionFile.read(tmp_path / "detections.txt").frame_size == (960, 540)
    (tmp_path / "run.json").write_text('{"frame_size": [640, 360]}')
    assert DetectionFile.read(tmp_path / "detections.txt").frame_size == (640, 360)


def test_the_class_names_of_a_run_are_read_from_its_report(tmp_path):
    path, report = tmp_path / "detections.txt", tmp_path / "run.json"
    path.write_text("1,1,10,40,30,20,0.9,2\n1,2,10,40,30,20,0.8,1\n")
    report.write_text('{"class_names": ["car", "truck"]}')
    file = DetectionFile.read(path)
    assert (file.format, file.class_names) == ("run", ("car", "truck"))
    assert file.frame(0).classes.tolist() == [1, 0]
    report.write_text('{"class_names": ["car"]}')
    expected = r"txt:1: .* 8 columns must be -1, got 1; if this is .* missing or names no classes$"
    with pytest.raises(ConfigError, match=expected):
        DetectionFile.read(path)
    report.write_text('{"class_names": ["car, small", "truck"]}')
    expected = r"run\.json: a class name must have no commas, got 'car, small'$"
    with pytest.raises(ConfigError, match=expected):
        DetectionFile.read(path)
    report.write_text('{"class_names": ["car", "truck"]}')
    other = tmp_path / "north.txt"
    other.write_bytes(path.read_bytes())
    expected = r"north\.txt:1: .* truth\? a run's .* must be called detections\.txt and lie beside"
    with pytest.raises(ConfigError, match=expected):
        DetectionFile.read(other)
    path.write_text("1,1,10,40,30,20,0.9,3\n")
    with pytest.raises(ConfigError, match=r"class must be one of 1 car, 2 truck; got 3$"):
        DetectionFile.read(path)

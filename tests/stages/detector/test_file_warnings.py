"""Files that look misformatted are reported; published files are not."""

from pathlib import Path

import pytest

from stages.detector.detection_file import DetectionFile
from stages.detector.file_warnings import file_warnings, warnings_of_files

SHARED = Path(__file__).parents[4] / "shared"
SIZE = (960, 540)
BOXES = [(615.2, 216.9, 105.3, 60.6), (24.5, 79.1, 78.1, 76.5), (835.3, 281.8, 117.2, 73.3)]


def warnings_for(folder, boxes=BOXES, scores=(0.85, 0.4, 0.2), rest="", size=SIZE, **known):
    path = folder / "det.txt"
    rows = zip(boxes, scores, strict=False)
    path.write_text(
        "".join(f"1,-1,{','.join(map(str, box))},{score}{rest}\n" for box, score in rows)
    )
    return file_warnings(DetectionFile.read(path), size, **known)


def test_pixels_and_scores_from_0_to_1_are_not_reported(tmp_path):
    assert (
        warnings_for(tmp_path)
        == warnings_for(tmp_path, size=None)
        == warnings_for(tmp_path, boxes=[])
        == []
    )
    assert warnings_for(tmp_path, scores=(1, 1, 1)) == []


def test_corner_coordinates_are_reported(tmp_path):
    corners = [(left, top, left + width, top + height) for left, top, width, height in BOXES]
    for size in (SIZE, None):
        [warning] = warnings_for(tmp_path, corners, size=size)
        assert warning.endswith("are they its right and bottom?")
    assert warnings_for(tmp_path, [*corners[:2], BOXES[0]]) == []
    assert (
        warnings_for(tmp_path, [(10, 20, 30, 40)])
        == warnings_for(tmp_path, [(30, 20, 30, 20)], size=None)
        == []
    )


def test_duplicate_lines_are_reported(tmp_path):
    assert warnings_for(tmp_path, BOXES[:2] * 2, (0.85, 0.4) * 2) == [
        "2 detections are there more than once"
    ]
    assert warnings_for(tmp_path, BOXES[:1] * 2, (0.85, 0.85)) == [
        "1 detection is there more than once"
    ]
    assert warnings_for(tmp_path, BOXES[:1] * 2, (0.85, 0.4)) == []
    path = tmp_path / "classes.txt"
    path.write_text("".join(f"1,-1,10,20,30,40,0.5,{number},-1\n" for number in (1, 2)))
    assert file_warnings(DetectionFile.read(path), SIZE, of_uavdt=True) == []


def test_equal_boxes_in_different_frames_are_not_reported(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("1,-1,10,20,30,40,0.5\n2,-1,10,20,30,40,0.5\n")
    assert file_warnings(DetectionFile.read(path), SIZE) == []


def test_files_of_boxes_without_area_are_reported(tmp_path):
    assert warnings_for(tmp_path, [(30, 20, -10, 5), (30, 20, 5, 0)]) == [
        "none of its 2 boxes has an area"
    ]
    assert warnings_for(tmp_path, [(30, 20, -10, 5), BOXES[0]]) == []


def test_normalised_coordinates_are_reported(tmp_path):
    boxes = [(0.6, 0.4, 0.1, 0.1), (0.02, 0.1, 0.08, 0.14), (0, 0, 1, 1)]
    assert warnings_for(tmp_path, boxes) == [
        "no box is larger than a pixel; are these coordinates from 0 to 1?"
    ]
    assert warnings_for(tmp_path, [BOXES[0], *boxes[:2]]) == []


def test_percentage_scores_are_reported(tmp_path):
    [warning] = warnings_for(tmp_path, scores=(99.5, 40, 20))
    assert warning.startswith("there are scores up to 99.5; ")
    assert warnings_for(tmp_path, scores=(71, -3.5, 0)) == []
    assert warnings_for(tmp_path, scores=(99.5, 40, 20), tracked=False) == []


def test_whole_numbers_as_scores_may_be_ids(tmp_path):
    [warning] = warnings_for(tmp_path, scores=(1, 2, 57))
    assert warning.startswith("there are scores up to 57; ")
    assert warning.endswith("; are these whole numbers the ids of tracks?")
    [warning] = warnings_for(tmp_path, scores=(99.5, 40, 20))
    assert warning.endswith(" from 0 to 1")


def test_missing_scores_are_reported(tmp_path):
    for score in (-1, 0):
        [warning] = warnings_for(tmp_path, scores=(score,) * 3)
        assert warning.startswith(f"no score is above {score}; ")
    assert warnings_for(tmp_path, scores=(-1, -1, -1), tracked=False) == []
    assert warnings_for(tmp_path, scores=(-1, 0, 0.5)) == []


def test_nine_columns_outside_uavdt_are_reported(tmp_path):
    [warning] = warnings_for(tmp_path, rest=",2,-1")
    assert "nine columns" in warning
    assert warning.endswith("UAVDT's format, with classes 1 car, 2 truck, 3 bus")
    assert (
        warnings_for(tmp_path, rest=",2,-1", of_uavdt=True)
        == warnings_for(tmp_path, rest=",-1,-1")
        == []
    )


@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")
def test_published_files_are_not_reported():
    paths = [*SHARED.glob("data/*/det/*.gz"), *SHARED.glob("parity/sort/det/*.txt")]
    assert len(paths) == 16
    for path in paths:
        file = DetectionFile.read(path)
        assert (
            file_warnings(file, None, of_uavdt=True)
            == file_warnings(file, SIZE, of_uavdt=True)
            == []
        )


@pytest.mark.parametrize(("count", "more"), [(1, ""), (2, " and 1 other file")])
def test_the_first_suspicious_file_is_reported_with_a_count_of_others(count, more):
    found = [(Path("a"), []), *[(Path(f"b{number}"), ["odd"]) for number in range(count)]]
    assert warnings_of_files(found) == [f"b0{more}: odd"]

"""``spotstream segment`` as a person types it."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError, OutputError, SourceError
from stages.folder_lock import FolderLock
from tests.tools.processes import run_python, spotstream
from tests.tools.segmentation.drawn import draw, iou, write_detrac
from tools.main import app
from tools.segmentation import sequence
from tools.segmentation.mask_record import RECORD

INTERRUPTED = """
import os, signal, time
from tools import workers
from tools.main import main
from tools.segmentation import sequence

segment, wait = sequence.segment_sequence, workers.wait

def first_never_ends(frames, stopped, **others):
    while frames.name == "MVI_00001" and not stopped():
        time.sleep(0.01)
    return segment(frames, stopped=stopped, **others)

def wait_or_interrupt(ends):
    if len(ends) == 1:  # the other one's result is here
        os.kill(os.getpid(), signal.SIGINT)
    return wait(ends)

sequence.segment_sequence, workers.wait = first_never_ends, wait_or_interrupt
if __name__ == "__main__":
    main()
"""


def segment(*arguments):
    command = ["segment", *map(str, arguments), "--workers", "1"]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def test_a_data_set_gets_masks_and_a_sheet(tmp_path):
    write_detrac(tmp_path / "set", "MVI_00001", draw(10))
    sheet = tmp_path / "sheet.png"
    done = segment(tmp_path / "set", "--sheet", sheet, "--images", "4")
    assert done.exit_code == 0
    masks = tmp_path / "set" / "masks"
    assert f"MVI_00001: 10 masks, by background\nmasks: {masks}\nsheet: {sheet}\n" in done.output
    assert len(list((masks / "MVI_00001").glob("img*.png"))) == 10
    assert read(sheet).shape[1] > 1900
    assert "nothing to do, 10 were there" in segment(tmp_path / "set").output


@pytest.mark.parametrize(
    ("options", "made"),
    [
        (
            ["--method", "background", "--subtractor", "knn", "--no-blur"],
            {"method": "background", "subtractor": "knn", "fill-empty": True, "blur": False},
        ),
        (
            ["--method", "flow", "--no-fill-empty"],
            {"method": "flow", "fill-empty": False, "blur": True},
        ),
    ],
)
def test_masks_follow_the_options_and_are_not_mixed_with_others(tmp_path, options, made):
    write_detrac(tmp_path, "MVI_00001", draw(10))
    assert segment(tmp_path, *options).exit_code == 0
    record = json.loads((tmp_path / "masks" / "MVI_00001" / RECORD).read_text())
    assert made.items() <= record.items()
    with pytest.raises(OutputError, match="holds masks of other options"):
        segment(tmp_path, "--method", "boxes")


def test_images_are_segmented_without_torch(tmp_path):
    """Importing it takes seconds, during which no process can be asked to stop."""
    write_detrac(tmp_path / "set", "MVI_00001", draw(10))
    program = "import sys; sys.modules['torch'] = None; from tools.main import main; main()"
    done = run_python("-c", program, "segment", tmp_path / "set", "--workers", "1")
    assert done.stdout.startswith("MVI_00001: 10 masks, by background\n"), done.stderr


def test_masks_are_refused_among_the_images(tmp_path):
    write_detrac(tmp_path / "set", "MVI_00001", draw(10))
    with pytest.raises(
        ConfigError, match="would be mistaken for images; choose a folder elsewhere"
    ):
        segment(tmp_path / "set", "--output", tmp_path / "set" / "other")


@pytest.mark.parametrize("output", ["set", "other"])
def test_only_one_run_writes_to_a_folder_at_a_time(tmp_path, monkeypatch, output):
    write_detrac(tmp_path / "set", "MVI_00001", draw(10))
    arguments = tmp_path / "set", *(["--output", tmp_path / output] * (output != "set"))
    segment_sequence = sequence.segment_sequence

    def beside(*of_one, **others):
        monkeypatch.undo()
        with pytest.raises(OutputError, match=r"is writing there; choose another --output$"):
            segment(*arguments, "--overwrite")
        return segment_sequence(*of_one, **others)

    monkeypatch.setattr(sequence, "segment_sequence", beside)
    assert "MVI_00001: 10 masks" in segment(*arguments).output
    FolderLock(tmp_path / output).release()


def test_a_single_frame_without_boxes_gets_no_mask(tmp_path):
    (tmp_path / "photos").mkdir()
    for number, width in ((1, 80), (2, 90)):
        picture = np.full((60, width, 3), 90, np.uint8)
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.jpg"), picture)
    done = segment(tmp_path / "photos", "--output", tmp_path / "out")
    assert "photos: 0 masks" in done.output
    assert "motion cannot be found in one frame without boxes" in done.stderr
    assert "2 of photos has another size than the first frame" in done.stderr
    assert not list((tmp_path / "out").rglob("*.png"))


def test_single_images_get_masks_from_their_boxes(tmp_path):
    (tmp_path / "images").mkdir()
    entries = []
    for number in (1, 2):
        name = f"street_{number}.jpg"
        cv2.imwrite(str(tmp_path / "images" / name), np.full((60, 80, 3), 90, np.uint8))
        entries.append({"id": number, "file_name": name, "width": 80, "height": 60, "scene": "s"})
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 15]}
    content = {
        "images": entries,
        "annotations": [box],
        "categories": [{"id": 1, "name": "car"}],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    (tmp_path / "images" / "street_2.jpg").write_bytes(b"\xff\xd8 no image")
    done = segment(tmp_path)
    assert done.exit_code == 3
    assert "single images: 1 mask, by boxes" in done.output
    assert "street_2.jpg" in done.output
    expected = np.zeros((60, 80), np.uint8)
    expected[20:35, 10:40] = 255
    assert np.array_equal(read(tmp_path / "masks" / "s" / "street_1.png"), expected)


def test_images_without_boxes_are_segmented_by_motion(tmp_path):
    drawn = draw(10)
    for number, image in enumerate(drawn.images):
        path = tmp_path / "road" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image)
    done = segment(tmp_path / "road", "--output", tmp_path / "out", "--no-blur")
    assert done.exit_code == 0
    assert done.stdout.endswith(f"\nmasks: {tmp_path / 'out' / 'masks'}\n")
    assert iou(read(tmp_path / "out" / "masks" / "road" / "4.png"), drawn.masks[4]) > 0.85
    with pytest.raises(ConfigError, match="no boxes"):
        segment(tmp_path / "road", "--method", "boxes")


def write_video(path, frames):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (192, 128))
    for image in draw(frames).images:
        writer.write(image)
    writer.release()


def test_a_sequence_with_a_truncated_annotation_is_left_out(tmp_path):
    for name in ("MVI_00001", "MVI_00002"):
        write_detrac(tmp_path, name, draw(10))
    cut = tmp_path / "annotations" / "MVI_00001.xml"
    cut.write_bytes(cut.read_bytes()[:900])
    sheet = tmp_path / "sheet.png"
    done = segment(tmp_path, "--sheet", sheet)
    assert done.exit_code == 3
    assert f"left out: annotation file that cannot be read: {cut}" in done.stderr
    masks = tmp_path / "masks"
    assert done.stdout == f"MVI_00002: 10 masks, by background\nmasks: {masks}\nsheet: {sheet}\n"


def test_left_out_boxes_do_not_change_the_exit_status(tmp_path):
    drawn = draw(10)
    drawn.boxes[3] = np.array([[50, 50, 50, 60]], np.float32)
    write_detrac(tmp_path, "MVI_00001", drawn)
    done = segment(tmp_path)
    assert done.exit_code == 0
    assert "left out: box without area" in done.stderr


def test_ten_left_out_items_are_listed_and_the_rest_is_counted(tmp_path):
    drawn = draw(14)
    drawn.boxes[:12] = [np.array([[50, 50, 50, 60]], np.float32)] * 12
    write_detrac(tmp_path, "MVI_00001", drawn)
    reported = segment(tmp_path).stderr.splitlines()
    assert len(reported) == 11
    assert reported[-1] == "left out: 2 more"


def test_an_interrupt_reports_the_finished_sequences(tmp_path):
    for name in ("MVI_00001", "MVI_00002"):
        write_detrac(tmp_path / "set", name, draw(10))
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    done = run_python(script, "segment", tmp_path / "set", "--workers", "2")
    assert done.returncode == 130, done.stderr
    masks = tmp_path / "set" / "masks"
    assert done.stdout == f"MVI_00002: 10 masks, by background\nmasks: {masks}\n"
    assert done.stderr == "stopping; once more ends at once\n"


def test_a_video_gets_masks_and_a_sheet(tmp_path):
    drawn = draw(12)
    video = tmp_path / "road.avi"
    write_video(video, 12)
    with pytest.raises(ConfigError, match="--output"):
        segment(video)
    sheet = tmp_path / "sheet.png"
    done = segment(video, "--output", tmp_path, "--no-blur", "--sheet", sheet)
    assert "road: 12 masks, by background" in done.output
    assert iou(read(tmp_path / "masks" / "road" / "img00006.png"), drawn.masks[5]) > 0.85
    assert sheet.is_file()


def test_a_broken_video_is_left_out_and_the_others_get_masks(tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("east", "south", "west"):
        write_video(videos / f"{name}.avi", 12)
    (videos / "east.avi").write_bytes(b"no video")
    south = (videos / "south.avi").read_bytes()
    (videos / "south.avi").write_bytes(south[: len(south) // 2])
    sheet = tmp_path / "sheet.png"
    done = segment(videos, "--output", tmp_path, "--sheet", sheet)
    assert "west: 12 masks, by background" in done.stdout
    assert "south: " in done.stdout
    assert "east: " not in done.stdout
    assert f"left out: cannot open {videos / 'east.avi'} as a video" in done.stderr
    assert f"left out: {videos / 'south.avi'} breaks off" in done.stderr
    assert sheet.is_file()
    assert done.exit_code == 3
    with pytest.raises(SourceError, match=r"cannot open .*east\.avi as a video"):
        segment(videos / "east.avi", "--output", tmp_path)


def test_a_full_disk_ends_with_one_line_and_status_4(tmp_path, full_disk):
    write_detrac(tmp_path / "set", "MVI_00001", draw(10))
    (full_disk / "ballast").write_bytes(bytes(62_000))
    done = spotstream("segment", tmp_path / "set", "--output", full_disk)
    assert done.returncode == 4
    assert "no space left" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_disk_filled_by_sheet_frames_is_reported_by_path(tmp_path, full_disk, monkeypatch):
    write_video(tmp_path / "west.avi", 12)
    monkeypatch.setattr("tempfile.tempdir", str(full_disk))
    with pytest.raises(OutputError, match=rf"{full_disk}/.*/west/img\d+\.png: no space left"):
        segment(tmp_path / "west.avi", "--output", tmp_path, "--sheet", tmp_path / "sheet.png")
    assert not list(full_disk.iterdir())
    assert not (tmp_path / "sheet.png").exists()

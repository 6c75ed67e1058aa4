import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from stages.decoder.image_folder import image_files
from stages.decoder.source_folders import (
    all_videos,
    image_folders,
    layout_of,
    nearest_videos,
    recordings_in,
    sequence_of,
    stated_frame_rate,
    videos_in,
)
from stages.errors import SourceError


@pytest.mark.parametrize(
    ("sequences", "layout"),
    [(["MVI_20011", "MVI_20012"], "detrac"), (["M0203", "M0205"], "uavdt"), (["a", "b"], "")],
)
@pytest.mark.parametrize("below", ["", "images/Insight-MVT_Annotation_Train"])
def test_sequences_are_found_without_their_masks(tmp_path, touch, sequences, layout, below):
    for name in sequences:
        touch(f"{below}/{name}/img00001.jpg".lstrip("/"), f"{below}/masks/{name}/1.png".lstrip("/"))
    found = image_folders(tmp_path)
    assert found == [tmp_path / below / name for name in sequences]
    assert [(sequence_of(folder), layout_of(folder)) for folder in found] == [
        (name, layout) for name in sequences
    ]


def test_a_sequence_in_mot_folders_has_that_layout_whatever_its_name(tmp_path):
    assert layout_of(tmp_path / "MVI_20011" / "img1") == "mot"


@pytest.mark.parametrize("place", ["", "train/", "train/Insight/"])
def test_an_image_above_benchmark_sequences_hides_none(tmp_path, touch, place):
    sequences = ["test/MVI_1", "train/Insight/MVI_2"]
    touch(*(f"{sequence}/img00001.jpg" for sequence in sequences))
    touch(f"{place}sheet.jpg")  # as `data check` draws it
    assert image_folders(tmp_path) == [tmp_path / sequence for sequence in sequences]


def test_the_sheet_of_data_check_is_not_a_frame(tmp_path, touch):
    touch("set/set-sheet.jpg", "set/images/a.jpg", "set/images/set-sheet.jpg")
    assert image_folders(tmp_path / "set") == [tmp_path / "set" / "images"]
    assert len(image_files(tmp_path / "set" / "images")) == 2


def test_subfolders_of_an_image_folder_are_not_read(tmp_path, touch):
    touch("flight/img1.jpg", "flight/img2.jpg", "flight/thumbnails/img1.jpg")
    for given in (tmp_path, tmp_path / "flight"):
        assert image_folders(given) == [tmp_path / "flight"]


def test_videos_in_day_folders_are_found_but_results_are_not(tmp_path, touch):
    days = ["monday/cam.mp4", "tuesday/b.FLV", "tuesday/cam.h264"]
    touch(*days, "monday/am/cam.mp4", "out/cam/overlay.mp4", "out/cam/run.json")
    assert nearest_videos(tmp_path) == [tmp_path / name for name in days]
    touch("above.mp4")
    assert nearest_videos(tmp_path) == videos_in(tmp_path) == [tmp_path / "above.mp4"]
    everywhere = ["above.mp4", days[0], "monday/am/cam.mp4", *days[1:]]
    assert all_videos(tmp_path) == [tmp_path / name for name in everywhere]


def test_mot_sequences_state_their_frame_rate(tmp_path, touch):
    touch("MOT16-02/img1/000001.jpg", "MOT16-02/det/000001.jpg")
    (tmp_path / "MOT16-02" / "seqinfo.ini").write_text("[Sequence]\nframeRate=30000/1001\n")
    assert stated_frame_rate(tmp_path / "MOT16-02" / "img1") == "30000/1001"
    assert stated_frame_rate(tmp_path / "MOT16-02" / "det") == ""
    assert sequence_of(tmp_path / "MOT16-02" / "img1") == "MOT16-02"


@pytest.mark.parametrize("rate", ["fast", "0", "25/0"])
def test_an_invalid_frame_rate_in_seqinfo_is_refused(tmp_path, rate):
    (tmp_path / "seqinfo.ini").write_text(f"[Sequence]\nframeRate={rate}\n")
    with pytest.raises(SourceError, match=r"frameRate in .*seqinfo\.ini"):
        stated_frame_rate(tmp_path / "img1")


def test_hidden_folders_are_not_searched(tmp_path, touch):
    names = ("recording.json", "a.mp4", "img1.jpg")
    touch(*(f"{folder}/{name}" for folder in (".trash", "cam") for name in names))
    (tmp_path / "loop").symlink_to("loop")
    assert recordings_in(tmp_path) == image_folders(tmp_path) == [tmp_path / "cam"]
    assert nearest_videos(tmp_path) == [tmp_path / "cam" / "a.mp4"]


def as_other_users(program):
    """Returns what a Python program prints that is bound by file permissions even as root."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not here, and root may read everything")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("kind", "mode"), [("recording.json", 0o000), ("img1.jpg", 0o400), ("a.mp4", 0o100)]
)
def test_an_unreadable_folder_is_skipped_but_refused_as_the_source(tmp_path, touch, kind, mode):
    touch(f"cam/{kind}", f"lost+found/{kind}", f"closed/{kind}")
    if kind == "recording.json":
        touch("cam/00000000-e0-20260101T000000Z.mkv")
    (tmp_path / "lost+found").chmod(mode)
    (tmp_path / "closed").chmod(mode)
    try:
        printed = as_other_users(f"""
            from stages.decoder.locations import expand_sources, unreadable_folders, skipped_videos
            from stages.errors import SourceError

            specs = expand_sources([{str(tmp_path)!r}])
            print(len(specs), specs[0].location, skipped_videos([{str(tmp_path)!r}], specs))
            print(*unreadable_folders([{str(tmp_path)!r}]))
            try:
                expand_sources([{str(tmp_path / "lost+found")!r}])
            except SourceError as error:
                print(error)
        """)
    finally:
        (tmp_path / "lost+found").chmod(0o700)
        (tmp_path / "closed").chmod(0o700)
    found, unsearched, refused = printed.splitlines()
    assert found.startswith(f"1 {tmp_path / 'cam'}")
    assert found.endswith(" []")
    assert unsearched == str(tmp_path / "closed")
    assert refused.startswith(f"cannot read {tmp_path}/lost+found")
    assert refused.endswith(": Permission denied")

import json
import os
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline.config import RunConfig
from pipeline.config_file import load_config
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.runtime_folder import RuntimeFolder
from stages.decoder.locations import SourceSpec
from stages.errors import OutputError
from stages.sink.folder_contents import remove_results


@pytest.fixture
def killed(tmp_path):
    """The rows that a killed run of the stream ``north`` left in its results folder."""
    (tmp_path / "north").mkdir()
    rows = tmp_path / "north" / ".mot.txt.part"
    rows.write_text("1,1,0,0,9,9,0.9,-1,-1,-1\n")
    return rows


def test_part_files_of_a_killed_run_are_named_and_kept(killed, tmp_path):
    north = SourceSpec("north", "north.mp4")
    with pytest.raises(OutputError, match=r"killed run: \.mot\.txt\.part; choose another"):
        ResultFolders([north], tmp_path, RunConfig(), overwrite=False)
    folders = ResultFolders([north], tmp_path, RunConfig(), overwrite=True)
    assert folders.to_run == [north]
    folders.outdate()
    assert killed.exists()
    folders.clear_away("north", broken=True)
    assert killed.exists()
    folders.clear_away("north", broken=False)
    assert not killed.parent.exists()
    folders.release()


@pytest.mark.parametrize(
    ("release", "whose"), [(version("spotstream"), ""), ("0", " of SpotStream 0")]
)
def test_release_that_completes_part_files_is_named(killed, tmp_path, release, whose):
    record = {"stream": "north", "versions": {"spotstream": release}}
    killed.with_name(".run.part").write_text(json.dumps(record))
    with pytest.raises(OutputError, match=f"north`{whose} completes them; or choose another"):
        ResultFolders([SourceSpec("north", "north.mp4")], tmp_path, RunConfig(), overwrite=False)


@pytest.mark.parametrize("record", ["{", "{}"])
def test_part_files_with_a_damaged_record_are_named(killed, tmp_path, record):
    killed.with_name(".run.part").write_text(record)
    with pytest.raises(OutputError, match=r"killed run: \.mot\.txt\.part; choose another"):
        ResultFolders([SourceSpec("north", "north.mp4")], tmp_path, RunConfig(), overwrite=False)


def test_results_that_lack_only_their_report_can_still_be_completed(killed, tmp_path):
    """As when the sink is killed after all other files have been given their final names."""
    killed.rename(killed.with_name("mot.txt"))
    journal, record = (killed.with_name(name) for name in (".journal.part", ".run.part"))
    folders = ResultFolders([], tmp_path, RunConfig(), overwrite=True)
    journal.touch()
    record.touch()
    assert folders.clear_away("north", broken=True)
    assert journal.exists()
    killed.with_name("run.json").write_text("{}")
    assert not folders.clear_away("north", broken=True)
    assert not journal.exists()
    folders.release()


def test_part_that_cannot_be_removed_stays(killed, tmp_path):
    stubborn = killed.with_name(".run.json.part")
    (stubborn / "inside").mkdir(parents=True)
    folders = ResultFolders([], tmp_path, RunConfig(), overwrite=True)
    folders.clear_away("north", broken=False)
    assert stubborn.exists()
    folders.release()


def test_unfinished_sequence_of_a_data_set_is_run_again(killed, tmp_path):
    done, north = (SourceSpec(name, name, of_data_set=True) for name in ("done", "north"))
    (tmp_path / "done").mkdir()
    report = tmp_path / "done" / "run.json"
    source = str(Path("done").absolute())
    versions = {"spotstream": version("spotstream")}
    report.write_text(json.dumps({"status": "complete", "source": source, "versions": versions}))
    journal = report.with_name(".journal.part")  # its run was killed at that moment
    journal.write_text("x")
    folders = ResultFolders([done, north], tmp_path, RunConfig(), overwrite=False)
    assert (folders.to_run, folders.finished) == ([north], ["done"])
    assert not journal.exists()
    folders.outdate()
    folders.release()
    folders = ResultFolders([done, north], tmp_path, RunConfig(), overwrite=True)
    assert report.exists()
    folders.outdate()
    folders.release()
    folders = ResultFolders([done, north], tmp_path, RunConfig(), overwrite=False)
    assert folders.to_run == [done, north]


@pytest.mark.parametrize("status", ["interrupted", "truncated", "complete"])
def test_recordings_do_not_replace_results_of_cameras(tmp_path, status):
    """A camera and its recording, in a folder of recordings, have the same stream name."""
    north = SourceSpec("north", str(tmp_path / "kept" / "north"), of_data_set=True)
    (tmp_path / "north").mkdir()
    report = tmp_path / "north" / "run.json"
    report.write_text(json.dumps({"status": status, "source": "rtsp://camera/north"}))
    text = rf"north holds results of another source \(rtsp://camera/north there, {north.location} n"
    with pytest.raises(OutputError, match=text):
        ResultFolders([north], tmp_path, RunConfig(), overwrite=False)
    folders = ResultFolders([north], tmp_path, RunConfig(), overwrite=True)
    assert folders.to_run == [north]
    folders.release()


def test_recordings_do_not_replace_part_files_of_cameras(killed, tmp_path):
    north = SourceSpec("north", str(tmp_path / "kept" / "north"), of_data_set=True)
    record = {"stream": "north", "lossless": False, "versions": {"spotstream": "0.8"}}
    killed.with_name(".run.part").write_text(json.dumps(record))
    with pytest.raises(
        OutputError, match=r"of a killed run: \.mot\.txt\.part; `spotstream complete"
    ):
        ResultFolders([north], tmp_path, RunConfig(), overwrite=False)
    killed.with_name(".run.part").write_text(json.dumps({**record, "lossless": True}))
    ResultFolders([north], tmp_path, RunConfig(), overwrite=False).release()


def test_complete_video_results_are_replaced_only_with_overwrite(tmp_path):
    """Sequences of a data set, in contrast, are skipped."""
    north = SourceSpec("north", "north.mp4")
    (tmp_path / "north").mkdir()
    report = {"status": "complete", "source": str(Path("north.mp4").absolute())}
    (tmp_path / "north" / "run.json").write_text(json.dumps(report))
    (tmp_path / "north" / "mot.txt").touch()
    with pytest.raises(OutputError, match="north holds results of an earlier run; choose another"):
        ResultFolders([north], tmp_path, RunConfig(), overwrite=False)
    folders = ResultFolders([north], tmp_path, RunConfig(), overwrite=True)
    assert (folders.to_run, folders.finished) == ([north], [])
    folders.release()


def test_only_reports_of_data_sets_are_outdated_and_only_once(tmp_path):
    specs = [SourceSpec("north", "north.mp4"), SourceSpec("done", "done", of_data_set=True)]
    reports = [tmp_path / spec.name / "run.json" for spec in specs]
    folders = ResultFolders(specs, tmp_path, RunConfig(), overwrite=True)
    for report in reports:
        report.parent.mkdir()
        report.write_text('{"status": "complete"}')
    folders.outdate()
    assert [report.exists() for report in reports] == [True, False]
    reports[1].write_text('{"status": "complete"}')  # written by this run
    folders.outdate()
    assert reports[1].exists()
    folders.release()


def test_files_of_no_run_are_replaced_only_with_overwrite(tmp_path):
    north = SourceSpec("north", "north", of_data_set=True)
    (tmp_path / "north").mkdir()
    rows = tmp_path / "north" / "mot.txt"
    rows.write_text("an annotation")
    with pytest.raises(OutputError, match=r"north holds mot\.txt, which no run has written; "):
        ResultFolders([north], tmp_path, RunConfig(), overwrite=False)
    folders = ResultFolders([north], tmp_path, RunConfig(), overwrite=True)
    assert folders.to_run == [north]
    folders.release()


def test_sequence_with_outdated_report_is_run_again(tmp_path):
    north = SourceSpec("north", "north", of_data_set=True)
    (tmp_path / "north").mkdir()
    for name in ("mot.txt", "run.json"):
        (tmp_path / "north" / name).write_text('{"status": "complete"}')
    folders = ResultFolders([north], tmp_path, RunConfig(), overwrite=True)
    folders.outdate()
    folders.release()
    folders = ResultFolders([north], tmp_path, RunConfig(), overwrite=False)
    assert (folders.to_run, folders.finished) == ([north], [])
    folders.release()
    remove_results(tmp_path / "north")
    assert not list((tmp_path / "north").iterdir())


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("of_data_set", [False, True])
def test_results_never_replace_their_source(tmp_path, overwrite, of_data_set):
    video = tmp_path / "overlay" / "overlay.mp4"
    video.parent.mkdir()
    video.write_text("a video")
    spec = SourceSpec("overlay", str(video), of_data_set=of_data_set)
    with pytest.raises(OutputError, match=r"would replace .*/overlay\.mp4; choose another"):
        ResultFolders([spec], tmp_path, RunConfig(), overwrite=overwrite)


@pytest.mark.parametrize("given", ["", "overlay/detections.txt"])
def test_results_never_replace_the_detections_they_are_made_from(tmp_path, given):
    file = tmp_path / "overlay" / "detections.txt"
    file.parent.mkdir()
    file.write_text("1,1,10,10,30,30,0.9\n")
    config = load_config(None, [f"detector.detections={tmp_path / given}"])
    specs = [SourceSpec("overlay", "overlay.mp4")]
    with pytest.raises(OutputError, match=r"would replace .*/detections\.txt; choose another"):
        ResultFolders(specs, tmp_path, config, overwrite=True)


def test_run_that_is_writing_to_the_output_is_named(tmp_path):
    (tmp_path / "other").mkdir()
    folders = ResultFolders([], tmp_path / "out", RunConfig(), overwrite=False)
    run = RuntimeFolder(str(tmp_path / "out"))
    with pytest.raises(OutputError, match=f"process {os.getpid()} is writing there"):
        ResultFolders([], tmp_path / "other" / ".." / "out", RunConfig(), overwrite=False)
    run.close()
    folders.release()


def test_a_broken_run_without_rows_leaves_no_folder(tmp_path):
    (tmp_path / "north").mkdir()
    for name in (".run.part", ".journal.part"):
        (tmp_path / "north" / name).touch()
    folders = ResultFolders([], tmp_path, RunConfig(), overwrite=False)
    assert not folders.clear_away("north", broken=True)
    assert not (tmp_path / "north").exists()
    folders.release()

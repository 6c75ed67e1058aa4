"""Completion of a stream's results after its sink and all successors were killed."""

import errno
import os
import pkgutil
import re
from pathlib import Path

import msgspec
import pytest

from pipeline.workers.checkpoint import Checkpoint
from pipeline.workers.recovery import complete_results, has_leftovers, remove_if_complete
from pipeline.workers.sink_stream import SinkStream
from stages.errors import OutputError
from stages.result_files import REPORT
from stages.sink.folder_contents import CHECKPOINT, JOURNAL, RUN, empty_unfinished_overlays
from stages.sink.journal import Journal
from stages.sink.stream_results import StreamResults
from tests.pipeline.workers.conftest import advance_until, end, feed, feed_into_checkpoint
from tests.pipeline.workers.leftovers import complete, copy_leftovers, frames_of, wait_until_kept
from tests.videos import frames_in
from tests.waiting import wait_for


def test_a_recorded_video_is_completed_from_its_journal(sink, tmp_path):
    north = sink(live=False)
    feed(north, 6)
    wait_until_kept(north, 6)
    folder = copy_leftovers(north, tmp_path)
    report = complete(folder)
    assert (report["status"], report["frames"]["in"]) == ("truncated", 6)
    assert report["message"] == "the run was killed, or the power failed"
    assert report["frames"]["missing"] == report["frames"]["left_out_of_overlay"] == 0
    assert report["connections"] is None
    assert report["config"]["sink"]["overlay_crf"]
    assert frames_of(folder) == [1, 2, 3, 4, 5, 6]
    assert frames_in(folder / "overlay.mp4") == 6


@pytest.mark.usefixtures("checkpoints_always_due")
def test_a_live_stream_is_completed_from_its_checkpoint(sink, tmp_path):
    north = sink(live=True)
    feed_into_checkpoint(north, 3)
    feed(north, 5, begin=3)
    wait_until_kept(north, 5)
    folder = copy_leftovers(north, tmp_path)
    report = complete(folder)
    assert report["frames"]["out"] == 5
    assert frames_of(folder) == [1, 2, 3, 4, 5]
    assert frames_in(folder / "overlay.mp4") == 5


@pytest.mark.usefixtures("checkpoints_always_due")
def test_journal_entries_that_the_checkpoint_covers_are_skipped(sink, tmp_path, monkeypatch):
    monkeypatch.setattr(Journal, "clear", lambda journal: None)  # the sink is killed before that
    north = sink(live=True)
    feed(north, 3)
    advance_until(north, lambda: (north.folder / CHECKPOINT).exists())
    report = complete(copy_leftovers(north, tmp_path))
    assert (report["frames"]["out"], report["epochs"]) == (3, 1)


def test_a_frame_whose_picture_was_not_kept_keeps_its_rows(sink, disk, tmp_path):
    north = sink(live=True)
    feed(north, 2)
    wait_until_kept(north, 2)
    disk.hang()
    feed(north, 4, begin=2)
    folder = copy_leftovers(north, tmp_path)
    disk.work()
    report = complete(folder)
    assert (report["frames"]["out"], report["frames"]["left_out_of_overlay"]) == (4, 2)
    assert frames_of(folder) == [1, 2, 3, 4]
    assert frames_in(folder / "overlay.mp4") == 2


def test_a_stream_that_had_ended_is_reported_as_complete(sink, disk, tmp_path):
    north = sink(live=False)
    disk.hang()
    feed(north, 4)
    end(north, 4)
    disk.wait_for_write()
    folder = copy_leftovers(north, tmp_path)
    disk.work()
    report = complete(folder)
    assert (report["status"], report["message"]) == ("complete", "")
    assert report["files"] == ["mot.txt", "detections.txt", "times.txt"]


@pytest.mark.usefixtures("checkpoints_always_due")
def test_a_failed_stream_is_completed_once_its_folder_is_writable(sink, tmp_path):
    north = sink(live=True)
    feed_into_checkpoint(north, 4)
    north.fail(OutputError("the disk fails"))
    folder = copy_leftovers(north, tmp_path)
    report = complete(folder)
    assert (report["frames"]["out"], report["frames"]["left_out_of_overlay"]) == (4, 4)
    assert frames_of(folder) == [1, 2, 3, 4]
    assert "overlay.mp4" not in report["files"]


@pytest.mark.usefixtures("checkpoints_always_due")
def test_pictures_removed_from_a_full_disk_count_as_left_out(sink, tmp_path):
    north = sink(live=True)
    feed_into_checkpoint(north, 4)
    folder = copy_leftovers(north, tmp_path)
    empty_unfinished_overlays(folder)  # by a sink that is killed right afterwards
    report = complete(folder)
    assert (report["frames"]["out"], report["frames"]["left_out_of_overlay"]) == (4, 4)
    assert "overlay.mp4" not in report["files"]


@pytest.mark.usefixtures("checkpoints_always_due")
def test_repeated_completion_counts_removed_pictures_as_left_out(sink, tmp_path, monkeypatch):
    north = sink(live=True)
    feed_into_checkpoint(north, 4)
    north.fail(OutputError("the disk fails"))
    folder = copy_leftovers(north, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("stages.atomic.AtomicFile.commit", lambda file: 1 / 0)  # all but the overlay
        with pytest.raises(ZeroDivisionError):
            complete_results(folder, print)
    assert complete(folder)["frames"]["left_out_of_overlay"] == 4


@pytest.mark.parametrize(
    "fails", ["stages.sink.encoding.Journal", "stages.sink.overlay.give_final_name"]
)
def test_a_failed_video_costs_no_later_one(fails, sink, tmp_path, plan, monkeypatch):
    """The first cannot be written, the second is complete, and the third has begun."""
    object.__setattr__(plan.config.sink, "overlay_minutes", 0.08 / 60)  # three frames
    works = pkgutil.resolve_name(fails)

    def fail(path, **options):
        if "overlay.mp4" in path.name:
            raise OutputError("the disk fails")
        return works(path, **options)

    monkeypatch.setattr(fails, fail)
    north = sink(live=False)
    feed(north, 7)
    wait_for((north.folder / "overlay-2.mp4").exists)
    north.fail(OutputError("the disk fails"))
    folder = copy_leftovers(north, tmp_path)
    report = complete(folder)
    assert (report["frames"]["out"], report["frames"]["left_out_of_overlay"]) == (7, 4)
    assert frames_in(folder / "overlay-2.mp4") == 3


@pytest.mark.usefixtures("checkpoints_always_due")
def test_results_that_a_successor_took_over_do_not_count_as_complete(sink, tmp_path, monkeypatch):
    north = sink(live=True)
    feed_into_checkpoint(north, 3)
    feed(north, 5, begin=3)
    end(north, 5)
    wait_for((north.folder / REPORT).exists)  # its process dies before it reports this
    with monkeypatch.context() as killed:
        killed.setattr(StreamResults, "finish", None)
        killed.setattr(SinkStream, "advance", lambda stream: None)
        sink(live=True)
    folder = copy_leftovers(north, tmp_path)
    report = complete(folder)
    assert (report["status"], report["frames"]["out"]) == ("complete", 5)
    assert frames_of(folder) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("room", ["for a checkpoint", "in place of the journal", "for nothing"])
def test_results_stopped_by_a_full_disk_are_completed_later(
    sink, tmp_path, monkeypatch, live, room
):
    north = sink(live=live)
    feed(north, 6)
    wait_until_kept(north, 6)
    folder = copy_leftovers(north, tmp_path)
    write = Path.write_bytes

    def no_space(*_):
        raise OSError(errno.ENOSPC, "")

    def write_once_there_is_room(path, content):
        if room == "for nothing" or (folder / JOURNAL).stat().st_size:
            no_space()
        write(path, content)

    last = {"output": str(folder.parent), "give_up_reason": "full", "text_only": True}
    successor = sink(live=live, **last)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", no_space)
        if room != "for a checkpoint":
            disk.setattr(Path, "write_bytes", write_once_there_is_room)
        if room == "for nothing":
            disk.setattr(Checkpoint, "size", 10**6)  # more than the journal has
        with pytest.raises(OutputError, match="no space left"):
            successor.give_up("full")
    report = complete(folder)
    assert (report["frames"]["out"], report["frames"]["left_out_of_overlay"]) == (6, 6)
    assert frames_of(folder) == [1, 2, 3, 4, 5, 6]


def test_nothing_remains_of_a_stream_without_frames(sink, tmp_path):
    folder = copy_leftovers(sink(live=True), tmp_path)
    assert complete_results(folder, print) is None
    assert list(folder.iterdir()) == []


def test_leftovers_beside_complete_results_are_removed(sink, tmp_path):
    north = sink(live=True)
    feed(north, 3)
    folder = copy_leftovers(north, tmp_path)
    leftovers = {path.name: path.read_bytes() for path in folder.glob(".*")}
    names = {"run.json", *complete_results(folder, print).files}
    for name in (JOURNAL, RUN):
        (folder / name).write_bytes(leftovers[name])
    assert has_leftovers(folder)
    assert remove_if_complete(folder)
    assert {path.name for path in folder.iterdir()} == names


@pytest.mark.parametrize("release", ["0.1.2", "99.0.0"])
def test_leftovers_of_another_release_are_refused_with_its_version(sink, tmp_path, release):
    north = sink(live=False)
    feed(north, 2)
    folder = copy_leftovers(north, tmp_path)
    record = msgspec.json.decode((folder / RUN).read_bytes())
    record = {"versions": record["versions"] | {"spotstream": release}, "config": "unknown"}
    (folder / RUN).write_bytes(msgspec.json.encode(record))
    message = f"north was written by SpotStream {re.escape(release)}: use that one"
    with pytest.raises(OutputError, match=message):
        complete_results(folder, print)


def test_a_renamed_folder_still_belongs_to_its_stream(sink, plan, tmp_path):
    plan.config.sink.lines["north"] = {"gate": (10.0, 0.0, 10.0, 30.0)}
    north = sink(live=False)
    feed(north, 2)
    folder = copy_leftovers(north, tmp_path).rename(tmp_path / "left" / "set aside")
    report = complete(folder)
    assert (report["stream"], list(report["crossings"])) == ("north", ["gate"])


def test_a_deleted_overlay_costs_no_later_one(sink, tmp_path, plan):
    object.__setattr__(plan.config.sink, "overlay_minutes", 0.08 / 60)  # three frames
    north = sink(live=False)
    feed(north, 7)
    wait_until_kept(north, 7)
    for name in ("overlay.mp4", "overlay-2.mp4"):  # each is completed in a thread of its own
        wait_for((north.folder / name).exists)
        wait_for(lambda parts=f".{name}*": not any(north.folder.glob(parts)))
    folder = copy_leftovers(north, tmp_path)
    (folder / "overlay.mp4").unlink()
    report = complete(folder)
    assert report["frames"]["left_out_of_overlay"] == 0
    assert {"overlay-2.mp4", "overlay-3.mp4"} < set(report["files"])

"""Successors of a killed sink: how they use its leftovers, and what they leave if killed too."""

import itertools
import threading

import pytest

from pipeline.workers.recovery import complete_results
from stages.atomic import remove_file
from stages.result_files import OVERLAY, files_of
from stages.sink.folder_contents import CHECKPOINT
from stages.sink.overlay import OverlayWriter
from stages.sink.painter import OverlayPainter
from stages.sink.text_results import TextResults
from tests.pipeline.workers.conftest import advance_until, feed
from tests.pipeline.workers.leftovers import complete, copy_leftovers
from tests.videos import frames_in
from tests.waiting import wait_for

FRAMES = 8
PART = 3  # frames


@pytest.fixture(autouse=True)
def short_parts(plan):
    for name in ("text_minutes", "overlay_minutes"):
        object.__setattr__(plan.config.sink, name, 0.08 / 60)


@pytest.fixture
def killed(sink, monkeypatch):
    """Makes a sink killed before it drew the frames with the given indices, all in one video."""
    draw, ended = OverlayPainter.draw, threading.Event()

    def leave(lost, *, live=False):
        def draw_others(painter, canvas, tracks, *shown):
            if tracks.frame.index in lost:
                assert ended.wait(100)  # only in the thread of this video
            draw(painter, canvas, tracks, *shown)

        monkeypatch.setattr(OverlayPainter, "draw", draw_others)
        stream = sink(live=live)
        feed(stream, FRAMES)
        videos = stream.results.overlays.unfinished
        wait_for(lambda: all(video.committed for video in videos[1:-1]))
        wait_for(lambda: videos[0].kept == PART - len(lost) and videos[-1].kept == FRAMES % PART)
        return stream

    yield leave
    ended.set()


def rows_in(folder):
    return sum(path.read_text().count("\n") for path in folder.glob("times*.txt"))


def pictures_in(folder):
    return [frames_in(path) for path in files_of(folder, OVERLAY)]


def advance_until_texts_are_named(stream):
    advance_until(stream, (stream.folder / "times-2.txt").exists)


def test_rows_and_pictures_of_frames_to_be_repeated_are_removed(sink, killed, tmp_path):
    advance_until_texts_are_named(killed({2}))
    successor = sink(live=False)  # is killed before they are repeated
    folder = copy_leftovers(successor, tmp_path)
    report = complete(folder)
    assert (report["frames"]["out"], rows_in(folder), pictures_in(folder)) == (2, 2, [2])


@pytest.mark.parametrize("removed", [0, 5, 12, 17])
def test_an_interrupted_removal_of_repeated_frames_loses_no_rows(
    sink, killed, tmp_path, monkeypatch, removed
):
    first = killed({2})
    advance_until_texts_are_named(first)
    count = itertools.count()

    def remove(path):
        if next(count) == removed:
            raise SystemExit
        remove_file(path)

    with monkeypatch.context() as patch:
        for module in ("text_results", "overlay_parts"):
            patch.setattr(f"stages.sink.{module}.remove_file", remove)
        with pytest.raises(SystemExit):
            sink(live=False)
    folder = copy_leftovers(first, tmp_path)
    report = complete(folder)
    assert (report["frames"]["out"], rows_in(folder)) == (FRAMES, FRAMES)
    assert sum(pictures_in(folder)) + report["frames"]["left_out_of_overlay"] == FRAMES


def test_repeated_completion_counts_pictures_a_finished_video_lacks(killed, tmp_path, monkeypatch):
    folder = copy_leftovers(killed({2}), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("stages.atomic.AtomicFile.commit", lambda file: 1 / 0)  # all but overlays
        with pytest.raises(ZeroDivisionError):
            complete_results(folder, print)
    monkeypatch.setattr(OverlayWriter, "commit_later", OverlayWriter.commit)
    report = complete(folder)
    assert report["frames"]["left_out_of_overlay"] == 1
    assert pictures_in(folder) == [2, 3, 2]


@pytest.mark.usefixtures("checkpoints_always_due")
def test_finished_videos_are_kept_after_a_text_only_successor(sink, killed, tmp_path, monkeypatch):
    folder = copy_leftovers(killed({2}, live=True), tmp_path)
    last = {"output": str(folder.parent), "give_up_reason": "full", "text_only": True}
    with monkeypatch.context() as patch:
        patch.setattr(TextResults, "name_earlier", lambda texts: None)  # its thread
        sink(live=True, **last)  # is killed afterwards
        assert (folder / CHECKPOINT).exists()
    report = complete(folder)
    assert report["frames"]["left_out_of_overlay"] == 3 + 2
    assert pictures_in(folder) == [3]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("first", range(PART))
def test_pictures_missing_from_one_video_cost_no_later_video(killed, tmp_path, live, first):
    lost = {*range(first, PART)}
    folder = copy_leftovers(killed(lost, live=live), tmp_path)
    report = complete(folder)
    assert report["frames"]["left_out_of_overlay"] == len(lost)
    assert pictures_in(folder) == ([first] if first else []) + [3, 2]

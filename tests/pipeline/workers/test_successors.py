"""What successors of a killed sink make of what it left, and what they leave if killed as well."""

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
from tests.pipeline.workers.conftest import acknowledge, feed
from tests.pipeline.workers.leftovers import completed, left_by
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
    """A sink that is killed before it has drawn the frames with these indices, of one video."""
    draw, ended = OverlayPainter.draw, threading.Event()

    def leave(lost, *, live=False):
        def draw_others(painter, canvas, tracks, *shown):
            if tracks.frame.index in lost:
                assert ended.wait(100)  # in the thread of this video alone
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


def name_texts(stream):
    acknowledge(stream, (stream.folder / "times-2.txt").exists)


def test_nothing_is_left_of_frames_that_were_to_come_again(sink, killed, tmp_path):
    name_texts(killed({2}))
    successor = sink(live=False)  # is killed before they come
    folder = left_by(successor, tmp_path)
    report = completed(folder)
    assert (report["frames"]["out"], rows_in(folder), pictures_in(folder)) == (2, 2, [2])


@pytest.mark.parametrize("removed", [0, 5, 12, 17])
def test_all_rows_remain_until_what_comes_again_is_removed(
    sink, killed, tmp_path, monkeypatch, removed
):
    first = killed({2})
    name_texts(first)
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
    folder = left_by(first, tmp_path)
    report = completed(folder)
    assert (report["frames"]["out"], rows_in(folder)) == (FRAMES, FRAMES)
    assert sum(pictures_in(folder)) + report["frames"]["left_out_of_overlay"] == FRAMES


def test_pictures_that_a_finished_video_lacks_are_left_out_where_it_is_repeated(
    killed, tmp_path, monkeypatch
):
    folder = left_by(killed({2}), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("stages.atomic.AtomicFile.commit", lambda file: 1 / 0)  # all but overlays
        with pytest.raises(ZeroDivisionError):
            complete_results(folder, print)
    monkeypatch.setattr(OverlayWriter, "commit_later", OverlayWriter.commit)
    report = completed(folder)
    assert report["frames"]["left_out_of_overlay"] == 1
    assert pictures_in(folder) == [2, 3, 2]


@pytest.mark.usefixtures("checkpoints_always_due")
def test_finished_videos_are_known_to_whoever_follows_a_sink_without_overlay(
    sink, killed, tmp_path, monkeypatch
):
    folder = left_by(killed({2}, live=True), tmp_path)
    last = {"output": str(folder.parent), "give_up_reason": "full", "text_only": True}
    with monkeypatch.context() as patch:
        patch.setattr(TextResults, "name_earlier", lambda texts: None)  # its thread
        sink(live=True, **last)  # is killed then
        assert (folder / CHECKPOINT).exists()
    report = completed(folder)
    assert report["frames"]["left_out_of_overlay"] == 3 + 2
    assert pictures_in(folder) == [3]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("first", range(PART))
def test_pictures_that_one_video_lacks_are_left_out_and_cost_no_later_video(
    killed, tmp_path, live, first
):
    lost = {*range(first, PART)}
    folder = left_by(killed(lost, live=live), tmp_path)
    report = completed(folder)
    assert report["frames"]["left_out_of_overlay"] == len(lost)
    assert pictures_in(folder) == ([first] if first else []) + [3, 2]

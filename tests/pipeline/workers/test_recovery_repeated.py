"""Results whose completion was itself killed, and is repeated."""

import pytest

from pipeline.workers.recovery import complete_results
from stages.atomic import AtomicFile, part_path
from stages.result_files import TIMES
from stages.sink.folder_contents import CHECKPOINT
from stages.sink.stream_results import StreamResults
from tests.pipeline.workers.conftest import advance_until, feed, feed_into_checkpoint
from tests.pipeline.workers.leftovers import complete, copy_leftovers, frames_of, wait_until_kept
from tests.videos import frames_in


def killed(*_):
    raise SystemExit


@pytest.mark.usefixtures("checkpoints_always_due")
def test_repeated_completion_duplicates_no_rows_after_a_power_failure(sink, tmp_path, monkeypatch):
    north = sink(live=True)
    feed_into_checkpoint(north, 4)
    feed(north, 8, begin=4)
    folder = copy_leftovers(north, tmp_path)
    times = part_path(folder / TIMES)
    times.write_text("".join(times.read_text().splitlines(keepends=True)[:2]))
    with monkeypatch.context() as patched:
        patched.setattr(StreamResults, "finish", killed)
        with pytest.raises(SystemExit):
            complete_results(folder, print)
    report = complete(folder)
    assert frames_of(folder) == [1, 2, 5, 6, 7, 8]
    assert (report["frames"]["in"], report["frames"]["missing"]) == (8, 2)


@pytest.mark.usefixtures("checkpoints_always_due")
@pytest.mark.parametrize("live", [False, True])
def test_repeated_completion_counts_pictures_a_named_video_lacks(sink, tmp_path, monkeypatch, live):
    north = sink(live=live)
    feed(north, 6)
    wait_until_kept(north, 6)
    advance_until(north, lambda: (north.folder / CHECKPOINT).exists() or not live)
    folder = copy_leftovers(north, tmp_path)
    packets = folder / ".overlay.mp4.1.part"
    packets.write_bytes(packets.read_bytes()[:-20])
    with monkeypatch.context() as patched:
        patched.setattr(AtomicFile, "commit", killed)  # only the video has its final name
        with pytest.raises(SystemExit):
            complete_results(folder, print)
    assert frames_in(folder / "overlay.mp4") == 5
    assert complete(folder)["frames"]["left_out_of_overlay"] == 1

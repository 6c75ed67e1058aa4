"""Completion of results after a power failure has lost or damaged some of their files."""

import pytest

from pipeline.workers.recovery import complete_results
from stages.atomic import part_path
from stages.errors import OutputError
from stages.result_files import event_pictures
from stages.sink.folder_contents import CHECKPOINT, JOURNAL, RUN
from stages.sink.text_results import TextResults
from tests.pipeline.workers.conftest import feed, feed_into_checkpoint
from tests.pipeline.workers.leftovers import complete, copy_leftovers, frames_of, wait_until_kept
from tests.videos import frames_in


@pytest.mark.usefixtures("checkpoints_always_due")
def test_rows_lost_in_a_power_failure_are_counted_as_missing(sink, tmp_path):
    north = sink(live=True)
    feed_into_checkpoint(north, 6)
    folder = copy_leftovers(north, tmp_path)
    times = part_path(folder / "times.txt")
    times.write_bytes(times.read_bytes()[:-12] + bytes(12))
    report = complete(folder)
    assert frames_of(folder) == [1, 2, 3, 4]
    assert report["frames"] == {
        "in": 6,
        "out": 4,
        "missing": 2,
        "missing_sequences": [],
        "left_out_of_overlay": 0,
        "not_found_on_picture": 0,
    }


@pytest.mark.usefixtures("checkpoints_always_due")
def test_rows_lost_before_their_file_was_renamed_are_missing(sink, plan, tmp_path, monkeypatch):
    object.__setattr__(plan.config.sink, "text_minutes", 0.16 / 60)  # five frames
    north = sink(live=True)
    with monkeypatch.context() as slow:
        slow.setattr(TextResults, "name_earlier", lambda texts: None)  # its thread
        feed_into_checkpoint(north, 7)
        folder = copy_leftovers(north, tmp_path)
    times = part_path(folder / "times.txt")
    times.write_bytes(times.read_bytes()[:-12] + bytes(12))
    report = complete(folder)
    assert (report["frames"]["in"], report["frames"]["missing"]) == (7, 2)
    assert frames_of(folder) == [1, 2, 3]
    assert (folder / "times-2.txt").read_text().count("\n") == 2


@pytest.mark.usefixtures("checkpoints_always_due")
def test_a_stream_that_lost_all_its_rows_still_gets_a_report(sink, tmp_path):
    north = sink(live=True)
    feed_into_checkpoint(north, 6)
    folder = copy_leftovers(north, tmp_path)
    part_path(folder / "times.txt").write_bytes(bytes(12))
    report = complete(folder)
    assert (report["status"], report["frames"]["in"]) == ("truncated", 6)
    assert (report["frames"]["out"], report["frames"]["missing"]) == (0, 6)


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size] + bytes(100))


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    ("name", "size"), [(CHECKPOINT, 0), (RUN, 0), (JOURNAL, 0), (JOURNAL, 900)]
)
def test_damaged_leftovers_are_kept_and_reported(name, size, live, sink, tmp_path):
    north = sink(live=live)
    feed(north, 6)
    wait_until_kept(north, 6)
    folder = copy_leftovers(north, tmp_path)
    (folder / name).touch()
    cut(folder / name, size)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OutputError, match=r"cannot be completed, as its leftovers are damaged"):
        complete_results(folder, print)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.usefixtures("checkpoints_always_due")
def test_a_live_stream_cannot_be_completed_without_its_checkpoint(sink, tmp_path):
    north = sink(live=True)
    feed_into_checkpoint(north, 3)
    feed(north, 5, begin=3)
    folder = copy_leftovers(north, tmp_path)
    (folder / CHECKPOINT).unlink()
    with pytest.raises(OutputError, match=r"\(the checkpoint is gone\)"):
        complete_results(folder, print)
    assert part_path(folder / "times.txt").read_text().count("\n") == 5


@pytest.mark.usefixtures("checkpoints_always_due")
def test_rows_left_out_for_lack_of_a_journal_are_reported(sink, tmp_path):
    north = sink(live=True)
    feed_into_checkpoint(north, 3)
    feed(north, 5, begin=3)
    folder = copy_leftovers(north, tmp_path)
    cut(folder / JOURNAL, 30)
    notices = []
    report = complete_results(folder, notices.append)
    assert report.ledger.written == 3
    assert notices == [
        f"{folder}: the rows of the last 2 frames are left out, as the journal lacks them"
    ]
    assert frames_of(folder) == [1, 2, 3]


@pytest.mark.usefixtures("checkpoints_always_due")
def test_event_pictures_are_removed_with_their_rows(sink, plan, tmp_path):
    plan.config.sink.lines["north"] = {"gate": (24.0, 0.0, 24.0, 32.0)}
    object.__setattr__(plan.config.sink, "event_pictures", True)
    north, centers_x = sink(live=True), [8, 40] * 3
    feed_into_checkpoint(north, 3, centers_x)
    feed(north, 6, begin=3, centers_x=centers_x)
    folder = copy_leftovers(north, tmp_path)
    cut(folder / JOURNAL, 30)
    assert frames_with_pictures(folder) == [2, 3, 4, 5, 6]
    complete_results(folder, lambda notice: None)
    rows = (folder / "crossings.txt").read_text().splitlines()
    assert [int(row.partition(",")[0]) for row in rows] == [2, 3]
    assert frames_with_pictures(folder) == [2, 3]


def frames_with_pictures(folder):
    return [int(path.name[:10]) for path in event_pictures(folder)]


def test_damaged_pictures_cost_no_rows(sink, tmp_path):
    north = sink(live=False)
    feed(north, 6)
    wait_until_kept(north, 6)
    folder = copy_leftovers(north, tmp_path)
    packets = folder / ".overlay.mp4.1.part"
    cut(packets, packets.stat().st_size - 20)
    report = complete(folder)
    assert (report["frames"]["out"], report["frames"]["left_out_of_overlay"]) == (6, 1)
    assert frames_in(folder / "overlay.mp4") == 5

"""Sinks that resume the results of a sink whose process was killed."""

from __future__ import annotations

import copy
from pathlib import Path

from stages.result_files import REPORT, read_report
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import make_header, make_start, make_tracks, names_in
from tests.stages.sink.stream import MS, TEXT, TEXTS, end, feed
from tests.waiting import wait_for


def test_second_sink_resumes_from_the_state_of_the_first(tmp_path: Path) -> None:
    options = SinkOptions(
        overlay_minutes=0.2 / 60,
        text_minutes=0.36 / 60,
        lines={"gate": (25, 0, 25, 90), "far": (0, 0, 90, 0)},
        zones={
            "first": ((10, 0), (17, 0), (17, 90), (10, 90)),
            "middle": ((24, 0), (40, 0), (40, 90), (24, 90)),
        },
    )
    headers = [make_header(i, epoch=int(i >= 4)) for i in range(20)]

    def begin(results: StreamResults) -> None:
        results.start(make_start())
        feed(results, headers[:4])
        results.start(make_start(epoch=1))

    wanted = tmp_path / "calm" / "cam"
    uninterrupted = StreamResults(wanted, options)
    begin(uninterrupted)
    feed(uninterrupted, headers[4:])
    expected = uninterrupted.finish(end(20), {})

    folder = tmp_path / "cam"
    first = StreamResults(folder, options)
    begin(first)
    feed(first, headers[4:8])
    state = copy.deepcopy(first.state())
    feed(first, headers[8:12])  # after the state was saved; its process dies now
    assert first.overlays.wait_until_kept(30)
    wait_for(lambda: first.overlays.unfinished[0].committed)  # its thread is still alive

    second = StreamResults(folder, options)
    second.restore(state)
    for header in headers[8:12]:
        x = header.index % 40
        tracks = make_tracks(header, [[x, 20, x + 30, 50], [60, 60, 90, 80]], [2, 1], [0.7, 0.9])
        work = {"decode": 2 * MS, "detect": (header.index + 1) * MS}
        written = Written(header.captured_ns + 30 * MS, 30 * MS)
        assert second.repeat(tracks, work, written, EarlierPicture.COMES_AGAIN) is not None
    pictures = second.overlays.frames
    again = tracks, work, written, EarlierPicture.COMES_AGAIN  # the journal may have it twice
    assert second.repeat(*again) == []
    assert second.overlays.frames == pictures
    lost = make_tracks(headers[12]), {}, Written(0, 0)  # nobody has its picture
    assert second.repeat(*lost, EarlierPicture.COMES_AGAIN) is None
    feed(second, headers[12:])
    second.finish(end(20), {})
    assert (folder / REPORT).read_bytes() == (wanted / REPORT).read_bytes()
    assert names_in(folder) == names_in(wanted) >= {"mot-2.txt", "times-2.txt", "crossings-2.txt"}
    counted = read_report(folder)
    assert counted["crossings"] == {"gate": {"left": 1, "right": 0}, "far": {"left": 0, "right": 0}}
    assert counted["zones"] == {
        "first": {"entered": 1, "inside": 0},  # before the state was saved
        "middle": {"entered": 1, "inside": 1},
    }
    for name in expected.files:
        if name.endswith(".txt"):
            assert (folder / name).read_bytes() == (wanted / name).read_bytes()


def test_sink_without_overlay_leaves_out_pictures_of_the_previous_one(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    first = StreamResults(folder)
    first.start(make_start())
    feed(first, map(make_header, range(5)))
    assert first.overlays.wait_until_kept(30)
    state = first.state()
    second = StreamResults(folder, TEXT)
    second.restore(state)
    report = second.finish(end(5), {})
    assert report.files == TEXTS
    assert (report.ledger.written, report.left_out, report.outcome) == (5, 5, ("complete", ""))
    first.overlays.discard()


def test_frame_is_repeated_without_a_picture_that_is_not_needed(tmp_path: Path) -> None:
    lost, none = EarlierPicture.COMES_AGAIN, EarlierPicture.NONE
    for options, picture in ((TEXT, lost), (SinkOptions(), none)):
        results = StreamResults(tmp_path / "cam", options)
        results.start(make_start())
        assert results.repeat(make_tracks(make_header(0)), {}, Written(0, 0), picture) == []
        assert results.ledger.written == 1
        assert results.overlays.left_out == options.overlay
        results.abort()


def test_frame_with_a_lost_picture_that_does_not_come_again_is_left_out(
    tmp_path: Path,
) -> None:
    results = StreamResults(tmp_path / "cam")
    results.start(make_start())
    lost = make_tracks(make_header(0)), {}, Written(0, 0)
    assert results.repeat(*lost, EarlierPicture.COMES_AGAIN) is None
    assert (results.ledger.written, results.overlays.left_out) == (0, 0)
    assert results.repeat(*lost, EarlierPicture.UNKNOWN) == []
    assert (results.ledger.written, results.overlays.left_out) == (1, 1)
    results.abort()

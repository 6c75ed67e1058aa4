"""Overlays of a process that resumes from a killed one."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest

from stages.records import PixelFormat
from stages.sink import overlay
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.overlay_parts import OverlayParts
from tests.stages.sink.conftest import gray, make_header, make_start, make_tracks, names_in
from tests.stages.sink.parts import OPTIONS, Hold, feed, feed_until_kept, lengths, parts_in
from tests.waiting import wait_for


def killed_before_final_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> OverlayParts:
    """Returns overlays with eight kept frames, killed before the first video has its name."""
    hold = Hold()
    with monkeypatch.context() as patch:
        patch.setattr(overlay, "give_final_name", hold)
        parts = parts_in(folder)
        feed(parts, range(8))
        assert hold.arrived.wait(100)
    assert parts.wait_until_kept(30)
    return parts


def test_next_process_completes_the_video_of_a_killed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = killed_before_final_name(tmp_path, monkeypatch)
    state = killed.state()
    second = parts_in(tmp_path, state)
    wait_for(lambda: second.unfinished[0].committed)  # before the stream has ended
    parts = parts_in(tmp_path, second.state())
    assert (parts.finished, parts.names) == (1, ("overlay.mp4", "overlay-2.mp4"))
    feed(parts, range(8, 14))
    parts.commit()
    assert lengths(tmp_path) == [6, 6, 2]
    later = parts_in(tmp_path)
    later.find_finished()
    assert later.names == ("overlay.mp4", "overlay-2.mp4", "overlay-3.mp4")
    assert names_in(tmp_path) == {"overlay.mp4", "overlay-2.mp4", "overlay-3.mp4"}
    (tmp_path / "overlay-2.mp4").unlink()
    later.find_finished()
    assert later.names == ("overlay.mp4", "overlay-3.mp4")


def test_callback_precedes_reading_the_pictures_of_a_killed_process(tmp_path: Path) -> None:
    killed = parts_in(tmp_path)
    feed_until_kept(killed, range(2))
    calls: list[int] = []
    parts = OverlayParts(tmp_path, OPTIONS, lambda: None, lambda: calls.append(parts.number))
    parts.restore(killed.state())
    assert (calls, parts.frames) == ([0], 2)
    parts.discard()


def test_bgr_frames_are_repeated_into_their_video(tmp_path: Path) -> None:
    headers = [make_header(index, pixel_format=PixelFormat.BGR24) for index in range(2)]
    killed = parts_in(tmp_path)
    for header in headers:
        killed.write(make_start(), make_tracks(header), gray(header), header.number)
    assert killed.wait_until_kept(30)
    parts = parts_in(tmp_path)
    for tracks in map(make_tracks, headers):
        assert parts.repeat(make_start(), tracks, EarlierPicture.COMES_AGAIN)
    assert (parts.number, parts.frames) == (1, 2)
    parts.discard()


def test_frames_kept_ahead_of_the_previous_video_are_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_before_final_name(tmp_path, monkeypatch)
    with (tmp_path / ".overlay.mp4.1.part").open("r+b") as file:  # its thread was slower
        file.truncate(file.seek(0, 2) - 1)
    parts = parts_in(tmp_path)
    tracks = map(make_tracks, map(make_header, range(6)))
    repeated = [parts.repeat(make_start(), each, EarlierPicture.COMES_AGAIN) for each in tracks]
    assert repeated == [True] * 5 + [False]
    parts.remove_later()
    assert names_in(tmp_path) == {".overlay.mp4.1.part", ".overlay.mp4.part"}
    for index in range(5, 14):
        feed(parts, range(index, index + 1))
        assert parts.kept <= parts.frames == index + 1
    assert parts.wait_until_kept(30)
    assert parts.kept == 14
    parts.commit()
    assert lengths(tmp_path) == [6, 6, 2]


@pytest.mark.parametrize("saved", [None, 4, 6])
def test_finished_video_may_be_moved_away_before_the_next_process(
    tmp_path: Path, saved: int | None
) -> None:
    killed = parts_in(tmp_path)
    feed_until_kept(killed, range(saved or 0))
    state = copy.deepcopy(killed.state()) if saved else None
    feed_until_kept(killed, range(saved or 0, 9))
    wait_for(lambda: killed.unfinished[0].committed)
    (tmp_path / "overlay.mp4").rename(tmp_path / "taken.mp4")
    parts = parts_in(tmp_path, state)
    for header in map(make_header, range(saved or 0, 9)):
        assert parts.repeat(make_start(), make_tracks(header), EarlierPicture.KEPT)
    assert not parts.repeat(make_start(), make_tracks(make_header(9)), EarlierPicture.COMES_AGAIN)
    feed(parts, range(9, 14))
    assert parts.left_out == 0
    parts.close()
    parts.commit()
    assert names_in(tmp_path) == {"taken.mp4", "overlay-2.mp4", "overlay-3.mp4"}
    assert parts.names == ("overlay-2.mp4", "overlay-3.mp4")
    assert lengths(tmp_path) == [6, 2]
    (tmp_path / "overlay-2.mp4").unlink()
    assert parts.names == ("overlay-3.mp4",)


@pytest.mark.parametrize("counted", [0, 1])
def test_first_frame_lost_on_a_hung_disk_loses_no_later_one(tmp_path: Path, counted: int) -> None:
    killed = parts_in(tmp_path)
    feed_until_kept(killed, range(1))
    state = killed.state()
    unfinished = [dataclasses.replace(state.unfinished[0], frames=counted)]
    (tmp_path / ".overlay.mp4.1.part").write_bytes(b"")
    parts = parts_in(tmp_path, dataclasses.replace(state, unfinished=unfinished))
    assert parts.left_out == counted
    feed(parts, range(1, 5))
    parts.commit()
    assert lengths(tmp_path) == [4]


def test_no_packet_files_remain_after_a_kill_during_their_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = parts_in(tmp_path)
    feed_until_kept(first, range(3))
    second = parts_in(tmp_path, first.state())
    feed_until_kept(second, range(3, 6))
    state = second.state()
    assert names_in(tmp_path) == {".overlay.mp4.1.part", ".overlay.mp4.2.part"}

    unlink, removed = Path.unlink, []

    def killed(path: Path, missing_ok: bool = False) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(path)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        second.commit()
    monkeypatch.undo()
    third = parts_in(tmp_path, state)
    third.commit()
    assert names_in(tmp_path) == {"overlay.mp4"}
    assert lengths(tmp_path) == [6]


def test_given_up_frames_are_counted_unless_their_video_is_finished(
    tmp_path: Path,
) -> None:
    killed = parts_in(tmp_path)
    feed_until_kept(killed, range(8))
    wait_for(lambda: killed.unfinished[0].committed)
    killed.left_out = 3
    state = killed.state()
    parts = parts_in(tmp_path)
    parts.give_up(state)
    parts.find_finished()
    assert (parts.names, parts.left_out) == (("overlay.mp4",), 5)
    killed.commit()  # it had finished, but was killed before reporting it
    parts.find_finished()
    assert (parts.names, parts.left_out) == (("overlay.mp4", "overlay-2.mp4"), 3)

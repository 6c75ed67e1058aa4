from __future__ import annotations

import copy
import dataclasses
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stages.errors import OutputError
from stages.records import PixelFormat, Tracks
from stages.sink import overlay
from stages.sink.drawing import YuvCanvas
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.options import SinkOptions
from stages.sink.overlay_parts import OverlayParts
from stages.sink.painter import OverlayPainter
from tests.stages.sink.conftest import (
    gray,
    make_header,
    make_start,
    make_tracks,
    names_in,
)
from tests.videos import frames_in
from tests.waiting import wait_for

OPTIONS = SinkOptions(overlay_minutes=0.2 / 60)  # six frames


def parts_in(folder: Path, gigabytes: float = 0.0) -> OverlayParts:
    options = dataclasses.replace(OPTIONS, overlay_gigabytes=gigabytes)
    return OverlayParts(folder, options, lambda: None, lambda: None)


def feed(parts: OverlayParts, indices: range) -> None:
    for header in map(make_header, indices):
        parts.write(make_start(), make_tracks(header), gray(header), header.number)


def lengths(folder: Path) -> list[int]:
    videos = sorted(folder.glob("overlay*.mp4"), key=lambda path: (len(path.name), path.name))
    return [frames_in(video) for video in videos]


class Hold:
    """Holds a thread where it gives a video its name."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.released = threading.Event()
        self._give_final_name = overlay.give_final_name

    def __call__(self, path: Path) -> None:
        self.arrived.set()
        if not self.released.wait(100):
            raise OutputError("never released")
        self._give_final_name(path)


def killed_at_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> OverlayParts:
    """A process that has kept eight frames, and dies before the first video has its name."""
    hold = Hold()
    with monkeypatch.context() as patch:
        patch.setattr(overlay, "give_final_name", hold)
        parts = parts_in(folder)
        feed(parts, range(8))
        assert hold.arrived.wait(100)
    assert parts.wait_until_kept(30)
    return parts


def test_frames_are_taken_while_a_video_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Hold()
    monkeypatch.setattr(overlay, "give_final_name", hold)
    parts = parts_in(tmp_path)
    feed(parts, range(16))
    assert hold.arrived.wait(100)
    assert parts.wait_until_kept(30)
    state = parts.state()
    assert (parts.frames, parts.kept) == (16, 16)
    assert (state.finished, [part.frames for part in state.unfinished]) == (0, [6, 6, 4])
    assert lengths(tmp_path) == []
    hold.released.set()
    parts.commit()
    assert names_in(tmp_path) == {"overlay.mp4", "overlay-2.mp4", "overlay-3.mp4"} == {*parts.names}
    assert lengths(tmp_path) == [6, 6, 4]


def test_what_a_killed_process_was_completing_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = killed_at_a_name(tmp_path, monkeypatch)
    state = killed.state()
    second = parts_in(tmp_path)
    second.restore(state)
    wait_for(lambda: second.unfinished[0].committed)  # before the stream has ended
    parts = parts_in(tmp_path)
    parts.restore(second.state())
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


def test_frames_kept_before_those_of_the_video_before_are_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at_a_name(tmp_path, monkeypatch)
    with (tmp_path / ".overlay.mp4.1.part").open("r+b") as file:  # its thread was the slower one
        file.truncate(file.seek(0, 2) - 1)
    parts = parts_in(tmp_path)
    tracks = map(make_tracks, map(make_header, range(6)))
    repeated = [parts.repeat(make_start(), each, EarlierPicture.COMES_AGAIN) for each in tracks]
    assert repeated == [True] * 5 + [False]
    parts.drop_later()
    assert names_in(tmp_path) == {".overlay.mp4.1.part", ".overlay.mp4.part"}
    for index in range(5, 14):
        feed(parts, range(index, index + 1))
        assert parts.kept <= parts.frames == index + 1
    assert parts.wait_until_kept(30)
    assert parts.kept == 14
    parts.commit()
    assert lengths(tmp_path) == [6, 6, 2]


@pytest.mark.parametrize("saved", [None, 4, 6])
def test_a_finished_video_may_be_taken_away_before_the_next_process_looks(
    tmp_path: Path, saved: int | None
) -> None:
    killed = parts_in(tmp_path)
    feed(killed, range(saved or 0))
    assert killed.wait_until_kept(30)
    state = copy.deepcopy(killed.state()) if saved else None
    feed(killed, range(saved or 0, 9))
    assert killed.wait_until_kept(30)
    wait_for(lambda: killed.unfinished[0].committed)
    (tmp_path / "overlay.mp4").rename(tmp_path / "taken.mp4")
    parts = parts_in(tmp_path)
    if state is not None:
        parts.restore(state)
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
def test_a_first_frame_that_a_hung_disk_never_kept_costs_no_later_one(
    tmp_path: Path, counted: int
) -> None:
    killed = parts_in(tmp_path)
    feed(killed, range(1))
    assert killed.wait_until_kept(30)
    state = killed.state()
    unfinished = [dataclasses.replace(state.unfinished[0], frames=counted)]
    (tmp_path / ".overlay.mp4.1.part").write_bytes(b"")
    parts = parts_in(tmp_path)
    parts.restore(dataclasses.replace(state, unfinished=unfinished))
    assert parts.left_out == counted
    feed(parts, range(1, 5))
    parts.commit()
    assert lengths(tmp_path) == [4]


def test_nothing_is_left_by_a_process_that_is_killed_while_it_removes_the_packets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = parts_in(tmp_path)
    feed(first, range(3))
    assert first.wait_until_kept(30)
    second = parts_in(tmp_path)
    second.restore(first.state())
    feed(second, range(3, 6))
    assert second.wait_until_kept(30)
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
    third = parts_in(tmp_path)
    third.restore(state)
    third.commit()
    assert names_in(tmp_path) == {"overlay.mp4"}
    assert lengths(tmp_path) == [6]


@pytest.mark.parametrize("resumed", [False, True])
def test_other_colors_and_pixels_of_another_shape_begin_another_video(
    tmp_path: Path, resumed: bool
) -> None:
    begun, wide = make_start(), make_start(pixel_aspect=Fraction(4, 3))
    parts = parts_in(tmp_path)
    other = PixelFormat.YUV420P_BT709
    for index, (start, pixel_format) in enumerate(
        [(begun, PixelFormat.YUV420P), (begun, PixelFormat.YUV420P), (begun, other), (wide, other)]
    ):
        header = dataclasses.replace(make_header(index), pixel_format=pixel_format)
        pixels = np.full(header.shape, 128, np.uint8)
        parts.write(start, make_tracks(header), pixels, header.number)
        if resumed and index == 1:
            assert parts.wait_until_kept(30)
            state = copy.deepcopy(parts.state())
            parts = parts_in(tmp_path)
            parts.restore(state)
    parts.commit()
    assert lengths(tmp_path) == [2, 1, 1]
    shown = []
    for name in parts.names:
        with av.open(str(tmp_path / name)) as container:
            stream = container.streams.video[0]
            shown.append((int(stream.codec_context.colorspace), stream.sample_aspect_ratio))
    assert [aspect for _, aspect in shown] == [1, 1, Fraction(4, 3)]
    assert shown[0][0] != shown[1][0] == shown[2][0] == 1  # BT.709


def test_frames_are_kept_in_their_order_whichever_video_they_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second video may be ahead of the first, which still draws."""
    goes_on = threading.Event()
    draw = OverlayPainter.draw

    def slow(painter: OverlayPainter, canvas: YuvCanvas, tracks: Tracks, *shown: Any) -> None:
        assert not 2 <= tracks.frame.index < 6 or goes_on.wait(100)
        draw(painter, canvas, tracks, *shown)

    monkeypatch.setattr(OverlayPainter, "draw", slow)
    parts = parts_in(tmp_path)
    feed(parts, range(9))
    first, second = parts.unfinished
    wait_for(lambda: (first.kept, second.kept) == (2, 3))
    assert (parts.frames, parts.kept) == (9, 2)
    goes_on.set()
    assert parts.wait_until_kept(30)
    assert parts.kept == 9
    parts.commit()


def test_frames_that_are_given_up_are_counted_unless_their_video_was_finished(
    tmp_path: Path,
) -> None:
    killed = parts_in(tmp_path)
    feed(killed, range(8))
    assert killed.wait_until_kept(30)
    wait_for(lambda: killed.unfinished[0].committed)
    killed.left_out = 3
    state = killed.state()
    parts = parts_in(tmp_path)
    parts.give_up(state)
    parts.find_finished()
    assert (parts.names, parts.left_out) == (("overlay.mp4",), 5)
    killed.commit()  # it had come that far, and said so no more
    parts.find_finished()
    assert (parts.names, parts.left_out) == (("overlay.mp4", "overlay-2.mp4"), 3)


def test_an_error_in_a_video_that_is_completed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise OutputError(f"cannot write {path}")

    monkeypatch.setattr(overlay, "give_final_name", fail)
    parts = parts_in(tmp_path)
    feed(parts, range(8))
    with pytest.raises(OutputError, match=r"overlay\.mp4"):
        parts.close()
    with pytest.raises(OutputError, match=r"overlay\.mp4"):
        _ = parts.kept
    parts.discard()
    assert names_in(tmp_path) == set()


def test_the_oldest_videos_are_removed_beyond_the_limit(tmp_path: Path) -> None:
    parts = parts_in(tmp_path / "all")
    feed(parts, range(6))
    parts.commit()
    size = (tmp_path / "all/overlay.mp4").stat().st_size

    folder = tmp_path / "limited"
    parts = parts_in(folder, 2.5 * size / 1e9)
    for first in range(0, 30, 6):
        feed(parts, range(first, first + 6))
        wait_for(lambda: all(writer.committed for writer in parts.unfinished[:-1]))
    states = [copy.deepcopy(parts.state())]
    assert (parts.finished, parts.removed) == (4, 2)
    assert parts.names == ("overlay-3.mp4", "overlay-4.mp4", "overlay-5.mp4")
    feed(parts, range(30, 36))
    parts.commit()
    states.append(parts.state())
    assert names_in(folder) == {f"overlay-{number}.mp4" for number in (5, 6)} == {*parts.names}
    assert (parts.frames, parts.kept) == (36, 36)

    for state, following in zip(states, (6, 7), strict=True):  # of a process that was killed
        parts = parts_in(folder)
        parts.restore(state)
        assert set(parts.names) <= names_in(folder)
        feed(parts, range(36, 38))
        assert parts.names[-1] == f"overlay-{following}.mp4"
        parts.discard()

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
from stages.sink.painter import OverlayPainter
from tests.stages.sink.conftest import make_header, make_start, make_tracks, names_in
from tests.stages.sink.parts import Hold, feed, feed_until_kept, lengths, parts_in
from tests.waiting import wait_for


def test_frames_are_accepted_while_a_video_is_completed(
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


@pytest.mark.parametrize("resumed", [False, True])
def test_new_color_space_or_pixel_aspect_starts_a_new_video(tmp_path: Path, resumed: bool) -> None:
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
            parts = parts_in(tmp_path, state)
    parts.commit()
    assert lengths(tmp_path) == [2, 1, 1]
    shown = []
    for name in parts.names:
        with av.open(str(tmp_path / name)) as container:
            stream = container.streams.video[0]
            shown.append((int(stream.codec_context.colorspace), stream.sample_aspect_ratio))
    assert [aspect for _, aspect in shown] == [1, 1, Fraction(4, 3)]
    assert shown[0][0] != shown[1][0] == shown[2][0] == 1  # BT.709


def test_new_video_starts_at_the_maximum_number_of_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay, "MAX_FRAMES", 4)
    killed = parts_in(tmp_path)
    feed_until_kept(killed, range(4))
    parts = parts_in(tmp_path, killed.state())
    feed(parts, range(4, 9))
    parts.commit()
    assert lengths(tmp_path) == [4, 4, 1]


def test_kept_counts_frames_only_up_to_the_first_unkept_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second video may be ahead of the first, which is still drawing."""
    may_proceed = threading.Event()
    draw = OverlayPainter.draw

    def slow(painter: OverlayPainter, canvas: YuvCanvas, tracks: Tracks, *shown: Any) -> None:
        assert not 2 <= tracks.frame.index < 6 or may_proceed.wait(100)
        draw(painter, canvas, tracks, *shown)

    monkeypatch.setattr(OverlayPainter, "draw", slow)
    parts = parts_in(tmp_path)
    feed(parts, range(9))
    first, second = parts.unfinished
    wait_for(lambda: (first.kept, second.kept) == (2, 3))
    assert (parts.frames, parts.kept) == (9, 2)
    may_proceed.set()
    assert parts.wait_until_kept(30)
    assert parts.kept == 9
    parts.commit()


def test_error_while_completing_a_video_is_reported(
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
    parts = parts_in(folder, gigabytes=2.5 * size / 1e9)
    for first in range(0, 30, 6):
        feed(parts, range(first, first + 6))
        wait_for(lambda: all(writer.committed for writer in parts.unfinished[:-1]))
    assert parts.finished >= 3  # without checkpoints, nothing asks for the state
    states = [copy.deepcopy(parts.state())]
    assert (parts.finished, parts.removed) == (4, 2)
    assert parts.names == ("overlay-3.mp4", "overlay-4.mp4", "overlay-5.mp4")
    feed(parts, range(30, 36))
    parts.commit()
    states.append(parts.state())
    assert names_in(folder) == {f"overlay-{number}.mp4" for number in (5, 6)} == {*parts.names}
    assert (parts.frames, parts.kept) == (36, 36)

    for state, following in zip(states, (6, 7), strict=True):  # of a process that was killed
        parts = parts_in(folder, state)
        assert set(parts.names) <= names_in(folder)
        feed(parts, range(36, 38))
        assert parts.names[-1] == f"overlay-{following}.mp4"
        parts.discard()

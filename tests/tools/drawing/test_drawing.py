"""Frames are drawn while others are decoded, without filling the memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import RunConfig, SinkConfig
from stages.decoder.locations import SourceSpec
from stages.errors import OutputError
from stages.sink.encoding import PacketWriter
from stages.sink.overlay_parts import OverlayParts
from tests.stages.decoder.conftest import write_video
from tests.videos import frames_in
from tools.drawing.drawing import TrackDrawing
from tools.results.stored_tracks import read_tracks


def test_few_frames_wait_for_a_slow_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, encode, waiting = OverlayParts.write, PacketWriter.encode, list[int]()

    def counting(parts: OverlayParts, *arguments: Any) -> None:
        write(parts, *arguments)
        waiting.append(parts.frames - parts.kept)

    def slow(writer: PacketWriter, *arguments: Any) -> int:
        time.sleep(0.005)
        return encode(writer, *arguments)

    monkeypatch.setattr(OverlayParts, "write", counting)
    monkeypatch.setattr(PacketWriter, "encode", slow)
    source, tracks, output = tmp_path / "a.mp4", tmp_path / "a.txt", tmp_path / "b.mp4"
    write_video(source, frames=40)
    tracks.touch()
    drawing = TrackDrawing(
        SourceSpec("a", str(source)), read_tracks(tracks, "a"), RunConfig(), print
    )
    done = list[tuple[int, int | None]]()
    drawing.write(output, progress=lambda *counts: done.append(counts))
    assert max(waiting) <= 8
    assert done == [(number, 40) for number in range(1, 41)]
    assert frames_in(output) == 40


def test_an_existing_file_is_noticed_when_its_video_begins(tmp_path: Path) -> None:
    source, tracks, output = tmp_path / "a.mp4", tmp_path / "a.txt", tmp_path / "b.mp4"
    write_video(source, frames=40)
    tracks.touch()
    (tmp_path / "b-2.mp4").touch()
    config = RunConfig(sink=SinkConfig(overlay_minutes=0.007))
    drawing = TrackDrawing(SourceSpec("a", str(source)), read_tracks(tracks, "a"), config, print)
    done = list[int]()
    with pytest.raises(OutputError, match=r"b-2\.mp4 exists; choose another place, or add --over"):
        drawing.write(output, progress=lambda frames, total: done.append(frames))
    assert max(done) == 12

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from stages.sink import encoders
from stages.sink.encoders import DEVICES, X264, Encoder, choose_encoder, works
from stages.sink.encoding import encoder_of
from stages.sink.options import SinkOptions
from stages.sink.overlay import OverlayWriter
from stages.sink.packet_files import PacketFiles
from tests.stages.sink.conftest import gray, make_header, make_start, make_tracks
from tests.stages.sink.stream import write_overlay

OTHER_ORDER = Encoder("libx264", "nv12")
"""Stands for a device: it takes what some devices take."""


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="yuv420p") for frame in video.decode(video=0)])


def test_without_being_asked_x264_encodes() -> None:
    assert choose_encoder("off", 320, 192) is X264


def test_what_works_is_taken_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Encoder("no_such_encoder")
    monkeypatch.setattr(encoders, "DEVICES", {"nvenc": broken, "qsv": OTHER_ORDER})
    assert choose_encoder("auto", 320, 192) is OTHER_ORDER
    assert choose_encoder("qsv", 320, 192) is OTHER_ORDER
    assert choose_encoder("nvenc", 320, 192) is X264


def test_a_size_that_the_device_cannot_do_is_left_to_x264(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "DEVICES", {"nvenc": Encoder("h263")})
    assert choose_encoder("nvenc", 352, 288).name == "h263"
    assert choose_encoder("nvenc", 320, 192) is X264  # H.263 has five sizes


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_that_is_not_there_does_not_work(name: str) -> None:
    if Path("/dev/dri").exists() or Path("/dev/nvidia0").exists():
        pytest.skip("there may be one")
    assert not works(DEVICES[name], 320, 192)


def test_other_orders_of_the_colors_give_the_same_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(encoders, "DEVICES", {"qsv": OTHER_ORDER})
    with caplog.at_level("INFO"):
        ours = write_overlay(
            tmp_path / "a.mp4", make_start(), [0, 3600, 7200], SinkOptions(overlay_hardware="auto")
        )
    assert "overlay: encoded by libx264" in caplog.text
    theirs = write_overlay(tmp_path / "b.mp4", make_start(), [0, 3600, 7200])
    np.testing.assert_array_equal(decoded(ours), decoded(theirs))


def test_a_device_that_worked_and_refuses_now_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("it may work")
    monkeypatch.setattr(encoders, "works", lambda encoder, width, height: True)
    with caplog.at_level("INFO"):
        ours = write_overlay(
            tmp_path / "a.mp4", make_start(), [0, 3600, 7200], SinkOptions(overlay_hardware="nvenc")
        )
    assert "a.mp4 is encoded by the CPU: h264_nvenc" in caplog.text
    by_x264 = write_overlay(tmp_path / "b.mp4", make_start(), [0, 3600, 7200])
    assert ours.read_bytes() == by_x264.read_bytes()


def test_a_video_that_was_begun_keeps_its_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "overlay.mp4"
    monkeypatch.setattr(encoders, "DEVICES", {"qsv": OTHER_ORDER})
    tracks = [make_tracks(make_header(index)) for index in range(4)]
    killed = OverlayWriter(path, make_start(), SinkOptions(overlay_hardware="qsv"))
    for each in tracks[:2]:
        killed.write(each, gray(each.frame), each.frame.number)
    assert killed.wait_until_kept(30)
    later = OverlayWriter(path, make_start(), SinkOptions(), resume=killed.state())
    for each in tracks[2:]:
        later.write(each, gray(each.frame), each.frame.number)
    later.close()
    segments = PacketFiles(path).paths
    assert [encoder_of([each]) for each in segments] == [OTHER_ORDER] * 2
    later.commit()
    assert len(decoded(path)) == 4


@pytest.mark.parametrize("name", DEVICES)
def test_devices_give_every_frame_at_once_at_the_wanted_quality(name: str) -> None:
    options = DEVICES[name].options(31, "superfast")
    assert options["bf"] == "0"
    assert "31" in options.values()
    assert {"async_depth": "1", "delay": "0"}.items() & options.items()

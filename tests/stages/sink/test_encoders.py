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

NV12 = Encoder("libx264", "nv12")
"""Stands in for a device: some take this pixel format."""


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="yuv420p") for frame in video.decode(video=0)])


def test_x264_is_used_if_hardware_is_off() -> None:
    assert choose_encoder("off", 320, 192) is X264


def test_first_working_encoder_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Encoder("no_such_encoder")
    monkeypatch.setattr(encoders, "DEVICES", {"nvenc": broken, "qsv": NV12})
    assert choose_encoder("auto", 320, 192) is NV12
    assert choose_encoder("qsv", 320, 192) is NV12
    assert choose_encoder("nvenc", 320, 192) is X264


def test_x264_is_used_for_sizes_that_the_device_does_not_support(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoders, "DEVICES", {"nvenc": Encoder("h263")})
    assert choose_encoder("nvenc", 352, 288).name == "h263"
    assert choose_encoder("nvenc", 320, 192) is X264  # H.263 has five sizes


@pytest.mark.parametrize("name", DEVICES)
def test_missing_device_does_not_work(name: str) -> None:
    if Path("/dev/dri").exists() or Path("/dev/nvidia0").exists():
        pytest.skip("there may be one")
    assert not works(DEVICES[name], 320, 192)


def test_nv12_input_gives_the_same_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(encoders, "DEVICES", {"qsv": NV12})
    with caplog.at_level("INFO"):
        ours = write_overlay(
            tmp_path / "a.mp4", make_start(), [0, 3600, 7200], SinkOptions(overlay_hardware="auto")
        )
    assert "overlay: encoded by libx264" in caplog.text
    theirs = write_overlay(tmp_path / "b.mp4", make_start(), [0, 3600, 7200])
    np.testing.assert_array_equal(decoded(ours), decoded(theirs))


def test_x264_takes_over_if_the_device_fails_to_open(
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


def test_resumed_video_keeps_its_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "overlay.mp4"
    monkeypatch.setattr(encoders, "DEVICES", {"qsv": NV12})
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
    assert [encoder_of([each]) for each in segments] == [NV12] * 2
    later.commit()
    assert len(decoded(path)) == 4


@pytest.mark.parametrize("name", DEVICES)
def test_device_options_have_no_delay_and_the_given_quality(name: str) -> None:
    options = DEVICES[name].options(31, "superfast")
    assert options["bf"] == "0"
    assert "31" in options.values()
    assert {"async_depth": "1", "delay": "0"}.items() & options.items()

from types import SimpleNamespace
from typing import get_args, get_type_hints

import pytest
from av.codec import Codec
from av.codec.hwaccel import HWDeviceType

from pipeline.config import DecoderConfig
from stages.decoder import hardware
from stages.decoder.containers import report_decoder, set_threads
from stages.decoder.hardware import hardware_decoder
from stages.decoder.live import LiveSource
from stages.decoder.media import MediaSource
from stages.decoder.recording_source import RecordingSource
from stages.decoder.source import SourceRuntime
from stages.records import Frame
from tests.stages.decoder.recording import record


def read(location, slots, **options):
    records = MediaSource(str(location), name="cam", **options).records(slots)
    return [record.pixels.copy() for record in records if isinstance(record, Frame)]


@pytest.fixture
def no_device(monkeypatch):
    monkeypatch.setattr(hardware, "_opens", lambda kind: False)


def test_the_configurable_kinds_exist_in_ffmpeg():
    kinds = get_args(get_type_hints(DecoderConfig)["hardware"])
    assert set(kinds) - {"off", "auto"} <= {kind.name for kind in HWDeviceType}


def test_off_looks_for_no_device(monkeypatch):
    monkeypatch.setattr(hardware, "_opens", lambda kind: pytest.fail("looked for a device"))
    assert hardware_decoder("off") is None


def test_auto_takes_the_first_available_device(monkeypatch):
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["qsv", "cuda", "vaapi"])
    monkeypatch.setattr(hardware, "_opens", lambda kind: kind != "qsv")
    monkeypatch.setattr(hardware, "HWAccel", lambda kind, **options: (kind, options))
    assert hardware_decoder("auto") == ("cuda", {"allow_software_fallback": True})
    assert hardware_decoder("vaapi") == ("vaapi", {"allow_software_fallback": True})


def test_a_missing_device_does_not_open():
    assert not hardware._opens("opencl")  # OpenCL decodes no video


@pytest.mark.usefixtures("no_device")
@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_without_a_device_the_cpu_decodes_and_this_is_reported(make_video, slots, wanted):
    notices = []
    video = make_video()
    found = read(video, slots, hardware=wanted, runtime=SourceRuntime(notify=notices.append))
    plain = read(video, slots)
    assert all((one == other).all() for one, other in zip(found, plain, strict=True))
    assert notices == [f"{video} is decoded by the CPU: no device here can decode it"]


def stream_on(pix_fmt, codec="h264"):
    """A stream whose codec a device can decode, with the pixel format that FFmpeg chose."""
    context = SimpleNamespace(is_hwaccel=True, pix_fmt=pix_fmt, codec=Codec(codec, "r"))
    return SimpleNamespace(codec_context=context, thread_count=0)


@pytest.mark.parametrize(
    ("pix_fmt", "by"),
    [
        ("cuda", "hardware"),
        ("yuv422p10le", "the CPU: no device here can decode it"),  # as of H.264 High 4:2:2
        (None, "the CPU: no device here can decode it"),
    ],
)
def test_the_reported_decoder_follows_the_pixel_format(pix_fmt, by):
    notices = []
    report_decoder(stream_on(pix_fmt), "clip.mp4", "cuda", notices.append)
    assert notices == [f"clip.mp4 is decoded by {by}"]


@pytest.mark.usefixtures("no_device")
@pytest.mark.parametrize("kind", [MediaSource, LiveSource, RecordingSource])
def test_the_decoder_is_reported_once_at_the_first_frame(camera, tmp_path, slots, kind):
    record(camera, tmp_path / "recorded")
    record(camera, tmp_path / "recorded")  # a second epoch
    places = {LiveSource: f"file://{camera}", RecordingSource: tmp_path / "recorded"}
    notices = []
    runtime = SourceRuntime(notify=notices.append, wait=lambda seconds: False)
    source = kind(places.get(kind, str(camera)), name="cam", hardware="cuda", runtime=runtime)
    records = source.records(slots)
    assert next(records).epoch == 0
    assert len(notices) == 1
    assert len([record for record in records if isinstance(record, Frame)]) > 1
    assert len(notices) == 1


@pytest.mark.parametrize("paced", [False, True])
def test_hardware_decoding_uses_one_thread(paced):
    stream = stream_on("cuda")
    set_threads(stream, paced=paced)
    assert stream.thread_count == 1

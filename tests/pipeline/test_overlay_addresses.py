import pytest

from pipeline.config import RunConfig
from pipeline.config_file import load_config
from pipeline.overlay_addresses import overlay_address
from pipeline.sink_options import sink_options
from pipeline.workers.run_record import RunRecord
from stages.errors import ConfigError


def config_of(value, *more) -> RunConfig:
    return load_config("rtsp", [f"sink.overlay_url={value}", *more])


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rtsp://server:8554", "rtsp://server:8554/north"),
        ("rtmp://server/live/", "rtmp://server/live/north"),
        ("rtsps://me:pass@server/a?token=b", "rtsps://me:pass@server/a/north?token=b"),
        ("{north: udp://10.0.0.1:5000}", "udp://10.0.0.1:5000"),
        ("{north: 'udp://[ff02::7]:5000?ttl=2'}", "udp://[ff02::7]:5000?ttl=2"),
        ("{north: rtmp://video.example/live2/key}", "rtmp://video.example/live2/key"),
        ("{'*': rtsp://server, north: rtsp://other}", "rtsp://other"),
        ("{south: rtsp://server}", ""),
        ("RTMP://Server/Live", "rtmp://Server/Live/north"),
        ("{}", ""),
    ],
)
def test_overlay_address_of_a_stream(value, address):
    assert overlay_address(config_of(value).sink.overlay_url, "north") == address


def test_non_ascii_stream_name_is_percent_encoded():
    addresses = config_of("rtsp://server").sink.overlay_url
    assert overlay_address(addresses, "süd") == "rtsp://server/s%C3%BCd"


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("http://me:s3cret@server/x", "an address must begin with one of rtsp://, "),
        ("server:8554", "an address must begin with one of rtsp://, "),
        ("rtsp://me:s3cret@/x", "names no host"),
        ("{north: 'rtsp://me:s3cret@server:99999/x'}", "a number from 1 to 65535"),
        ("rtsps//me:s3cret@server:1", "an address must begin with one of rtsp://, "),
        ("{north: 'udp://:5000'}", "a udp address is udp://HOST:PORT"),
        ("{north: 'udp://239.0.0.7'}", "a udp address is udp://HOST:PORT"),
        ("udp://10.0.0.1:5000", "give one for each stream"),
        ("5", "must be an address"),
    ],
)
def test_faults_are_reported_without_secrets(value, fault):
    with pytest.raises(ConfigError) as error:
        config_of(value)
    assert fault in str(error.value)
    assert "s3cret" not in str(error.value)


def test_overlay_url_without_an_overlay_is_refused():
    with pytest.raises(ConfigError, match="overlay_url needs overlay, which is off"):
        config_of("rtsp://server", "sink.overlay=false")


def test_key_frames_are_closer_in_overlays_that_are_sent():
    config = config_of("{north: rtsp://server}")

    def seconds(stream, live):
        return sink_options(config, stream, live=live).overlay_keyframe_seconds

    assert seconds("north", live=True) == 2
    assert seconds("south", live=True) == seconds("north", live=False) == 4


def test_run_record_holds_the_address_without_secrets():
    config = config_of("{north: 'rtmp://me:s3cret@video.example/live2/key'}")
    record = RunRecord.of("north", config, lossless=False)
    assert record.config.sink.overlay_url == {"north": "rtmp://video.example"}

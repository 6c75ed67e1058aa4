import pytest

from stages.decoder.locations import expand_sources
from stages.errors import SourceError
from stages.urls import redact, server_of


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("rtsp://user:secret@host/live", "rtsp://host/live"),
        ("rtsp://user:se@cr/e?t@host:554/live", "rtsp://host:554/live"),
        ("https://host/stream.m3u8?token=secret", "https://host/stream.m3u8"),
        ("what?@home.mp4", "what?@home.mp4"),
        ("http://host/live?user=me@home&password=secret", "http://host/live"),
        ("http://host/live?account=me@home&pwd=secret&x=1", "http://home&&x=1"),
        (
            "rtsp://host/user=admin_password=se@c_ret_channel=1_stream=0.sdp?real",
            "rtsp://host/_channel=1_stream=0.sdp",
        ),
        (
            "rtsp://host:554/Password=secret&user=admin&channel=1&stream=0.sdp?",
            "rtsp://host:554/&channel=1&stream=0.sdp",
        ),
        ("rtsp://host/user=admin&password=secret", "rtsp://host/"),
        ("rtsp://user:x_pass=secret@host/users/passage", "rtsp://host/users/passage"),
        ("http://host/live;token=secret", "http://host/live;"),
        ("http://host/live;x=1;token=secret", "http://host/live;x=1;"),
        ("http://host/live#token=sec@ret", "http://host/live"),
        ("http://host/live#secret", "http://host/live"),
        ("http://host/live/apikey=secret", "http://host/live/"),
        ("http://host/api_key=secret/live", "http://host/"),
        ("http://host/access_token=secret&channel=1", "http://host/&channel=1"),
        ("http://host/key=secret;sig=secret;signature=secret", "http://host/"),
        ("http://host/Secret=secret", "http://host/"),
        ("http://host/keys/secretary;channel=1", "http://host/keys/secretary;channel=1"),
        ("rtsp://host/usr=me&psw=secret", "rtsp://host/"),
        ("rtsp://host/live&credentials=secret&x=1", "rtsp://host/live&&x=1"),
        ("rtsp://me:secret%40host/live:1", "rtsp://me/live:1"),
        ("rtsp://me:secret", "rtsp://me"),
        ("rtsp://[::1]:secret/live", "rtsp://[::1]/live"),
        ("rtsp://[::1]:554/live", "rtsp://[::1]:554/live"),
        ("rtsp://host:65536?x", "rtsp://host:65536"),
    ],
)
def test_secrets_are_removed_from_a_location(location, shown):
    assert redact(location) == shown


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://",
        "rtsp:///live",
        "rtsp://:554/live",
        "rtsps://me:secret@/live",
        "RTSP://?token=secret",
        "http:///crossing.mp4",
        "rtmp://",
        "udp://",
        "udp://@",
    ],
)
def test_url_without_a_host_is_rejected(url):
    with pytest.raises(SourceError, match="names no host") as caught:
        expand_sources([url])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "udp://:5000",
        "udp://@:5000",
        "srt://:9000?mode=listener",
        "rtsp://[::1]:554/",
        "rtsp://[::1]/live",
        "rtsp://me:p@ss@cam:554/live",
        "http://cam",
    ],
)
def test_url_with_a_host_or_a_listening_port_is_accepted(url):
    (spec,) = expand_sources([url])
    assert spec.location == url


def test_uppercase_scheme_is_changed_to_lower_case():  # FFmpeg accepts no other
    first, second = expand_sources(["RTSP://Cam/Live", "North=Rtsps://Cam/Live"])
    assert (first.name, first.location) == ("Cam-Live", "rtsp://Cam/Live")
    assert (second.name, second.location) == ("North", "rtsps://Cam/Live")


@pytest.mark.parametrize("port", ["0", "65536", "abc", "-1", "٣", "9" * 5000])
@pytest.mark.parametrize("url", ["rtsp://me:secret@cam:{}/live", "tcp://[::1]:{}", "udp://@:{}"])
def test_invalid_port_is_rejected(url, port):
    with pytest.raises(SourceError, match=r"the port must be a number from 1 to 65535$") as caught:
        expand_sources([url.format(port)])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("letter", "/#?")
def test_unescaped_character_in_a_password_is_explained(letter):
    with pytest.raises(SourceError, match="in a password, write / as %2F") as caught:
        expand_sources([f"rtsp://me:sec{letter}ret@cam:554/live"])
    assert str(caught.value).startswith("rtsp://cam:554/live cannot be opened: ")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("rtsp://server:8554/north", "rtsp://server:8554"),
        ("rtsp://me:s3cret@server", "rtsp://server"),
        ("rtsp://me:s3@cret@[::1]:8554/a@b", "rtsp://[::1]:8554"),
        ("rtmp://server/app/s3cret?key=s3cret#s3cret", "rtmp://server"),
        ("rtmp://server?key=s3cret", "rtmp://server"),
        ("rtmp://server/app/s3cret@s3cret", "rtmp://…"),
        ("rtsp://me:s3/cret@server/a", "rtsp://…"),
    ],
)
def test_server_is_shown_without_possible_secrets(url, server):
    assert server_of(url) == server

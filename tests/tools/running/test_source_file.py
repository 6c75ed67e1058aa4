import pytest

from stages.errors import ConfigError, SourceError
from tools.running.source_file import read_sources


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A sources file outside the current folder, which holds a video."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a clip.mp4").touch()
    (tmp_path / "settings").mkdir()
    return tmp_path / "settings" / "cameras.txt"


def test_lines_are_sources_as_on_the_command_line(file):
    file.write_bytes(
        b"\xef\xbb\xbf# the crossing\r\n\r\n  north=rtsp://me:se%23cret@host/live?x=1 \r\n"
        b"a clip.mp4\r\n  # south=rtsp://gone\r\nrtsp://host/live"
    )
    assert read_sources(file, may_be_empty=False) == [
        "north=rtsp://me:se%23cret@host/live?x=1",
        "a clip.mp4",
        "rtsp://host/live",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rtsp://me:secret@/live", "rtsp:///live names no host"),
        ("rtsp://me:secret@host:0/live", "rtsp://host:0/live cannot be opened: the port must be"),
        ("rtsp:/me:secret@host/live", "no such source: host/live"),
        ("north=rtsp://me:secret@host/live", "the name north is taken; choose another"),
        ("nowhere.mp4", "no such source: nowhere.mp4"),
    ],
)
def test_refused_lines_are_reported_without_passwords(file, line, message):
    file.write_text(f"north=rtsp://host/live\n\n{line}\n")
    with pytest.raises(SourceError) as caught:
        read_sources(file, may_be_empty=False)
    assert str(caught.value).startswith(f"{file}:3: {message}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# rtsp://host/live\n", "names no source"),
        (b"caf\xe9.mp4\n", "cannot read .*: not a text file"),
        (None, "cannot read .*: no such file"),
    ],
)
def test_a_file_without_sources_is_refused(file, content, message):
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_sources(file, may_be_empty=False)


def test_a_file_without_sources_is_allowed_where_streams_may_be_added(file):
    file.write_bytes(b"# none today\n")
    assert read_sources(file, may_be_empty=True) == []

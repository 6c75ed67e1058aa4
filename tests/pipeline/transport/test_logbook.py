import pytest

from pipeline.transport.logbook import ENTRY_BYTES, Logbook, SharedNumber
from pipeline.transport.ring import create_memory_file
from tests.limits import limited_files
from tests.pipeline.transport.conftest import times_open


@pytest.fixture
def path():
    _, path = create_memory_file("test")
    Logbook.create(path, stream="cam ü", entries=4, lossless=True)
    return path


def test_a_later_reader_finds_what_was_kept(path):
    writer = Logbook(path)
    for position in range(6):
        assert writer.keep(position, b"message %d" % position)
    writer[SharedNumber.ACKNOWLEDGED] = 3
    reader = Logbook(path)
    assert reader.stream == "cam ü"
    assert (
        reader[SharedNumber.ENTRIES],
        reader[SharedNumber.LOSSLESS],
        reader[SharedNumber.SEQUENCE],
    ) == (4, 1, 0)
    assert list(reader.unacknowledged()) == [(p, b"message %d" % p) for p in (3, 4, 5)]
    assert reader.message(1) is None  # its entry holds number 5
    assert reader.message(2) == b"message 2"


def test_a_message_that_does_not_fit_is_refused(path):
    logbook = Logbook(path)
    assert not logbook.keep(0, bytes(ENTRY_BYTES))
    assert list(logbook.unacknowledged()) == []


def test_a_writer_that_stops_half_way_leaves_no_entry(path):
    logbook = Logbook(path)
    logbook.keep(1, b"old")
    with pytest.raises(TypeError):
        logbook.keep(5, "no bytes")  # fails at the message itself
    assert [logbook.message(position) for position in (1, 5)] == [None, None]


def test_a_shorter_message_leaves_nothing_of_a_longer_one(path):
    logbook = Logbook(path)
    logbook.keep(0, b"a long message")
    logbook.keep(4, b"short")
    assert logbook.message(4) == b"short"


def test_the_first_reason_for_abandoning_is_kept_and_truncated(path):
    logbook, other = Logbook(path), Logbook(path)
    assert (logbook.reason, logbook[SharedNumber.ABANDONED]) == ("", 0)
    assert logbook.keep(0, b"message")
    logbook.abandon("ü" * 3000)
    logbook.abandon("the run ends")
    assert other[SharedNumber.ABANDONED] == 1
    assert other.reason == "ü" * 1023
    assert other.stream == "cam ü"
    assert other.message(0) == b"message"


def test_a_closed_logbook_holds_no_descriptor():
    _, path = create_memory_file("closed-logbook")
    logbook = Logbook.create(path, stream="cam", entries=4, lossless=True)
    assert times_open("closed-logbook") == 2  # the owner's and the map's
    logbook.close()
    assert times_open("closed-logbook") == 1


def test_a_file_size_limit_is_named_in_the_error():
    _, path = create_memory_file("test")
    message = r"File too large; raise .* \(ulimit -f\)"
    with limited_files(2**14), pytest.raises(OSError, match=message):
        Logbook.create(path, stream="cam", entries=4, lossless=True)

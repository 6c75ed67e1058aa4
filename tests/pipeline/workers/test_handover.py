"""What a sink leaves for the one that replaces it."""

import contextlib

import pytest

from pipeline.transport.envelope import Envelope
from pipeline.transport.messages import encode
from pipeline.workers.handover import Handover
from pipeline.workers.order import Sequencer
from stages.errors import OutputError
from stages.sink.folder_contents import CHECKPOINT, JOURNAL
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import make_header, make_start, make_tracks


class Stream:
    """A stream's results and records, with what they hand over."""

    def __init__(self, folder):
        self.results = StreamResults(folder, SinkOptions(overlay=False))
        self.order = Sequencer(16)
        self.handover = Handover(folder, self.results, self.order)

    def take_over(self, most=9):
        """Takes over up to so many entries; returns the positions of all that were offered."""
        offered = []

        def repeat(entry):
            offered.append(entry.envelope.position)
            return len(offered) <= most

        self.handover.take_over(repeat)
        return offered

    def write(self, indices):
        for index in indices:
            tracks, written = make_tracks(make_header(index)), Written(0, 0)
            envelope = Envelope(tracks, position=index + 1)
            self.handover.append(encode(envelope), written)
            self.results.write(tracks, None, {}, written)
            self.order.skip_to(index + 2)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "cam"
    folder.mkdir()
    return folder


@pytest.fixture
def first(folder):
    first = Stream(folder)
    assert first.take_over() == []
    first.results.start(make_start())
    first.write(range(3))
    yield first
    first.handover.close()
    first.results.abort()


def test_a_successor_is_given_what_was_added_and_the_rest_comes_again(first, folder):
    second = Stream(folder)
    assert second.take_over(most=2) == [1, 2, 3]
    second.handover.append(encode(Envelope(make_start(), position=8)), None)
    second.handover.close()
    assert Stream(folder).take_over() == [1, 2, 8]


def test_a_checkpoint_replaces_what_was_added_before(first, folder):
    first.handover.save()
    assert not (folder / JOURNAL).stat().st_size
    first.write([3])
    second = Stream(folder)
    assert second.take_over() == [4]
    assert (second.order.due, second.results.ledger.written) == (4, 3)
    second.handover.close()
    second.results.close_texts()


def test_without_a_frame_there_is_no_checkpoint(folder):
    stream = Stream(folder)
    stream.take_over()
    stream.handover.save()
    assert not (folder / CHECKPOINT).exists()
    stream.handover.close()


def test_on_a_full_disk_a_checkpoint_takes_the_place_of_a_longer_journal(full_disk):
    folder = full_disk / "cam"
    folder.mkdir()
    stream = Stream(folder)
    stream.take_over()
    stream.results.start(make_start())
    stream.write(range(30))
    with contextlib.suppress(OSError), (full_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(512))
    with pytest.raises(OutputError, match="no space left"):
        stream.handover.save()
    stream.handover.make_room()
    assert not (folder / JOURNAL).stat().st_size
    assert Stream(folder).take_over() == []
    stream.handover.close()
    stream.results.abort()

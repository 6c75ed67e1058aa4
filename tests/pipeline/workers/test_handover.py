"""The state that a sink hands over to its successor."""

import contextlib

import pytest

from pipeline.transport.envelope import Envelope
from pipeline.transport.messages import encode
from pipeline.workers.handover import Handover
from pipeline.workers.order import Sequencer
from stages.atomic import part_path
from stages.errors import OutputError
from stages.records import Dropped, DropReason
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.folder_contents import CHECKPOINT, JOURNAL
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import gray, make_header, make_start, make_tracks, names_in
from tests.stages.sink.stream import TEXT


class Stream:
    """A stream's results and record order, with their handover."""

    def __init__(self, folder, options=TEXT):
        self.results = StreamResults(folder, options)
        self.order = Sequencer(16)
        self.handover = Handover(folder, self.results, self.order)

    def take_over(self, most=9):
        """Takes over up to ``most`` entries; returns the positions of all entries offered."""
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


def test_entries_that_a_successor_refuses_are_cut_from_the_journal(first, folder):
    second = Stream(folder)
    assert second.take_over(most=2) == [1, 2, 3]
    second.handover.append(encode(Envelope(make_start(), position=8)), None)
    second.handover.close()
    assert Stream(folder).take_over() == [1, 2, 8]


def test_a_checkpoint_replaces_earlier_journal_entries(first, folder):
    first.handover.save()
    assert not (folder / JOURNAL).stat().st_size
    first.write([3])
    second = Stream(folder)
    assert second.take_over() == [4]
    assert (second.order.due, second.results.ledger.written) == (4, 3)
    second.handover.close()
    second.results.close_texts()


def test_no_checkpoint_is_saved_before_the_first_frame(folder):
    stream = Stream(folder)
    stream.take_over()
    stream.handover.save()
    assert not (folder / CHECKPOINT).exists()
    stream.handover.close()


def test_a_checkpoint_replaces_a_longer_journal_on_a_full_disk(full_disk):
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


COUNTED = SinkOptions(
    overlay=False,
    lines={"gate": (25, 0, 25, 90)},
    zones={"yard": ((30, 0), (99, 0), (99, 90), (30, 90))},
    event_pictures=True,
)
DROPPED = 5
# The vehicle's x in each frame. That it crossed the line in the fourth frame is known only in the
# fifth: 26 is so near the line that it may be jitter of the box.
CENTERS_X = (15, 40, 15, 26, 40, 15, 15, 40)


def write_counted(stream):
    """Writes the frames, one of which arrives although it was dropped; yields after each."""
    for index, x in enumerate(CENTERS_X):
        records = [make_tracks(make_header(index), [[x - 10, 20, x + 10, 50]], [3])]
        if index == DROPPED:
            records.insert(0, Dropped("cam", 0, index, index, DropReason.RESTARTED))
            stream.results.dropped(records[0])
        for record in records:
            stream.handover.append(encode(Envelope(record, position=index)), Written(0, 0))
        stream.results.write(records[-1], gray(records[-1].frame), {}, Written(0, 0))
        stream.order.skip_to(index + 1)
        yield index + 1


@pytest.mark.parametrize("saved", [0, 2])
@pytest.mark.parametrize("kept", range(2, DROPPED + 1))
def test_only_event_pictures_of_repeated_frames_are_removed(folder, kept, saved):
    first = Stream(folder, COUNTED)
    first.take_over()
    first.results.start(make_start())
    for frames in write_counted(first):
        if frames == saved:
            first.handover.save()
        if frames == kept:
            pictures = names_in(folder / "events")
    last = max((folder / "events").iterdir(), key=lambda path: path.name)
    last.rename(part_path(last))  # as if it was being written
    assert len(names_in(folder / "events") - pictures) > 2

    second = Stream(folder, COUNTED)
    if not saved:
        second.results.start(make_start())

    def repeat(entry):
        position = entry.envelope.position
        if saved <= position < kept:
            picture = EarlierPicture.KEPT
            second.results.repeat(entry.envelope.record, {}, entry.written, picture)
        return position < kept

    second.handover.take_over(repeat)
    assert names_in(folder / "events") == pictures
    assert second.results.ledger.written == kept
    for stream in (first, second):
        stream.handover.close()
        stream.results.abort()

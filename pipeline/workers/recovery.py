"""Completes the results of a stream whose run was killed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.sink_options import sink_options
from pipeline.workers.checkpoint import Checkpoint
from pipeline.workers.envelope_journal import Entry, read_envelopes
from pipeline.workers.run_record import RunRecord
from stages.atomic import writing
from stages.errors import OutputError
from stages.records import Dropped, EndOfStream, EndReason, StreamStart, Tracks
from stages.result_files import REPORT
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.folder_contents import (
    CHECKPOINT,
    JOURNAL,
    RUN,
    last_overlay,
    remove_event_pictures,
    remove_parts,
    unfinished_results,
)
from stages.sink.lost_rows import frames_from, without_lost_rows
from stages.sink.options import SinkOptions
from stages.sink.report import StreamReport
from stages.sink.stream_results import StreamResults
from stages.sink.text_results import text_names
from stages.wording import counted

_KILLED = "the run was killed, or the power failed"
_WHOLE = "the rows of its .part files are whole up to their last line"


def has_leftovers(folder: Path) -> bool:
    """Whether a run began results in ``folder`` and left behind what it needed to complete them.

    Raises:
        OSError: The folder cannot be read.
        OutputError: There are part files of results, but nothing to complete them from.
    """
    if (folder / RUN).exists():
        return True
    if unfinished_results(folder) and not (folder / REPORT).exists():
        raise OutputError(
            f"{folder} cannot be completed, as {RUN} is not there, which releases before 0.4.1 did "
            f"not write; {_WHOLE}"
        )
    return False


def remove_if_complete(folder: Path) -> bool:
    """Removes leftovers beside complete results; returns whether they are complete.

    Leftovers remain if the process that completed the results was killed before it removed them.

    Args:
        folder: The stream's folder; no run writes there.

    Raises:
        OutputError: A file cannot be removed.
    """
    is_complete = (folder / REPORT).exists()
    if is_complete:
        remove_parts(folder)
    return is_complete


def complete_results(folder: Path, notify: Callable[[str], None]) -> StreamReport | None:
    """Completes results as far as they go, from the state that their sink left for a successor.

    Text results have every frame that the sink received; the overlay may lack some of the last
    pictures. After a power failure, both end with what reached the disk, and what was counted until
    the last checkpoint remains.

    Args:
        folder: The stream's folder, see `has_leftovers`; no run writes there.
        notify: Called with lines for the user.

    Returns:
        The report, with the status ``truncated`` unless the stream had ended. None, with all
        leftovers removed, if no frame had arrived.

    Raises:
        OutputError: A file cannot be read or written, or another release wrote the leftovers, or
            they are too damaged to yield all rows that are there. They stay as they are.
    """
    with _reading(folder):
        record = RunRecord.load(folder / RUN)
        checkpoint = Checkpoint.load(folder / CHECKPOINT)
        _compare_with_rows(folder, record, checkpoint, notify)
        options = sink_options(record.config, record.stream, live=not record.lossless)
        results = StreamResults(folder, options)
        lost = 0
        if checkpoint is not None:
            checkpoint = _without_lost_rows(folder, options, checkpoint)
            results.restore(checkpoint.sink)
            lost = checkpoint.lost
        end = _replay(results, _entries(folder, checkpoint))
        remove_event_pictures(folder, after=results.last_number)  # no other result has these frames
        start, ledger = results.latest_start, results.ledger
        if start is None or not ledger.written + lost:
            results.abort()
            remove_parts(folder)
            return None
        if end is None:
            frames = ledger.written + ledger.dropped_total + lost
            end = EndOfStream(record.stream, start.epoch, frames, EndReason.TRUNCATED, _KILLED)
        # The decoder's counts were only in memory.
        unknown = {"connections": None, "frames_not_received": None}
        report = results.finish(end, record.to_plain() | unknown)
    while not results.notices.empty():
        notify(results.notices.get())
    remove_parts(folder)
    return report


def _entries(folder: Path, checkpoint: Checkpoint | None) -> Iterator[Entry]:
    """Returns the entries that the sink received since the checkpoint."""
    due = checkpoint.position if checkpoint else 0
    return (entry for entry in read_envelopes(folder / JOURNAL) if entry.envelope.position >= due)


def _compare_with_rows(
    folder: Path, record: RunRecord, checkpoint: Checkpoint | None, notify: Callable[[str], None]
) -> None:
    """Checks that checkpoint and journal yield the rows in the files, before any file is changed.

    Raises:
        ValueError: They do not. For a live stream, they may lack some rows of the last second.
    """
    records = [type(entry.envelope.record) for entry in _entries(folder, checkpoint)]
    if checkpoint is None and records and records[0] is not StreamStart:
        raise ValueError("the checkpoint is gone")
    texts = checkpoint.sink.texts if checkpoint else None
    recorded = records.count(Tracks) + (texts.latest.frames if texts else 0)
    in_files = frames_from(folder, texts.number if texts else 1)
    if in_files <= recorded:
        return
    if record.lossless or checkpoint is None:
        raise ValueError(f"of {counted(in_files, 'frame')}, the journal has {recorded}")
    last = counted(in_files - recorded, "frame", form=",")
    notify(f"{folder}: the rows of the last {last} are left out, as the journal lacks them")


def _without_lost_rows(folder: Path, options: SinkOptions, checkpoint: Checkpoint) -> Checkpoint:
    """Returns the checkpoint as of the rows that are there.

    It replaces the other one before rows are added: otherwise, a repeated recovery would mistake
    added rows for those that were lost.
    """
    state = checkpoint.sink
    texts, lost = without_lost_rows(folder, text_names(options), state.texts)
    if texts == state.texts:
        return checkpoint
    ledger = replace(state.ledger, written=state.ledger.written - lost)
    state = replace(state, texts=texts, ledger=ledger)
    checkpoint = Checkpoint(checkpoint.position, state, checkpoint.lost + lost)
    checkpoint.save(folder / CHECKPOINT)
    return checkpoint


def _replay(results: StreamResults, entries: Iterator[Entry]) -> EndOfStream | None:
    """Replays to ``results`` what the sink received; returns the stream's end if it is there."""
    overlays = last_overlay(results.folder)
    for entry in entries:
        match record := entry.envelope.record:
            case StreamStart():
                results.start(record)
            case Tracks():
                _repeat(results, record, entry, overlays)
            case Dropped():
                results.dropped(record)
            case EndOfStream():
                return record
    return None


def _repeat(results: StreamResults, tracks: Tracks, entry: Entry, overlays: int) -> None:
    assert entry.written is not None
    if entry.envelope.slot is None:
        picture = EarlierPicture.NONE
    elif results.overlays.number < overlays:  # whatever has become of the video since
        picture = EarlierPicture.KEPT
    else:
        picture = EarlierPicture.UNKNOWN
    results.repeat(tracks, entry.envelope.work_ns, entry.written, picture)


@contextlib.contextmanager
def _reading(folder: Path) -> Generator[None, None, None]:
    """Turns errors in reading leftovers into an `OutputError` of one line."""
    try:
        with writing(folder):
            yield
    except ValueError as error:
        raise OutputError(
            f"{folder} cannot be completed, as its leftovers are damaged ({error}); {_WHOLE}"
        ) from error

"""Completes the results of a stream whose run was killed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

from pipeline.workers.checkpoint import Checkpoint
from pipeline.workers.envelope_journal import Entry, read_envelopes
from pipeline.workers.run_record import RunRecord
from stages.atomic import writing
from stages.errors import OutputError
from stages.records import Dropped, EndOfStream, EndReason, StreamStart, Tracks
from stages.result_files import REPORT
from stages.sink.lost_rows import without_lost_rows
from stages.sink.options import SinkOptions
from stages.sink.report import StreamReport
from stages.sink.results import CHECKPOINT, JOURNAL, RUN, remove_parts
from stages.sink.state import SinkState
from stages.sink.stream_results import StreamResults
from stages.sink.text_results import text_names

_KILLED = "the run was killed, or the power failed"


def is_unfinished(folder: Path) -> bool:
    """Whether a run began results in ``folder`` and did not complete them."""
    return (folder / RUN).exists() and not (folder / REPORT).exists()


def complete_results(folder: Path, notify: Callable[[str], None]) -> StreamReport | None:
    """Completes results as far as they go, from what their sink has left for a successor.

    Text results have every frame that the sink was given. So has the overlay, but for some of the
    last pictures. After a power failure both end where the disk does, and what was counted until
    the last checkpoint stays.

    Args:
        folder: The stream's folder, see `is_unfinished`; no run writes there.
        notify: Called with lines for the user.

    Returns:
        The report, with the status ``truncated`` unless the stream had ended; None, with all
        leftovers removed, where no frame had come.

    Raises:
        OutputError: A file cannot be read or written, or another release wrote them; they stay.
    """
    with _reading(folder):
        record = RunRecord.load(folder / RUN)
        options = record.config.sink.options(folder.name, live=not record.lossless)
        results = StreamResults(folder, options)
        end, lost = _replay(folder, results, options)
    if not results.ledger.written + lost:
        results.abort()
        remove_parts(folder)
        return None
    if end is None:
        ledger = results.ledger
        frames = ledger.written + ledger.dropped_total + lost
        end = EndOfStream(folder.name, ledger.position[0], frames, EndReason.TRUNCATED, _KILLED)
    # What the decoder counted was in memory.
    run = record.to_plain() | {"connections": None, "frames_not_received": None}
    report = results.finish(end, run)
    while not results.notices.empty():
        notify(results.notices.get())
    remove_parts(folder)
    return report


def _replay(
    folder: Path, results: StreamResults, options: SinkOptions
) -> tuple[EndOfStream | None, int]:
    """Gives ``results`` what the sink was given; returns the end, and how many frames are lost."""
    due = lost = 0
    if (checkpoint := Checkpoint.load(folder / CHECKPOINT)) is not None:
        state, lost = _without_lost_rows(folder, options, checkpoint.sink)
        results.restore(state)
        due = checkpoint.position
    for entry in read_envelopes(folder / JOURNAL):
        record = entry.envelope.record
        if entry.envelope.position < due:
            continue
        match record:
            case StreamStart():
                results.start(record)
            case Tracks():
                _repeat(results, record, entry, with_overlay=options.overlay)
            case Dropped():
                results.dropped(record)
            case EndOfStream():
                return record, lost
    return None, lost


def _without_lost_rows(
    folder: Path, options: SinkOptions, state: SinkState
) -> tuple[SinkState, int]:
    texts, lost = without_lost_rows(folder, text_names(options), state.texts)
    state.ledger.written -= lost
    return replace(state, texts=texts), lost


def _repeat(results: StreamResults, tracks: Tracks, entry: Entry, *, with_overlay: bool) -> None:
    """Takes in a frame, without its picture where that was not kept."""
    work_ns, now_ns = entry.envelope.work_ns, entry.now_ns
    picture = with_overlay and entry.envelope.slot is not None
    if picture and results.repeat(tracks, work_ns, now_ns, picture=True) is not None:
        return
    results.overlays.left_out += with_overlay
    results.repeat(tracks, work_ns, now_ns, picture=False)


@contextlib.contextmanager
def _reading(folder: Path) -> Generator[None, None, None]:
    """Turns what goes wrong in reading leftovers into one line."""
    try:
        with writing(folder):
            yield
    except ValueError as error:
        raise OutputError(
            f"{folder} cannot be completed, as its leftovers are damaged ({error}); "
            "the rows of its .part files are whole up to their last line"
        ) from error

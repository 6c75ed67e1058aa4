"""A stream in the sink: its records are written, and acknowledged to its decoder."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import time
from collections.abc import Callable

import zmq
from msgspec.structs import replace

from pipeline.overlay_addresses import overlay_address
from pipeline.plan import WorkerPlan
from pipeline.reporter import Reporter
from pipeline.reports import Failed, Notice
from pipeline.sink_options import sink_options
from pipeline.transport.envelope import MAX_POSITION, Envelope
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import encode
from pipeline.transport.ring import FrameRing
from pipeline.workers.acknowledger import Acknowledger
from pipeline.workers.checkpoint import CheckpointTimes
from pipeline.workers.completion import Completion, broken_off
from pipeline.workers.envelope_journal import Entry
from pipeline.workers.handover import Handover
from pipeline.workers.latency_clock import LatencyClock
from pipeline.workers.live_overlay import LiveOverlay
from pipeline.workers.order import Sequencer
from pipeline.workers.overlay_watch import OverlayWatch
from pipeline.workers.pixels import pixels_of
from pipeline.workers.publisher import Publisher
from pipeline.workers.run_record import RunRecord
from pipeline.workers.sink_progress import SinkProgress
from pipeline.workers.snapshots import Snapshots
from stages.atomic import make_folder
from stages.errors import OutputError
from stages.measurements import Measured
from stages.records import Dropped, EndOfStream, StreamStart, Tracks
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.folder_contents import JOURNAL, RUN, empty_unfinished_overlays, folder_is_gone
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written


class SinkStream:
    """One stream: each record is journaled, written, and acknowledged once its picture is kept.

    Attributes:
        name: Name of the stream.
        folder: Folder of its results.
        lossless: Whether no frame may be dropped.
        failed: Whether its folder could not be written, see `fail`.
        results: Writes the results.

    Args:
        plan: The plan of the sink's process.
        context: ZeroMQ context.
        report: Reports to the supervisor.
        channel: Channel of the stream.
        logbook: The stream's logbook.
        wake: Called, from any thread, when `advance` has something to do.
        publisher: Publishes the records.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        context: zmq.Context,
        report: Reporter,
        channel: int,
        logbook: Logbook,
        wake: Callable[[], None],
        publisher: Publisher,
    ) -> None:
        self.name = logbook.stream
        self.folder = plan.folder(self.name)
        self._logbook = logbook
        self.lossless = bool(logbook[SharedNumber.LOSSLESS])
        self.failed = False
        self._is_released = False  # whether `fail` has released everything
        self._report = report
        self._publisher = publisher
        self._overlay = plan.config.sink.overlay
        self._files = contextlib.ExitStack()  # open until the stream is closed
        self._ring = FrameRing(plan.ring(channel))
        self._files.callback(self._ring.close)
        self._sink_ns = 0  # work on the latest frame
        self._clock = LatencyClock()

        options = sink_options(plan.config, self.name, live=not self.lossless)
        self._text_only = plan.text_only
        if plan.text_only:
            options = dataclasses.replace(options, overlay=False, toolkit_files=False)
        if plan.give_up_reason:  # frames are not sent again
            options = dataclasses.replace(options, event_pictures=False)

        address = overlay_address(plan.config.sink.overlay_url, self.name)
        self._live_overlay = LiveOverlay(
            "" if self.lossless else address,
            self.name,
            lambda line: self.results.notices.put(line),  # in its thread; this one reports them
        )
        self._files.callback(self._live_overlay.close)
        self.results = results = StreamResults(
            self.folder,
            options,
            on_kept=wake,
            before_long_work=report.busy,
            on_picture=self._live_overlay.take,
        )
        shows = plan.config.runtime.web is not None and not plan.text_only
        self._snapshots = Snapshots(results, report) if shows else None
        self._progress = SinkProgress(results, logbook, report)
        self._record = RunRecord.of(self.name, plan.config, lossless=self.lossless)
        self._completion = Completion(results, self._record, logbook, self._progress, report, wake)
        self._acknowledger = Acknowledger(
            context, plan.endpoint(f"ack-{channel}"), logbook, lambda: results.overlays.kept
        )
        self._watch = OverlayWatch(self._notify, self.name, lossless=self.lossless)
        self._order = Sequencer(logbook[SharedNumber.ENTRIES])
        self._checkpoints = CheckpointTimes()
        self._handover = Handover(self.folder, results, self._order)

    def open(self) -> None:
        """Creates the folder, or takes over what an earlier process left there; call it first.

        Raises:
            OutputError: From this and all other methods, if the file system refuses.
        """
        if self._logbook[SharedNumber.ACKNOWLEDGED] and not (self.folder / JOURNAL).exists():
            raise folder_is_gone(self.folder)  # its content is not sent again
        make_folder(self.folder)
        if self._text_only:
            empty_unfinished_overlays(self.folder)
        else:
            self._record.save(self.folder / RUN)
        # An earlier process may not have published records from this position on, or may not have
        # sent what it published.
        acknowledged = self._logbook[SharedNumber.ACKNOWLEDGED]
        first_republished = acknowledged - self._logbook[SharedNumber.ENTRIES]
        self._handover.take_over(lambda entry: self._repeat(entry, first_republished))
        self._files.callback(self._handover.close)
        if self._text_only:
            self.results.overlays.find_finished()  # before it saves a checkpoint
        self.advance()

    def _repeat(self, entry: Entry, first_republished: int) -> bool:
        """Replays what an earlier process received; returns False if it is to be sent again."""
        self._report.alive()
        envelope = entry.envelope
        if envelope.position < self._order.due:  # the checkpoint has it
            return True
        if isinstance(envelope.record, Tracks):
            assert entry.written is not None
            measured = self._repeat_frame(envelope.record, envelope, entry.written)
            if measured is None:
                return False
        else:
            measured = self._handle(envelope, entry.written)
        self._order.skip_to(envelope.position + 1)
        if envelope.position >= first_republished:
            self._publisher.forward(envelope, entry.parts, measured)
        return True

    def _repeat_frame(
        self, tracks: Tracks, envelope: Envelope, written: Written
    ) -> list[Measured] | None:
        self.results.overlays.left_out += self._overlay and self._text_only
        if envelope.slot is None:
            picture = EarlierPicture.NONE
        elif envelope.position < self._logbook[SharedNumber.ACKNOWLEDGED]:
            picture = EarlierPicture.KEPT  # or given up, without a checkpoint
        else:
            picture = EarlierPicture.COMES_AGAIN
        measured = self.results.repeat(tracks, envelope.work_ns, written, picture)
        if measured is not None:
            self._progress.repeated(written.latency_ns, envelope.work_ns)
        return measured

    def take(self, envelope: Envelope) -> None:
        """Takes a message; a repeated one, whose acknowledgement was lost, is acknowledged again.

        While a checkpoint waits for pictures, messages wait for the checkpoint.
        """
        if envelope.position < self._order.due:
            self._acknowledger.repeat()
        self._order.hold(envelope)
        if not self._checkpoints.under_way:
            self._take_due()

    def _take_due(self) -> None:
        for due in self._order.take_due():
            if self._completion.begun:  # the stream was abandoned
                break
            if self._watch.leaves_out:
                due = replace(due, pixels=None, slot=None)
            if self._sink_ns:  # for the frame before; a successor counts it from the journal
                due = replace(due, work_ns=due.work_ns | {"sink": self._sink_ns})
            published = replace(due, pixels=None, run=self._publisher.run)
            parts, written = encode(published), None
            if isinstance(due.record, Tracks):
                written = self._clock.written(due.record.frame.captured_ns)
            self._handover.append(parts, written)
            measured = self._handle(due, written)
            self._publisher.forward(due, parts, measured)
            pictures = 0 if self._watch.leaves_out else self.results.overlays.frames
            self._acknowledger.took(due.position, pictures)

    def _handle(self, envelope: Envelope, written: Written | None) -> list[Measured]:
        """Processes a record; returns its crossings, zone events and ground positions."""
        record = envelope.record
        self._progress.received()
        if isinstance(record, StreamStart):
            self.results.start(record)
        elif isinstance(record, Tracks):
            assert written is not None
            return self._write(record, envelope, written)
        elif isinstance(record, Dropped):
            self.results.dropped(record)
        elif isinstance(record, EndOfStream) and not self._text_only:
            self._completion.begin(record)
        return []

    def give_up(self, message: str) -> None:
        """Completes the results as far as they go, if there are any.

        If that fails, the remaining files are enough for a later process.
        """
        if self._text_only:
            self._handover.make_room()
        if not self._completion.begun and self.results.ledger.written:
            self._truncate(message)
        if self._completion.is_unreported:
            self._report.busy()
            self._completion.join()
            self.advance()

    def _truncate(self, message: str) -> None:
        end = broken_off(self._logbook, message)
        self._completion.begin(end)
        self._publisher.publish(end, self._order.due - 1)

    def advance(self) -> None:
        """Acts on what has been received and kept; call it often, and after ``wake``.

        Notices and complete results are reported, kept records are acknowledged, finished text
        results get their names, and a live stream's checkpoint begins or is saved.
        """
        self._report_notices()
        self._completion.report_if_done()
        if self.lossless and not self._completion.begun:
            self.results.name_earlier_texts()
        acknowledged = self._acknowledge()
        if not (self.lossless or self._completion.begun):
            self._advance_checkpoint(may_begin=acknowledged)

    def _report_notices(self) -> None:
        while not self.results.notices.empty():
            self._notify(self.results.notices.get())

    def _acknowledge(self) -> bool:
        """Acknowledges kept records; the end only once results are reported as complete."""
        return self._acknowledger.acknowledge(self._order.due - self._completion.is_unreported)

    def _advance_checkpoint(self, *, may_begin: bool) -> None:
        """Begins a checkpoint, or saves it once all pictures are kept."""
        if may_begin:
            self._checkpoints.begin_if_due()
        if self._checkpoints.under_way and (
            self._watch.leaves_out or self.results.overlays.wait_until_kept(0)
        ):
            self._handover.save()
            self._checkpoints.end()
            self._take_due()
            self.advance()

    def fail(self, error: OutputError) -> None:
        """Reports that the stream cannot be written; its text results stay in their part files.

        The report is sent first, because the rest may wait for the disk indefinitely.
        """
        self.failed = True
        if error.errno == errno.ENOENT and not (self.folder / JOURNAL).exists():
            error = folder_is_gone(self.folder)
        message = str(error)
        self._progress.end()
        self._report(Failed("sink", stream=self.name, message=message, exit_code=error.exit_code))
        # After everything that subscribers may have received, even from an earlier process.
        self._publisher.publish(broken_off(self._logbook, message), MAX_POSITION)
        self._release()

    def _release(self) -> None:
        self._completion.join()
        self.results.close_texts()
        self.results.overlays.discard(given_up=True)
        self._is_released = True

    def abort(self) -> None:
        """Removes every file that does not have its final name yet; after `fail`, not the texts."""
        if self.failed and not self._is_released:  # `STAGE_END` interrupted it
            self._release()
        elif not (self._completion.begun or self.failed):
            self.results.abort()

    def close(self) -> None:
        """Closes everything of a stream that has ended."""
        self._completion.join()  # the run may have given up the stream meanwhile
        self.abort()
        self._files.close()
        self._acknowledger.close()

    def _write(self, tracks: Tracks, envelope: Envelope, written: Written) -> list[Measured]:
        started = time.monotonic_ns()
        options = self.results.options
        shown = options.event_pictures or self._overlay or self._snapshots is not None
        pixels = pixels_of(tracks.frame, envelope, self._ring) if shown else None
        measured = self.results.write(tracks, pixels, envelope.work_ns, written)
        self._sink_ns = time.monotonic_ns() - started
        self._progress.wrote(written.latency_ns, envelope.work_ns)
        if self._snapshots is not None and pixels is not None:
            self._snapshots.update(tracks, pixels)
        return measured

    def tick(self) -> None:
        """Reports progress, and gives up the overlay of a live stream if it hangs.

        Call it once a second. A stream that no decoder can end is completed as far as it goes. The
        start of the stream is published again, for new subscribers.

        Raises:
            OSError: The folder is gone, which a lossless stream would notice only at its end.
        """
        if self._completion.begun:
            return
        (self.folder / JOURNAL).stat()  # later files make a removed folder again
        if self._logbook[SharedNumber.ABANDONED] and not self._checkpoints.under_way:
            self._truncate(self._logbook.reason)
            return
        if (start := self.results.latest_start) is not None:
            self._publisher.publish(start, self._order.due - 1)
        left_out = self._watch.leaves_out
        self._watch.check(self.results.overlays.frames, self.results.overlays.kept)
        if self._watch.leaves_out and not left_out:
            self.results.overlays.withdraw()
            self._acknowledger.give_up_pictures()
            self._handover.save()  # otherwise a successor would wait for those pictures
            self.advance()
        self._progress.tick(
            overlay_is_stuck=self._watch.is_stuck, overlay_is_unsent=self._live_overlay.is_failing
        )

    def _notify(self, message: str) -> None:
        self._report(Notice("sink", stream=self.name, message=message))

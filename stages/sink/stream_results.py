"""The results of one stream: from records to the files of a folder."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from stages.atomic import AtomicFile, remove_file
from stages.measurements import Measured
from stages.records import Dropped, EndOfStream, StreamStart, Tracks, UInt8Array
from stages.result_files import REPORT
from stages.sink.benchmark import write_benchmark_files
from stages.sink.counting import Counting
from stages.sink.detrac import write_toolkit_matrices
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.encoding import EncodedPicture
from stages.sink.event_pictures import EventPictures
from stages.sink.folder_contents import sync_leftovers
from stages.sink.ledger import FrameLedger
from stages.sink.options import SinkOptions
from stages.sink.overlay_parts import OverlayParts
from stages.sink.report import StreamReport
from stages.sink.state import SinkState
from stages.sink.text_results import TextResults, TextState
from stages.sink.times import time_of
from stages.sink.timing import StreamTiming, Written


class StreamResults:
    """Writes the results of one stream.

    The `TextResults`, the overlay and the UA-DETRAC toolkit's matrices (both optional), and
    ``run.json`` are written to ``folder``, all as part files. Full text files and videos get their
    final names during the run, see `TextResults` and `OverlayParts`. `finish` gives the others
    theirs, ``run.json`` last: if it exists, so do the others. Each frame's rows have reached
    the operating system when `write` returns.

    Records arrive in order, beginning with `start`, which is repeated for each further epoch. A
    repeated frame is ignored. Frame numbers continue through all epochs. A change of frame size
    starts another overlay; lines, zones and ground points are not changed.

    A sink whose process was killed has a successor. `restore` gives it the last saved `state` of
    the first one, if any; `start`, `repeat` and `dropped` give it all records since then.

    Args:
        folder: Results folder of the stream, created by `start`; it has the stream's name.
        options: What to write.
        on_kept: Called, from another thread, whenever ``overlays.kept`` has grown.
        before_long_work: Called before an earlier sink's video is read, which may take minutes.
        on_picture: See `OverlayParts`.

    Attributes:
        notices: Messages for the user, one line each.
        overlays: The overlay; the pixels of kept frames are no longer read.
        ledger: Account of the frames.
        timing: Durations of the frames.
        counting: Counters and speed meter.
        latest_start: The first record of the latest epoch; None before the first.
        last_number: 1-based number of the latest frame, 0 before the first.
    """

    def __init__(
        self,
        folder: Path,
        options: SinkOptions | None = None,
        *,
        on_kept: Callable[[], None] = lambda: None,
        before_long_work: Callable[[], None] = lambda: None,
        on_picture: Callable[[int, EncodedPicture], None] | None = None,
    ) -> None:
        self.folder = folder
        self.options = options or SinkOptions()
        self.notices: SimpleQueue[str] = SimpleQueue()
        self.overlays = OverlayParts(
            folder, self.options, on_kept, before_long_work, self.notices.put, on_picture
        )
        self.ledger = FrameLedger()
        self.timing = StreamTiming()
        self.counting = Counting(self.options)
        self.latest_start: StreamStart | None = None
        self.last_number = 0
        self._events = EventPictures(folder, self.options.event_gigabytes, self.notices.put)
        self._epochs = 0
        self._texts: TextResults | None = None

    def start(self, start: StreamStart) -> None:
        """Begins an epoch with its first record; the first epoch opens the files.

        Raises:
            OutputError: A file cannot be created.
        """
        self._epochs += 1
        before, self.latest_start = self.latest_start, start
        if before is None:
            self._texts = self._text_results(start)
        elif (before.width, before.height) == (start.width, start.height):
            return
        else:
            options = self.options
            changed = (
                f"after frame {self.last_number}, frames are {start.width}x{start.height} "
                f"instead of {before.width}x{before.height}"
            )
            if options.overlay:
                changed += "; a new overlay begins"
            if not options.views and (options.lines or options.zones or options.ground):
                changed += (
                    "; lines, zones and ground points are still in pixels of the earlier ones"
                )
            self.notices.put(changed)
        for fault in self.counting.faults(start.height, start.width):
            self.notices.put(fault)

    def write(
        self,
        tracks: Tracks,
        pixels: UInt8Array | None,
        work_ns: Mapping[str, int],
        written: Written,
    ) -> list[Measured]:
        """Writes one frame; returns its measurements at lines, in zones and on the ground.

        Args:
            tracks: The frame's tracks and detections.
            pixels: The frame's pixels, read until ``overlays.kept`` includes the frame; None if the
                stream has no pixels: the frame is then left out of the overlay, and its events have
                no pictures.
            work_ns: How long each stage worked on the frame, in ns, by the stage's name.
            written: When the results are written.

        Raises:
            OutputError: This or an earlier frame cannot be written.
        """
        if not self.ledger.record(tracks.frame):
            return []
        number, measured = self._write_rows(tracks, work_ns, written)
        assert self.latest_start is not None
        if self.options.event_pictures and pixels is not None:
            self._events.save(tracks, pixels, measured)
        if self.options.overlay:
            if pixels is None:
                self.overlays.left_out += 1
            else:
                readings = self.counting.readings
                self.overlays.write(self.latest_start, tracks, pixels, number, readings)
        return measured

    def repeat(
        self,
        tracks: Tracks,
        work_ns: Mapping[str, int],
        written: Written,
        picture: EarlierPicture,
    ) -> list[Measured] | None:
        """Repeats a frame that an earlier sink of this stream received.

        Args:
            tracks: As in `write`.
            work_ns: As in `write`.
            written: As in `write`.
            picture: What happened to its picture. A frame whose picture was not kept and does not
                come again is left out of the overlay. Frames kept in the overlay already have their
                event pictures.

        Returns:
            As `write`; None, without effect, if the frame must be passed to `write` with pixels.
        """
        if self.ledger.has(tracks.frame):
            return []
        if self.options.overlay:
            assert self.latest_start is not None
            kept = picture is not EarlierPicture.NONE and self.overlays.repeat(
                self.latest_start, tracks, picture
            )
            if picture is EarlierPicture.COMES_AGAIN and not kept:
                return None
            self.overlays.left_out += not kept
        elif self.options.event_pictures and picture is EarlierPicture.COMES_AGAIN:
            return None
        self.ledger.record(tracks.frame)
        return self._write_rows(tracks, work_ns, written)[1]

    def _write_rows(
        self, tracks: Tracks, work_ns: Mapping[str, int], written: Written
    ) -> tuple[int, list[Measured]]:
        """Writes and records a frame's results; returns its number and measurements."""
        if self.latest_start is None or self._texts is None:
            raise ValueError("write before start")
        number = self.last_number = tracks.frame.number
        time = time_of(tracks.frame, live=self.latest_start.live)
        measured = self.counting.update(tracks, number, time)
        self._texts.write(tracks, number, time, measured, self.latest_start.class_names)
        for identity in tracks.ids.tolist():
            self.ledger.see_track(identity)
        self.timing.add(tracks.frame.captured_ns, work_ns, written)
        return number, measured

    def state(self) -> SinkState:
        """Returns the state for a successor's `restore`, once all pictures are kept."""
        assert self.latest_start is not None
        assert self._texts is not None
        return SinkState(
            start=self.latest_start,
            epochs=self._epochs,
            texts=self._texts.state(),
            overlays=self.overlays.state(),
            last_number=self.last_number,
            ledger=self.ledger,
            timing=self.timing,
            counting=self.counting.state,
        )

    def restore(self, state: SinkState) -> None:
        """Continues from the state of an earlier sink; replaces the first `start`.

        If the options now have no overlay, frames that are not in a finished overlay are left out.
        """
        remove_file(self.folder / REPORT)  # it must not vouch for texts that lose their names
        self.latest_start = state.start
        self._epochs = state.epochs
        self._texts = self._text_results(state.start, state.texts)
        if self.options.overlay:
            self.overlays.restore(state.overlays)
        else:
            self.overlays.give_up(state.overlays)
        self.last_number = state.last_number
        self.ledger = state.ledger
        self.timing = state.timing
        self.counting = Counting(self.options, state.counting)

    def remove_later(self, later: Iterable[Tracks | Dropped]) -> None:
        """Removes what an earlier sink wrote for frames that come again; after the last `repeat`.

        Call it before the records of those frames are deleted: without them, the later files would
        count as results.

        Args:
            later: The records of those frames, and of frames that were dropped between them. The
                frames may come with other ids, or not at all.
        """
        if self._texts is not None:
            self._texts.remove_later()
        self.overlays.remove_later()
        self._events.drop(self._measured_in(later))

    def _measured_in(self, later: Iterable[Tracks | Dropped]) -> Iterator[Measured]:
        """Yields the measurements of an earlier sink in later frames, without adding the frames."""
        ledger, counting = copy.deepcopy((self.ledger, self.counting))
        for record in later:
            if isinstance(record, Dropped):
                ledger.drop(record)
            elif ledger.record(record.frame):
                yield from counting.update(record, record.frame.number, time="")

    def name_earlier_texts(self) -> None:
        """Gives finished text results their final names, see `TextResults.name_earlier`."""
        if self._texts is not None:
            self._texts.name_earlier()

    def dropped(self, dropped: Dropped) -> None:
        """Records dropped frames, for which the results have no rows."""
        self.ledger.drop(dropped)

    def finish(self, end: EndOfStream, run: Mapping[str, object]) -> StreamReport:
        """Completes all files and gives them their final names.

        No file is renamed before all are complete on the disk. A stream that ends before it has
        started leaves no files.

        Args:
            end: The stream's last record.
            run: Further content of ``run.json`` (settings, versions): JSON types, paths, fractions.

        Returns:
            The report written to ``run.json``.

        Raises:
            OutputError: A file cannot be written. After this or any other error, part files stay
                for another sink, until `abort`.
        """
        self.ledger.note_gap(end.frames)
        if self.latest_start is None or self._texts is None:
            self.abort()
            return self._report(end, (), ())
        return self._complete(end, run, self._texts, self.latest_start)

    def close_texts(self) -> None:
        """Closes the text results without renaming or removing them."""
        if self._texts is not None:
            self._texts.close()

    def abort(self) -> None:
        """Removes everything that does not have its final name yet."""
        if self._texts is not None:
            self._texts.discard()
        self.overlays.discard()

    def _complete(
        self, end: EndOfStream, run: Mapping[str, object], texts: TextResults, start: StreamStart
    ) -> StreamReport:
        made: list[AtomicFile] = []  # besides the text results and the overlay
        with contextlib.ExitStack() as on_error:

            def begin(path: Path) -> AtomicFile:
                made.append(AtomicFile(path))
                on_error.callback(made[-1].discard)
                return made[-1]

            texts.complete()
            self.overlays.close()
            sync_leftovers(self.folder)
            fps, frames = self.timing.fps or 0.0, self.last_number
            if self.options.toolkit_files:
                write_toolkit_matrices(
                    begin, texts.tracks.part, self.folder, self.folder.name, fps, frames
                )
            matrices = tuple(made)
            root = self.folder.parent / "benchmark"
            if start.layout:
                write_benchmark_files(
                    begin,
                    start,
                    root,
                    mot_path=texts.tracks.part,
                    detections_path=texts.detections.part,
                    fps=fps,
                    frames=frames,
                )
            benchmark = tuple(made[len(matrices) :])
            report = self._report(
                end,
                (*texts.names, *(file.path.name for file in matrices), *self.overlays.names),
                tuple(file.path.relative_to(root).as_posix() for file in benchmark),
            )
            summary = begin(self.folder / REPORT)
            summary.write(report.to_json(start, run))
            for file in made:
                file.complete()
            # An older report must not vouch for a mixture of old and new files.
            remove_file(summary.path)
            self.overlays.commit()
            for file in (*texts.files, *made):
                file.commit()
            on_error.pop_all()
        return report

    def _text_results(self, start: StreamStart, resume: TextState | None = None) -> TextResults:
        whole = self.options.toolkit_files or start.layout  # other files are made from it
        options = replace(self.options, text_minutes=0.0) if whole else self.options
        return TextResults(self.folder, options, resume, self.notices.put)

    def _report(
        self, end: EndOfStream, files: tuple[str, ...], benchmark_files: tuple[str, ...]
    ) -> StreamReport:
        return StreamReport(
            end=end,
            epochs=self._epochs,
            ledger=self.ledger,
            timing=self.timing,
            counting=self.counting,
            left_out=self.overlays.left_out,
            files=files,
            benchmark_files=benchmark_files,
        )

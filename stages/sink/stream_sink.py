"""The sink of one stream: from records to the files of a results folder."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from stages.atomic import AtomicFile, output_error
from stages.errors import OutputError
from stages.records import (
    Dropped,
    EndOfStream,
    EndReason,
    FrameHeader,
    StreamStart,
    Tracks,
    UInt8Array,
)
from stages.sink.benchmark import LAYOUTS, prepare_benchmark_files
from stages.sink.detrac import detection_rows, prepare_toolkit_matrices
from stages.sink.latency import LatencyHistogram
from stages.sink.ledger import FrameLedger
from stages.sink.mot import mot_rows
from stages.sink.options import SinkOptions
from stages.sink.overlay_parts import OverlayParts
from stages.sink.report import RunReport, percentiles_ms
from stages.sink.results import DETECTIONS, REPORT, TRACKS, remove_parts
from stages.sink.state import SinkState, StreamCounters


class StreamSink:
    """Writes the results of one stream.

    Into ``folder`` go ``mot.txt``, ``detections.txt``, ``overlay.mp4``, on request the UA-DETRAC
    toolkit's matrices, and ``run.json``. All are written aside; `finish` gives them their final
    names, ``run.json`` last: where it lies, the others do. Each frame's rows are with the operating
    system when `write` returns.

    Records come in order, `start` first, and again for each further epoch; a frame that came before
    is ignored. Frame numbers rise through all epochs: where a source counts anew after a reconnect,
    its numbers go on after the last one. A frame size that changes starts ``overlay-2.mp4``.

    A sink whose process was killed has a successor. It is given the `state` that the first one had,
    if any, and with `start`, `repeat` and `dropped` all that came after.

    Args:
        folder: Results folder of the stream, created by `start`; its name is the stream's.
        options: What to write.
        resume: Whether an earlier sink of the stream left files that are to be used.
        on_kept: Called, from another thread, whenever ``overlays.kept`` has grown.
        before_long_work: Called before a video that an earlier sink began is read, which may take
            minutes.

    Attributes:
        overlays: The overlay; the pixels of its frames that are kept are read no more.
    """

    def __init__(
        self,
        folder: Path,
        options: SinkOptions | None = None,
        *,
        resume: bool = False,
        on_kept: Callable[[], None] = lambda: None,
        before_long_work: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self.options = options or SinkOptions()
        self._resume = resume
        self.overlays = OverlayParts(folder, self.options, on_kept, before_long_work)
        self._start: StreamStart | None = None
        self._epochs = 0
        self._texts: tuple[AtomicFile, AtomicFile] | None = None
        self._ledger = FrameLedger()
        self._latency = LatencyHistogram()
        self._work: defaultdict[str, LatencyHistogram] = defaultdict(LatencyHistogram)
        self._first_ns: int | None = None
        self._last_ns = 0
        self._number = 0
        self._renumbering = 0
        self._numbered_epoch = 0

    @property
    def frames(self) -> int:
        """How many frames were written so far."""
        return self._ledger.written

    def start(self, start: StreamStart) -> None:
        """Takes the first record of an epoch; the first of all opens the files.

        Raises:
            OutputError: A file cannot be created.
            ValueError: The layout is unknown.
        """
        if start.layout and start.layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {start.layout!r}")
        self._epochs += 1
        self._start = start
        if self._texts is None:
            if not self._resume:
                remove_parts(self.folder)
            self._open_texts((0, 0))

    def _open_texts(self, sizes: tuple[int, int]) -> None:
        tracks = AtomicFile(self.folder / TRACKS, sizes[0])
        try:
            self._texts = (tracks, AtomicFile(self.folder / DETECTIONS, sizes[1]))
        except OutputError:
            tracks.discard()
            raise

    def write(
        self,
        tracks: Tracks,
        pixels: UInt8Array | None,
        work_ns: Mapping[str, int],
        now_ns: int,
    ) -> None:
        """Writes one frame.

        Args:
            tracks: The frame's tracks and detections.
            pixels: The frame's pixels, read until ``overlays.kept`` says that the frame is kept;
                None where the stream has none, which leaves the frame out of the overlay.
            work_ns: How long each stage worked on the frame, in ns, by the stage's name.
            now_ns: Wall clock, ns since the epoch.

        Raises:
            OutputError: This or an earlier frame cannot be written.
        """
        if not self._ledger.is_new(tracks.frame):
            return
        number = self._write_rows(tracks)
        if self.options.overlay and pixels is not None:
            assert self._start is not None
            self.overlays.write(self._start, tracks, pixels, number)
        self._book(tracks, work_ns, now_ns)

    def repeat(
        self, tracks: Tracks, work_ns: Mapping[str, int], now_ns: int, *, picture: bool
    ) -> bool:
        """Takes a frame again that an earlier sink of this stream was given.

        Args:
            tracks: As in `write`.
            work_ns: As in `write`.
            now_ns: As in `write`.
            picture: Whether it came with pixels.

        Returns:
            False, having done nothing, where its picture is lost: it must come once more, with its
            pixels, to `write`.
        """
        if picture and self.options.overlay:
            assert self._start is not None
            if not self.overlays.repeat(self._start, tracks):
                return False
        if self._ledger.is_new(tracks.frame):
            self._write_rows(tracks)
            self._book(tracks, work_ns, now_ns)
        return True

    def _write_rows(self, tracks: Tracks) -> int:
        if self._texts is None:
            raise ValueError("write before start")
        number = self._next_number(tracks.frame)
        for file, rows in zip(
            self._texts,
            (mot_rows(tracks, number), detection_rows(tracks.detections, number)),
            strict=True,
        ):
            if rows:
                file.write(rows)
                file.flush()
        return number

    def _book(self, tracks: Tracks, work_ns: Mapping[str, int], now_ns: int) -> None:
        for identity in tracks.ids.tolist():
            self._ledger.see_track(identity)
        for stage, ns in work_ns.items():
            self._work[stage].add(ns)
        self._latency.add(now_ns - tracks.frame.captured_ns)
        if self._first_ns is None:
            self._first_ns = tracks.frame.captured_ns
        self._last_ns = now_ns

    def state(self) -> SinkState:
        """Waits until all pictures are kept; where this sink is, for `restore` of another one."""
        if self._start is None or self._texts is None:
            raise ValueError("state before start")
        return SinkState(
            self._start,
            self._epochs,
            (self._texts[0].size, self._texts[1].size),
            self.overlays.state(),
            self._ledger.state(),
            self._latency.state(),
            {stage: histogram.state() for stage, histogram in self._work.items()},
            self._first_ns,
            self._last_ns,
            self._number,
            self._renumbering,
            self._numbered_epoch,
        )

    def restore(self, state: SinkState) -> None:
        """Goes on where an earlier sink was; instead of the first `start`.

        Without an overlay, pictures of the earlier sink that are in no finished one are left out.
        """
        self._start = state.start
        self._epochs = state.epochs
        self._open_texts(state.sizes)
        if self.options.overlay:
            self.overlays.restore(state.overlays)
        self._ledger.restore(state.ledger)
        self._latency.restore(state.latency)
        for stage, work in state.work.items():
            self._work[stage].restore(work)
        self._first_ns = state.first_ns
        self._last_ns = state.last_ns
        self._number = state.number
        self._renumbering = state.renumbering
        self._numbered_epoch = state.numbered_epoch

    def counters(self) -> StreamCounters:
        """How the stream goes so far; the histograms are the sink's own, to be read at once."""
        return StreamCounters(
            self._ledger.written,
            dict(self._ledger.dropped),
            self._latency,
            self._work,
        )

    def dropped(self, dropped: Dropped) -> None:
        """Takes the news that frames will not come; the results have no rows for them."""
        self._ledger.drop(dropped)

    def finish(self, end: EndOfStream, run: Mapping[str, object]) -> RunReport:
        """Completes all files and gives them their final names.

        Nothing is renamed before every file is complete on the disk. A stream that ends before it
        has started leaves no files.

        Args:
            end: The stream's last record.
            run: What else ``run.json`` shall say (settings, versions, command): JSON types, paths,
                fractions.

        Returns:
            What ``run.json`` says.

        Raises:
            OutputError: A file cannot be written; the part files stay until `abort`, for another
                sink to go on with.
        """
        if self._start is None or self._texts is None:
            self.abort()
            return self._report(end, (), ())
        try:
            return self._publish(end, run, self._texts)
        except OutputError:
            raise
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Removes everything that has not its final name yet."""
        for file in self._texts or ():
            file.discard()
        self.overlays.discard()

    def _publish(
        self, end: EndOfStream, run: Mapping[str, object], texts: tuple[AtomicFile, AtomicFile]
    ) -> RunReport:
        assert self._start is not None
        mot, detections = texts
        with contextlib.ExitStack() as on_error:
            for file in texts:
                file.complete()
            self.overlays.close()
            fps = self._achieved_fps() or 0.0
            extra: tuple[AtomicFile, ...] = ()
            if self.options.toolkit_files:
                extra = prepare_toolkit_matrices(
                    mot.part, self.folder, self.folder.name, fps, self._number
                )
                for file in extra:
                    on_error.callback(file.discard)
            benchmark: tuple[AtomicFile, ...] = ()
            root = self.folder.parent / "benchmark"
            if self._start.layout:
                benchmark = prepare_benchmark_files(
                    self._start.layout,
                    root,
                    name=self._start.stream,
                    detector=self._start.detector,
                    mot_path=mot.part,
                    detections_path=detections.part,
                    fps=fps,
                    frames=self._number,
                )
                for file in benchmark:
                    on_error.callback(file.discard)
            report = self._report(
                end,
                (*(file.path.name for file in (*texts, *extra)), *self.overlays.names),
                tuple(file.path.relative_to(root).as_posix() for file in benchmark),
            )
            summary = AtomicFile(self.folder / REPORT)
            on_error.callback(summary.discard)
            summary.write(report.to_json(run))
            summary.complete()
            # An older report must not vouch for a mixture of old and new files.
            try:
                summary.path.unlink(missing_ok=True)
            except OSError as error:
                raise output_error(summary.path, error) from error
            self.overlays.commit()
            for file in (*texts, *extra, *benchmark, summary):
                file.commit()
            on_error.pop_all()
        return report

    def _next_number(self, frame: FrameHeader) -> int:
        """1-based number of the frame in the files, rising through all epochs."""
        if frame.epoch != self._numbered_epoch:
            self._numbered_epoch = frame.epoch
            behind = self._number + 1 - (frame.number + self._renumbering)
            self._renumbering += max(0, behind)
        number = frame.number + self._renumbering
        if number <= self._number:
            raise ValueError(f"frame {number} of {frame.stream} after frame {self._number}")
        self._number = number
        return number

    def _achieved_fps(self) -> float | None:
        seconds = self._wall_seconds()
        return self._ledger.written / seconds if seconds > 0 else None

    def _wall_seconds(self) -> float:
        return 0.0 if self._first_ns is None else (self._last_ns - self._first_ns) / 1e9

    def _report(
        self, end: EndOfStream, files: tuple[str, ...], benchmark_files: tuple[str, ...]
    ) -> RunReport:
        start = self._start
        missing = self._ledger.missing(end.frames)
        status, message = end.reason.value, end.message
        if missing and end.reason is EndReason.COMPLETE:
            status = "incomplete"
            message = message or f"{missing} of {end.frames} frames are missing from the results"
        if missing:
            self._ledger.finish(end.epoch, end.frames)
        return RunReport(
            stream=end.stream,
            source=start.source if start else "",
            status=status,
            message=message,
            frames_in=end.frames,
            frames_out=self._ledger.written,
            missing=missing,
            missing_sequences=tuple(self._ledger.gaps) if missing else (),
            dropped=dict(self._ledger.dropped),
            tracks=self._ledger.tracks,
            epochs=self._epochs,
            frame_rate=start.frame_rate if start else Fraction(0),
            wall_seconds=self._wall_seconds(),
            achieved_fps=self._achieved_fps(),
            latency_ms=percentiles_ms(self._latency),
            stages_ms={stage: percentiles_ms(work) for stage, work in self._work.items()},
            detector=start.detector if start else "",
            class_names=start.class_names if start else (),
            files=files,
            benchmark_files=benchmark_files,
        )

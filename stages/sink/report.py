"""The report about a stream, written to ``run.json`` and returned to the caller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from stages.records import DropReason, EndOfStream, EndReason, StreamStart
from stages.result_files import StreamStatus
from stages.sink.counting import Counting
from stages.sink.crossings import Counts
from stages.sink.latency import LatencyHistogram
from stages.sink.ledger import FrameLedger
from stages.sink.times import utc_time
from stages.sink.timing import StreamTiming
from stages.sink.zones import ZoneCounts
from stages.wording import counted

PERCENTILES = (50, 95, 99)


def outcome(end: EndOfStream, missing: int) -> tuple[StreamStatus, str]:
    """Returns the status and message for a stream's report.

    Args:
        end: The stream's last record.
        missing: Number of its frames that were neither written nor reported as dropped.
    """
    if not missing or end.reason is not EndReason.COMPLETE:
        return StreamStatus(end.reason.value), end.message
    lack = "is missing" if missing == 1 else "are missing"
    of = f"{missing} of {counted(end.frames, 'frame')}"
    return StreamStatus.INCOMPLETE, end.message or f"{of} {lack} from the results"


def percentiles_ms(histogram: LatencyHistogram) -> dict[str, float | None]:
    """Returns p50, p95 and p99 in milliseconds; None if nothing was measured."""
    return {
        f"p{p}": None if (ns := histogram.percentile(p)) is None else round(ns / 1e6, 3)
        for p in PERCENTILES
    }


@dataclass(frozen=True, slots=True)
class StreamReport:
    """The outcome of one stream.

    Attributes:
        stream: Name of the stream.
        source: Where the frames came from, credentials removed.
        status: How the source ended, or that frames are missing.
        message: One line for the user, or "".
        frames_in: Number of frames the decoder emitted.
        frames_out: Number of frames in the results.
        missing: Number of frames neither written nor reported as dropped.
        missing_sequences: The first gaps, as first and last sequence number (0-based, inclusive).
        left_out: Number of frames in the results that are missing from the overlay.
        dropped: Number of dropped frames by reason.
        tracks: Number of different tracks seen.
        crossings: Number of vehicles that crossed each line.
        zones: Number of vehicles that entered each zone, and that were inside at the end.
        epochs: Number of times the source began: connections and changes of frame size.
        frame_rate: Frames per second as stated by the source.
        frame_size: Width and height in pixels in the last epoch; None if no frame arrived.
        processing_started: When the decoder output the first frame of the results, see `utc_time`.
            For a camera, this is the time of capture; for recorded video, it is the time of
            processing, not of recording. None if no frame arrived.
        wall_seconds: Time from the first frame's capture to the last frame's results.
        achieved_fps: ``frames_out`` per second of ``wall_seconds``; None if no time passed.
        latency_ms: Latency from capture to results: p50, p95, p99.
        stages_ms: The same percentiles for each stage's work on a frame.
        detector: Name of the detector.
        detected_by: What computed the detections.
        class_names: Names of the classes.
        files: Names of the files in the stream's folder.
        benchmark_files: Files under the benchmark's names, relative to the benchmark folder.
    """

    stream: str
    source: str
    status: StreamStatus
    message: str
    frames_in: int
    frames_out: int
    missing: int
    missing_sequences: tuple[tuple[int, int], ...]
    left_out: int
    dropped: Mapping[DropReason, int]
    tracks: int
    crossings: Mapping[str, Counts]
    zones: Mapping[str, ZoneCounts]
    epochs: int
    frame_rate: Fraction
    frame_size: tuple[int, int] | None
    processing_started: str | None
    wall_seconds: float
    achieved_fps: float | None
    latency_ms: Mapping[str, float | None]
    stages_ms: Mapping[str, Mapping[str, float | None]]
    detector: str
    detected_by: str
    class_names: tuple[str, ...]
    files: tuple[str, ...]
    benchmark_files: tuple[str, ...]

    @classmethod
    def of(
        cls,
        end: EndOfStream,
        start: StreamStart | None,
        *,
        epochs: int,
        ledger: FrameLedger,
        timing: StreamTiming,
        counting: Counting,
        left_out: int,
        files: tuple[str, ...],
        benchmark_files: tuple[str, ...],
    ) -> StreamReport:
        """Returns the report about a stream that has ended.

        Args:
            end: The stream's last record.
            start: The first record of its last epoch; None if no frame arrived.
            epochs: See above.
            ledger: Account of the frames.
            timing: Durations of the frames.
            counting: Counters of lines and zones.
            left_out: See above.
            files: See above.
            benchmark_files: See above.
        """
        missing, first_ns = ledger.missing(end.frames), timing.first_ns
        status, message = outcome(end, missing)
        return cls(
            stream=end.stream,
            source=start.source if start else "",
            status=status,
            message=message,
            frames_in=end.frames,
            frames_out=ledger.written,
            missing=missing,
            missing_sequences=tuple(ledger.gaps) if missing else (),
            left_out=left_out,
            dropped=dict(ledger.dropped),
            tracks=ledger.tracks,
            crossings=dict(counting.crossings.counts),
            zones=dict(counting.zones.counts),
            epochs=epochs,
            frame_rate=start.frame_rate if start else Fraction(0),
            frame_size=(start.width, start.height) if start else None,
            processing_started=None if first_ns is None else utc_time(first_ns),
            wall_seconds=timing.seconds,
            achieved_fps=timing.fps,
            latency_ms=percentiles_ms(timing.latency),
            stages_ms={stage: percentiles_ms(work) for stage, work in timing.work.items()},
            detector=start.detector if start else "",
            detected_by=start.detected_by if start else "",
            class_names=start.class_names if start else (),
            files=files,
            benchmark_files=benchmark_files,
        )

    @property
    def dropped_total(self) -> int:
        """Number of dropped frames, for any reason."""
        return sum(self.dropped.values())

    def to_json(self, run: Mapping[str, object]) -> str:
        """Returns the text of ``run.json``: the report, then the entries of ``run``.

        Keys have a fixed order; those of ``run`` never replace the report's.
        """
        measured: dict[str, object] = {
            "stream": self.stream,
            "source": self.source,
            "status": self.status,
            "message": self.message,
            "frames": {
                "in": self.frames_in,
                "out": self.frames_out,
                "missing": self.missing,
                "missing_sequences": self.missing_sequences,
                "left_out_of_overlay": self.left_out,
            },
            "dropped": {
                "total": self.dropped_total,
                "by_reason": dict(sorted(self.dropped.items())),
            },
            "tracks": self.tracks,
            "crossings": {line: counts._asdict() for line, counts in self.crossings.items()},
            "zones": {zone: counts._asdict() for zone, counts in self.zones.items()},
            "epochs": self.epochs,
            "frame_rate": float(self.frame_rate),
            "frame_size": self.frame_size,
            "processing_started": self.processing_started,
            "wall_seconds": round(self.wall_seconds, 3),
            "achieved_fps": None if self.achieved_fps is None else round(self.achieved_fps, 2),
            "latency_ms": self.latency_ms,
            "stages_ms": self.stages_ms,
            "detector": self.detector,
            "detected_by": self.detected_by,
            "class_names": self.class_names,
            "files": self.files,
            "benchmark_files": self.benchmark_files,
        }
        added = {key: value for key, value in run.items() if key not in measured}
        # Paths, fractions and unknown types become text: no value is worth losing the results for.
        text = json.dumps(
            {**measured, **added}, indent=2, ensure_ascii=False, allow_nan=False, default=str
        )
        return text + "\n"

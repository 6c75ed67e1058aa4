"""The report about a stream, written to ``run.json`` and returned to the caller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from stages.records import EndOfStream, EndReason, StreamStart
from stages.result_files import StreamStatus
from stages.sink.counting import Counting
from stages.sink.latency import LatencyHistogram
from stages.sink.ledger import FrameLedger
from stages.sink.times import utc_time
from stages.sink.timing import StreamTiming
from stages.wording import counted

PERCENTILES = (50, 95, 99)


def percentiles_ms(histogram: LatencyHistogram) -> dict[str, float | None]:
    """Returns p50, p95 and p99 in milliseconds; None if nothing was measured."""
    return {
        f"p{p}": None if (ns := histogram.percentile(p)) is None else round(ns / 1e6, 3)
        for p in PERCENTILES
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """The outcome of one stream.

    Attributes:
        end: The stream's last record.
        epochs: Number of times the source began: connections and changes of frame size.
        ledger: Account of the frames.
        timing: Durations of the frames.
        counting: Counters of lines and zones.
        left_out: Number of frames in the results that are missing from the overlay.
        files: Names of the files in the stream's folder.
        benchmark_files: Files under the benchmark's names, relative to the benchmark folder.
    """

    end: EndOfStream
    epochs: int
    ledger: FrameLedger
    timing: StreamTiming
    counting: Counting
    left_out: int
    files: tuple[str, ...]
    benchmark_files: tuple[str, ...]

    @property
    def missing(self) -> int:
        """Number of frames neither written nor reported as dropped."""
        return self.ledger.missing(self.end.frames)

    @property
    def outcome(self) -> tuple[StreamStatus, str]:
        """How the source ended, or that frames are missing; and one line for the user, or ""."""
        end, missing = self.end, self.missing
        if not missing or end.reason is not EndReason.COMPLETE:
            return StreamStatus(end.reason.value), end.message
        lack = "is missing" if missing == 1 else "are missing"
        of = f"{missing} of {counted(end.frames, 'frame')}"
        return StreamStatus.INCOMPLETE, end.message or f"{of} {lack} from the results"

    def to_json(self, start: StreamStart, run: Mapping[str, object]) -> str:
        """Returns the text of ``run.json``: the report, then the entries of ``run``.

        Keys have a fixed order; those of ``run`` never replace the report's.

        Args:
            start: The first record of the stream's last epoch.
            run: See above.
        """
        ledger, timing = self.ledger, self.timing
        lines, zones = self.counting.crossings.counts, self.counting.zones.counts
        status, message = self.outcome
        measured: dict[str, object] = {
            "stream": self.end.stream,
            "source": start.source,
            "status": status,
            "message": message,
            "frames": {
                "in": self.end.frames,
                "out": ledger.written,
                "missing": self.missing,
                "missing_sequences": ledger.gaps if self.missing else (),
                "left_out_of_overlay": self.left_out,
                "not_found_on_picture": ledger.not_found,
            },
            "dropped": {
                "total": ledger.dropped_total,
                "by_reason": dict(sorted(ledger.dropped.items())),
            },
            "tracks": ledger.tracks,
            "crossings": {line: counts._asdict() for line, counts in lines.items()},
            "zones": {zone: counts._asdict() for zone, counts in zones.items()},
            "epochs": self.epochs,
            "frame_rate": float(start.frame_rate),
            "frame_size": (start.width, start.height),
            "frame_sizes": ledger.sizes,
            "processing_started": None if timing.first_ns is None else utc_time(timing.first_ns),
            "wall_seconds": round(timing.seconds, 3),
            "achieved_fps": None if timing.fps is None else round(timing.fps, 2),
            "latency_ms": percentiles_ms(timing.latency),
            "stages_ms": {stage: percentiles_ms(work) for stage, work in timing.work.items()},
            "detector": start.detector,
            "detected_by": start.detected_by,
            "class_names": start.class_names,
            "files": self.files,
            "benchmark_files": self.benchmark_files,
        }
        added = {key: value for key, value in run.items() if key not in measured}
        # Paths, fractions and unknown types become text: no value is worth losing the results for.
        text = json.dumps(
            {**measured, **added}, indent=2, ensure_ascii=False, allow_nan=False, default=str
        )
        return text + "\n"

"""``spotstream watch``: what a pipeline publishes, as lines of text or JSON."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from pipeline.transport.envelope import Envelope
from pipeline.transport.subscription import Subscription
from stages.measurements import Crossings, GroundPlace, GroundPlaces, ZoneEvent, ZoneEvents
from stages.records import Dropped, EndOfStream, StreamStart, Tracks
from stages.sink.mot import mot_rows
from stages.sink.times import utc_time
from stages.wording import counted
from tools.watching.missed_records import MissedRecords

Fact: TypeAlias = dict[str, Any]
"""An event as a JSON object: its ``kind``, its ``stream``, and the keys of that kind."""

KINDS = (
    *("start", "frame", "crossing", "zone", "occupancy", "ground"),
    *("dropped", "missed", "silence", "end"),
)
OF_EVERY_FRAME = ("frame", "ground")

_SILENCE = 5.0
"""Seconds without anything to print after which the silence is reported."""

_HEARTBEAT = 3.0
"""Seconds without a message from a pipeline, which sends every second, until it may be gone."""


def watch(
    address: str,
    stream: str,
    key: Path | None,
    server_key: Path | None,
    on_fact: Callable[[Fact], None] | None = None,
) -> None:
    """Prints what is published about one stream, or about all for "", until Ctrl-C.

    Each track is printed as ``stream,`` and a MOTChallenge row. Events at lines and zones, dropped
    frames and ends of streams are printed on standard error. If ``on_fact`` is given, it is called
    with each `Fact` instead, and none of these is printed. Missed records and silences of a few
    seconds are reported on standard error in both cases, and to ``on_fact`` if given: ZeroMQ cannot
    distinguish a wrong address or key from a pipeline that has not started yet.
    """
    silence = _Silence(stream, address, on_fact, has_key=key is not None)
    class_names: dict[str, tuple[str, ...]] = {}
    with (
        contextlib.closing(MissedRecords()) as missed,
        Subscription(address, key, server_key) as subscription,
    ):
        while True:
            envelope = subscription.receive(_SILENCE)
            missed.report_due()
            if envelope is None or (stream and envelope.stream != stream):
                silence.check(subscription)
                continue
            silence.end()
            records = missed.before(envelope)
            if isinstance(envelope.record, StreamStart):
                class_names[envelope.stream] = envelope.record.class_names
            names = class_names.get(envelope.stream, ())
            if on_fact is None:
                _print(envelope, names)
                continue
            if records:
                on_fact({"kind": "missed", **_origin(envelope), "records": records})
            for fact in _facts(envelope, names):
                on_fact(fact)


class _Silence:
    """Reports that nothing has arrived for a while and the likely reason, again if it changes."""

    def __init__(
        self, stream: str, address: str, on_fact: Callable[[Fact], None] | None, *, has_key: bool
    ) -> None:
        self._stream = stream
        self._on_fact = on_fact
        self._what = f"nothing {f'of stream {stream} ' if stream else ''}from {address}"
        self._keys = "with these keys" if has_key else "without keys"
        self._since = time.monotonic()
        self._has_heard = False
        self._reported_alive: bool | None = None  # whether the latest report said so

    def end(self) -> None:
        """Ends the silence, since a record has arrived."""
        self._since = time.monotonic()
        self._has_heard, self._reported_alive = True, None

    def check(self, subscription: Subscription) -> None:
        """Reports a silence if nothing has arrived for some time."""
        is_alive = subscription.silence < _HEARTBEAT
        if self._reported_alive is is_alive or time.monotonic() - self._since < _SILENCE:
            return
        self._reported_alive = is_alive
        reason = self._reason(is_alive=is_alive, known=subscription.streams)
        print(f"{self._what} {reason} Still waiting", file=sys.stderr, flush=True)
        if self._on_fact is not None:
            self._on_fact({"kind": "silence", "stream": self._stream, "pipeline_alive": is_alive})

    def _reason(self, *, is_alive: bool, known: Sequence[str]) -> str:
        lasts = f"for {_SILENCE:g} s" if self._has_heard else "yet"
        if is_alive and self._stream and self._stream not in known:
            names = ", ".join(known) or "none"
            return f"{lasts}; the pipeline runs, and its streams under way are: {names}."
        if is_alive:
            return f"{lasts}; the pipeline runs: it is still starting, or its sources are silent."
        if self._has_heard:
            return f"{lasts}; the pipeline has stopped, or the network fails."
        address = f"its runtime.publish this address, {self._keys}"
        return f"{lasts}; is a pipeline running, and is {address}?"


def print_json(fact: Fact) -> None:
    """Prints a fact as a line of JSON."""
    print(json.dumps(fact, ensure_ascii=False), flush=True)


def _print(envelope: Envelope, class_names: Sequence[str]) -> None:
    match envelope.record:
        case Tracks() as tracks:
            several = len(class_names) > 1
            rows = mot_rows(tracks, tracks.frame.number, with_classes=several)
            for row in rows.splitlines():
                print(f"{envelope.stream},{row}", flush=True)
        case Crossings() as record:
            for crossing in record.crossings:
                left, right = record.counts[crossing.line]
                print(
                    f"{envelope.stream}: track {crossing.identity} crossed {crossing.line} to the "
                    f"{crossing.direction}: {left} to the left, {right} to the right",
                    file=sys.stderr,
                )
        case ZoneEvents() as record:
            for event in record.events:
                entered, inside = record.counts[event.zone]
                print(
                    f"{envelope.stream}: track {event.identity} {_action(event)}: "
                    f"{inside} there of {entered} that entered",
                    file=sys.stderr,
                )
        case Dropped() as dropped:
            frames = counted(dropped.last - dropped.first + 1, "frame")
            print(f"{envelope.stream}: {frames} dropped: {dropped.reason}", file=sys.stderr)
        case EndOfStream() as end:
            reason = end.message or end.reason.value
            print(f"{envelope.stream}: ended: {reason}", file=sys.stderr)


def _action(event: ZoneEvent) -> str:
    if event.kind == "enter":
        return f"entered {event.zone}"
    if event.kind == "stay":
        return f"has been in {event.zone} for {event.seconds:.1f} s"
    action = "left" if event.kind == "leave" else "was lost in"
    return f"{action} {event.zone} after {event.seconds:.1f} s"


def _facts(envelope: Envelope, class_names: Sequence[str]) -> Iterator[Fact]:
    """Yields the facts in an envelope; ``time`` is when a frame was decoded."""
    origin = _origin(envelope)
    match envelope.record:
        case StreamStart() as start:
            yield {
                "kind": "start",
                **origin,
                "epoch": start.epoch,
                "source": start.source,
                "width": start.width,
                "height": start.height,
                "frame_rate": round(float(start.frame_rate), 3),
                "live": start.live,
                "class_names": start.class_names,
            }
        case Tracks() as tracks:
            yield {
                "kind": "frame",
                **origin,
                "epoch": tracks.frame.epoch,
                "frame": tracks.frame.number,
                "time": utc_time(tracks.frame.captured_ns),
                "seconds": round(tracks.frame.seconds, 3),
                "tracks": list(_tracks(tracks, class_names)),
            }
        case Crossings() as record:
            for crossing in record.crossings:
                yield {
                    "kind": "crossing",
                    **origin,
                    "frame": crossing.number,
                    "time": crossing.time,
                    "id": crossing.identity,
                    **_class(crossing.class_index, class_names),
                    "line": crossing.line,
                    "direction": crossing.direction,
                    **record.counts[crossing.line]._asdict(),
                }
        case ZoneEvents() as record:
            for event in record.events:
                yield {
                    "kind": "zone",
                    **origin,
                    "frame": event.number,
                    "time": event.time,
                    "id": event.identity,
                    **_class(event.class_index, class_names),
                    "zone": event.zone,
                    "event": event.kind,
                    "seconds": round(event.seconds, 3),
                    **record.counts[event.zone]._asdict(),
                }
            yield {
                "kind": "occupancy",
                **origin,
                "frame": record.number,
                "time": record.time,
                "zones": {zone: counts.inside for zone, counts in record.counts.items()},
            }
        case GroundPlaces() as found:
            yield {
                "kind": "ground",
                **origin,
                "frame": found.number,
                "time": found.time,
                "vehicles": [_rounded(place) for place in found.places],
            }
        case Dropped() as dropped:
            frames = dropped.last - dropped.first + 1
            yield {"kind": "dropped", **origin, "frames": frames, "reason": dropped.reason}
        case EndOfStream() as end:
            reason = {"reason": end.reason, "message": end.message}
            yield {"kind": "end", **origin, "frames": end.frames, **reason}


def _origin(envelope: Envelope) -> Fact:
    return {"run": envelope.run, "stream": envelope.stream, "channel": envelope.channel}


def _tracks(tracks: Tracks, class_names: Sequence[str]) -> Iterator[dict[str, Any]]:
    boxes = tracks.boxes.astype(np.float64).round(2).tolist()
    scores = tracks.scores.astype(np.float64).round(4).tolist()
    columns = zip(tracks.ids.tolist(), boxes, scores, tracks.classes.tolist(), strict=True)
    for identity, box, score, index in columns:
        yield {"id": identity, "box": box, "score": score, **_class(index, class_names)}


def _rounded(place: GroundPlace) -> dict[str, Any]:
    speed = None if place.speed is None else round(place.speed, 1)
    return {"id": place.identity, "x": round(place.x, 2), "y": round(place.y, 2), "speed": speed}


def _class(index: int, class_names: Sequence[str]) -> dict[str, Any]:
    named = index < len(class_names)
    return {"class": index} | ({"class_name": class_names[index]} if named else {})

"""Checks whether an earlier run's finished results are those that this run would give."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config import RunConfig, to_plain
from pipeline.geometry import (
    ground_of,
    ignored_in,
    reference_of,
    region_of,
    shapes_of,
    stay_limits_of,
)
from pipeline.release import installed_release
from stages.decoder.image_folder import image_files
from stages.decoder.locations import SourceSpec
from stages.decoder.segments import is_recording, segments_of
from stages.detector.shipped import SHIPPED
from stages.records import DropReason
from stages.result_files import REPORT, read_report, real_path
from stages.wording import as_setting, counted
from trackers import default_settings

_INDIFFERENT: Mapping[str, tuple[str, ...]] = {
    "decoder": (
        "hardware",
        "timeout",
        "connect_seconds",
        "reconnect",
        "transport",
        "pace",
        "record",
        "record_minutes",
        "record_gigabytes",
    ),
    "detector": ("device", "threads", "workers", "batch_size", "batch_wait_ms"),
    "sink": (
        "overlay_gigabytes",
        "text_gigabytes",
        "event_gigabytes",
        "overlay_hardware",
        "overlay_url",
    ),
}
"""The config keys, by section, that do not determine the results of a recorded source.

They are for how and where a run computes, for its timeouts, and for live streams only. They may
change when an interrupted run is continued, as may all of ``runtime``; all others must not. A run
may choose the device itself; the engine determines the results, because its arithmetic differs.
"""

_PATHS = ("detector.weights", "detector.detections", "decoder.reference")


def difference(folder: Path, spec: SourceSpec, config: RunConfig) -> str:
    """Returns how the results of the run in ``run.json`` differ from this run's, "" if not at all.

    Args:
        folder: The folder of a finished stream's results.
        spec: This run's stream; it is recorded, not live.
        config: This run's configuration.

    Returns:
        The part of a message that follows the folder's name: its results are of another source,
        other settings or another release, lack frames that this run would not drop, or are older
        than a file that they are made from.
    """
    if other := other_source(folder, spec):
        return other
    report = read_report(folder)
    written_in = report.get("working_directory")  # run.json may hold paths relative to it
    # Results of another tracker differ anyway, and its class may not exist here.
    defaults = default_settings(config.tracker.name)
    there = _deciding(report.get("config"), defaults, spec.name, written_in)
    now = _deciding(to_plain(config), defaults, spec.name, os.curdir)
    for key, value in now.items():
        if there.get(key) != value:
            values = f"{as_setting(there.get(key))} there, {as_setting(value)} now"
            return f"holds results of other settings ({key}: {values})"
    made_by, this = _mapping(report.get("versions")).get("spotstream"), installed_release()
    if made_by != this:
        return f"holds results of release {made_by}, and this is {this}"
    if config.runtime.mode != "live" and (dropped := _dropped_in_live_mode(report)):
        return f"lacks {counted(dropped, 'frame')} dropped in live mode"
    made = (folder / REPORT).stat().st_mtime
    for path in (
        *_first_and_last(Path(spec.location)),
        *(Path(now[key]) for key in _PATHS if now[key]),
    ):
        if path.is_file() and path.stat().st_mtime > made:
            return f"holds results that are older than {path}"
    return ""


def other_source(folder: Path, spec: SourceSpec) -> str:
    """Returns which other source ``run.json`` names, worded like `difference`; "" if none."""
    report = read_report(folder)
    earlier = report.get("source")
    if not isinstance(earlier, str) or not earlier:
        return ""
    if "://" not in earlier:
        earlier = real_path(earlier, report.get("working_directory"))
    source = real_path(spec.location, os.curdir)
    if earlier == source:
        return ""
    return f"holds results of another source ({earlier} there, {source} now)"


def _deciding(
    config: object, tracker_defaults: Mapping[str, object], stream: str, directory: str | None
) -> dict[str, Any]:
    """Returns a stream's values of all keys but `_INDIFFERENT`, by ``section.key``, with defaults.

    Regions, lines, zones, their limits, the ground and the reference are only those of this stream.
    """
    defaults = to_plain(RunConfig())
    sections = _mapping(config)
    values: dict[str, Any] = {}
    for section in [each for each in defaults if each != "runtime"]:
        given = defaults[section] | _mapping(sections.get(section))
        deciding = defaults[section].keys() - set(_INDIFFERENT.get(section, ()))
        values |= {f"{section}.{key}": given[key] for key in defaults[section] if key in deciding}
    settings = _mapping(values.pop("tracker.settings"))
    for setting, default in tracker_defaults.items():
        values[f"tracker.settings.{setting}"] = settings.get(setting, default)
    ignored = _mapping(values.pop("detector.ignored"))
    values[f"detector.ignored.{stream}"] = ignored_in(ignored, stream)
    regions = _mapping(values.pop("detector.regions"))
    values[f"detector.regions.{stream}"] = region_of(regions, stream)
    if isinstance(classes := values["detector.classes"], list):
        values["detector.classes"] = sorted(classes, key=str)
    values["decoder.reference"] = reference_of(_mapping(values["decoder.reference"]), stream)
    for key in ("sink.lines", "sink.zones"):
        values[f"{key}.{stream}"] = shapes_of(_mapping(values.pop(key)), stream)
    limits = _mapping(values.pop("sink.zone_stay_seconds"))
    zones = values[f"sink.zones.{stream}"]
    values[f"sink.zone_stay_seconds.{stream}"] = stay_limits_of(limits, zones)
    values[f"sink.ground.{stream}"] = ground_of(_mapping(values.pop("sink.ground")), stream)
    values["detector.weights"] = values["detector.weights"] or SHIPPED[0]
    for key in _PATHS:
        if values[key] and values[key] not in SHIPPED:
            values[key] = real_path(values[key], directory)
    return values


def _dropped_in_live_mode(report: dict[str, Any]) -> int:
    by_reason = _mapping(_mapping(report.get("dropped")).get("by_reason"))
    return sum(by_reason.get(reason, 0) for reason in (DropReason.BEHIND, DropReason.RESTARTED))


def _first_and_last(source: Path) -> Iterator[Path]:
    """Yields the video, or the first and the last of the files that are read from a folder."""
    files = [source]
    if source.is_dir():
        recorded = is_recording(source)
        files = [each.path for each in segments_of(source)] if recorded else image_files(source)
    yield from files[:1]
    yield from files[-1:]


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

"""Warnings before a run, about sources and settings that have no effect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from pipeline.addresses import is_local
from pipeline.config import RunConfig, RuntimeConfig
from pipeline.geometry import EVERY_STREAM, EVERY_ZONE, reference_of
from pipeline.plan import StageName
from pipeline.reports import Notice
from pipeline.supervision.runtime_folder import unusable_temporary_folder
from stages.decoder.locations import SourceSpec, is_live, skipped_videos, unreadable_folders
from stages.result_files import folder_name
from stages.urls import redact

_NAMED = 8  # of a folder's streams, in a warning
_SHAPES: dict[StageName, tuple[str, ...]] = {  # keys that place something on a stream's frames
    "decoder": ("reference",),
    "detector": ("ignored", "regions"),
    "sink": ("lines", "zones", "ground"),
}
_FOR_LIVE = ("overlay_url", "text_gigabytes")  # of sink; overlay_gigabytes has a default


def run_warnings(
    sources: Sequence[str], specs: Sequence[SourceSpec], config: RunConfig, *, stay: bool
) -> list[Notice]:
    """Returns the warnings to show before a run.

    Args:
        sources: Sources as the user named them.
        specs: The streams that they expand to.
        config: The run's config.
        stay: Whether streams may be added later.
    """
    found: list[tuple[StageName, str]] = [
        ("decoder", unusable_temporary_folder()),
        ("decoder", nothing_to_record(specs, config, stay=stay)),
        ("sink", without_live_streams(specs, config, stay=stay)),
        *without_effect(config),
        ("sink", fixed_in_moving_images(specs, config, stay=stay)),
        ("sink", without_password(config.runtime)),
        *unknown_in_config(specs, config, stay=stay),
        ("decoder", named_by_order(specs)),
    ]
    if videos := skipped_videos(sources, specs):
        found.append(("decoder", _name_them(videos)))
    if closed := unreadable_folders(sources):
        reason = f"left out, since this user may not read it: {_first_of(closed)}"
        found.append(("decoder", reason))
    return [Notice(stage, message=warning) for stage, warning in found if warning]


def without_effect(config: RunConfig) -> Iterator[tuple[StageName, str]]:
    """Yields a warning for each key that has no effect because of others."""
    detector, sink, runtime = config.detector, config.sink, config.runtime
    if detector.regions and detector.detections is not None:
        yield "detector", "detector.regions: no effect with detector.detections"
    if sink.event_pictures and not (sink.lines or sink.zones):
        yield "sink", "sink.event_pictures: no effect without sink.lines or sink.zones"
    if any(sink.zone_stay_seconds.values()) and not sink.zones:
        yield "sink", "sink.zone_stay_seconds: no effect without sink.zones"
    elif unknown := sink.zone_stay_seconds.keys() - {EVERY_ZONE, *chain(*sink.zones.values())}:
        yield "sink", f"sink.zone_stay_seconds: no zone is called {', '.join(sorted(unknown))}"
    if runtime.http_password and not (runtime.web or runtime.metrics):
        yield "sink", "runtime.http_password: no effect without runtime.web or runtime.metrics"


def nothing_to_record(specs: Sequence[SourceSpec], config: RunConfig, *, stay: bool) -> str:
    """Returns a warning if recording is on but no stream is or may become live, else ""."""
    record = config.decoder.record
    if record is None or stay or any(is_live(spec.location) for spec in specs):
        return ""
    return f"nothing is recorded into {record}: none of the sources is a live stream"


def without_live_streams(specs: Sequence[SourceSpec], config: RunConfig, *, stay: bool) -> str:
    """Returns a warning if settings are for live streams and none is or may become one, else ""."""
    keys = [f"sink.{key}" for key in _FOR_LIVE if getattr(config.sink, key)]
    mode = config.runtime.mode
    may_be_live = mode == "auto" and (stay or any(is_live(spec.location) for spec in specs))
    if not keys or mode == "live" or may_be_live:
        return ""
    why = "runtime.mode is lossless" if mode == "lossless" else "none of the sources is a live one"
    return f"{' and '.join(keys)}: no effect, since {why}"


def fixed_in_moving_images(specs: Sequence[SourceSpec], config: RunConfig, *, stay: bool) -> str:
    """Returns a warning if lines and the like are on frames of cameras that may move, else ""."""
    if not config.decoder.camera_motion:
        return ""
    names = {spec.name for spec in specs}
    fixed = []
    for key in _SHAPES["sink"]:
        shapes = getattr(config.sink, key)
        drawn = names if EVERY_STREAM in shapes else names & shapes.keys()
        if stay:  # streams of all these names may come
            drawn = drawn | shapes.keys()
        if any(reference_of(config.decoder.reference, name) is None for name in drawn):
            fixed.append(f"sink.{key}")
    if not fixed:
        return ""
    return (
        f"{' and '.join(fixed)}: fixed in the image, so vehicles are counted and measured wrongly "
        "if the camera moves, as decoder.camera_motion expects"
    )


def without_password(runtime: RuntimeConfig) -> str:
    """Returns a warning if other hosts can reach an HTTP server without a password, else ""."""
    served = {"web": runtime.web, "metrics": runtime.metrics}
    reached = [key for key, address in served.items() if address and not is_local(address)]
    keys = " and ".join(f"runtime.{key}" for key in reached)
    if not keys or runtime.http_password is not None:
        return ""
    return f"{keys}: other hosts can read this without a password, which runtime.http_password sets"


def unknown_in_config(
    specs: Sequence[SourceSpec], config: RunConfig, *, stay: bool
) -> Iterator[tuple[StageName, str]]:
    """Yields a warning for each key that names streams the run does not have."""
    names = [spec.name for spec in specs]
    for stage, keys in (*_SHAPES.items(), ("sink", ("overlay_url",))):
        for key in keys:
            streams = getattr(getattr(config, stage), key)
            if warning := unknown_streams(f"{stage}.{key}", streams, names, stay=stay):
                yield stage, warning


def unknown_streams(
    key: str, streams: Iterable[str], names: Sequence[str], *, stay: bool = False
) -> str:
    """Returns a warning if a key of the config is for streams other than ``names``, else ""."""
    known = {EVERY_STREAM, *names}
    unknown = ", ".join(name for name in streams if name not in known)
    yet = " yet" if stay else ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    there = f"; there are {', '.join(names[:_NAMED])}{more}" if names else ""
    return f"{key}: no stream is called {unknown}{yet}{there}" if unknown else ""


def none_for_stream(
    config: RunConfig, stream: str, stages: Iterable[StageName] = ("detector", "sink")
) -> Iterator[str]:
    """Yields a warning for each key of some stages that places shapes on other streams only.

    Args:
        config: The config, perhaps that of a run of several streams.
        stream: The only stream.
        stages: The stages whose keys matter.
    """
    for stage in stages:
        for key in _SHAPES[stage]:
            streams = getattr(getattr(config, stage), key)
            if streams and not {EVERY_STREAM, stream}.intersection(streams):
                yield f"{stage}.{key}: nothing for {stream}, only for {', '.join(streams)}"


def named_by_order(specs: Sequence[SourceSpec]) -> str:
    """Returns a warning if cameras differ only in the hidden parts of their URLs, else ""."""
    names = defaultdict(list)
    for spec in specs:
        shown = redact(spec.location)
        if is_live(spec.location) and spec.name.startswith(folder_name(shown.partition("://")[2])):
            names[shown].append(spec.name)
    for shown, alike in names.items():
        if len(alike) > 1:
            return (
                f"{len(alike)} sources are {shown}, and their names, {', '.join(alike)}, depend "
                f"on their order; NAME=URL gives each its own"
            )
    return ""


def _name_them(videos: Sequence[Path]) -> str:
    verb, them = ("are", "them") if len(videos) > 1 else ("is", "it")
    why = "because images, recordings or other videos in the given folder come first"
    return f"{_first_of(videos)} {verb} left out, {why}; to read {them}, name {them} as well"


def _first_of(paths: Sequence[Path]) -> str:
    return f"{paths[0]}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")

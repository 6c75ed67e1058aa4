"""What the sink writes for one stream of a config."""

from __future__ import annotations

import dataclasses

from pipeline.config import RunConfig
from pipeline.geometry import ground_of, reference_of, shapes_of, stay_limits_of
from pipeline.overlay_addresses import overlay_address
from stages.sink.options import SinkOptions

_LIVE_OVERLAY_MINUTES = 10.0
_LIVE_TEXT_MINUTES = 60.0
_SENT_KEYFRAME_SECONDS = 2.0  # a new viewer sees nothing until a key frame


def sink_options(config: RunConfig, stream: str, *, live: bool) -> SinkOptions:
    """Returns the options of a stream's `StreamResults`."""
    sink = config.sink
    zones = shapes_of(sink.zones, stream)
    options = dataclasses.asdict(sink) | {
        "lines": shapes_of(sink.lines, stream),
        "zones": zones,
        "zone_stay_seconds": stay_limits_of(sink.zone_stay_seconds, zones),
        "ground": ground_of(sink.ground, stream),
        "views": reference_of(config.decoder.reference, stream) is not None,
    }
    for name, minutes in (("overlay", _LIVE_OVERLAY_MINUTES), ("text", _LIVE_TEXT_MINUTES)):
        if options[f"{name}_minutes"] is None:
            options[f"{name}_minutes"] = minutes if live else 0.0
    if not live:  # a sink that replaces another one replays all results
        options |= {f"{kind}_gigabytes": 0.0 for kind in ("overlay", "text", "event")}
    elif overlay_address(options["overlay_url"], stream):
        options["overlay_keyframe_seconds"] = _SENT_KEYFRAME_SECONDS
    del options["overlay_url"]  # a stage writes only files
    return SinkOptions(**options)

"""The configuration of a run: every key, its unit, its bounds.

These are plain dataclasses, validated by pydantic where a user's file is read
(`pipeline/settings_file.py`). A stage's process receives the validated values and does not load
pydantic, which saves 12 MB.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from annotated_types import Ge, Gt, Le

from pipeline.addresses import ends_with_port, is_local
from pipeline.geometry import (
    Grounds,
    Lines,
    References,
    Regions,
    SearchedRegions,
    StayLimits,
    Zones,
    check_region,
)
from pipeline.overlay_addresses import OverlayAddresses
from pipeline.validators import After, Before, host_and_port, in_json, rational_rate, unquoted_off
from stages.decoder.source import FrameSelection
from stages.sink.places import Anchor
from stages.wording import as_setting

_STRICT = {"extra": "forbid", "allow_inf_nan": False}
"""For pydantic: unknown keys are an error."""

_OF_SPOTNET = ("weights", "engine", "precision", "device", "threads")  # built-in configs set scale


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """How the sources are read, and which of their frames are used.

    Attributes:
        first_frame: First frame, 1-based.
        last_frame: Last frame, inclusive.
        every: Use every n-th frame.
        camera_motion: Estimate the camera's motion, for the tracker.
        reference: For drones and other cameras that move: a picture by stream name ("*": all
            streams), in whose pixels the lines, zones and ground points are, such as one by
            spotstream snapshot --plain; every frame is found on it.
        frame_rate: Frames per second of image folders without seqinfo.ini, such as 30000/1001.
        hardware: Decode on this kind of device if available; auto: on the first available.
        timeout: URLs: seconds of silence tolerated.
        connect_seconds: Live: how long to try the first connection, seconds; none: 10 s in a run
            of one stream without --stay, otherwise without limit.
        reconnect: Live: connect again after an outage.
        transport: Transport of RTSP; auto: udp only from a camera that refuses tcp.
        pace: Files and recordings: as fast as possible, or at their original pace.
        record: Live: record the stream below this folder.
        record_minutes: Length of a recorded segment, minutes.
        record_gigabytes: Limit per stream, gigabytes; the oldest segments beyond it are removed.
    """

    __pydantic_config__ = _STRICT

    first_frame: Annotated[int, Ge(1)] = 1
    last_frame: Annotated[int, Ge(1)] | None = None
    every: Annotated[int, Ge(1)] = 1
    camera_motion: bool = False
    reference: References = field(default_factory=dict)
    frame_rate: Annotated[str, Before(rational_rate)] = "25"
    hardware: Annotated[
        Literal[
            "off", "auto", "cuda", "vaapi", "vdpau", "qsv", "drm", "vulkan", "amf", "videotoolbox"
        ],
        Before(unquoted_off),
    ] = "off"
    timeout: Annotated[float, Gt(0), Le(600)] = 5.0
    connect_seconds: Annotated[float, Ge(0), Le(86400)] | None = None
    reconnect: bool = True
    transport: Literal["auto", "tcp", "udp"] = "auto"
    pace: Literal["fast", "original"] = "fast"
    record: Path | None = None
    record_minutes: Annotated[float, Gt(0), Le(1440)] = 1.0
    record_gigabytes: Annotated[float, Gt(0)] = 10.0

    def __post_init__(self) -> None:
        if self.last_frame is not None and self.last_frame < self.first_frame:
            raise ValueError(
                f"last_frame must not be less than first_frame, {self.first_frame}, "
                f"got {self.last_frame}"
            )

    @property
    def selection(self) -> FrameSelection:
        """The frames to use."""
        return FrameSelection(self.first_frame, self.last_frame, self.every)


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """Which detector runs, and how.

    Attributes:
        weights: SpotNet weights, an exported model, or the name of weights that ship.
        detections: Detection file, or folder of them or of results, used instead of a network.
        name: package.module:Class of your own, used instead of SpotNet, see docs/library.md.
        settings: Settings of that class; weights, engine, precision, device, scale and threads are
            SpotNet's.
        engine: auto: openvino on CPUs where installed, else torch; for .onnx, onnxruntime first.
        precision: auto: bfloat16 if the device supports it; on other CPUs with AVX2 int8, if the
            weights are calibrated for it; otherwise, and with onnxruntime, float32.
        device: Torch device, or auto.
        scale: Factor by which frames are resized; none: that of the weights.
        min_score: Detections with a lower score are discarded.
        max_detections: Maximum number of detections per frame, except those of detection files;
            100 in exported models.
        classes: Names of the classes to keep, such as [car, bus]; detections of others are
            discarded; empty: all classes are kept.
        ignored: Regions by stream name ("*": all streams), each [left, top, right, bottom] in
            pixels of its frames; detections whose centre lies in one are discarded.
        regions: By stream name ("*": all streams), the part of its frames that the network
            searches, [left, top, right, bottom] in pixels; without one, the whole frame.
        threads: Number of CPU threads; 0: the engine decides.
        workers: Number of detector processes, assigned to the GPUs in turn.
        batch_size: Frames per batch, from any streams. 0: 8 on a GPU; on a CPU, several frames at
            once, each on its share of the cores. 1: one at a time, on all cores.
        batch_wait_ms: Longest wait for a batch to fill after its first frame, ms.
    """

    __pydantic_config__ = _STRICT

    weights: Path | None = None
    detections: Path | None = None
    name: str | None = None
    settings: Annotated[dict[str, Any], After(in_json)] = field(default_factory=dict)
    engine: Literal["auto", "torch", "openvino", "onnxruntime"] = "auto"
    precision: Literal["auto", "float32", "int8"] = "auto"
    device: str = "auto"
    scale: Annotated[float, Gt(0), Le(4)] | None = None
    min_score: Annotated[float, Ge(0), Le(1)] = 0.1
    max_detections: Annotated[int, Ge(1), Le(1000)] = 100
    classes: tuple[str, ...] = ()
    ignored: Regions = field(default_factory=dict)
    regions: SearchedRegions = field(default_factory=dict)
    threads: Annotated[int, Ge(0), Le(1024)] = 0
    workers: Annotated[int, Ge(1), Le(64)] = 1
    batch_size: Annotated[int, Ge(0), Le(256)] = 0
    batch_wait_ms: Annotated[float, Ge(0), Le(1000)] = 5.0

    def __post_init__(self) -> None:
        if self.name is None:
            if self.settings:
                raise ValueError("settings need name: they are those of a class of your own")
        else:
            defaults = {each.name: each.default for each in fields(self)}
            for key in _OF_SPOTNET:
                if getattr(self, key) != defaults[key]:
                    raise ValueError(
                        f"{key} must be {as_setting(defaults[key])}, since name is given: a class "
                        f"of your own takes only settings"
                    )
        for name, regions in self.ignored.items():
            for region in regions:
                check_region(f"ignored.{name}", region)
        for name, region in self.regions.items():
            check_region(f"regions.{name}", region)


@dataclass(frozen=True, kw_only=True)
class TrackerConfig:
    """Which tracker runs.

    Attributes:
        name: A tracker listed by spotstream track --help, or package.module:Class of your own, see
            docs/library.md.
        settings: Settings of that tracker, see trackers/NAME.py.
    """

    __pydantic_config__ = _STRICT

    name: str = "sort"
    settings: Annotated[dict[str, Any], After(in_json)] = field(default_factory=dict)


def _checked_tracker(config: TrackerConfig) -> TrackerConfig:
    """Returns ``config`` if the tracker exists and accepts the settings."""
    # Imported here because, among the stages, only the tracker needs it.
    from trackers import build_tracker

    build_tracker(config.name, **config.settings)
    return config


@dataclass(frozen=True, kw_only=True)
class SinkConfig:
    """Which results are written.

    Attributes:
        overlay: Write overlay.mp4.
        overlay_minutes: Length of an overlay file, minutes; 0: a single file; none: 10 for live
            streams, otherwise a single file.
        overlay_gigabytes: Live: limit per stream, gigabytes; the oldest overlay files beyond it
            are removed; 0: no limit.
        text_minutes: Length of mot.txt, detections.txt, times.txt, crossings.txt, zones.txt,
            ground.txt, kitti.txt and views.txt, minutes; 0: single files; none: 60 for live
            streams, otherwise single files. With toolkit_files and for the sequences of data sets,
            always single files.
        text_gigabytes: Live: limit of these text files per stream, gigabytes; the oldest beyond it
            are removed; 0: no limit. crossings.txt and zones.txt are small, do not count, and stay.
        event_pictures: Save a picture of each vehicle that crosses a line, or enters, stays in
            or leaves a zone, in events/.
        event_gigabytes: Live: limit of these pictures per stream, gigabytes; the oldest beyond it
            are removed; 0: no limit.
        kitti: Write the tracks in KITTI's format, too: kitti.txt.
        toolkit_files: Write the UA-DETRAC toolkit's matrices.
        overlay_crf: H.264 quality (CRF), lower is better.
        overlay_preset: x264's preset; a faster one makes larger files.
        overlay_url: Live: server to which the overlay is also streamed. Either one address (rtsp,
            rtsps, rtmp or rtmps, such as rtsp://server:8554), to which the stream's name is
            appended, or an address by stream name (udp as well), used as it is.
        overlay_height: Maximum height of the overlay in pixels; larger frames are scaled down to
            it; none: the height of the source.
        overlay_hardware: Device that encodes the overlay; the CPU does if it is not available.
        overlay_min_score: Tracks with a lower score are not drawn, but stay in the text results.
        overlay_trail: Number of past positions drawn for each track.
        lines: Lines by stream name ("*": all streams) and line name, each [x1, y1, x2, y2] in
            pixels of its frames, or of its decoder.reference; vehicles that cross them are counted,
            to the left and to the right as seen from x1, y1 towards x2, y2.
        zones: Zones by stream name ("*": all streams) and zone name, each [[x, y], [x, y], [x, y],
            …], the corners of a polygon in the same pixels; vehicles that enter and leave them are
            counted and timed.
        anchor: Point of a vehicle's box that is its position at lines, in zones and on the ground;
            center suits cameras that look straight down, such as of drones.
        zone_stay_seconds: A vehicle that has been in a zone for this long, seconds, gets the event
            stay, such as for an alarm when one has stopped; 0: no such event. One number for all
            zones, or one by zone name ("*": all others).
        ground: Four or more points on the ground by stream name ("*": all streams), each [x, y,
            metres x, metres y], in the same pixels and in metres. With them, positions and speeds
            of vehicles are written to ground.txt, and speeds drawn on the overlay. For a lens that
            bends lines, {points: [[…], …], lens: {size: [width, height], straight: [[[x, y], [x,
            y], [x, y], …], …]}}, with points along edges that are straight in reality.
    """

    __pydantic_config__ = _STRICT

    overlay: bool = True
    overlay_minutes: Annotated[float, Ge(0)] | None = None
    overlay_gigabytes: Annotated[float, Ge(0)] = 10.0
    text_minutes: Annotated[float, Ge(0)] | None = None
    text_gigabytes: Annotated[float, Ge(0)] = 0.0
    event_pictures: bool = False
    event_gigabytes: Annotated[float, Ge(0)] = 1.0
    kitti: bool = False
    toolkit_files: bool = False
    overlay_crf: Annotated[int, Ge(0), Le(51)] = 23
    overlay_preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = (
        "superfast"
    )
    overlay_url: OverlayAddresses = field(default_factory=dict)
    overlay_height: Annotated[int, Ge(64)] | None = None
    overlay_hardware: Annotated[
        Literal["off", "auto", "nvenc", "qsv", "amf"], Before(unquoted_off)
    ] = "off"
    overlay_min_score: Annotated[float, Ge(0), Le(1)] = 0.0
    overlay_trail: Annotated[int, Ge(0), Le(1000)] = 25
    lines: Lines = field(default_factory=dict)
    zones: Zones = field(default_factory=dict)
    anchor: Anchor = "bottom_center"
    zone_stay_seconds: StayLimits = field(default_factory=dict)
    ground: Grounds = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.overlay_url and not self.overlay:
            raise ValueError("overlay_url needs overlay, which is off")


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """How the processes run.

    Attributes:
        mode: Drop late frames (live) or none (lossless); auto: live for cameras.
        slots: Number of frames in the ring of each stream.
        in_flight: Live mode: maximum number of frames between decoder and sink.
        parallel_streams: Number of files processed at a time; live streams all run.
        frames: Pixels travel in shared memory, or inline in the messages.
        transport: Transport of the sockets; tcp stays on loopback.
        metrics: HOST:PORT, or PORT of 127.0.0.1, that serves Prometheus metrics, /healthz and
            /readyz.
        web: HOST:PORT, or PORT of 127.0.0.1, that serves a web page with the latest frame of each
            stream, visible to everyone who can reach it, unless http_password is set.
        http_password: File with one line, user:password, that web and metrics ask for; /healthz
            and /readyz need none.
        publish: Address such as tcp://127.0.0.1:5560 where tracks are published live.
        publish_key: Secret key of the publisher, see spotstream keys.
        publish_clients: Folder with the public keys of permitted subscribers.
        restarts_per_minute: A stage that dies more often than this, within a minute or at the same
            frame, ends the run; a decoder ends only its stream.
        silence_seconds: A stage that reports nothing for this long is restarted as hung.
        port: First TCP port of transport tcp, which uses 67 ports and one more per stream.
    """

    __pydantic_config__ = _STRICT

    mode: Literal["auto", "lossless", "live"] = "auto"
    slots: Annotated[int, Ge(2), Le(256)] = 8
    in_flight: Annotated[int, Ge(1)] = 2
    parallel_streams: Annotated[int, Ge(1), Le(64)] = 4
    frames: Literal["shared", "inline"] = "shared"
    transport: Literal["ipc", "tcp"] = "ipc"
    metrics: Annotated[str | None, Before(host_and_port)] = None
    web: Annotated[str | None, Before(host_and_port)] = None
    http_password: Path | None = None
    publish: str | None = None
    publish_key: Path | None = None
    publish_clients: Path | None = None
    restarts_per_minute: Annotated[int, Ge(0)] = 5
    silence_seconds: Annotated[float, Ge(5)] = 60.0
    port: Annotated[int, Ge(1024), Le(65000)] = 5550

    def __post_init__(self) -> None:
        if self.publish is None:
            return
        if not self.publish.startswith(("tcp://", "ipc://")):
            raise ValueError(f"publish must begin with tcp:// or ipc://, got {self.publish}")
        if self.publish.startswith("tcp://") and not ends_with_port(self.publish):
            raise ValueError(
                f"publish must end with a port, as tcp://127.0.0.1:5560 does, got {self.publish}"
            )
        if (self.publish_key is None) != (self.publish_clients is None):
            raise ValueError("publish_key and publish_clients belong together")
        if self.publish_key is None and not is_local(self.publish):
            raise ValueError(
                f"publish {self.publish} can be reached from other hosts: it needs publish_key and "
                f"publish_clients, see spotstream keys new"
            )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The whole configuration of a run."""

    __pydantic_config__ = _STRICT

    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    tracker: Annotated[TrackerConfig, After(_checked_tracker)] = field(
        default_factory=TrackerConfig
    )
    sink: SinkConfig = field(default_factory=SinkConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def to_plain(config: RunConfig) -> dict[str, Any]:
    """Returns the config as JSON types."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config, enc_hook=str))  # paths
    return plain

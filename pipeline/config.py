"""The configuration of a run: every key, its unit, its bounds.

These are plain dataclasses, which pydantic checks where a user's file is read
(`pipeline/settings_file.py`). A stage's process takes what was checked there, without pydantic, and
is smaller by 12 MB.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from annotated_types import Ge, Gt, Le

from pipeline.addresses import is_local
from stages.decoder.source import FrameSelection
from stages.frame_rate import parse_frame_rate

if TYPE_CHECKING:
    from stages.sink.options import SinkOptions

_LIVE_OVERLAY_MINUTES = 10.0

STRICT = {"extra": "forbid"}
"""For pydantic: other keys are an error."""


@dataclass(frozen=True)
class Before:
    """An annotation for pydantic, as its ``BeforeValidator``: what a user wrote goes through it."""

    function: Callable[[object], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """The schema of the annotated field."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.function, handler(source))


@dataclass(frozen=True)
class After:
    """An annotation for pydantic, as its ``AfterValidator``: what was built goes through it."""

    function: Callable[[Any], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """The schema of the annotated field."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.function, handler(source))


def _frame_rate(value: object) -> str:
    return str(parse_frame_rate(str(value)))


def _off(value: object) -> object:
    return "off" if value is False else value  # which YAML takes "off" for


def _address(value: object) -> str | None:
    if value is None:
        return None
    host, _, port = str(value).rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError("must be PORT or HOST:PORT")
    return f"{host or '127.0.0.1'}:{port}"


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """Which frames of the sources.

    Attributes:
        first_frame: First frame, 1-based.
        last_frame: Last frame, inclusive.
        every: Take every n-th frame.
        camera_motion: See how the camera moves, for the tracker.
        frame_rate: Frames per second of image folders: 25, 30000/1001.
        hardware: Decode on a device, where one is there; auto: on the first.
        timeout: Live: seconds of silence tolerated.
        connect_seconds: Live: how long the first connection is tried; none: 10 s by a run of one
            stream, else for ever.
        reconnect: Live: connect again after an outage.
        transport: Of RTSP.
        pace: Files and recordings: as fast as can be, or as they were taken.
        record: Live: keep what comes in, below this folder.
        record_minutes: Length of a kept segment.
        record_gigabytes: Of each stream; the oldest segments are removed beyond that.
    """

    __pydantic_config__ = STRICT

    first_frame: Annotated[int, Ge(1)] = 1
    last_frame: Annotated[int, Ge(1)] | None = None
    every: Annotated[int, Ge(1)] = 1
    camera_motion: bool = False
    frame_rate: Annotated[str, Before(_frame_rate)] = "25"
    hardware: Annotated[
        Literal[
            "off", "auto", "cuda", "vaapi", "vdpau", "qsv", "drm", "vulkan", "amf", "videotoolbox"
        ],
        Before(_off),
    ] = "off"
    timeout: Annotated[float, Gt(0), Le(600)] = 5.0
    connect_seconds: Annotated[float, Ge(0), Le(86400)] | None = None
    reconnect: bool = True
    transport: Literal["tcp", "udp"] = "tcp"
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
        """The frames that are taken."""
        return FrameSelection(self.first_frame, self.last_frame, self.every)


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """Which detector.

    Attributes:
        weights: SpotNet weights, an exported model, or the name of weights that ship.
        detections: Detection file or folder, used instead.
        engine: auto: torch on GPUs and CPUs with bfloat16, else openvino where installed.
        precision: int8 is faster on CPUs; auto: bfloat16 where torch computes in it, else float32.
        device: Torch device, or auto.
        scale: Frames are resized by this; none for the weights' own.
        min_score: Weaker detections are left out.
        threads: CPU threads; 0 leaves it to the engine.
        workers: Detector processes; they take GPUs in turn.
        batch_size: Frames at a time, of any stream; 0: 1 on a CPU, 8 on a GPU.
        batch_wait_ms: A batch leaves this long after its first frame, ms.
    """

    __pydantic_config__ = STRICT

    weights: Path | None = None
    detections: Path | None = None
    engine: Literal["auto", "torch", "openvino", "onnxruntime"] = "auto"
    precision: Literal["auto", "float32", "int8"] = "auto"
    device: str = "auto"
    scale: Annotated[float, Gt(0), Le(4)] | None = None
    min_score: Annotated[float, Ge(0), Le(1)] = 0.1
    threads: Annotated[int, Ge(0)] = 0
    workers: Annotated[int, Ge(1), Le(64)] = 1
    batch_size: Annotated[int, Ge(0), Le(256)] = 0
    batch_wait_ms: Annotated[float, Ge(0), Le(1000)] = 5.0


@dataclass(frozen=True, kw_only=True)
class TrackerConfig:
    """Which tracker.

    Attributes:
        name: See spotstream track --help.
        settings: Its own, see there.
    """

    __pydantic_config__ = STRICT

    name: str = "sort"
    settings: dict[str, Any] = field(default_factory=dict)


def _checked_tracker(config: TrackerConfig) -> TrackerConfig:
    """The same, where there is such a tracker with such settings."""
    # A stage's process does without, unless it is the tracker's.
    from trackers import build_tracker

    build_tracker(config.name, **config.settings)
    return config


@dataclass(frozen=True, kw_only=True)
class SinkConfig:
    """Which results.

    Attributes:
        overlay: Write overlay.mp4.
        overlay_minutes: A new overlay file begins after so many minutes; 0: one file; none: 10 for
            live streams, else one file.
        toolkit_files: Write the UA-DETRAC toolkit's matrices.
        overlay_crf: H.264 quality, lower is better.
        overlay_hardware: Encodes the overlay; the CPU does where that is not there.
        overlay_min_score: Weaker tracks are not drawn; the text results hold them.
        overlay_trail: How many past positions of each track are drawn.
    """

    __pydantic_config__ = STRICT

    overlay: bool = True
    overlay_minutes: Annotated[float, Ge(0)] | None = None
    toolkit_files: bool = False
    overlay_crf: Annotated[int, Ge(0), Le(51)] = 23
    overlay_hardware: Annotated[Literal["off", "auto", "nvenc", "qsv", "amf"], Before(_off)] = "off"
    overlay_min_score: Annotated[float, Ge(0), Le(1)] = 0.0
    overlay_trail: Annotated[int, Ge(0), Le(1000)] = 25

    def options(self, *, live: bool) -> SinkOptions:
        """What the `StreamSink` of a stream is asked to do."""
        from stages.sink.options import SinkOptions  # which loads PyAV

        minutes = self.overlay_minutes
        if minutes is None:
            minutes = _LIVE_OVERLAY_MINUTES if live else 0.0
        return SinkOptions(**{**dataclasses.asdict(self), "overlay_minutes": minutes})


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """How the processes run.

    Attributes:
        mode: auto: live for URLs.
        slots: Frames in the ring of each stream.
        in_flight: Live mode: frames between decoder and sink.
        parallel_streams: Files at a time; live streams all run.
        frames: Where pixels travel.
        transport: tcp stays on loopback.
        metrics: HOST:PORT or PORT of Prometheus metrics, /healthz and /readyz.
        publish: Address such as tcp://127.0.0.1:5560 where tracks are published live.
        publish_key: Secret key of the publisher, see spotstream keys.
        publish_clients: Folder with the public keys of those who may subscribe.
        restarts_per_minute: A stage that dies more often than this fails the run.
        silence_seconds: A stage that says nothing for so long hangs, and is restarted.
        port: First TCP port.
    """

    __pydantic_config__ = STRICT

    mode: Literal["auto", "lossless", "live"] = "auto"
    slots: Annotated[int, Ge(2), Le(256)] = 8
    in_flight: Annotated[int, Ge(1)] = 2
    parallel_streams: Annotated[int, Ge(1), Le(64)] = 4
    frames: Literal["shared", "inline"] = "shared"
    transport: Literal["ipc", "tcp"] = "ipc"
    metrics: Annotated[str | None, Before(_address)] = None
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
        if (self.publish_key is None) != (self.publish_clients is None):
            raise ValueError("publish_key and publish_clients belong together")
        if self.publish_key is None and not is_local(self.publish):
            raise ValueError(
                f"publish {self.publish} can be reached from other hosts: it needs publish_key and "
                f"publish_clients, see spotstream keys new"
            )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All of a run."""

    __pydantic_config__ = STRICT

    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    tracker: Annotated[TrackerConfig, After(_checked_tracker)] = field(
        default_factory=TrackerConfig
    )
    sink: SinkConfig = field(default_factory=SinkConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def to_plain(config: RunConfig) -> dict[str, Any]:
    """The config in JSON's types."""
    plain: dict[str, Any] = msgspec.to_builtins(config, enc_hook=str)  # paths
    return plain


def built_in_configs() -> dict[str, Path]:
    """The files in ``configs/`` by their names, ``intersection`` for one."""
    folder = Path(__file__).parents[1] / "configs"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_config(path: Path | None, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads a YAML file (none: the defaults) and applies ``key.path=value`` overrides.

    Where they name another tracker than the file, the file's settings of the tracker do not apply.

    Args:
        path: A file, or the name of one of `built_in_configs`.
        overrides: Each ``key.path=value``, the value in YAML.

    Raises:
        ConfigError: The file is missing or broken, a key is unknown or a value out of range; the
            message names key and value.
    """
    # A stage's process does without: it reads no file.
    from pipeline.settings_file import overridden, read_settings, validated

    known = built_in_configs()
    path = None if path is None else known.get(str(path), path)
    content = read_settings(RunConfig, path, f"; built in are {', '.join(known)}")
    changed = overridden(content, overrides)
    section = content.get("tracker")
    if isinstance(section, dict) and _tracker_name(changed) != _tracker_name(content):
        section.pop("settings", None)
        changed = overridden(content, overrides)
    return validated(RunConfig, changed, path, overrides)


def _tracker_name(content: dict[str, Any]) -> object:
    section = content.get("tracker", {})
    return section.get("name", TrackerConfig.name) if isinstance(section, dict) else None

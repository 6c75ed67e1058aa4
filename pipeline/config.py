"""The configuration of a run: every key, its unit, its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.broadcast import is_local
from pipeline.settings_file import load_settings


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DecoderConfig(_Strict):
    """Which frames of the sources."""

    first_frame: int = Field(1, ge=1, description="First frame, 1-based.")
    last_frame: int | None = Field(None, ge=1, description="Last frame, inclusive.")
    every: int = Field(1, ge=1, description="Take every n-th frame.")
    camera_motion: bool = Field(False, description="See how the camera moves, for the tracker.")
    frame_rate: str = Field("25", description="Frames per second of image folders: 25, 30000/1001.")

    hardware: Literal[
        "off", "auto", "cuda", "vaapi", "vdpau", "qsv", "drm", "vulkan", "amf", "videotoolbox"
    ] = Field("off", description="Decode on a device, where one is there; auto: on the first.")
    timeout: float = Field(5.0, gt=0, le=600, description="Live: seconds of silence tolerated.")
    connect_seconds: float = Field(
        10.0, ge=0, le=86400, description="Live: how long the first connection is tried."
    )
    reconnect: bool = Field(True, description="Live: connect again after an outage.")
    transport: Literal["tcp", "udp"] = Field("tcp", description="Of RTSP.")
    pace: Literal["fast", "original"] = Field(
        "fast", description="Files and recordings: as fast as can be, or as they were taken."
    )
    record: Path | None = Field(None, description="Live: keep what comes in, below this folder.")
    record_minutes: float = Field(1.0, gt=0, le=1440, description="Length of a kept segment.")
    record_gigabytes: float = Field(
        10.0, gt=0, description="Of each stream; the oldest segments are removed beyond that."
    )

    @field_validator("frame_rate", mode="before")
    @classmethod
    def _positive_rate(cls, value: object) -> str:
        try:
            rate = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if rate <= 0:
            raise ValueError("must be a positive number or fraction such as 30000/1001")
        return str(rate)


class DetectorConfig(_Strict):
    """Which detector."""

    weights: Path | None = Field(
        None, description="SpotNet weights or exported model; none for the shipped ones."
    )
    detections: Path | None = Field(None, description="Detection file or folder, used instead.")
    engine: Literal["auto", "torch", "openvino", "onnxruntime"] = Field(
        "auto",
        description="auto: torch on GPUs and CPUs with bfloat16, else openvino where installed.",
    )
    device: str = Field("auto", description="Torch device, or auto.")
    scale: float | None = Field(
        None, gt=0, le=4, description="Frames are resized by this; none for the weights' own."
    )
    min_score: float = Field(0.1, ge=0, le=1, description="Weaker detections are left out.")
    threads: int = Field(0, ge=0, description="CPU threads; 0 leaves it to the engine.")
    workers: int = Field(1, ge=1, le=64, description="Detector processes; they take GPUs in turn.")
    delay_ms: float = Field(
        0, ge=0, le=10_000, description="Waits so long for each batch, as a slower detector would."
    )
    batch_size: int = Field(
        0, ge=0, le=256, description="Frames at a time, of any stream; 0: 1 on a CPU, 8 on a GPU."
    )
    batch_wait_ms: float = Field(
        5.0, ge=0, le=1000, description="A batch leaves this long after its first frame, ms."
    )


class TrackerConfig(_Strict):
    """Which tracker; ``settings`` are its own."""

    name: str = "sort"
    settings: dict[str, bool | int | float] = Field({}, description="See spotstream track --help.")


class SinkConfig(_Strict):
    """Which results."""

    overlay: bool = Field(True, description="Write overlay.mp4.")
    overlay_minutes: float = Field(
        0, ge=0, description="A new overlay file begins after so many minutes; 0: one file."
    )
    toolkit_files: bool = Field(False, description="Write the UA-DETRAC toolkit's matrices.")
    overlay_crf: int = Field(23, ge=0, le=51, description="H.264 quality, lower is better.")
    overlay_hardware: Literal["off", "auto", "nvenc", "qsv", "amf"] = Field(
        "off", description="Encodes the overlay; the CPU does where that is not there."
    )


class RuntimeConfig(_Strict):
    """How the processes run."""

    mode: Literal["auto", "lossless", "live"] = Field("auto", description="auto: live for URLs.")
    slots: int = Field(8, ge=2, le=256, description="Frames in the ring of each stream.")
    in_flight: int = Field(2, ge=1, description="Live mode: frames between decoder and sink.")
    parallel_streams: int = Field(
        4, ge=1, le=64, description="Files at a time; live streams all run."
    )
    frames: Literal["shared", "inline"] = Field("shared", description="Where pixels travel.")
    transport: Literal["ipc", "tcp"] = Field("ipc", description="tcp stays on loopback.")
    metrics: str | None = Field(
        None, description="HOST:PORT or PORT of Prometheus metrics, /healthz and /readyz."
    )
    publish: str | None = Field(
        None, description="Address such as tcp://127.0.0.1:5560 where tracks are published live."
    )
    publish_key: Path | None = Field(
        None, description="Secret key of the publisher, see spotstream keys."
    )
    publish_clients: Path | None = Field(
        None, description="Folder with the public keys of those who may subscribe."
    )
    restarts_per_minute: int = Field(
        5, ge=0, description="A stage that dies more often than this fails the run."
    )
    silence_seconds: float = Field(
        60.0, ge=5, description="A stage that says nothing for so long hangs, and is restarted."
    )
    port: int = Field(5550, ge=1024, le=65000, description="First TCP port.")

    @field_validator("metrics", mode="before")
    @classmethod
    def _address(cls, value: object) -> str | None:
        if value is None:
            return None
        host, _, port = str(value).rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            raise ValueError("must be PORT or HOST:PORT")
        return f"{host or '127.0.0.1'}:{port}"

    @model_validator(mode="after")
    def _guarded(self) -> RuntimeConfig:
        if self.publish is None:
            return self
        if not self.publish.startswith(("tcp://", "ipc://")):
            raise ValueError(f"publish must begin with tcp:// or ipc://, got {self.publish}")
        if (self.publish_key is None) != (self.publish_clients is None):
            raise ValueError("publish_key and publish_clients belong together")
        if self.publish_key is None and not is_local(self.publish):
            raise ValueError(
                f"publish {self.publish} can be reached from other hosts: it needs publish_key and "
                f"publish_clients, see spotstream keys new"
            )
        return self


class RunConfig(_Strict):
    """All of a run."""

    decoder: DecoderConfig = DecoderConfig()
    detector: DetectorConfig = DetectorConfig()
    tracker: TrackerConfig = TrackerConfig()
    sink: SinkConfig = SinkConfig()
    runtime: RuntimeConfig = RuntimeConfig()


def built_in_configs() -> dict[str, Path]:
    """The files in ``configs/`` by their names, ``intersection`` for one."""
    folder = Path(__file__).parents[1] / "configs"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_config(path: Path | None, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads a YAML file (none: the defaults) and applies ``key.path=value`` overrides.

    Args:
        path: A file, or the name of one of `built_in_configs`.
        overrides: Each ``key.path=value``, the value in YAML.

    Raises:
        ConfigError: The file is missing or broken, a key is unknown or a value out of range; the
            message names key and value.
    """
    known = built_in_configs()
    path = None if path is None else known.get(str(path), path)
    return load_settings(RunConfig, path, overrides, f"; built in are {', '.join(known)}")

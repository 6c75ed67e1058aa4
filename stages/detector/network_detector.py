"""The detector that runs SpotNet."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch

from stages.cores import allowed_cores, usable_cores
from stages.detector.compute_threads import ComputeThreads
from stages.detector.device_computation import DeviceComputation
from stages.detector.engines import Engine, EngineName, EngineOutput, Precision, build_engine
from stages.detector.engines.recordings import CudaRecorder, Recordings
from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.input_memory import InputMemory
from stages.detector.kept_detections import kept, kept_classes
from stages.detector.large_frames import frame_size_warning
from stages.detector.peaks import TOP_K
from stages.detector.preprocessing import InputGeometry, input_geometry
from stages.detector.shipped import find_weights
from stages.detector.spotnet import MAX_SCALE
from stages.errors import ConfigError
from stages.records import Detections, Frame, PixelFormat, StreamStart

_MAX_THREADS = 1024  # PyTorch crashes with very many

log = logging.getLogger(__name__)

_Compute: TypeAlias = Callable[[Sequence[Frame], InputGeometry], EngineOutput]


class NetworkDetector:
    """SpotNet on whole frames.

    On a CPU, the frames of a batch are computed concurrently, and a single frame on all cores. Any
    number of threads may call `detect` at the same time. On a GPU, only one at a time may.

    Attributes:
        description: The weights, with the beginning of their digest, and the engine.
        batch_size: Number of frames per batch at which it is fastest.
        compute_threads: Threads in which `detect` may be called, each with one frame; None if that
            is no faster.

    Args:
        weights: A SpotNet weights file, or a model from ``spotstream export``; see `find_weights`.
        engine: Engine to use, see `build_engine`.
        precision: Arithmetic of the engine, see `build_engine`.
        device: A torch device, or ``"auto"``: a GPU if one works.
        worker: Index of this detector: ``"auto"`` and ``"cuda"`` assign GPUs to detectors in turn.
        scale: Factor by which frames are resized for the network, above 0 and at most 4; None for
            the default of the weights.
        min_score: Detections with a lower score are left out, in [0, 1].
        max_detections: Maximum number per frame, keeping the strongest, at least 1; an exported
            model accepts only 100, the default.
        classes: Names of the classes to keep; none: all. The others count for `max_detections`,
            because the engines find the strongest peaks of all classes.
        threads: Number of CPU threads, at most 1024. PyTorch then uses this number in the whole
            process, including detectors built later. 0: the engine decides, but `usable_cores` is
            used if a limit on processor time makes it less than `allowed_cores`.
        recorded: Whether GPU kernels are recorded once and replayed, see `Recordings`.

    Raises:
        ConfigError: The weights do not load or lack one of ``classes``, the engine cannot be used,
            or a number is out of range.
    """

    is_immediate = False

    def __init__(
        self,
        weights: Path | str | None = None,
        *,
        engine: EngineName | Literal["auto"] = "auto",
        precision: Precision = "auto",
        device: str = "auto",
        worker: int = 0,
        scale: float | None = None,
        min_score: float = 0.1,
        max_detections: int = TOP_K,
        classes: Sequence[str] = (),
        threads: int = 0,
        recorded: bool = True,
    ) -> None:
        if scale is not None and not 0 < scale <= MAX_SCALE:
            raise ConfigError(
                f"detector.scale must be above 0 and at most {MAX_SCALE}, got {scale}"
            )
        if not 0 <= min_score <= 1:
            raise ConfigError(f"detector.min_score must lie in [0, 1], got {min_score}")
        if max_detections < 1:
            raise ConfigError(f"detector.max_detections must be at least 1, got {max_detections}")
        if not 0 <= threads <= _MAX_THREADS:
            raise ConfigError(f"detector.threads must lie in [0, {_MAX_THREADS}], got {threads}")
        if threads == 0 and usable_cores() < allowed_cores():
            threads = usable_cores()  # engines ignore limits on processor time
        if threads:
            torch.set_num_threads(threads)
        file = find_weights(weights)
        identity = _identity(file)
        self.engine: Engine = build_engine(
            file,
            engine,
            precision=precision,
            device=device,
            worker=worker,
            threads=threads,
            top_k=max_detections,
        )
        log.info("SpotNet by %s", self.engine.description)
        self.name = "SpotNet"
        self.description = f"{identity}, {self.engine.description}"
        self.class_names = self.engine.config.class_names
        self._kept_classes = kept_classes(classes, self.class_names)
        self.scale = self.engine.config.scale if scale is None else scale
        self.min_score = min_score
        concurrent_calls = self.engine.concurrent_calls
        self.batch_size = max(self.engine.batch_size, concurrent_calls)
        self._compute = _computation(self.engine, recorded)
        self.compute_threads: ComputeThreads | None = None
        if concurrent_calls > 1:
            self.compute_threads = ComputeThreads(concurrent_calls, self.engine.share_cores)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Returns the detections in each frame, by descending score.

        Raises:
            ConfigError: The network was exported for frames of another size.
            TypeError: An image is given as an array.
            ValueError: A frame has no pixels, or its pixels do not match its header.
        """
        for frame in frames:
            if not isinstance(frame, Frame):
                kind = type(frame).__name__
                raise TypeError(f"frames must be Frame.of_image(image) or a source's, got {kind}")
        if self.compute_threads is not None and len(frames) > 1:
            return list(self.compute_threads.map(lambda frame: self._detect([frame])[0], frames))
        alike: dict[tuple[PixelFormat, tuple[int, ...]], list[int]] = {}
        for position, frame in enumerate(frames):
            form = frame.header.pixel_format, frame.header.shape
            alike.setdefault(form, []).append(position)
        found: dict[int, Detections] = {}
        for positions in alike.values():
            chosen = [frames[position] for position in positions]
            found.update(zip(positions, self._detect(chosen), strict=True))
        return [found[position] for position in range(len(frames))]

    def warnings(self, start: StreamStart) -> list[str]:
        """Returns warnings about a stream's frames before the first one, see `frame_size_warning`.

        Raises:
            ConfigError: The network was exported for an input of another size.
        """
        self._geometry(start.height, start.width)
        line = frame_size_warning(start, self.scale)
        return [line] if line else []

    def _geometry(self, height: int, width: int) -> InputGeometry:
        geometry = input_geometry(height, width, self.engine.config, self.scale)
        if (size := self.engine.size) not in (None, (geometry.height, geometry.width)):
            assert size is not None
            raise ConfigError(
                f"the network was exported for an input of {size[1]}x{size[0]}, "
                f"frames of {width}x{height} at scale {self.scale:g} need "
                f"{geometry.width}x{geometry.height}: export it without --size"
            )
        return geometry

    def _detect(self, frames: list[Frame]) -> list[Detections]:
        """Returns the detections in frames of one shape and pixel format."""
        geometry = self._geometry(frames[0].header.height, frames[0].header.width)
        output = self._compute(frames, geometry)
        found = []
        for frame, placed, scores, classes in zip(frames, *output, strict=True):
            boxes = geometry.to_frame(placed)
            good = kept(boxes, scores, classes, self.min_score, self._kept_classes)
            labels = classes[good].astype(np.int16)
            found.append(Detections(frame.header, boxes[good], scores[good], labels))
        return found


def _identity(file: Path) -> str:
    """Returns the name of a weights file and the first digits of its SHA-256.

    The weights of an OpenVINO model are in a separate ``.bin`` file.
    """
    weights = file.with_suffix(".bin") if file.suffix.lower() == ".xml" else file
    if not weights.is_file():
        return file.name  # the engine reports the error
    with weights.open("rb") as content:
        return (
            f"{weights.name} (SHA-256 {hashlib.file_digest(content, 'sha256').hexdigest()[:12]}…)"
        )


def _computation(engine: Engine, recorded: bool) -> _Compute:
    """Returns a function from frames of one shape and pixel format to boxes in the input.

    A GPU also resizes the frames.
    """
    if isinstance(engine, TorchEngine) and engine.device.type == "cuda":
        recordings = Recordings(CudaRecorder(engine.device)) if recorded else None
        return DeviceComputation(engine, recordings)
    memory = InputMemory()
    return lambda frames, geometry: engine.detect(memory.fill(frames, geometry))

"""Runs the whole detection on a GPU: pixels are copied to it once, and boxes are copied back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import numpy as np
import torch

from stages.detector.device_input import DeviceInput
from stages.detector.engines import EngineOutput
from stages.detector.engines.recordings import Recordings
from stages.detector.engines.torch_engine import TorchEngine, output_of
from stages.detector.preprocessing import InputGeometry
from stages.errors import SpotStreamError
from stages.records import Frame

log = logging.getLogger(__name__)


class DeviceComputation:
    """Computes boxes in the input from frames.

    Args:
        engine: The engine on the device.
        recordings: Recordings of its kernels to replay; None to launch each kernel every time.
    """

    def __init__(self, engine: TorchEngine, recordings: Recordings | None) -> None:
        self._engine = engine
        self._input = DeviceInput(engine.device)
        self._recordings = recordings
        self._max_frames: dict[InputGeometry, int] = {}  # frames at once, after the memory was full
        cuda = engine.device.type == "cuda"
        # Streams and recordings are created on the current GPU, which may not be this worker's.
        self._current: Callable[[], AbstractContextManager[None]] = (
            partial(torch.cuda.device, engine.device) if cuda else nullcontext
        )

    @torch.inference_mode()
    def __call__(self, frames: Sequence[Frame], geometry: InputGeometry) -> EngineOutput:
        """Returns the best peaks in frames of one shape and pixel format.

        If they do not all fit into the device's memory, fewer are computed at once from then on.

        Raises:
            SpotStreamError: Not even one fits.
            ValueError: A frame has no pixels, or its pixels do not match its header.
        """
        found: list[EngineOutput] = []
        with self._current():
            while frames:
                part = frames[: self._max_frames.get(geometry, len(frames))]
                output = self._attempt(part, geometry)
                if output is None:
                    self._make_room(len(part), geometry)
                else:
                    found.append(output)
                    frames = frames[len(part) :]
        return EngineOutput(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _attempt(self, frames: Sequence[Frame], geometry: InputGeometry) -> EngineOutput | None:
        """Returns None if the memory is full; the error's traceback would keep tensors alive."""
        try:
            return self._detect(frames, geometry)
        except torch.OutOfMemoryError:
            return None

    def _make_room(self, count: int, geometry: InputGeometry) -> None:
        """Reduces memory use after the memory was full with ``count`` frames."""
        full = f"the memory of {self._engine.device} is full"
        (height, width), (resized_h, resized_w) = geometry.frame, geometry.resized
        if count > 1:
            if self._recordings is not None:
                self._recordings.clear()
            self._max_frames[geometry] = (count + 1) // 2
            log.warning(
                "%s with %d frames of %dx%d: at most %d are computed at once",
                *(full, count, width, height, self._max_frames[geometry]),
            )
        elif self._recordings is not None:
            self._recordings = None
            log.warning("%s: no CUDA graphs are used any more", full)
        else:
            raise SpotStreamError(
                f"{full} with one frame of {width}x{height}, searched at {resized_w}x{resized_h}: "
                f"take smaller frames, a lower detector.scale or smaller weights"
            )
        torch.cuda.empty_cache()  # for allocations outside of recordings

    def _detect(self, frames: Sequence[Frame], geometry: InputGeometry) -> EngineOutput:
        header, count = frames[0].header, len(frames)
        if self._recordings is not None:
            count = 1 << (count - 1).bit_length()  # few batch sizes, so few recordings
        pixels = self._input.upload(frames, count)

        def values() -> torch.Tensor:
            return self._engine.values(self._input.convert(pixels, header, geometry))

        if self._recordings is None:
            return output_of(values())
        key = pixels.data_ptr(), pixels.shape, header.pixel_format, geometry
        return output_of(self._recordings.run(key, values)[: len(frames)])

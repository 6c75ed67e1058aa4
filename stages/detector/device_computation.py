"""Runs the whole detection on a GPU: pixels are copied there once, boxes come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch

from stages.detector.device_input import DeviceInput
from stages.detector.engines import EngineOutput
from stages.detector.engines.recordings import Recordings
from stages.detector.engines.torch_engine import TorchEngine, output_of
from stages.detector.preprocessing import InputGeometry
from stages.records import Frame


class DeviceComputation:
    """Computes boxes in the input from frames.

    Args:
        engine: The engine on the device.
        recordings: Recordings of its kernels to replay; None launches each kernel anew.
    """

    def __init__(self, engine: TorchEngine, recordings: Recordings | None) -> None:
        self._engine = engine
        self._input = DeviceInput(engine.device)
        self._recordings = recordings
        cuda = engine.device.type == "cuda"
        # Streams and recordings are made on the current GPU, which is not every worker's own.
        self._current: Callable[[], AbstractContextManager[None]] = (
            partial(torch.cuda.device, engine.device) if cuda else nullcontext
        )

    @torch.inference_mode()
    def __call__(self, frames: Sequence[Frame], geometry: InputGeometry) -> EngineOutput:
        """Returns the best peaks in frames of one shape and pixel format.

        Raises:
            ValueError: A frame has no pixels, or not those that its header states.
        """
        with self._current():
            return self._detect(frames, geometry)

    def _detect(self, frames: Sequence[Frame], geometry: InputGeometry) -> EngineOutput:
        header, count = frames[0].header, len(frames)
        if self._recordings is not None:
            count = 1 << (count - 1).bit_length()  # few batch sizes, so that few are recorded
        pixels = self._input.upload(frames, count)

        def values() -> torch.Tensor:
            return self._engine.values(self._input.convert(pixels, header, geometry))

        if self._recordings is None:
            return output_of(values())
        place = pixels.data_ptr(), pixels.shape, header.pixel_format, geometry
        return output_of(self._recordings.run(place, values)[: len(frames)])

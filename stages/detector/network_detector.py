"""The detector that runs SpotNet."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import torch

from stages.detector.peaks import detect_peaks
from stages.detector.preprocessing import input_geometry, network_input, normalise, to_bgr
from stages.detector.spotnet import CheckpointError, SpotNet, channels_last
from stages.errors import ConfigError
from stages.records import Detections, Frame, UInt8Array

_MIN_SIDE = 1.0  # pixels
_GPU_BATCH = 8


def shipped_weights() -> Path:
    """The weights file that comes with SpotStream."""
    return Path(str(resources.files("stages.detector") / "weights" / "compact.safetensors"))


class NetworkDetector:
    """SpotNet on whole frames.

    Args:
        weights: A SpotNet weights file; None for the shipped one.
        device: A torch device, or ``"auto"``: CUDA where there is one.
        worker: Which of several detectors this is: ``"auto"`` takes the GPUs in turn.
        scale: Frames are resized by this before the network; None for the weights' own.
        min_score: Detections under it are left out.
        threads: Torch threads on the CPU; 0 leaves it to torch.

    Raises:
        ConfigError: The weights do not load.
    """

    def __init__(
        self,
        weights: Path | None = None,
        *,
        device: str = "auto",
        worker: int = 0,
        scale: float | None = None,
        min_score: float = 0.1,
        threads: int = 0,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        if device == "auto":
            gpus = torch.cuda.device_count()
            device = f"cuda:{worker % gpus}" if gpus else "cpu"
        self.device = torch.device(device)
        try:
            model = SpotNet.from_checkpoint(weights or shipped_weights(), self.device)
        except CheckpointError as error:
            raise ConfigError(str(error)) from error
        self.name = "SpotNet"
        self.class_names = model.config.class_names
        self.dtype = fast_dtype(self.device)
        self.model = channels_last(model.fused().to(self.dtype))
        self.scale = model.config.scale if scale is None else scale
        self.min_score = min_score
        # A CPU gains nothing by waiting for more frames.
        self.batch_size = 1 if self.device.type == "cpu" else _GPU_BATCH

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Detections of each frame, scores falling; frames of one size in one forward pass."""
        by_size: dict[tuple[int, int], list[int]] = {}
        for position, frame in enumerate(frames):
            size = frame.header.height, frame.header.width
            by_size.setdefault(size, []).append(position)
        found: dict[int, Detections] = {}
        for positions in by_size.values():
            chosen = [frames[position] for position in positions]
            found.update(zip(positions, self._detect(chosen), strict=True))
        return [found[position] for position in range(len(frames))]

    @torch.inference_mode()
    def _detect(self, frames: list[Frame]) -> list[Detections]:
        """Of frames of one size."""
        first = frames[0].header
        geometry = input_geometry(first.height, first.width, self.model.config, self.scale)
        images = network_input([_bgr(frame) for frame in frames], geometry)
        peaks = detect_peaks(self.model, normalise(images.to(self.device)).to(self.dtype))
        values = torch.cat((peaks.boxes, peaks.scores[..., None], peaks.classes[..., None]), -1)
        offset = np.array([geometry.offset_x, geometry.offset_y] * 2, np.float32)
        scale = np.array([geometry.scale_x, geometry.scale_y] * 2, np.float32)
        limit = np.array([first.width, first.height] * 2, np.float32)
        found = []
        for frame, rows in zip(frames, values.cpu().numpy(), strict=True):
            boxes, scores = ((rows[:, :4] - offset) / scale).clip(0, limit), rows[:, 4]
            kept = scores >= self.min_score
            kept &= (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) > _MIN_SIDE
            classes = rows[kept, 5].astype(np.int16)
            found.append(Detections(frame.header, boxes[kept], scores[kept], classes))
        return found


def _bgr(frame: Frame) -> UInt8Array:
    if frame.pixels is None:
        raise ValueError(f"{frame.header.stream}: frame {frame.header.number} has no pixels")
    return to_bgr(frame.pixels, frame.header.pixel_format)


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes in it; float32 elsewhere.

    A CPU without AMX or AVX512-BF16 emulates bfloat16, an order of magnitude slower than float32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and (
        torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    ):
        return torch.bfloat16
    return torch.float32

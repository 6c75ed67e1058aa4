"""The detector that runs SpotNet."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import torch

from stages.detector.peaks import decode_peaks
from stages.detector.preprocessing import input_geometry, network_input, to_bgr
from stages.detector.spotnet import CheckpointError, SpotNet, channels_last
from stages.errors import ConfigError
from stages.records import Detections, Frame


def shipped_weights() -> Path:
    """The weights file that comes with SpotStream."""
    return Path(str(resources.files("stages.detector") / "weights" / "compact.safetensors"))


class NetworkDetector:
    """SpotNet on whole frames.

    Args:
        weights: A SpotNet weights file; None for the shipped one.
        device: A torch device, or ``"auto"``: CUDA where there is one.
        scale: Frames are resized by this before the network.
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
        scale: float = 1.0,
        min_score: float = 0.1,
        threads: int = 0,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.device = torch.device(name)
        try:
            model = SpotNet.from_checkpoint(weights or shipped_weights(), self.device)
        except CheckpointError as error:
            raise ConfigError(str(error)) from error
        self.name = "SpotNet"
        self.class_names = model.config.class_names
        self.dtype = fast_dtype(self.device)
        self.model = channels_last(model.fused().to(self.dtype))
        self.scale = scale
        self.min_score = min_score

    @torch.inference_mode()
    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Detections of each frame, scores falling; one forward pass a frame."""
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Frame) -> Detections:
        header = frame.header
        assert frame.pixels is not None
        geometry = input_geometry(header.height, header.width, self.model.config, self.scale)
        images = network_input(to_bgr(frame.pixels, header.pixel_format), geometry)
        outputs = self.model(images.to(self.device, self.dtype))[-1]
        peaks = decode_peaks(outputs)
        scores = peaks.scores[0].cpu().numpy()
        kept = scores >= self.min_score
        offset = np.array([geometry.offset_x, geometry.offset_y] * 2, np.float32)
        scale = np.array([geometry.scale_x, geometry.scale_y] * 2, np.float32)
        boxes = (peaks.boxes[0].cpu().numpy()[kept] - offset) / scale
        limit = np.array([header.width, header.height] * 2, np.float32)
        boxes = np.clip(boxes, 0, limit).astype(np.float32)
        solid = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) > 1
        return Detections(
            header,
            boxes[solid],
            scores[kept][solid].astype(np.float32),
            peaks.classes[0].cpu().numpy()[kept][solid].astype(np.int16),
        )


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes in it; float32 elsewhere.

    A CPU without AMX or AVX512-BF16 emulates bfloat16 an order of magnitude slower than float32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and torch.cpu._is_amx_tile_supported():
        return torch.bfloat16
    return torch.float32

"""A detector written like CenterNet's demo, for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stages.bgr import to_bgr
from stages.detector.engines.device import usable_device
from stages.detector.engines.engine import EngineOutput
from stages.detector.preprocessing import MEAN_BGR, STD_BGR, InputGeometry, input_geometry
from stages.detector.spotnet import STRIDE
from stages.detector.weights_file import load_network
from stages.records import Detections, Frame, UInt8Array

TOP_K = 100


class CenterNetLoop:
    """Processes one frame at a time: CPU warp and normalisation, float32, whole maps decoded.

    The network is SpotNet, with unfolded batch norms and NCHW memory as in training.

    Args:
        weights: SpotNet weights file.
        device: Torch device.
        min_score: Minimum score of a detection.

    Raises:
        ConfigError: The weights do not load, or the device cannot be used.
    """

    def __init__(self, weights: Path, device: str, min_score: float) -> None:
        self.engine = _CenterNetEngine(weights, usable_device(device))
        self.scale = self.engine.config.scale
        self.min_score = min_score

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Returns the detections of each frame, by descending score."""
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Frame) -> Detections:
        header = frame.header
        image = to_bgr(frame.required_pixels(), header.pixel_format)
        geometry = input_geometry(header.height, header.width, self.engine.config, self.scale)
        boxes, scores, classes = (each[0] for each in self.engine.detect(_warp(image, geometry)))
        kept = scores >= self.min_score
        placed = geometry.to_frame(boxes[kept])
        return Detections(header, placed, scores[kept], classes[kept].astype(np.int16))


class _CenterNetEngine:
    """See `Engine`."""

    batch_size = concurrent_calls = 1
    size: tuple[int, int] | None = None

    def __init__(self, weights: Path, device: torch.device) -> None:
        self._network = load_network(weights, device, fused=False)
        self._device = device
        self.config = self._network.config
        self.description = f"torch {torch.__version__}, float32 on {device}, as CenterNet's demo"

    def share_cores(self) -> None:
        """See `Engine`; never needed."""

    @torch.no_grad()
    def detect(self, images: UInt8Array) -> EngineOutput:
        """See `Engine`."""
        normalised = (images / 255.0 - np.array(MEAN_BGR)) / np.array(STD_BGR)
        planes = normalised.transpose(0, 3, 1, 2).astype(np.float32)
        output = self._network(torch.from_numpy(np.ascontiguousarray(planes)).to(self._device))[-1]
        heatmap = torch.sigmoid(output["hm"])
        peaks = heatmap * (F.max_pool2d(heatmap, 3, stride=1, padding=1) == heatmap).float()
        count, _, height, width = peaks.shape
        scores, flat = peaks.view(count, -1).topk(TOP_K)
        cells = flat % (height * width)
        centers = torch.stack((cells % width, cells // width), -1) + _gather(output["reg"], cells)
        half = _gather(output["wh"], cells) / 2
        boxes = torch.cat((centers - half, centers + half), -1) * STRIDE
        classes = flat // (height * width)
        return EngineOutput(boxes.cpu().numpy(), scores.cpu().numpy(), classes.cpu().numpy())


def _warp(image: UInt8Array, geometry: InputGeometry) -> UInt8Array:
    """Returns the warped image ``(1, H, W, 3)``, bilinear, black outside the original."""
    (down, right), (top, left) = geometry.scale, geometry.offset
    matrix = np.array([[right, 0, left], [0, down, top]])
    size = geometry.width, geometry.height
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)[None]


def _gather(values: Tensor, cells: Tensor) -> Tensor:
    """Returns ``(N, C, h, w)`` values at ``cells`` ``(N, K)`` as ``(N, K, C)``."""
    flat = values.permute(0, 2, 3, 1).flatten(1, 2)
    return flat.gather(1, cells[..., None].expand(-1, -1, values.shape[1]))

"""PyTorch on any device, in the fastest arithmetic of the device."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from stages.allocator import keep_freed_memory
from stages.detector.engines.arithmetic import arithmetic_of
from stages.detector.engines.cudnn import cudnn_graph
from stages.detector.engines.engine import MAX_CONCURRENT_CALLS, EngineOutput, Precision
from stages.detector.engines.graph import DetectionGraph
from stages.detector.engines.packed import packed_graph
from stages.detector.engines.quantised import quantised_graph
from stages.detector.peaks import TOP_K
from stages.detector.spotnet import channels_last, in_bfloat16
from stages.detector.weights_file import load_network
from stages.records import UInt8Array

_GPU_BATCH = 8
_SHARING = threading.Lock()  # held while PyTorch's number of threads is changed briefly


class TorchEngine:
    """See `Engine`.

    Args:
        weights: A SpotNet weights file.
        device: Device to compute on.
        precision: Arithmetic to compute in; int8 only on the CPU.
        top_k: Maximum number of boxes per image.

    Raises:
        ConfigError: The weights do not load, or cannot be computed in int8.
    """

    size: tuple[int, int] | None = None

    def __init__(
        self,
        weights: Path,
        device: torch.device,
        precision: Precision = "auto",
        top_k: int = TOP_K,
    ) -> None:
        if device.type == "cpu":
            keep_freed_memory()
        network = load_network(weights, device)
        self.config = network.config
        self.device = device
        arithmetic = arithmetic_of(precision, network, device)
        self.dtype = torch.bfloat16 if arithmetic == "bfloat16" else torch.float32
        if arithmetic == "bfloat16":
            network = in_bfloat16(network)
        graph = DetectionGraph(channels_last(network), top_k)
        if arithmetic == "int8":
            graph = quantised_graph(graph)
        elif device.type == "cpu":
            graph = packed_graph(graph)
        elif device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # measures which kernel is fastest
            graph = cudnn_graph(graph)
        self.graph: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]] = graph
        self._threads = torch.get_num_threads()
        self._sharing = itertools.count()
        on_cpu = device.type == "cpu"
        self.batch_size = 1 if on_cpu else _GPU_BATCH
        self.concurrent_calls = min(self._threads, MAX_CONCURRENT_CALLS) if on_cpu else 1
        self.description = f"torch {torch.__version__}, {arithmetic} on {device}"

    @torch.inference_mode()
    def detect(self, images: UInt8Array) -> EngineOutput:
        """See `Engine`."""
        return output_of(self.values(torch.from_numpy(images).to(self.device)))

    def share_cores(self) -> None:
        """See `Engine`."""
        with _SHARING:
            before = torch.get_num_threads()
            # Shares differ by one if the cores cannot be divided equally.
            torch.set_num_threads((self._threads + next(self._sharing)) // self.concurrent_calls)
            # A new thread inherits the number that was last set, in any thread.
            last = threading.Thread(target=torch.set_num_threads, args=(before,))
            last.start()
            last.join()

    @torch.inference_mode()
    def values(self, images: Tensor) -> Tensor:
        """Returns box, score and class ``(N, K, 6)`` for images on the device, see `output_of`."""
        boxes, scores, classes = self.graph(images)
        # One copy from the device is faster than three; small integers are exact in float32.
        return torch.cat((boxes, scores[..., None], classes[..., None]), -1)


def output_of(values: Tensor) -> EngineOutput:
    """Converts the result of `TorchEngine.values`, waiting for the device."""
    found = values.cpu().numpy()
    return EngineOutput(found[..., :4], found[..., 4], found[..., 5].astype("int64"))

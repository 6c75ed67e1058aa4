"""The interface of all engines."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

from stages.detector.spotnet import SpotNetConfig
from stages.records import Float32Array, Int64Array, UInt8Array

Precision: TypeAlias = Literal["auto", "float32", "int8"]
"""``"auto"``: the fastest arithmetic of the engine on its device, see `arithmetic_of`; with ONNX
Runtime, float32. ``"int8"``: layers that stay in floating point may use bfloat16, too."""


MAX_CONCURRENT_CALLS = 4
"""Maximum number of images that a CPU computes concurrently, each on a share of its cores.

Half of the frames in a stream's ring, so that the next ones are decoded meanwhile.
"""


class EngineOutput(NamedTuple):
    """The best ``K`` peaks of each image, by descending score.

    Attributes:
        boxes: ``(N, K, 4)`` left, top, right, bottom in pixels of the input.
        scores: ``(N, K)``.
        classes: ``(N, K)``.
    """

    boxes: Float32Array
    scores: Float32Array
    classes: Int64Array


class Engine(Protocol):
    """Computes boxes from images.

    Attributes:
        description: Name, version and arithmetic, for the user: ``openvino 2026.4.1, f32``.
        config: Config of the network.
        batch_size: Number of images per call at which it is fastest.
        concurrent_calls: Number of threads that may call `detect` at once, after `share_cores`,
            with one image each; 1 if that is no faster.
        size: Height and width of the only input it accepts; None for any multiple of
            ``config.size_multiple``.
    """

    description: str
    config: SpotNetConfig
    batch_size: int
    concurrent_calls: int
    size: tuple[int, int] | None

    def detect(self, images: UInt8Array) -> EngineOutput:
        """Returns the boxes in ``(N, H, W, 3)`` BGR images; their memory may then be reused."""

    def share_cores(self) -> None:
        """Makes `detect` compute on a share of the threads when this thread calls it.

        Called once in each of ``concurrent_calls`` threads. The boxes stay the same.
        """

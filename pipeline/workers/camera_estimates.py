"""What a decoder estimates of its camera from each frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.config import DecoderConfig
from pipeline.geometry import reference_of
from stages.records import Float32Array, Frame, FrameHeader

if TYPE_CHECKING:
    from pipeline.workers.view_finder import ViewFinder
    from stages.decoder.camera_motion import CameraMotion


class CameraEstimates:
    """Estimates the motion of a stream's camera and its view, as far as configured.

    Attributes:
        any: Whether anything is estimated.

    Args:
        config: The decoder's config.
        stream: The stream's name.
        notify: Called with one line for the user.

    Raises:
        SourceError: The picture of ``decoder.reference`` cannot be used.
    """

    def __init__(self, config: DecoderConfig, stream: str, notify: Callable[[str], None]) -> None:
        # Imported here: most decoders do not need OpenCV, which takes memory.
        self._camera: CameraMotion | None = None
        if config.camera_motion:
            from stages.decoder.camera_motion import CameraMotion

            self._camera = CameraMotion()
        self._finder: ViewFinder | None = None
        if picture := reference_of(config.reference, stream):
            from pipeline.workers.view_finder import ViewFinder

            self._finder = ViewFinder(picture, notify)
        self._estimators = [each for each in (self._camera, self._finder) if each is not None]
        self.any = bool(self._estimators)

    def pass_over(self, frame: Frame) -> None:
        """Takes a frame that is only used to estimate the next ones."""
        for estimator in self._estimators:
            estimator.pass_over(frame)

    def of(self, frame: Frame) -> tuple[FrameHeader, Float32Array | None]:
        """Takes the next frame; returns its header with its view, and `CameraMotion.estimate`."""
        motion = None if self._camera is None else self._camera.estimate(frame)
        return frame.header if self._finder is None else self._finder.located(frame), motion

"""H.264 encoders: x264, or a hardware encoder if the machine has one."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

log = logging.getLogger(__name__)

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")
"""Presets of x264, from fast with large files to slow with small files."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One of FFmpeg's encoders.

    Attributes:
        name: FFmpeg's name for it.
        pixel_format: Its input format, one of the layouts of YUV 4:2:0.
    """

    name: str
    pixel_format: str = "yuv420p"

    def options(self, crf: int, preset: str) -> dict[str, str]:
        """Returns options that make the encoder output each frame at once.

        No frame is then lost when the process dies. A frame that must be intra-coded becomes a key
        frame.

        Args:
            crf: Quality of x264; a hardware encoder uses its nearest equivalent.
            preset: Preset of x264.
        """
        quality = str(crf)
        match self.name:
            case "h264_nvenc":
                chosen = {"preset": "p4", "tune": "ull", "rc": "vbr", "cq": quality, "b": "0"}
                return chosen | {"delay": "0", "zerolatency": "1", "bf": "0", "forced-idr": "1"}
            case "h264_qsv":
                return {
                    "preset": "faster",
                    "global_quality": quality,
                    "async_depth": "1",
                    "bf": "0",
                    "forced_idr": "1",
                }
            case "h264_amf":
                chosen = {"usage": "ultralowlatency", "rc": "cqp", "qp_i": quality, "qp_p": quality}
                return chosen | {"async_depth": "1", "bf": "0", "forced_idr": "1"}
            case _:
                return {"preset": preset, "crf": quality, "tune": "zerolatency"}


X264 = Encoder("libx264")
DEVICES = {
    "nvenc": Encoder("h264_nvenc"),
    "qsv": Encoder("h264_qsv", "nv12"),
    "amf": Encoder("h264_amf"),
}
"""Hardware encoders of NVIDIA, Intel and AMD."""


def choose_encoder(wanted: str, width: int, height: int) -> Encoder:
    """Chooses the encoder for videos of this size; x264 if the wanted one does not work.

    Args:
        wanted: ``"off"`` for x264, a key of `DEVICES`, or ``"auto"`` for the first that works.
        width: Width of the video in pixels.
        height: Height of the video in pixels.
    """
    if wanted == "off":
        return X264
    tried = DEVICES.values() if wanted == "auto" else [DEVICES[wanted]]
    found = next((each for each in tried if works(each, width, height)), None)
    if found is None:
        log.info("overlay: encoded by the CPU: no hardware encoder works here")
        return X264
    log.info("overlay: encoded by %s", found.name)
    return found


@functools.cache
def works(encoder: Encoder, width: int, height: int) -> bool:
    """Returns whether the encoder accepts a frame of this size and returns a packet for it."""
    try:
        context = av.CodecContext.create(encoder.name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = width, height
        context.pix_fmt = encoder.pixel_format
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        context.options = encoder.options(23, PRESETS[0])
        frame = VideoFrame(width, height, encoder.pixel_format)
        frame.pts = 0
        return bool(context.encode(frame))
    except (FFmpegError, UnknownCodecError):  # no driver, no device, no such build, or too large
        return False

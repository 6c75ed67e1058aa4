"""Hardware video decoding, where the machine supports it."""

from __future__ import annotations

import functools

import av.error
from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext


def hardware_decoder(wanted: str) -> HWAccel | None:
    """Returns PyAV's settings for decoding on a device; None if not wanted or not available.

    PyAV still decodes on the CPU if the device does not support a stream's codec or profile, see
    `decodes_on_device`.

    Args:
        wanted: ``"off"``, FFmpeg's name of a device type, or ``"auto"`` for the first available.
    """
    if wanted == "off":
        return None
    kinds = hwdevices_available() if wanted == "auto" else [wanted]
    found = next((kind for kind in kinds if _opens(kind)), None)
    return None if found is None else HWAccel(found, allow_software_fallback=True)


def decodes_on_device(context: VideoCodecContext) -> bool:
    """Returns whether a device decodes a stream; known from its first frame on, not before.

    The context's ``is_hwaccel`` means only that there is a device for the codec. If the device
    rejects the profile, FFmpeg uses a pixel format other than the device's.
    """
    formats = (config.format for config in context.codec.hardware_configs)
    return context.is_hwaccel and context.pix_fmt in {each.name for each in formats if each}


@functools.cache
def _opens(kind: str) -> bool:
    """Returns whether a device of this kind is available and decodes H.264."""
    try:
        HWAccel(kind).create(Codec("h264", "r"))
    except av.error.FFmpegError:  # there is no such device
        return False
    except NotImplementedError:  # raised by PyAV if FFmpeg decodes no H.264 on that kind
        return False
    return True

"""Hardware video decoding, where the machine supports it."""

from __future__ import annotations

import functools

import av.error
from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available


def hardware_decoder(wanted: str) -> HWAccel | None:
    """Returns PyAV's settings for decoding on a device; None if not wanted or not available.

    PyAV still decodes on the CPU if the device does not support a stream's codec; the codec
    context's ``is_hwaccel`` tells which.

    Args:
        wanted: ``"off"``, FFmpeg's name of a device type, or ``"auto"`` for the first available.
    """
    if wanted == "off":
        return None
    kinds = hwdevices_available() if wanted == "auto" else [wanted]
    found = next((kind for kind in kinds if _opens(kind)), None)
    return None if found is None else HWAccel(found, allow_software_fallback=True)


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
